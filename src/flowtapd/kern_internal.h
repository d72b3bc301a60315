/* SPDX-License-Identifier: BSD-2-Clause */
/* kern_internal.h - what the parts of kern.h share. */
#ifndef FLOWTAPD_KERN_INTERNAL_H
#define FLOWTAPD_KERN_INTERNAL_H

#include "kern.h"
#include "kern_hook.h"

#define KERN_PATH_MAX 320

/* The maps the dataplane gets, in the order of its descriptors; the first
 * KERN_MAP_MAPPED of them are arrays that it maps into its memory. */
enum kern_map {
	KERN_MAP_CTL,
	KERN_MAP_BLOOM,
	KERN_MAP_SLOT4,
	KERN_MAP_SLOT6,
	KERN_MAP_TERM4,
	KERN_MAP_TERM6,
	KERN_MAP_CRIT,
	KERN_MAP_COUNT,
	KERN_MAP_ENDED,
	KERN_MAP_AGENCY,
	KERN_MAP_DEST,
	KERN_MAP_MAPPED,
	KERN_MAP_OWN = KERN_MAP_MAPPED,
	KERN_MAP_STATS,
	KERN_MAP_PORT,
	KERN_MAP_LOCAL,
	KERN_MAP_TEST, /* struct tap_test */
	KERN_MAP_N
};

/* Programs of the stage device that are attached by links, in the order in which they are made: the first end's is the
 * last one, since what is handed to it needs the other. */
enum kern_place { KERN_ANSWER, KERN_CUT, KERN_STAGE, KERN_PLACES };

static_assert(KERN_PLACES == KERN_STAGE_LINKS, "kern_stage_links tells all");

/* A map's array in our memory. */
struct kern_area {
	void *p;
	size_t len;
	uint32_t entries;
};

/* Interfaces, by their index. */
struct kern_set {
	int *v;
	unsigned n;
};

struct tap_bpf; /* the skeleton */

struct kern {
	char dir[KERN_PATH_MAX]; /* RUN_DIR/bpf */
	bool clsact;
	int prog, out; /* tap_ingress, tap_out */
	int map[KERN_MAP_N];
	int place[KERN_PLACES]; /* their links; with clsact the programs themselves */
	/* parent */
	struct tap_bpf *skel; /* owns the descriptors if there is one */
	/* dataplane */
	struct kern_area area[KERN_MAP_MAPPED];
	int ncpu;
	uint64_t *cpu_values;            /* ncpu of them */
	struct kern_set attached, ports; /* interfaces to which this process attached tap_ingress, tap_out */
};

int kern_new(const char *run_dir, struct kern **out);
bool kern_set_has(const struct kern_set *s, int ifindex);
/* Once.  -ENOMEM */
int kern_set_add(struct kern_set *s, int ifindex);
void kern_set_remove(struct kern_set *s, int ifindex);
/* dir/sub/name; sub may be NULL.  -ENAMETOOLONG */
int kern_path(char out[static KERN_PATH_MAX], const char *dir, const char *sub, const char *name);
enum kern_way kern_place_way(enum kern_place place);
/* Of steps that are all done whatever comes of them: the first error. */
static inline int
kern_first(int before, int now)
{
	return before < 0 ? before : now;
}
/* Calls cb for each entry of dir/sub, all of them; the first error is returned.  0 if the directory is absent. */
int kern_each(const char *dir, const char *sub, int (*cb)(void *arg, const char *name), void *arg);
/* Removes programs on interfaces that no copy leaves by any more. */
int kern_ports_sweep(struct kern *k);
/* Length of an array map in memory. */
int kern_area_map(int fd, struct kern_area *out);

#endif
