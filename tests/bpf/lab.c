/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "clock.h"
#include "lab.h"

struct lab
lab_open(uint32_t criteria)
{
	struct lab l = {0};

	assert_int_equal(bpftables_load(criteria, 4 * criteria, &l.b), 0);
	assert_int_equal(tapset_new(&l.b->t, &l.set), 0);
	assert_int_equal(tapset_recover(l.set, clock_boot_ns()), 0);
	return l;
}

void
lab_close(struct lab *l)
{
	const char *why = "";

	if (tapset_check(l->set, &why) < 0)
		fail_msg("%s", why);
	tapset_free(l->set);
	bpftables_free(l->b);
}

/* From 10.0.0.host, so many bytes from the IP header on; segs > 1: a train of them, each so long. */
struct frame
lab_frame(uint8_t host, uint16_t bytes, uint32_t segs)
{
	uint32_t each = (uint32_t)(bytes - LAB_HEADERS), payload = each * segs;
	struct frame f = {.bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}};
	struct iphdr ip = {.version = 4,
	    .ihl = 5,
	    .ttl = 64,
	    .protocol = IPPROTO_UDP,
	    .tot_len = htons((uint16_t)(LAB_HEADERS + payload)),
	    .saddr = htonl(0x0a000000u | host),
	    .daddr = htonl(0x09090909)};
	struct udphdr udp = {.source = htons(1024), .dest = htons(53), .len = htons((uint16_t)(sizeof udp + payload))};

	assert_true(ETH_HLEN + LAB_HEADERS + payload <= sizeof f.bytes);
	memcpy(f.bytes + ETH_HLEN, &ip, sizeof ip);
	memcpy(f.bytes + ETH_HLEN + sizeof ip, &udp, sizeof udp);
	f.len = (uint32_t)(ETH_HLEN + LAB_HEADERS + payload);
	if (segs > 1) {
		f.ctx.gso_segs = segs;
		f.ctx.gso_size = each;
	}
	return f;
}

void
lab_run(const struct lab *l, struct frame *f, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len, .ctx_in = &f->ctx,
	    .ctx_size_in = sizeof f->ctx, .repeat = (int)times);

	assert_int_equal(bpf_prog_test_run_opts(l->b->classify_fd, &o), 0);
}

/* A criterion for 10.0.0.host with so many destinations, its number. */
uint64_t
lab_put(struct lab *l, uint8_t host, unsigned ndest, uint32_t agency, const struct tapset_life *life)
{
	struct tapset_dest dest[2] = {
	    {.src = {4, {198, 18, 0, 1}}, .dst = {4, {198, 18, 0, 2}}, .sport = 1, .dport = 2, .ttl = 9}};
	struct tapset_want w = {.dest = dest, .ndest = ndest, .agency = agency, .life = *life};
	char src[] = {'1', '0', '.', '0', '.', '0', '.', (char)('0' + host)};
	struct criteria c = {0};
	struct tap_filter f;

	dest[1] = dest[0];
	dest[1].dport = 3;
	w.filter = &f;
	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, (struct slice){src, sizeof src}, NULL), 0);
	assert_int_equal(filter_compile(&c, &f), 0);
	assert_int_equal(tapset_put(l->set, ++l->uid, &w, clock_boot_ns()), 0);
	filter_free(&f);
	criteria_free(&c);
	return l->uid;
}

struct tap_count
lab_counts(const struct lab *l, uint64_t uid)
{
	struct tap_count n;

	assert_int_equal(tapset_counts(l->set, uid, &n), 0);
	return n;
}

struct tapset_agency_count
lab_account(const struct lab *l, uint32_t agency)
{
	struct tapset_agency_count n;

	assert_int_equal(tapset_agency_counts(l->set, agency, &n), 0);
	return n;
}
