/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../fuzz/ipc_recode.h"

static const struct ip_addr v4 = {4, {192, 0, 2, 1}},
			    v6 = {6, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static struct criteria
criteria_make(void)
{
	struct criteria c = {0};

	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, word("10.1.2.3"), NULL), 0);
	assert_int_equal(criteria_parse(&c, CRIT_PROTOCOL, word("17"), NULL), 0);
	assert_int_equal(criteria_parse(&c, CRIT_DEST_PORT, word("53"), NULL), 0);
	return c;
}

static struct ipc_entry
entry_make(void)
{
	return (struct ipc_entry){.id = 7,
	    .csource_addr = v6,
	    .ncdest = 2,
	    .cdest = {{"cd1", v4, 7890}, {"cd2", v6, 65535}},
	    .csrc = v4,
	    .csrc_port = 49153,
	    .ttl = 64,
	    .added_ms = 1700000000123,
	    .criteria = criteria_make(),
	    .bandwidth_bps = UINT64_MAX,
	    .packets = 1,
	    .bytes = 2};
}

static struct ipc_put
put_make(void)
{
	struct ipc_put m = {.uid = 1ull << 40,
	    .ndest = 2,
	    .dest = {{v4, v4, 49153, 7890, 255}, {v6, v6, 0, 1, 1}},
	    .agency = 3,
	    .life = {1, UINT64_MAX, 2, 3, 4, IPC_LIFE_PACKETS}};
	struct criteria c = criteria_make();

	assert_int_equal(filter_compile(&c, &m.filter), 0);
	criteria_free(&c);
	return m;
}

/* One good message of each type. */
static void
sample(enum recode_type type, struct buf *b)
{
	uint32_t uid[] = {1000, 1001, UINT32_MAX};
	struct ipc_entry entry;
	struct ipc_put put;

	switch (type) {
	case RECODE_ADDR:
		ipc_addr_put(b, &v6);
		break;
	case RECODE_HELLO:
		ipc_hello_put(b, &(struct ipc_hello){v4, "password"});
		break;
	case RECODE_REFUSED:
		ipc_refused_put(b, &(struct ipc_refused){DTCP_BAD_FILTER, "Source-Port", "why", word("ADD")});
		break;
	case RECODE_REPLY:
		ipc_reply_put(b, &(struct ipc_reply){DTCP_OK, 1ull << 33, -1});
		break;
	case RECODE_COUNT:
		ipc_count_put(b, &(struct ipc_count){1, 2, 3, 4, 5, UINT64_MAX});
		break;
	case RECODE_CONFIG:
		ipc_config_put(b, &(struct ipc_config){word("services { }\n"), "admin1", 3, uid});
		break;
	case RECODE_ENTRY:
		entry = entry_make();
		ipc_entry_put(b, &entry);
		ipc_entry_free(&entry);
		break;
	case RECODE_PUT:
		put = put_make();
		ipc_put_put(b, &put);
		ipc_put_free(&put);
		break;
	case RECODE_LIFE_SET:
		ipc_life_set_put(b, &(struct ipc_life_set){
					9, IPC_LIFE_ALL, {1, 2, 3, 4, UINT64_MAX, IPC_LIFE_PACKETS | IPC_LIFE_BYTES}});
		break;
	case RECODE_BUDGET_SET:
		ipc_budget_set_put(b, &(struct ipc_budget_set){UINT32_MAX, {1, UINT64_MAX, 100}});
		break;
	case RECODE_AGENCY_COUNT:
		ipc_agency_count_put(b, &(struct ipc_agency_count){7, 1, 2, 3, 4, UINT64_MAX});
		break;
	case RECODE_ENDED:
		ipc_ended_put(b, &(struct ipc_ended){9, IPC_END_BYTES, {9, 2, 3, 4, 5, 6}});
		break;
	case RECODE_CANARY:
		ipc_canary_put(b, &(struct ipc_canary){.sent = 3, .received = 1, .bare = 1, .wrong = 1, .error = 5});
		break;
	case RECODE_ASK:
		ipc_ask_put(b, &(struct ipc_ask){true, UINT32_MAX, word("services { }\n")});
		break;
	case RECODE_AUX:
		ipc_aux_put(b, &(struct ipc_aux){"/usr/local/bin/hook", v4, 9109});
		break;
	case RECODE_USE:
		ipc_use_put(b, &(struct ipc_use){9, 1, INT64_MAX, {2, INT64_MAX, INT64_MIN}, true});
		break;
	case RECODE_WRONG:
		ipc_wrong_put(b, &(struct ipc_wrong){1, 2, "word", "expected }"});
		break;
	case RECODE_NAMES:
		ipc_names_put(b, &(struct ipc_names){3, (struct ipc_name[]){{IPC_NAME_USER, 0, "lea1"},
							    {IPC_NAME_USER_NUMBER, UINT32_MAX, ""},
							    {IPC_NAME_GROUP, 0, "flowtap-login"}}});
		break;
	case RECODE_NAMED:
		ipc_named_put(b,
		    &(struct ipc_named){.n = 2, .v = (struct ipc_name_found[]){{0, 1000, 100, "lea1"}, {2, 0, 0, ""}}});
		break;
	case RECODE_NUMBERS:
		ipc_numbers_put(b, &(struct ipc_numbers){2, (uint32_t[]){1000, UINT32_MAX}});
		break;
	case RECODE_TYPES:
		fail();
	}
	assert_int_equal(b->err, 0);
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (enum recode_type t = 0; t < RECODE_TYPES; t++) {
		cleanup_buf struct buf in = {0}, out = {0};
		struct rd r;

		sample(t, &in);
		r = rd_init(in.p, in.len);
		assert_int_equal(recode[t](&r, &out), 0);
		assert_int_equal(out.len, in.len);
		assert_memory_equal(out.p, in.p, in.len);
	}
}

/* An exact copy, so that a read past the end is seen. */
static int
recode_copy(enum recode_type t, const uint8_t *p, size_t len)
{
	cleanup_free uint8_t *copy = malloc(len ? len : 1);
	cleanup_buf struct buf out = {0};
	struct rd r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = rd_init(copy, len);
	return recode[t](&r, &out);
}

static void
test_truncated_or_longer(void **state)
{
	(void)state;
	for (enum recode_type t = 0; t < RECODE_TYPES; t++) {
		cleanup_buf struct buf in = {0};

		sample(t, &in);
		for (size_t n = 0; n < in.len; n++)
			assert_int_equal(recode_copy(t, in.p, n), -EBADMSG);
		assert_int_equal(recode_copy(t, in.p, in.len), 0);
		buf_put_u8(&in, 0);
		assert_int_equal(recode_copy(t, in.p, in.len), -EBADMSG);
	}
}

static void
test_fields(void **state)
{
	cleanup_buf struct buf b = {0};
	struct ipc_entry in = entry_make(), out;
	struct ipc_put pin = put_make(), pout;
	struct rd r;

	(void)state;
	ipc_entry_put(&b, &in);
	r = rd_init(b.p, b.len);
	assert_int_equal(ipc_entry_get(&out, &r), 0);
	assert_true(out.id == 7 && out.ncdest == 2 && out.csrc_port == 49153 && out.ttl == 64);
	assert_true(
	    out.added_ms == 1700000000123 && out.bandwidth_bps == UINT64_MAX && out.packets == 1 && out.bytes == 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(out.cdest[i].name, in.cdest[i].name);
		assert_true(ip_equal(&out.cdest[i].addr, &in.cdest[i].addr) && out.cdest[i].port == in.cdest[i].port);
	}
	assert_true(ip_equal(&out.csource_addr, &v6) && ip_equal(&out.csrc, &v4));
	assert_true(criteria_equal(&out.criteria, &in.criteria));
	ipc_entry_free(&out);
	ipc_entry_free(&in);

	buf_reset(&b);
	ipc_put_put(&b, &pin);
	r = rd_init(b.p, b.len);
	assert_int_equal(ipc_put_get(&pout, &r), 0);
	assert_true(pout.uid == pin.uid && pout.ndest == 2 && pout.filter.n == pin.filter.n);
	assert_int_equal(pout.agency, 3);
	assert_true(pout.life.start_ns == pin.life.start_ns && pout.life.end_ns == pin.life.end_ns);
	assert_true(pout.life.idle_ns == pin.life.idle_ns && pout.life.more == pin.life.more);
	assert_true(pout.life.packets == pin.life.packets && pout.life.bytes == pin.life.bytes);
	for (unsigned i = 0; i < 2; i++) {
		const struct ipc_dest *got = &pout.dest[i], *want = &pin.dest[i];

		assert_true(ip_equal(&got->src, &want->src) && ip_equal(&got->dst, &want->dst));
		assert_true(got->sport == want->sport && got->dport == want->dport && got->ttl == want->ttl);
	}
	ipc_put_free(&pout);
	ipc_put_free(&pin);
}

/* Values out of range: a good message with some bytes changed. */
static void
test_range(void **state)
{
	static const struct {
		enum recode_type type;
		size_t at;
		const char *bytes;
		size_t len;
	} row[] = {
	    {RECODE_ADDR, 0, "\x00", 1},           /* no family, but an address follows */
	    {RECODE_ADDR, 0, "\x05", 1},           /* unknown family */
	    {RECODE_HELLO, 0, "\x06", 1},          /* needs more than there is */
	    {RECODE_REFUSED, 0, "\xff", 1},        /* no code */
	    {RECODE_REFUSED, 2, "\x00\x63", 2},    /* 99 */
	    {RECODE_REFUSED, 8, "\x00", 1},        /* NUL within the name */
	    {RECODE_REPLY, 0, "\xff\xff", 2},      /* code */
	    {RECODE_ENTRY, 0, "\0\0\0\0", 4},      /* id 0 */
	    {RECODE_ENTRY, 21, "\x00", 1},         /* no destination */
	    {RECODE_ENTRY, 21, "\x03", 1},         /* three destinations */
	    {RECODE_ENTRY, 21, "\xff", 1},         /* many */
	    {RECODE_ENTRY, 22, "\xff\xff", 2},     /* a long name */
	    {RECODE_PUT, 2, "\0", 1},              /* uid 0 */
	    {RECODE_PUT, 8, "\x00", 1},            /* no destination */
	    {RECODE_PUT, 8, "\x03", 1},            /* three */
	    {RECODE_PUT, 9, "\x00", 1},            /* no source */
	    {RECODE_PUT, 21, "\0\0", 2},           /* port 0 */
	    {RECODE_PUT, 23, "\0", 1},             /* TTL 0 */
	    {RECODE_PUT, 66, "\0", 1},             /* agency 0 */
	    {RECODE_LIFE_SET, 7, "\0", 1},         /* uid 0 */
	    {RECODE_LIFE_SET, 8, "\0", 1},         /* nothing named */
	    {RECODE_LIFE_SET, 8, "\x20", 1},       /* an unknown bit */
	    {RECODE_BUDGET_SET, 0, "\0\0\0\0", 4}, /* agency 0 */
	    {RECODE_ENDED, 7, "\0", 1},            /* uid 0 */
	    {RECODE_ENDED, 8, "\0", 1},            /* no reason */
	    {RECODE_ENDED, 8, "\x05", 1},          /* an unknown one */
	    {RECODE_CONFIG, 0, "\xff\xff", 2},     /* text longer than the message */
	    {RECODE_CONFIG, 17, "\xff\xff", 2},    /* four thousand million users */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf b = {0};

		sample(row[i].type, &b);
		assert_true(row[i].at + row[i].len <= b.len);
		assert_true(memcmp(b.p + row[i].at, row[i].bytes, row[i].len) != 0);
		memcpy(b.p + row[i].at, row[i].bytes, row[i].len);
		assert_int_equal(recode_copy(row[i].type, b.p, b.len), -EBADMSG);
	}
}

/* Source and destination of different families. */
static void
test_put_families(void **state)
{
	cleanup_buf struct buf b = {0};
	struct ipc_put m = put_make();

	(void)state;
	m.dest[1].src = v4;
	ipc_put_put(&b, &m);
	assert_int_equal(recode_copy(RECODE_PUT, b.p, b.len), -EBADMSG);
	ipc_put_free(&m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_truncated_or_longer),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_range),
	    cmocka_unit_test(test_put_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
