/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpftables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tap.skel.h"

static int
quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int
op_lookup(void *arg, const void *key, uint32_t *v)
{
	return bpf_map_lookup_elem(*(int *)arg, key, v) < 0 ? -errno : 0;
}

static int
op_insert(void *arg, const void *key, uint32_t v)
{
	if (bpf_map_update_elem(*(int *)arg, key, &v, BPF_NOEXIST) == 0)
		return 0;
	return errno == E2BIG ? -ENOSPC : -errno;
}

static int
op_update(void *arg, const void *key, uint32_t v)
{
	return bpf_map_update_elem(*(int *)arg, key, &v, BPF_EXIST) < 0 ? -errno : 0;
}

static int
op_remove(void *arg, const void *key)
{
	return bpf_map_delete_elem(*(int *)arg, key) < 0 ? -errno : 0;
}

static int
op_walk(void *arg, int (*cb)(void *, const void *, uint32_t), void *cb_arg)
{
	uint8_t key[64], next[64];
	int fd = *(int *)arg, r = 0, more = bpf_map_get_next_key(fd, NULL, key);
	uint32_t v;

	while (more == 0 && r == 0) {
		more = bpf_map_get_next_key(fd, key, next);
		if (bpf_map_lookup_elem(fd, key, &v) == 0)
			r = cb(cb_arg, key, v);
		memcpy(key, next, sizeof key);
	}
	return r;
}

static uint32_t
power_of_two(uint32_t n)
{
	uint32_t p = 2;

	while (p < n)
		p *= 2;
	return p;
}

static int
sizes(struct tap_bpf *s, uint32_t ncrit, uint32_t nterm)
{
	const struct {
		struct bpf_map *map;
		uint32_t n;
	} row[] = {{s->maps.ft_term4, nterm}, {s->maps.ft_term6, nterm},
	    {s->maps.ft_slot4, power_of_two(nterm) / TAP_SLOTS}, {s->maps.ft_slot6, power_of_two(nterm) / TAP_SLOTS},
	    {s->maps.ft_bloom, TAP_BLOOM_PARTS(power_of_two(nterm) / 2)}, {s->maps.ft_crit, ncrit},
	    {s->maps.ft_count, ncrit}, {s->maps.ft_ended, ncrit / 64 + 1}, {s->maps.ft_agency, BPFTABLES_AGENCIES},
	    {s->maps.ft_share, BPFTABLES_AGENCIES}, {s->maps.ft_dest, ncrit}, {s->maps.ft_own, 2 * ncrit}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(row) && r == 0; i++)
		r = bpf_map__set_max_entries(row[i].map, row[i].n);
	return r;
}

/* The whole array; NULL and *r set if it can't be mapped. */
static void *
memory(const struct bpf_map *m, int *r)
{
	size_t value = (bpf_map__value_size(m) + 7) & ~7u;
	void *p = mmap(NULL, value * bpf_map__max_entries(m), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	if (p != MAP_FAILED)
		return p;
	*r = -errno;
	return NULL;
}

static int
tables(struct bpftables *b, uint32_t ncrit, uint32_t nterm)
{
	static const struct tapset_hash_ops ops = {op_lookup, op_insert, op_update, op_remove, op_walk};
	const struct tap_bpf *s = b->skel;
	int r = 0;

	b->classify_fd = bpf_program__fd(s->progs.tap_classify);
	b->own = bpf_map__fd(s->maps.ft_own);
	b->stats = bpf_map__fd(s->maps.ft_stats);
	b->trace = memory(s->maps.ft_trace, &r);
	b->t = (struct tapset_tables){.ctl = memory(s->maps.ft_ctl, &r),
	    .bloom = memory(s->maps.ft_bloom, &r),
	    .bloom_words = bpf_map__max_entries(s->maps.ft_bloom),
	    .slot4 = memory(s->maps.ft_slot4, &r),
	    .slot6 = memory(s->maps.ft_slot6, &r),
	    .nslot4 = bpf_map__max_entries(s->maps.ft_slot4) * TAP_SLOTS,
	    .nslot6 = bpf_map__max_entries(s->maps.ft_slot6) * TAP_SLOTS,
	    .term4 = memory(s->maps.ft_term4, &r),
	    .term6 = memory(s->maps.ft_term6, &r),
	    .nterm4 = nterm,
	    .nterm6 = nterm,
	    .crit = memory(s->maps.ft_crit, &r),
	    .count = memory(s->maps.ft_count, &r),
	    .ncrit = ncrit,
	    .ended = memory(s->maps.ft_ended, &r),
	    .agency = memory(s->maps.ft_agency, &r),
	    .nagency = BPFTABLES_AGENCIES,
	    .dest = memory(s->maps.ft_dest, &r),
	    .ndest = ncrit,
	    .own = ops,
	    .own_arg = &b->own};
	if (r == 0)
		*b->t.ctl = (struct tap_ctl){.abi = TAP_ABI_VERSION, .seed = 1};
	return r;
}

int
bpftables_load(uint32_t ncrit, uint32_t nterm, struct bpftables **out)
{
	struct bpftables *b = calloc(1, sizeof *b);
	struct bpf_program *p;
	int r;

	if (b == NULL)
		return -ENOMEM;
	libbpf_set_print(quiet);
	if ((b->skel = tap_bpf__open()) == NULL) {
		r = -errno;
		free(b);
		return r;
	}
	bpf_object__for_each_program(p, b->skel->obj) bpf_program__set_autoload(p, p == b->skel->progs.tap_classify);
	if ((r = sizes(b->skel, ncrit, nterm)) == 0 && (r = tap_bpf__load(b->skel)) == 0)
		r = tables(b, ncrit, nterm);
	if (r < 0) {
		bpftables_free(b);
		return r;
	}
	*out = b;
	return 0;
}

void
bpftables_free(struct bpftables *b)
{
	if (b == NULL)
		return;
	tap_bpf__destroy(b->skel);
	free(b);
}
