/* SPDX-License-Identifier: BSD-2-Clause */
/* warrant_cmd.h - "flowtap warrant": what warrant officers do. */
#ifndef FLOWTAP_WARRANT_CMD_H
#define FLOWTAP_WARRANT_CMD_H

#include <stdbool.h>

/* argv[0] is "warrant".  The exit code. */
int warrant_main(const char *socket, bool json, int argc, char **argv);

#endif
