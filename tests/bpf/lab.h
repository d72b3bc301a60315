/* SPDX-License-Identifier: BSD-2-Clause */
/* lab.h - the kernel program with tables of its own, run by the kernel itself (BPF_PROG_TEST_RUN).  What fails ends the
 * test. */
#ifndef FLOWTAP_TEST_BPF_LAB_H
#define FLOWTAP_TEST_BPF_LAB_H

#include <linux/bpf.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "bpftables.h"

#define LAB_SKIPPED 77 /* what meson takes for a test that could not run */
#define LAB_HEADERS (sizeof(struct iphdr) + sizeof(struct udphdr))

struct lab {
	struct bpftables *b;
	struct tapset *set;
	uint64_t uid; /* of the last criterion */
};

struct frame {
	uint8_t bytes[1500];
	uint32_t len;
	struct __sk_buff ctx;
};

struct lab lab_open(uint32_t criteria);
/* The tables are right, too. */
void lab_close(struct lab *l);

/* From 10.0.0.host, so many bytes from the IP header on; segs > 1: a train of them, each so long. */
struct frame lab_frame(uint8_t host, uint16_t bytes, uint32_t segs);
void lab_run(const struct lab *l, struct frame *f, uint32_t times);

/* A criterion for 10.0.0.host (0 to 9) with so many destinations; its number. */
uint64_t lab_put(struct lab *l, uint8_t host, unsigned ndest, uint32_t agency, const struct tapset_life *life);

struct tap_count lab_counts(const struct lab *l, uint64_t uid);
struct tapset_agency_count lab_account(const struct lab *l, uint32_t agency);

#endif
