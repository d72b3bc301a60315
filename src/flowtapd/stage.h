/* SPDX-License-Identifier: BSD-2-Clause */
/* stage.h - the stage device: a pair of virtual Ethernet ends in the router's own network
 * namespace, to which copies are handed and which none passes (docs/architecture.md, section 3). */
#ifndef FLOWTAPD_STAGE_H
#define FLOWTAPD_STAGE_H

#include <stdbool.h>
#include <stdint.h>

struct stage {
	int out, in;      /* ifindex of each end */
	unsigned queues;  /* of each end, numbered from 0 */
	bool cuts;        /* segment trains are cut before they pass the first end; else the kernel can't */
	uint32_t segment; /* the kernel's number of the program that takes segments */
	int test;         /* ifindex of the test device's end that is tapped; 0: there is none */
};

/* test: with the test device, another pair, and the route to it.  Makes it if absent, sets it up and up; what is there
 * already is put right. -EEXIST: interfaces of these names that are not our pair. */
int stage_open(bool test, struct stage *out);
/* The queueing discipline of a queue to whose filters segments are given, by its handle. */
uint32_t stage_cut_parent(uint32_t queue);
/* Whether all of those disciplines are there, as they were made: 0; -ENOENT: not all; -errno: it can't be told.  Needs
 * no capability. */
int stage_cut_look(int ifindex, uint32_t queues);
/* 0 also if it is not there. */
int stage_remove(void);

#endif
