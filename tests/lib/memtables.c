/* SPDX-License-Identifier: BSD-2-Clause */
#include "memtables.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* ---- hash tables ---- */

static int
find(const struct mem_hash *h, const void *key)
{
	for (int i = 0; i < MEM_HASH_MAX; i++)
		if (h->slot[i].used && memcmp(h->slot[i].key, key, h->key_size) == 0)
			return i;
	return -1;
}

static int
op_lookup(void *arg, const void *key, uint32_t *v)
{
	const struct mem_hash *h = arg;
	int i = find(h, key);

	if (i < 0)
		return -ENOENT;
	*v = h->slot[i].value;
	return 0;
}

static int
op_insert(void *arg, const void *key, uint32_t v)
{
	struct mem_hash *h = arg;
	int i = 0;

	if (find(h, key) >= 0)
		return -EEXIST;
	if (h->n >= h->max)
		return -ENOSPC;
	while (h->slot[i].used)
		i++;
	memcpy(h->slot[i].key, key, h->key_size);
	h->slot[i].value = v;
	h->slot[i].used = true;
	h->n++;
	return 0;
}

static int
op_update(void *arg, const void *key, uint32_t v)
{
	struct mem_hash *h = arg;
	int i = find(h, key);

	if (i < 0)
		return -ENOENT;
	h->slot[i].value = v;
	return 0;
}

static int
op_remove(void *arg, const void *key)
{
	struct mem_hash *h = arg;
	int i = find(h, key);

	if (i < 0)
		return -ENOENT;
	h->slot[i].used = false;
	h->n--;
	return 0;
}

static int
op_walk(void *arg, int (*cb)(void *, const void *, uint32_t), void *cb_arg)
{
	struct mem_hash *h = arg;
	int r = 0;

	for (int i = 0; i < MEM_HASH_MAX && r == 0; i++)
		if (h->slot[i].used)
			r = cb(cb_arg, h->slot[i].key, h->slot[i].value);
	return r;
}

/* ---- tables ---- */

struct memtables *
memtables_new(void)
{
	struct memtables *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	m->own.key_size = sizeof(struct tap_own);
	m->own.max = MEM_HASH_MAX;
	return m;
}

void
memtables_free(struct memtables *m)
{
	if (m != NULL)
		munmap(m, sizeof *m);
}

struct tapset_tables
memtables_tables(struct memtables *m)
{
	static const struct tapset_hash_ops ops = {op_lookup, op_insert, op_update, op_remove, op_walk};

	return (struct tapset_tables){.ctl = &m->ctl,
	    .bloom = m->bloom,
	    .bloom_words = ARRAY_LEN(m->bloom),
	    .slot4 = m->slot4,
	    .slot6 = m->slot6,
	    .nslot4 = ARRAY_LEN(m->slot4),
	    .nslot6 = ARRAY_LEN(m->slot6),
	    .term4 = m->term4,
	    .term6 = m->term6,
	    .nterm4 = ARRAY_LEN(m->term4),
	    .nterm6 = ARRAY_LEN(m->term6),
	    .crit = m->crit,
	    .count = m->count,
	    .ncrit = ARRAY_LEN(m->crit),
	    .ended = m->ended,
	    .agency = m->agency,
	    .nagency = ARRAY_LEN(m->agency),
	    .dest = m->dest,
	    .ndest = ARRAY_LEN(m->dest),
	    .own = ops,
	    .own_arg = &m->own};
}

/* ---- matching ---- */

struct found {
	const struct memtables *m;
	uint64_t *uid;
	unsigned n, max;
};

static void
found_add(struct found *f, uint32_t crit)
{
	if (crit == 0 || f->m->crit[crit].state != TAP_CRIT_ACTIVE || f->n == f->max)
		return;
	f->uid[f->n++] = f->m->crit[crit].uid;
}

#define L4_OK(t, p)                                                                                                    \
	((p)->proto >= (t)->proto_lo && (p)->proto <= (t)->proto_hi &&                                                 \
	    (!((t)->flags & TAP_TERM_PORTS) ||                                                                         \
		((p)->has_ports && (p)->sport >= (t)->sport_lo && (p)->sport <= (t)->sport_hi &&                       \
		    (p)->dport >= (t)->dport_lo && (p)->dport <= (t)->dport_hi)) &&                                    \
	    (!((t)->flags & TAP_TERM_ICMP) ||                                                                          \
		((p)->has_icmp && (p)->itype >= (t)->itype_lo && (p)->itype <= (t)->itype_hi &&                        \
		    (p)->icode >= (t)->icode_lo && (p)->icode <= (t)->icode_hi)))

static bool
word_hit(const struct memtables *m, uint64_t area, uint64_t hash)
{
	uint64_t bits = tap_bloom_bits(hash);

	return (m->bloom[tap_bloom_word(area, hash)] & bits) == bits;
}

/* Whether the guard lets the packet through to mask i; src, dst: their networks. */
static bool
guard_lets(const struct memtables *m, unsigned i, enum tap_guard_kind kind, uint64_t src, uint64_t dst)
{
	const struct tap_masks *v = kind == TAP_GUARD_SRC4 ? m->ctl.masks4 : m->ctl.masks6;
	const uint64_t seed = m->ctl.seed, area = m->ctl.guard, bit = 1ull << i;

	v += TAP_VERSION(area);
	return v->open & bit || (v->src & bit && word_hit(m, area, tap_guard_hash(seed, kind, src))) ||
	       (v->dst & bit && word_hit(m, area, tap_guard_hash(seed, kind + 1, dst)));
}

static void
match4(struct found *f, const struct packet *p, unsigned i)
{
	const struct tap_mask4 *k = &f->m->ctl.mask4[i];
	struct tap_key4 key = {.mask = (uint8_t)i};
	uint64_t w[2], hash;
	uint32_t src, dst;

	memcpy(&src, p->src.b, 4);
	memcpy(&dst, p->dst.b, 4);
	key.src_be = src & k->src_be;
	key.dst_be = dst & k->dst_be;
	key.sport_be = (p->has_ports ? htons(p->sport) : 0) & k->sport_be;
	key.dport_be = (p->has_ports ? htons(p->dport) : 0) & k->dport_be;
	key.proto = p->proto & k->proto;
	memcpy(w, &key, sizeof w);
	hash = tap_hash4(f->m->ctl.seed, w[0], w[1]);
	if (!guard_lets(f->m, i, TAP_GUARD_SRC4, src & TAP_GUARD4_BE, dst & TAP_GUARD4_BE) ||
	    !word_hit(f->m, f->m->ctl.bloom, hash))
		return;
	src = ntohl(src);
	dst = ntohl(dst);
	for (uint32_t t = f->m->slot4[tap_slot(f->m->ctl.slots4, hash)]; t != 0; t = f->m->term4[t].next) {
		const struct tap_term4 *r = &f->m->term4[t];

		if (r->mask == i && src >= r->src_lo && src <= r->src_hi && dst >= r->dst_lo && dst <= r->dst_hi &&
		    L4_OK(r, p))
			found_add(f, r->crit);
	}
}

static bool
in6(const uint64_t *a, const uint64_t *lo, const uint64_t *hi)
{
	return (a[0] > lo[0] || (a[0] == lo[0] && a[1] >= lo[1])) && (a[0] < hi[0] || (a[0] == hi[0] && a[1] <= hi[1]));
}

static void
match6(struct found *f, const struct packet *p, unsigned i)
{
	const struct tap_mask6 *k = &f->m->ctl.mask6[i];
	struct tap_key6 key = {.mask = (uint8_t)i};
	uint64_t src[2], dst[2], hash;
	__u64 w[5];

	memcpy(src, p->src.b, 16);
	memcpy(dst, p->dst.b, 16);
	for (int j = 0; j < 2; j++) {
		key.src_be[j] = src[j] & k->src_be[j];
		key.dst_be[j] = dst[j] & k->dst_be[j];
	}
	key.sport_be = (p->has_ports ? htons(p->sport) : 0) & k->sport_be;
	key.dport_be = (p->has_ports ? htons(p->dport) : 0) & k->dport_be;
	key.proto = p->proto & k->proto;
	memcpy(w, &key, sizeof w);
	hash = tap_hash6(f->m->ctl.seed, w, w + 2, w[4]);
	if (!guard_lets(f->m, i, TAP_GUARD_SRC6, src[0] & TAP_GUARD6_BE, dst[0] & TAP_GUARD6_BE) ||
	    !word_hit(f->m, f->m->ctl.bloom, hash))
		return;
	for (int j = 0; j < 2; j++) {
		src[j] = be64toh(src[j]);
		dst[j] = be64toh(dst[j]);
	}
	for (uint32_t t = f->m->slot6[tap_slot(f->m->ctl.slots6, hash)]; t != 0; t = f->m->term6[t].next) {
		struct tap_term6 r = f->m->term6[t];
		uint64_t lo[2], hi[2];
		bool hit;

		memcpy(lo, r.src_lo, 16);
		memcpy(hi, r.src_hi, 16);
		hit = in6(src, lo, hi);
		memcpy(lo, r.dst_lo, 16);
		memcpy(hi, r.dst_hi, 16);
		if (r.mask == i && hit && in6(dst, lo, hi) && L4_OK(&r, p))
			found_add(f, r.crit);
	}
}

unsigned
memtables_match(const struct memtables *m, const struct packet *p, uint64_t *uid, unsigned max)
{
	struct found f = {.m = m, .uid = uid, .max = max};

	for (unsigned i = 0; i < (p->family == 4 ? m->ctl.nmask4 : m->ctl.nmask6); i++) {
		if (p->family == 4)
			match4(&f, p, i);
		else
			match6(&f, p, i);
	}
	return f.n;
}
