/* SPDX-License-Identifier: BSD-2-Clause */
/* stage.h - the stage device: a pair of virtual Ethernet ends in the router's own network
 * namespace, to which copies are handed and which none passes (docs/architecture.md, section 3). */
#ifndef FLOWTAPD_STAGE_H
#define FLOWTAPD_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#define STAGE_QDISC "mq" /* kind of the first end's queueing discipline */

struct stage {
	int out, in;     /* ifindex of each end */
	unsigned queues; /* of each end, numbered from 0 */
	int test;        /* ifindex of the test device's end that is tapped; 0: there is none */
};

/* test: with the test device, another pair, and the route to it.  Makes it if absent, sets it up and up; what is there
 * already is put right. -EEXIST: interfaces of these names that are not our pair. */
int stage_open(bool test, struct stage *out);
/* The queueing discipline of a queue to whose filters segments are given, by its handle. */
uint32_t stage_cut_parent(uint32_t queue);
/* 0 also if it is not there. */
int stage_remove(void);

#endif
