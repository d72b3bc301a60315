/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_type.h - what may stand where a command's syntax has a word in capitals.  Pure. */
#ifndef FLOWTAP_CMD_TYPE_H
#define FLOWTAP_CMD_TYPE_H

#include "buf.h"

struct cmd_type {
	const char *name, *help;
	bool (*ok)(struct slice s);
	bool interfaces; /* the machine's are offered */
};

/* The type of that name; the last of the table if there is none. */
const struct cmd_type *cmd_type_find(struct slice name);

#endif
