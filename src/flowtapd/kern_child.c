/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dataplane's part: everything through inherited descriptors, nothing that
 * needs a capability with tcx.
 *
 * exports: kern_ */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "kern_hook.h"
#include "kern_internal.h"

/* ---- descriptors and tables ---- */

static int
take_fd(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : fd;
}

int
kern_child_open(const char *run_dir, int first_fd, struct kern **out)
{
	char path[KERN_PATH_MAX];
	struct kern *k;
	int r = kern_new(run_dir, &k);

	if (r < 0)
		return r;
	if ((r = k->prog = take_fd(first_fd++)) >= 0)
		r = k->out = take_fd(first_fd++);
	for (int i = 0; i < KERN_PLACES && r >= 0; i++)
		r = k->place[i] = take_fd(first_fd++);
	for (int i = 0; i < KERN_MAP_N && r >= 0; i++)
		r = k->map[i] = take_fd(first_fd++);
	if (r >= 0)
		r = k->ncpu = libbpf_num_possible_cpus();
	if (r >= 0 && (k->cpu_values = calloc((size_t)k->ncpu, sizeof *k->cpu_values)) == NULL)
		r = -ENOMEM;
	if (r >= 0)
		r = kern_path(path, k->dir, NULL, "stage_out");
	if (r < 0) {
		kern_free(k);
		return r;
	}
	k->clsact = access(path, F_OK) < 0;
	*out = k;
	return 0;
}

static int
hash_lookup(void *arg, const void *key, uint32_t *head)
{
	return bpf_map_lookup_elem(*(int *)arg, key, head) < 0 ? -errno : 0;
}

static int
hash_insert(void *arg, const void *key, uint32_t head)
{
	if (bpf_map_update_elem(*(int *)arg, key, &head, BPF_NOEXIST) == 0)
		return 0;
	return errno == E2BIG ? -ENOSPC : -errno;
}

static int
hash_update(void *arg, const void *key, uint32_t head)
{
	return bpf_map_update_elem(*(int *)arg, key, &head, BPF_EXIST) < 0 ? -errno : 0;
}

static int
hash_remove(void *arg, const void *key)
{
	return bpf_map_delete_elem(*(int *)arg, key) < 0 ? -errno : 0;
}

/* The next key is fetched first, so that cb may remove the one it is given. */
static int
hash_walk(void *arg, int (*cb)(void *cb_arg, const void *key, uint32_t head), void *cb_arg)
{
	union {
		struct tap_key4 key4;
		struct tap_key6 key6;
		struct tap_own own;
	} key, next;
	int fd = *(int *)arg, r = 0, more = bpf_map_get_next_key(fd, NULL, &key);
	uint32_t head;

	while (more == 0 && r == 0) {
		more = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &head) == 0)
			r = cb(cb_arg, &key, head);
		key = next;
	}
	return r ? r : more == -ENOENT ? 0 : more;
}

int
kern_tables(struct kern *k, struct tapset_tables *out)
{
	static const struct tapset_hash_ops ops = {.lookup = hash_lookup,
	    .insert = hash_insert,
	    .update = hash_update,
	    .remove = hash_remove,
	    .walk = hash_walk};
	const struct kern_area *a = k->area;
	int r = 0;

	for (int i = 0; i < KERN_MAP_MAPPED && r == 0; i++)
		if (a[i].p == NULL)
			r = kern_area_map(k->map[i], &k->area[i]);
	if (r < 0)
		return r;
	*out = (struct tapset_tables){
	    .ctl = a[KERN_MAP_CTL].p,
	    .bloom = a[KERN_MAP_BLOOM].p,
	    .bloom_words = a[KERN_MAP_BLOOM].entries,
	    .slot4 = a[KERN_MAP_SLOT4].p,
	    .slot6 = a[KERN_MAP_SLOT6].p,
	    .nslot4 = a[KERN_MAP_SLOT4].entries * TAP_SLOTS,
	    .nslot6 = a[KERN_MAP_SLOT6].entries * TAP_SLOTS,
	    .term4 = a[KERN_MAP_TERM4].p,
	    .term6 = a[KERN_MAP_TERM6].p,
	    .nterm4 = a[KERN_MAP_TERM4].entries,
	    .nterm6 = a[KERN_MAP_TERM6].entries,
	    .crit = a[KERN_MAP_CRIT].p,
	    .count = a[KERN_MAP_COUNT].p,
	    .ncrit = a[KERN_MAP_CRIT].entries,
	    .ended = a[KERN_MAP_ENDED].p,
	    .agency = a[KERN_MAP_AGENCY].p,
	    .nagency = a[KERN_MAP_AGENCY].entries,
	    .dest = a[KERN_MAP_DEST].p,
	    .ndest = a[KERN_MAP_DEST].entries,
	    .own = ops,
	    .own_arg = &k->map[KERN_MAP_OWN],
	};
	return 0;
}

int
kern_stats(const struct kern *k, uint64_t out[TAP_C_MAX])
{
	uint64_t sum[TAP_C_MAX] = {0};

	for (uint32_t i = 0; i < TAP_C_MAX; i++) {
		if (bpf_map_lookup_elem(k->map[KERN_MAP_STATS], &i, k->cpu_values) < 0)
			return -errno;
		for (int cpu = 0; cpu < k->ncpu; cpu++)
			sum[i] += k->cpu_values[cpu];
	}
	memcpy(out, sum, sizeof sum);
	return 0;
}

int
kern_test_ifindex(const struct kern *k)
{
	const uint32_t zero = 0;
	struct tap_test t;

	return bpf_map_lookup_elem(k->map[KERN_MAP_TEST], &zero, &t) < 0 ? 0 : (int)t.ifindex;
}

/* ---- tapped interfaces ---- */

/* The parser expects an Ethernet header in front of the packet. */
static int
check_type(const char *name)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	if (fd < 0)
		return -errno;
	strncpy(req.ifr_name, name, sizeof req.ifr_name - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		return -errno;
	return req.ifr_hwaddr.sa_family == ARPHRD_ETHER ? 0 : -EMEDIUMTYPE;
}

static int
link_path(const struct kern *k, int ifindex, char out[static KERN_PATH_MAX])
{
	char name[16];

	/* Not the name: bpffs takes no dots, and interfaces are renamed. */
	snprintf(name, sizeof name, "%d", ifindex);
	return kern_path(out, k->dir, "links", name);
}

int
kern_attach(struct kern *k, int ifindex, const char *name)
{
	char pin[KERN_PATH_MAX];
	int r;

	if (strcmp(name, KERN_STAGE_OUT) == 0 || strcmp(name, KERN_STAGE_IN) == 0)
		return -ELOOP;
	if ((r = check_type(name)) < 0 || (r = link_path(k, ifindex, pin)) < 0)
		return r;
	if ((r = kern_set_add(&k->attached, ifindex)) < 0)
		return r;
	r = k->clsact ? kern_hook_clsact(k->prog, ifindex, KERN_INGRESS)
		      : kern_hook_tcx(k->prog, ifindex, KERN_INGRESS, pin);
	if (r < 0)
		kern_set_remove(&k->attached, ifindex);
	return r;
}

static int
unhook(const struct kern *k, int ifindex)
{
	char pin[KERN_PATH_MAX];
	int r = link_path(k, ifindex, pin);

	if (r < 0)
		return r;
	return k->clsact ? kern_hook_clsact_remove(ifindex, KERN_INGRESS) : kern_hook_tcx_remove(pin);
}

int
kern_detach(struct kern *k, int ifindex, const char *name)
{
	(void)name;
	kern_set_remove(&k->attached, ifindex);
	return unhook(k, ifindex);
}

bool
kern_attached(const struct kern *k, int ifindex)
{
	char pin[KERN_PATH_MAX];

	if (k->clsact)
		return kern_hook_clsact_alive(k->prog, ifindex, KERN_INGRESS);
	return link_path(k, ifindex, pin) == 0 && kern_hook_tcx_alive(pin);
}

int
kern_pins_look(const struct kern *k)
{
	static const char *const folders[] = {"maps", "links", "ports"};
	char path[KERN_PATH_MAX];
	struct stat st;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++)
		if ((r = kern_path(path, k->dir, NULL, folders[i])) == 0 && stat(path, &st) < 0)
			r = -errno;
	return r;
}

/* ---- figures ---- */

uint64_t
kern_bytes(const struct kern *k)
{
	uint64_t n = 0;

	for (int i = 0; i < KERN_MAP_MAPPED; i++)
		n += k->area[i].len;
	return n;
}

int
kern_prog(const struct kern *k, unsigned i, struct kern_prog *out)
{
	const struct {
		const char *name;
		int fd;
	} ours[] = {{"tap_ingress", k->prog}, {"tap_out", k->out}};
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof info;

	if (i >= ARRAY_LEN(ours))
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(ours[i].fd, &info, &len) < 0)
		return -errno;
	*out = (struct kern_prog){.name = ours[i].name, .id = info.id, .loaded_ns = info.load_time};
	memcpy(out->tag, info.tag, sizeof out->tag);
	return 0;
}

/* ---- what a predecessor left ---- */

struct sweep {
	struct kern *kern;
	int n;
};

static int
sweep_link(void *arg, const char *name)
{
	struct sweep *s = arg;
	int ifindex = atoi(name), r;

	if (kern_set_has(&s->kern->attached, ifindex))
		return 0;
	r = unhook(s->kern, ifindex);
	s->n += r == 0;
	return r;
}

static int
sweep_clsact(struct sweep *s)
{
	struct if_nameindex *list = if_nameindex();
	int r = 0;

	if (list == NULL)
		return -errno;
	for (struct if_nameindex *i = list; i->if_index != 0; i++) {
		if (kern_set_has(&s->kern->attached, (int)i->if_index) || strcmp(i->if_name, KERN_STAGE_IN) == 0)
			continue;
		r = kern_first(r, unhook(s->kern, (int)i->if_index));
	}
	if_freenameindex(list);
	return r;
}

int
kern_sweep(struct kern *k)
{
	struct sweep s = {.kern = k};
	int r = k->clsact ? sweep_clsact(&s) : kern_each(k->dir, "links", sweep_link, &s);

	r = kern_first(r, kern_ports_sweep(k));
	return r < 0 ? r : s.n;
}
