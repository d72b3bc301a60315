/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern.h - everything flowtapd asks of the kernel.
 *
 * kern_load.c and stage.c run in the parent while it is root: they mount a
 * bpffs, load and pin maps and programs, make the stage device.  kern_child.c
 * runs in the dataplane, which has no capability (CAP_NET_ADMIN with clsact)
 * and works with the descriptors it inherited.
 *
 * In the file system (RUN_DIR/bpf, a bpffs of its own):
 *   maps/NAME         the maps of abi.h, root's
 *   stage_out         the link of ftap0, root's; absent with clsact, as the next ones
 *   stage_in, stage_back   the links of ftap1: of what it sends, and of what it receives
 *   links/IFINDEX     the link of a tapped interface, the dataplane's
 *   ports/IFINDEX     the link of an interface that copies leave by, likewise
 *
 * Calls return 0 or -errno and do not log; libbpf's own messages go to log_debug.
 */
#ifndef FLOWTAPD_KERN_H
#define FLOWTAPD_KERN_H

#include <stdbool.h>
#include <sys/types.h>

#include "abi.h"
#include "tapset.h"

#define KERN_STAGE_OUT "ftap0" /* copies are handed to this end, and none passes it */
#define KERN_STAGE_IN "ftap1"  /* the other one, by which pieces of them leave (bpf/cut.h) */

#define KERN_STAGE_LINKS 3 /* programs there that are attached by links */

#define KERN_MENDS 20
#define KERN_MEND_NS 5000000000ull

#define KERN_TEST_OUT "ftst0" /* the self-test's packets come in here, and its copies are routed to it */
#define KERN_TEST_IN "ftst1"  /* the other end, at which they are sent and received */

#define KERN_AGENCIES 16384 /* a number is never used again: more than can be configured at once */
#define KERN_FDS_MAX 24     /* descriptors a dataplane needs, at most */

struct kern;

struct kern_opts {
	const char *run_dir;   /* exists; RUN_DIR/bpf is made */
	uint32_t max_criteria; /* sizes the maps */
	uint32_t max_agencies; /* their numbers are 1 to this; 0: KERN_AGENCIES */
	uint16_t ssh_port;     /* see struct tap_ctl */
	uint32_t test_agency;  /* see struct tap_test; 0: without a test device */
	bool force_clsact;     /* even if the kernel has tcx */
	bool force_tcx;        /* -EOPNOTSUPP rather than clsact */
	uid_t uid;             /* the dataplane's user, */
	gid_t gid;             /* who may pin links */
};

/* ---- parent, as root ---- */

/*
 * Loads, pins and attaches everything but the tapped interfaces.  Pinned maps of
 * a predecessor are taken over if version and sizes agree, else removed; its
 * programs are exchanged atomically, so that copying never stops.  -EPERM also if nobody mounted RUN_DIR/bpf
 * and we may not: kern_mounted.
 */
int kern_load(const struct kern_opts *o, struct kern **out);
bool kern_mounted(const char *run_dir);
void kern_free(struct kern *k); /* NULL is legal; what is in the kernel stays there */
/* The descriptors for kern_child_open, in its order; borrowed and close-on-exec.  Returns how many. */
int kern_fds(const struct kern *k, int fds[KERN_FDS_MAX]);
/* The kernel's ids of our maps and programs: up to n each, *nmap and *nprog how many. */
int kern_ids(const struct kern *k, uint32_t *map, uint32_t *prog, uint32_t n, uint32_t *nmap, uint32_t *nprog);
/* The kernel's ids of the stage device's links; with clsact there are none: 0. */
int kern_stage_links(const struct kern *k, uint32_t id[static KERN_STAGE_LINKS]);
bool kern_needs_net_admin(const struct kern *k); /* the dataplane does: clsact */
/* Takes everything out of the kernel: taps, programs, maps, stage device, mount.  0 also if
 * there was nothing.  No daemon may run. */
int kern_unload(const char *run_dir);

/* ---- dataplane ---- */

/* first_fd: number of the first of the descriptors of kern_fds, which it takes over. */
int kern_child_open(const char *run_dir, int first_fd, struct kern **out);
/* Maps the arrays; *out borrows from k. */
int kern_tables(struct kern *k, struct tapset_tables *out);
/*
 * Taps an interface; a link that a predecessor left is taken over without missing
 * a packet.  -EMEDIUMTYPE: not Ethernet; -ELOOP: the stage device; -ENODEV.
 */
int kern_attach(struct kern *k, int ifindex, const char *name);
/* Interface gone or not tapped: 0. */
int kern_detach(struct kern *k, int ifindex, const char *name);
/* Removes taps that a predecessor left and this process has not attached.  Returns how many. */
int kern_sweep(struct kern *k);
/* The test device's end that is tapped; 0: there is none. */
int kern_test_ifindex(const struct kern *k);
/* From now on these n are this router's own addresses, in the order of memcmp.  New ones first: none is missing in
 * between.  -ENOSPC: more than TAP_LOCAL_MAX; those for which there was room hold. */
int kern_local_set(struct kern *k, const struct tap_local *v, size_t n);
/*
 * To be called once a second: looks at the interfaces that copies leave by, and attaches tap_out where copies
 * may go directly (bpf/direct.h).  What changes there, such as offloads, is noticed at the next call.
 */
int kern_ports_look(struct kern *k);
/* Whether it is an end of the stage device. */
bool kern_stage_has(const struct kern *k, int ifindex);
/*
 * Whether both ends are there and up, with our programs; all: and with what cuts segment trains, which is to be looked
 * at if somebody touched a queueing discipline or filter there.  NULL, or what is wrong, in words.
 */
const char *kern_stage_look(const struct kern *k, bool all);
/* Whether it may be mended once more, at the price of a start of all processes: KERN_MENDS times at once, then every
 * KERN_MEND_NS.  Counts in the tables, so that a start does not begin anew. */
bool kern_stage_mend(struct kern *k, uint64_t now_ns);
/* direct: tap_out is there; else copies go through the stage device. */
int kern_ports_each(const struct kern *k, void (*cb)(void *arg, int ifindex, bool direct), void *arg);
/* Sums of all CPUs. */
int kern_stats(const struct kern *k, uint64_t out[TAP_C_MAX]);

/* Whether the kernel still has our program there. */
bool kern_attached(const struct kern *k, int ifindex);
/* Whether our pins have their folders still: 0, -errno. */
int kern_pins_look(const struct kern *k);
/* Memory of the tables. */
uint64_t kern_bytes(const struct kern *k);

struct kern_prog {
	const char *name;
	uint32_t id;
	uint8_t tag[8];     /* of its instructions */
	uint64_t loaded_ns; /* CLOCK_BOOTTIME */
};
/* The i-th of our programs that this process can ask about: 0, -ENOENT or -errno. */
int kern_prog(const struct kern *k, unsigned i, struct kern_prog *out);

const char *kern_pin_dir(const struct kern *k);     /* RUN_DIR/bpf */
const char *kern_attach_name(const struct kern *k); /* "tcx" or "clsact" */

#endif
