/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Content destinations.  An agency's criteria that send to the same place share an
 * entry, and with it what the kernel knows of the next hop: no agency feels the
 * dead next hop of another.  Each entry's outer header
 * is also filed among our own traffic: once with its ports, once without, for
 * the later fragments of a copy.
 *
 * An own entry's value heads a list of the destinations it stands for.
 *
 * exports: dests_ */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

/* What is on the way to a destination, and errors about it on the way back, are there that long. */
#define REST_NS 2000000000ull

enum which { SAME, PAIR };

static struct tap_own
own_key(const struct tap_dest *d, enum which w)
{
	struct tap_own k = {.family = d->family};

	memcpy(k.src, d->src, sizeof k.src);
	memcpy(k.dst, d->dst, sizeof k.dst);
	if (w == SAME) {
		k.sport_be = d->sport_be;
		k.dport_be = d->dport_be;
	}
	return k;
}

static uint32_t *
next_of(struct dests *d, uint32_t i, enum which w)
{
	return w == SAME ? &d->link[i].same_next : &d->link[i].pair_next;
}

static uint32_t *
prev_of(struct dests *d, uint32_t i, enum which w)
{
	return w == SAME ? &d->link[i].same_prev : &d->link[i].pair_prev;
}

static uint32_t
own_head(const struct dests *d, const struct tap_own *k)
{
	uint32_t head;

	return d->own->lookup(d->own_arg, k, &head) < 0 ? 0 : head;
}

static void
bit_set(struct dests *d, const struct tap_own *k)
{
	uint32_t bit = tap_own_bit(k);

	__atomic_fetch_or(&d->own_bits[bit / 64], 1ull << (bit % 64), __ATOMIC_RELEASE);
}

/* Behind the head, so that the entry of the hash table stays as it is. */
static int
list_add(struct dests *d, uint32_t i, enum which w)
{
	struct tap_own k = own_key(&d->dest[i], w);
	uint32_t head = own_head(d, &k), next;

	*prev_of(d, i, w) = head;
	*next_of(d, i, w) = 0;
	if (head == 0) {
		bit_set(d, &k);
		return d->own->insert(d->own_arg, &k, i);
	}
	next = *next_of(d, head, w);
	*next_of(d, i, w) = next;
	*next_of(d, head, w) = i;
	if (next != 0)
		*prev_of(d, next, w) = i;
	return 0;
}

static void
list_remove(struct dests *d, uint32_t i, enum which w)
{
	struct tap_own k = own_key(&d->dest[i], w);
	uint32_t prev = *prev_of(d, i, w), next = *next_of(d, i, w);

	if (prev != 0)
		*next_of(d, prev, w) = next;
	if (next != 0)
		*prev_of(d, next, w) = prev;
	if (prev != 0)
		return;
	if (next != 0)
		(void)d->own->update(d->own_arg, &k, next);
	else
		(void)d->own->remove(d->own_arg, &k);
}

static struct tap_dest
dest_of(const struct dests *o, const struct tapset_dest *w, uint32_t agency)
{
	__u64 src[2], dst[2];
	struct tap_dest d = {.sport_be = htons(w->sport),
	    .dport_be = htons(w->dport),
	    .family = w->dst.family,
	    .ttl = w->ttl,
	    .agency = agency};

	memcpy(d.src, w->src.b, sizeof d.src);
	memcpy(d.dst, w->dst.b, sizeof d.dst);
	memcpy(src, d.src, sizeof src);
	memcpy(dst, d.dst, sizeof dst);
	d.ids = (uint16_t)tap_ids_place(*o->seed, src, dst);
	return d;
}

bool
dests_equal(const struct dests *d, uint32_t i, const struct tapset_dest *want, uint32_t agency)
{
	struct tap_dest w = dest_of(d, want, agency);

	/* What lies between is the kernel programs'. */
	return d->dest[i].agency == agency &&
	       memcmp(&d->dest[i], &w, offsetof(struct tap_dest, unresolved_since_ns)) == 0;
}

static int
dest_new(struct dests *d, const struct tap_dest *w, uint64_t now_ns, uint32_t *out)
{
	uint32_t i;
	uint8_t family = w->family;
	int r;

	dests_tick(d, now_ns);
	if ((i = pool_get(&d->pool, now_ns)) == 0)
		return -EDQUOT;
	d->dest[i] = *w;
	d->dest[i].family = 0;
	STORE(&d->dest[i].family, family);
	r = list_add(d, i, SAME);
	if (r == 0 && (r = list_add(d, i, PAIR)) < 0)
		list_remove(d, i, SAME);
	if (r < 0) {
		STORE(&d->dest[i].family, 0);
		pool_put(&d->pool, i, now_ns);
		return r;
	}
	d->link[i].refs = 1;
	*out = i;
	return 0;
}

/* Where the one that was asked for last, of those that come to the same place here, is noted. */
static uint32_t *
recent_of(struct dests *d, const struct tap_dest *w)
{
	uint64_t h = tap_mix(w->agency, (uint64_t)w->sport_be << 32 | w->dport_be), v[4];

	memcpy(v, w->src, sizeof w->src);
	memcpy(v + 2, w->dst, sizeof w->dst);
	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		h = tap_mix(h, v[i]);
	return &d->recent[h % ARRAY_LEN(d->recent)];
}

static uint32_t
dest_find(struct dests *d, const struct tapset_dest *want, const struct tap_dest *w)
{
	struct tap_own k = own_key(w, SAME);
	uint32_t i;

	for (i = own_head(d, &k); i != 0; i = d->link[i].same_next)
		if (dests_equal(d, i, want, w->agency))
			break;
	return i;
}

int
dests_get(struct dests *d, const struct tapset_dest *want, uint32_t agency, uint64_t now_ns, uint32_t *out)
{
	struct tap_dest w = dest_of(d, want, agency);
	uint32_t *recent = recent_of(d, &w);
	int r = 0;

	/* What the place holds is compared in full: the entry may have become another's, or nobody's. */
	if (dests_equal(d, *recent, want, agency) || (*recent = dest_find(d, want, &w)) != 0)
		d->link[*recent].refs++;
	else
		r = dest_new(d, &w, now_ns, recent);
	*out = *recent;
	return r;
}

void
dests_put(struct dests *d, uint32_t i, uint64_t now_ns)
{
	struct dest_link *l = &d->link[i];

	if (--l->refs > 0)
		return;
	/* Its copies are never tapped, nor errors that quote them, for they show them to others: what was
	 * filed goes when none is on its way any more. */
	l->left_ns = now_ns;
	if (l->resting)
		return;
	l->resting = true;
	l->rest_next = 0;
	if (d->rest_tail != 0)
		d->link[d->rest_tail].rest_next = i;
	else
		d->rest_head = i;
	d->rest_tail = i;
}

void
dests_tick(struct dests *d, uint64_t now_ns)
{
	uint32_t i;

	while ((i = d->rest_head) != 0 && (d->link[i].refs > 0 || now_ns - d->link[i].left_ns >= REST_NS)) {
		d->rest_head = d->link[i].rest_next;
		if (d->rest_head == 0)
			d->rest_tail = 0;
		d->link[i].resting = false;
		if (d->link[i].refs > 0)
			continue;
		list_remove(d, i, SAME);
		list_remove(d, i, PAIR);
		STORE(&d->dest[i].family, 0);
		pool_put(&d->pool, i, now_ns);
	}
}

/* ---- recovery ---- */

static int
own_clear(void *arg, const void *key, uint32_t head)
{
	struct dests *d = arg;

	if (head < d->pool.n && d->link[head].refs > 0) {
		const struct tap_own *k = key;
		struct tap_own same = own_key(&d->dest[head], SAME), pair = own_key(&d->dest[head], PAIR);

		if (memcmp(k, &same, sizeof same) == 0 || memcmp(k, &pair, sizeof pair) == 0)
			return 0;
	}
	(void)d->own->remove(d->own_arg, key);
	return 0;
}

/* What a predecessor filed stays, so that a copy is at no moment taken for a target's packet. */
static int
relist(struct dests *d, uint32_t i, enum which w)
{
	struct tap_own k = own_key(&d->dest[i], w);

	return own_head(d, &k) == i ? 0 : list_add(d, i, w);
}

int
dests_recover(struct dests *d, uint64_t now_ns)
{
	uint32_t last = d->pool.n - 1;
	int r = d->own->walk(d->own_arg, own_clear, d);

	while (last > 0 && d->link[last].refs == 0 && d->dest[last].family == 0)
		last--;
	d->pool.fresh = last + 1;
	d->pool.used = last;
	for (uint32_t i = 1; i <= last && r == 0; i++) {
		if (d->link[i].refs == 0) {
			STORE(&d->dest[i].family, 0);
			pool_put(&d->pool, i, now_ns);
			continue;
		}
		r = relist(d, i, SAME);
		if (r == 0)
			r = relist(d, i, PAIR);
	}
	return r;
}

bool
dests_owned(const struct dests *d, uint32_t i)
{
	struct tap_own same = own_key(&d->dest[i], SAME), pair = own_key(&d->dest[i], PAIR);

	return own_head(d, &same) != 0 && own_head(d, &pair) != 0;
}

bool
dests_state(const struct dests *d, uint32_t i, struct tapset_dest_state *out)
{
	const struct tap_dest *k = &d->dest[i];

	if (d->link[i].refs == 0)
		return false;
	*out = (struct tapset_dest_state){.dest = {.src.family = k->family,
					      .dst.family = k->family,
					      .sport = ntohs(k->sport_be),
					      .dport = ntohs(k->dport_be),
					      .ttl = k->ttl},
	    .agency = k->agency,
	    .criteria = d->link[i].refs,
	    .unresolved_since_ns = __atomic_load_n(&k->unresolved_since_ns, __ATOMIC_RELAXED),
	    .probed_ns = __atomic_load_n(&k->probed_ns, __ATOMIC_RELAXED)};
	memcpy(out->dest.src.b, k->src, sizeof k->src);
	memcpy(out->dest.dst.b, k->dst, sizeof k->dst);
	return true;
}

uint32_t
dests_unresolved(const struct dests *d)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < d->pool.fresh; i++)
		n += d->link[i].refs > 0 && __atomic_load_n(&d->dest[i].unresolved_since_ns, __ATOMIC_RELAXED) != 0;
	return n;
}
