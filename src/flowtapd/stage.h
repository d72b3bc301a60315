/* SPDX-License-Identifier: BSD-2-Clause */
/* stage.h - the stage device: a pair of virtual Ethernet ends in the router's own network
 * namespace, through which copies pass (docs/architecture.md, section 3). */
#ifndef FLOWTAPD_STAGE_H
#define FLOWTAPD_STAGE_H

#include <stdbool.h>

struct stage {
	int out, in;     /* ifindex of each end */
	unsigned queues; /* of each end */
	int test;        /* ifindex of the test device's end that is tapped; 0: there is none */
};

/* test: with the test device, another pair, and the route to it.  Makes it if absent, sets it up and up; what is there
 * already is put right. -EEXIST: interfaces of these names that are not our pair. */
int stage_open(bool test, struct stage *out);
/* 0 also if it is not there. */
int stage_remove(void);

#endif
