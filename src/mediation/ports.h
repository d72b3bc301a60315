/* SPDX-License-Identifier: BSD-2-Clause */
/* ports.h - a set of UDP ports, written as 7890,8000-8003. */
#ifndef MEDIATION_PORTS_H
#define MEDIATION_PORTS_H

#include "base.h"

#define PORTS_MAX 4096

struct ports {
	uint16_t *v; /* owned; ascending, none twice */
	unsigned n;
};

void ports_free(struct ports *p);
/* Adds what text names.  0; -EINVAL not of the form, -ERANGE a port outside 1..65535 or
 * a range backwards, -E2BIG over PORTS_MAX, -ENOMEM; then *p is as before. */
int ports_parse(struct ports *p, const char *text);

#endif
