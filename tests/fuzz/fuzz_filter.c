/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First byte 'F': the rest is an encoded filter.  Anything else: the rest is an
 * encoded criterion, which is compiled and tried with packets near its edges.
 */
#include <errno.h>
#include <string.h>

#include "gen.h"

#define PACKETS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
filter_again(const struct tap_filter *f, struct buf *out)
{
	struct tap_filter g;
	struct rd r;

	filter_encode(f, out);
	r = rd_init(out->p, out->len);
	if (out->err || filter_decode(&g, &r) < 0 || rd_end(&r) < 0 || g.n != f->n)
		abort();
	for (uint32_t i = 0; i < f->n; i++)
		if (memcmp(&g.term[i], &f->term[i], sizeof g.term[i]) != 0)
			abort();
	filter_free(&g);
}

static void
from_bytes(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf again = {0};
	struct rd r = rd_init(data, len);
	struct criteria any = {0};
	struct tap_filter f;
	struct packet p;
	struct gen g;
	int rc = filter_decode(&f, &r);

	if (rc < 0) {
		if (rc != -EBADMSG)
			abort();
		return;
	}
	filter_again(&f, &again);
	if (again.len != (size_t)(r.p - data) || memcmp(again.p, data, again.len) != 0)
		abort();
	gen_init(&g, len);
	gen_packet(&g, &any, &p);
	if (filter_match(&f, &p) && f.n == 0)
		abort();
	filter_free(&f);
}

static unsigned
terms_matching(const struct tap_filter *f, const struct packet *p)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n += filter_match(&(struct tap_filter){&f->term[i], 1}, p);
	return n;
}

/* A corner of a term is in the criterion, and in no other term. */
static void
corner(const struct criteria *c, const struct tap_filter *f, const struct filter_term *t, bool high)
{
	struct packet p = {.family = t->family,
	    .proto = high ? t->proto_hi : t->proto_lo,
	    .src = high ? t->src_hi : t->src_lo,
	    .dst = high ? t->dst_hi : t->dst_lo};

	if (t->need & FILTER_NEED_PORTS) {
		p.has_ports = true;
		p.sport = high ? t->sport_hi : t->sport_lo;
		p.dport = high ? t->dport_hi : t->dport_lo;
	}
	if (t->need & FILTER_NEED_ICMP) {
		p.has_icmp = true;
		p.itype = high ? t->itype_hi : t->itype_lo;
		p.icode = high ? t->icode_hi : t->icode_lo;
	}
	if (!criteria_match(c, &p) || terms_matching(f, &p) != 1)
		abort();
}

static void
compile(const struct criteria *c, uint64_t seed)
{
	cleanup_buf struct buf out = {0};
	struct tap_filter f;
	struct packet p;
	struct gen g;
	int r = filter_compile(c, &f);

	if (r < 0) {
		if (r != -E2BIG)
			abort();
		return;
	}
	if (f.n > FILTER_TERMS_MAX)
		abort();
	filter_again(&f, &out);
	gen_init(&g, seed);
	for (unsigned i = 0; i < PACKETS; i++) {
		gen_packet(&g, c, &p);
		if (terms_matching(&f, &p) != criteria_match(c, &p))
			abort();
	}
	for (uint32_t i = 0; i < f.n && i < PACKETS; i++) {
		corner(c, &f, &f.term[i], false);
		corner(c, &f, &f.term[i], true);
	}
	filter_free(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct criteria c;
	struct rd r;

	if (len == 0)
		return 0;
	if (data[0] == 'F') {
		from_bytes(data + 1, len - 1);
		return 0;
	}
	r = rd_init(data + 1, len - 1);
	if (criteria_decode(&c, &r) == 0)
		compile(&c, data[0]);
	criteria_free(&c);
	return 0;
}
