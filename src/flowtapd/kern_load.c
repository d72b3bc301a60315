/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's part: loading, pinning, the stage device, and taking it all away.
 *
 * exports: kern_ */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "as.h"
#include "kern_hook.h"
#include "kern_internal.h"
#include "log.h"
#include "stage.h"
#include "tap.skel.h"

#define TERMS_SPARE 8192 /* terms that fit even if max_criteria is small */
#define DESTS_EACH 16384 /* criteria that may all have destinations of their own; of more, one in eight */
#define DESTS_SPARE 1024
#define BLOOM_BITS_PER_TERM 16
#define STAGE_TRIES 5

/* Of the links of the stage device's programs. */
static const char *const stage_pins[KERN_PLACES] = {
    [KERN_ANSWER] = "stage_back", [KERN_CUT] = "stage_in", [KERN_STAGE] = "stage_out"};

/* ---- bpffs ---- */

static bool
is_bpffs(const char *path)
{
	struct statfs s;

	return statfs(path, &s) == 0 && s.f_type == BPF_FS_MAGIC;
}

bool
kern_mounted(const char *run_dir)
{
	char path[KERN_PATH_MAX];

	return kern_path(path, run_dir, NULL, "bpf") == 0 && is_bpffs(path);
}

/* A link pinned for another user, as the configuration said then, becomes the dataplane's. */
struct owner {
	const char *dir, *sub;
	uid_t uid;
	gid_t gid;
};

static int
link_chown(void *arg, const char *name)
{
	const struct owner *o = arg;
	char path[KERN_PATH_MAX];
	struct stat st;
	int r = kern_path(path, o->dir, o->sub, name);

	if (r == 0 && (lstat(path, &st) < 0 || (st.st_uid != o->uid && chown(path, o->uid, o->gid) < 0)))
		r = -errno;
	return r;
}

/* A directory of the dataplane's links, by its group: nothing is given away that takes a capability. */
static int
links_open(const char *dir, const char *sub, const struct kern_opts *o)
{
	struct owner owner = {.dir = dir, .sub = sub, .uid = o->uid, .gid = o->gid};
	char path[KERN_PATH_MAX];
	int r;

	if ((r = kern_path(path, dir, NULL, sub)) < 0 || (r = as_dir(path, 0, o->gid, 0770)) < 0)
		return r;
	return kern_each(dir, sub, link_chown, &owner);
}

static int
bpffs_open(const char *dir, const struct kern_opts *o)
{
	char path[KERN_PATH_MAX];
	int r;

	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return -errno;
	if (!is_bpffs(dir) && mount("bpf", dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0750") < 0)
		return -errno;
	if ((r = as_dir(dir, 0, o->gid, 0750)) < 0)
		return r;
	if ((r = kern_path(path, dir, NULL, "maps")) < 0 || (r = as_dir(path, 0, 0, 0700)) < 0 ||
	    (r = links_open(dir, "links", o)) < 0)
		return r;
	return links_open(dir, "ports", o);
}

/* ---- removal ---- */

/* As the dataplane, whose it is. */
static int
pin_remove(const char *dir, const char *sub, const char *name)
{
	char path[KERN_PATH_MAX];
	struct stat st;
	int r = kern_path(path, dir, sub, name);

	if (r < 0)
		return r;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if ((r = as_begin(st.st_uid, st.st_gid)) < 0)
		return r;
	r = kern_hook_tcx_remove(path);
	as_end();
	return r;
}

static int
link_remove(void *arg, const char *name)
{
	return pin_remove(arg, "links", name);
}

static int
port_remove(void *arg, const char *name)
{
	return pin_remove(arg, "ports", name);
}

static int
map_remove(void *arg, const char *name)
{
	char path[KERN_PATH_MAX];
	int r = kern_path(path, arg, "maps", name);

	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

static int
stage_link_remove(const char *dir, const char *name)
{
	char path[KERN_PATH_MAX];
	int r = kern_path(path, dir, NULL, name);

	return r < 0 ? r : kern_hook_tcx_remove(path);
}

static int
tcx_remove_all(char *dir)
{
	int r = kern_each(dir, "links", link_remove, dir);

	r = kern_first(r, kern_each(dir, "ports", port_remove, dir));
	for (size_t i = 0; i < ARRAY_LEN(stage_pins); i++)
		r = kern_first(r, stage_link_remove(dir, stage_pins[i]));
	return r;
}

/* Filters of ours on any interface. */
static int
clsact_remove_all(void)
{
	struct if_nameindex *list = if_nameindex();
	int r = 0;

	if (list == NULL)
		return -errno;
	for (struct if_nameindex *i = list; i->if_index != 0; i++) {
		r = kern_first(r, kern_hook_clsact_remove((int)i->if_index, KERN_INGRESS));
		r = kern_first(r, kern_hook_clsact_remove((int)i->if_index, KERN_EGRESS));
	}
	if_freenameindex(list);
	return r;
}

/* Taps first: nothing may enter the stage that its programs do not understand.  What one step cannot remove keeps none
 * of the others from it. */
static int
wipe(char *dir)
{
	int r = tcx_remove_all(dir);

	r = kern_first(r, clsact_remove_all());
	r = kern_first(r, stage_remove());
	return kern_first(r, kern_each(dir, "maps", map_remove, dir));
}

/* ---- maps ---- */

static uint32_t
bloom_words(uint32_t terms)
{
	uint32_t words = 2048; /* a guard of 4 KiB */

	while ((uint64_t)words * 64 < (uint64_t)terms * BLOOM_BITS_PER_TERM)
		words *= 2;
	return TAP_BLOOM_PARTS(words);
}

/* Nearly one for each term. */
static uint32_t
slots(uint32_t terms)
{
	uint32_t n = TAP_SLOTS;

	while (n * 2 <= terms)
		n *= 2;
	return n / TAP_SLOTS;
}

static int
maps_size(struct tap_bpf *s, const struct kern_opts *o)
{
	uint32_t max_criteria = o->max_criteria, agencies = o->max_agencies ? o->max_agencies : KERN_AGENCIES;
	uint32_t terms = 2 * max_criteria + TERMS_SPARE;
	uint32_t dests = (max_criteria < DESTS_EACH ? max_criteria : DESTS_EACH + max_criteria / 8) + DESTS_SPARE;
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
	    {s->maps.ft_term4, terms},
	    {s->maps.ft_term6, terms},
	    {s->maps.ft_slot4, slots(terms)},
	    {s->maps.ft_slot6, slots(terms)},
	    {s->maps.ft_bloom, bloom_words(max_criteria)},
	    {s->maps.ft_crit, max_criteria + 1},
	    {s->maps.ft_count, max_criteria + 1},
	    {s->maps.ft_ended, max_criteria / 64 + 1},
	    {s->maps.ft_agency, agencies + 1},
	    {s->maps.ft_share, agencies + 1},
	    {s->maps.ft_dest, dests},
	    {s->maps.ft_own, 2 * dests},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(sizes) && r == 0; i++)
		r = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);
	return r;
}

/* Whether a pinned map is what the object would make. */
static bool
map_fits(const char *path, const struct bpf_map *m)
{
	cleanup_fd int fd = bpf_obj_get(path);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof info;

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(m) &&
	       info.key_size == bpf_map__key_size(m) && info.value_size == bpf_map__value_size(m) &&
	       info.max_entries == bpf_map__max_entries(m) && info.map_flags == bpf_map__map_flags(m);
}

static bool
abi_fits(const char *dir)
{
	struct tap_ctl ctl;
	char path[KERN_PATH_MAX];
	uint32_t zero = 0;
	cleanup_fd int fd = kern_path(path, dir, "maps", TAP_MAP_CTL) < 0 ? -1 : bpf_obj_get(path);

	return fd >= 0 && bpf_map_lookup_elem(fd, &zero, &ctl) == 0 && ctl.abi == TAP_ABI_VERSION;
}

/* Says where each map is pinned, and whether all that is pinned there can be taken over. */
static int
maps_pin_paths(struct tap_bpf *s, const char *dir, bool *usable)
{
	struct bpf_map *m;
	char path[KERN_PATH_MAX];
	bool fit = true;
	int r;

	bpf_object__for_each_map(m, s->obj)
	{
		if (m == s->maps.ft_trace || m == s->maps.ft_bytes || bpf_map__is_internal(m))
			continue;
		if ((r = kern_path(path, dir, "maps", bpf_map__name(m))) < 0 ||
		    (r = bpf_map__set_pin_path(m, path)) < 0)
			return r;
		fit = fit && map_fits(path, m);
	}
	*usable = fit && abi_fits(dir);
	return 0;
}

/* For tests only. */
static int
tests_left_out(struct tap_bpf *s)
{
	int r = bpf_program__set_autoload(s->progs.tap_classify, false);

	return r < 0 ? r : bpf_map__set_autocreate(s->maps.ft_trace, false);
}

static int
programs_load(struct kern *k, const struct kern_opts *o, struct stage *stage)
{
	bool usable;
	int r;

	if ((k->skel = tap_bpf__open()) == NULL)
		return -errno;
	if ((r = tests_left_out(k->skel)) < 0 || (r = maps_size(k->skel, o)) < 0 ||
	    (r = maps_pin_paths(k->skel, k->dir, &usable)) < 0)
		return r;
	if (!usable && (r = wipe(k->dir)) < 0)
		return r;
	if ((r = stage_open(o->test_agency != 0, stage)) < 0)
		return r;
	static_assert(sizeof *k->skel->rodata == sizeof(struct tap_test), "kern_test_ifindex reads all of it");
	k->skel->rodata->tap_test = (struct tap_test){.ifindex = (uint32_t)stage->test, .agency = o->test_agency};
	return tap_bpf__load(k->skel);
}

static void
descriptors_take(struct kern *k)
{
	const struct bpf_map *maps[KERN_MAP_N] = {
	    [KERN_MAP_CTL] = k->skel->maps.ft_ctl,
	    [KERN_MAP_BLOOM] = k->skel->maps.ft_bloom,
	    [KERN_MAP_SLOT4] = k->skel->maps.ft_slot4,
	    [KERN_MAP_SLOT6] = k->skel->maps.ft_slot6,
	    [KERN_MAP_TERM4] = k->skel->maps.ft_term4,
	    [KERN_MAP_TERM6] = k->skel->maps.ft_term6,
	    [KERN_MAP_CRIT] = k->skel->maps.ft_crit,
	    [KERN_MAP_COUNT] = k->skel->maps.ft_count,
	    [KERN_MAP_ENDED] = k->skel->maps.ft_ended,
	    [KERN_MAP_AGENCY] = k->skel->maps.ft_agency,
	    [KERN_MAP_DEST] = k->skel->maps.ft_dest,
	    [KERN_MAP_OWN] = k->skel->maps.ft_own,
	    [KERN_MAP_STATS] = k->skel->maps.ft_stats,
	    [KERN_MAP_PORT] = k->skel->maps.ft_port,
	    [KERN_MAP_LOCAL] = k->skel->maps.ft_local,
	    [KERN_MAP_TEST] = k->skel->maps.rodata,
	};

	for (int i = 0; i < KERN_MAP_N; i++)
		k->map[i] = bpf_map__fd(maps[i]);
	k->prog = bpf_program__fd(k->skel->progs.tap_ingress);
	k->out = bpf_program__fd(k->skel->progs.tap_out);
}

/* ---- stage ---- */

static int
stage_control(const struct kern *k, const struct stage *s, uint16_t ssh_port)
{
	struct kern_area a;
	struct tap_ctl *ctl;
	int r = kern_area_map(k->map[KERN_MAP_CTL], &a);

	if (r < 0)
		return r;
	ctl = a.p;
	/* Once for all: what is in the tables was filed with it. */
	if (ctl->seed == 0 && getrandom(&ctl->seed, sizeof ctl->seed, 0) != sizeof ctl->seed)
		r = -errno;
	ctl->stage_queues = (uint16_t)s->queues;
	ctl->ssh_port = ssh_port;
	ctl->stage_ifindex = (uint32_t)s->out;
	ctl->exit_ifindex = (uint32_t)s->in;
	ctl->stage_cuts = s->cuts;
	ctl->segment_id = s->segment;
	ctl->abi = TAP_ABI_VERSION;
	munmap(a.p, a.len);
	return r;
}

/* By a link that is pinned; *link: its descriptor. */
static int
stage_link(const struct kern *k, int prog, int ifindex, enum kern_way way, const char *name, int *link)
{
	char pin[KERN_PATH_MAX];
	int r = kern_path(pin, k->dir, NULL, name);

	if (r < 0 || (r = kern_hook_tcx(prog, ifindex, way, pin)) < 0)
		return r;
	*link = bpf_obj_get(pin);
	return *link < 0 ? -errno : 0;
}

static int
stage_filter(int prog, int ifindex, enum kern_way way, int *copy)
{
	int r = kern_hook_clsact(prog, ifindex, way);

	if (r < 0)
		return r;
	*copy = fcntl(prog, F_DUPFD_CLOEXEC, 3);
	return *copy < 0 ? -errno : 0;
}

/* tcx: with links; else with clsact. */
static int
stage_programs(struct kern *k, const struct stage *s, bool tcx)
{
	const int progs[KERN_PLACES] = {[KERN_ANSWER] = bpf_program__fd(k->skel->progs.tap_answer),
	    [KERN_CUT] = bpf_program__fd(k->skel->progs.tap_cut),
	    [KERN_STAGE] = bpf_program__fd(k->skel->progs.tap_stage)};
	int r = 0;

	for (int i = 0; i < KERN_PLACES && r == 0; i++) {
		int ifindex = i == KERN_STAGE ? s->out : s->in;
		enum kern_way way = kern_place_way(i);

		r = tcx ? stage_link(k, progs[i], ifindex, way, stage_pins[i], &k->place[i])
			: stage_filter(progs[i], ifindex, way, &k->place[i]);
	}
	return r;
}

/* Without it segments pass the device, as they do where nothing cuts them before. */
static int
stage_segments(const struct kern *k, struct stage *s)
{
	const int prog = bpf_program__fd(k->skel->progs.tap_segment);
	int r = kern_hook_program_id(prog, &s->segment);

	for (unsigned q = 0; s->cuts && q < s->queues && r == 0; q++)
		r = kern_hook_qdisc(prog, s->out, stage_cut_parent(q));
	if (r == -ENODEV)
		return r;
	if (r < 0) {
		log_warn(r, "no filter for segment trains on " KERN_STAGE_OUT " (module cls_bpf): its counters tell "
			    "whoever may look when there are copies of them");
		s->cuts = false;
	}
	return 0;
}

/* Both ways at once would make every copy twice: what was attached the other way goes. */
static int
stage_attach(struct kern *k, const struct stage *s, const struct kern_opts *o)
{
	int r = o->force_clsact ? -EOPNOTSUPP : stage_programs(k, s, true);

	if (r == 0)
		return clsact_remove_all();
	if (r != -EOPNOTSUPP || o->force_tcx)
		return r;
	k->clsact = true;
	r = tcx_remove_all(k->dir);
	return r < 0 ? r : stage_programs(k, s, false);
}

static int
stage_take(struct kern *k, struct stage *s, const struct kern_opts *o)
{
	int r = stage_segments(k, s);

	if (r < 0 || (r = stage_control(k, s, o->ssh_port)) < 0)
		return r;
	return stage_attach(k, s, o);
}

/* Made before the programs were loaded, which takes the kernel a while: who takes it away once a second must not keep
 * us from starting. */
static int
stage_take_again(struct kern *k, struct stage *s, const struct kern_opts *o)
{
	const int test = s->test;
	int r = stage_take(k, s, o);

	for (int i = 0; r == -ENODEV && i < STAGE_TRIES; i++) {
		for (int p = 0; p < KERN_PLACES; p++)
			if (k->place[p] >= 0)
				close(k->place[p]);
		memset(k->place, -1, sizeof k->place);
		if ((r = stage_open(test != 0, s)) == 0)
			r = s->test == test ? stage_take(k, s, o) : -EAGAIN; /* the programs know its number */
		else if (r == -EEXIST)
			r = -ENODEV; /* gone while it was looked at */
	}
	return r;
}

int
kern_load(const struct kern_opts *o, struct kern **out)
{
	struct stage stage;
	struct kern *k;
	int r = kern_new(o->run_dir, &k);

	if (r < 0)
		return r;
	if ((r = bpffs_open(k->dir, o)) < 0 || (r = programs_load(k, o, &stage)) < 0)
		goto fail;
	descriptors_take(k);
	if ((r = stage_take_again(k, &stage, o)) < 0)
		goto fail;
	*out = k;
	return 0;
fail:
	kern_free(k);
	return r;
}

static_assert(2 + KERN_PLACES + KERN_MAP_N <= KERN_FDS_MAX, "room for all of kern_fds");

int
kern_fds(const struct kern *k, int fds[KERN_FDS_MAX])
{
	int n = 0;

	fds[n++] = k->prog;
	fds[n++] = k->out;
	for (int i = 0; i < KERN_PLACES; i++)
		fds[n++] = k->place[i];
	for (int i = 0; i < KERN_MAP_N; i++)
		fds[n++] = k->map[i];
	return n;
}

int
kern_ids(const struct kern *k, uint32_t *map, uint32_t *prog, uint32_t n, uint32_t *nmap, uint32_t *nprog)
{
	struct bpf_program *p;
	struct bpf_map *m;

	*nmap = *nprog = 0;
	bpf_object__for_each_map(m, k->skel->obj)
	{
		struct bpf_map_info info = {0};
		uint32_t len = sizeof info;

		if (bpf_map__fd(m) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_map__fd(m), &info, &len) < 0)
			return -errno;
		if (*nmap == n)
			return -E2BIG;
		map[(*nmap)++] = info.id;
	}
	bpf_object__for_each_program(p, k->skel->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof info;

		if (bpf_program__fd(p) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) < 0)
			return -errno;
		if (*nprog == n)
			return -E2BIG;
		prog[(*nprog)++] = info.id;
	}
	return 0;
}

int
kern_stage_links(const struct kern *k, uint32_t id[static KERN_STAGE_LINKS])
{
	char path[KERN_PATH_MAX];

	memset(id, 0, KERN_STAGE_LINKS * sizeof *id);
	for (size_t i = 0; i < ARRAY_LEN(stage_pins) && !k->clsact; i++) {
		struct bpf_link_info info = {0};
		uint32_t len = sizeof info;
		int r = kern_path(path, k->dir, NULL, stage_pins[i]);

		if (r < 0)
			return r;
		cleanup_fd int fd = bpf_obj_get(path);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
			return -errno;
		id[i] = info.id;
	}
	return 0;
}

bool
kern_needs_net_admin(const struct kern *k)
{
	return k->clsact;
}

int
kern_unload(const char *run_dir)
{
	struct kern *k;
	int r = kern_new(run_dir, &k);

	if (r < 0)
		return r;
	r = wipe(k->dir);
	if (is_bpffs(k->dir) && umount2(k->dir, MNT_DETACH) < 0)
		r = kern_first(r, -errno);
	if (rmdir(k->dir) < 0 && errno != ENOENT)
		r = kern_first(r, -errno);
	kern_free(k);
	return r;
}
