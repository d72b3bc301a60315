/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The published messages, and the exchanges of profile J byte for byte.
 *
 * Usage: test_golden_dtcp vectors.txt flow-tap.txt
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dtcp.h"

static unsigned checks;

#define CHECK(cond, ...)                                                                                               \
	do {                                                                                                           \
		checks++;                                                                                              \
		if (!(cond))                                                                                           \
			errx(1, __VA_ARGS__);                                                                          \
	} while (0)

/* ---- reading ---- */

/* The next line that is no comment, its end removed; NULL at the end. */
static char *
next_line(FILE *f)
{
	static char line[1024];

	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#')
			return line;
	}
	return NULL;
}

static FILE *
open_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (f == NULL)
		err(1, "%s", path);
	return f;
}

/* ---- vectors ---- */

struct vector {
	char name[16], key[16], ending[16], digest[DTCP_DIGEST_HEX + 1];
	struct buf text; /* without the digest line */
};

static bool
vector_read(FILE *f, struct vector *v)
{
	char *line;

	buf_reset(&v->text);
	do {
		if ((line = next_line(f)) == NULL)
			return false;
	} while (line[0] == '\0');
	if (sscanf(line, "%15s %15s %15s", v->name, v->key, v->ending) != 3)
		errx(1, "\"%s\" is no head of a vector", line);
	while ((line = next_line(f)) != NULL && line[0] != '\0') {
		if (strlen(line) == DTCP_DIGEST_HEX && strspn(line, "0123456789abcdef") == DTCP_DIGEST_HEX)
			memcpy(v->digest, line, sizeof v->digest);
		else
			buf_printf(&v->text, "%s%s\r\n", line, strcmp(v->ending, "space") == 0 ? " " : "");
	}
	return true;
}

/* The digest is right, and no byte of the message can be changed without its being wrong. */
static void
vector_check(struct vector *v)
{
	char hex[DTCP_DIGEST_HEX + 1];
	cleanup_buf struct buf whole = {0};

	dtcp_digest(v->key, v->text.p, v->text.len, hex);
	CHECK(strcmp(hex, v->digest) == 0, "%s: digest is %s, not %s", v->name, hex, v->digest);
	buf_put(&whole, v->text.p, v->text.len);
	dtcp_sign(&whole, 0, v->key);
	CHECK(dtcp_verify(whole.p, whole.len, v->key) == 0, "%s: does not verify", v->name);
	CHECK(dtcp_verify(whole.p, whole.len, "other") < 0, "%s: verifies with another key", v->name);
	for (size_t i = 0; i < v->text.len; i++) {
		whole.p[i] ^= 1;
		CHECK(dtcp_verify(whole.p, whole.len, v->key) < 0, "%s: byte %zu is not covered", v->name, i);
		whole.p[i] ^= 1;
	}
}

static unsigned
vectors(const char *path)
{
	FILE *f = open_file(path);
	struct vector v = {0};
	unsigned n = 0;

	for (; vector_read(f, &v); n++)
		vector_check(&v);
	buf_free(&v.text);
	fclose(f);
	return n;
}

/* ---- exchanges ---- */

/* Milliseconds of "2024-03-01 HH:MM:SS.mmm" in UTC. */
static int64_t
at(int hour, int minute, int second, int ms)
{
	struct tm tm = {.tm_year = 124, .tm_mon = 2, .tm_mday = 1, .tm_hour = hour, .tm_min = minute, .tm_sec = second};

	return (int64_t)timegm(&tm) * 1000 + ms;
}

/* The next message, with its side, 'C' or 'S'; 0 at the end. */
static char
message_read(FILE *f, struct buf *out)
{
	char who = 0, *line;

	buf_reset(out);
	while ((line = next_line(f)) != NULL) {
		if (line[0] == '\0' && who)
			break;
		if (line[0] == '\0')
			continue;
		who = line[0];
		buf_printf(out, "%s\r\n", line + 3);
	}
	if (who)
		buf_printf(out, "\r\n");
	return who;
}

struct exchange {
	unsigned code; /* what the parser says: 0 = a good request */
	enum dtcp_method method;
	int64_t time;
	/* how it is answered */
	unsigned answer;
	uint64_t value;
};

static void
answer_list(struct buf *out, const struct dtcp_req *add, const struct dtcp_req *list, int64_t now, int64_t added)
{
	static const struct ip_addr client = {4, {203, 0, 113, 5}};
	struct dtcp_entry e = {.id = 1,
	    .csource = "ft-user1",
	    .csource_addr = client,
	    .ncdest = add->ncdest,
	    .csrc = add->csrc,
	    .csrc_port = add->csrc_port,
	    .ttl = add->ttl,
	    .added_ms = added,
	    .criteria = &add->criteria};
	size_t start = dtcp_reply_list_begin(out, list->version, list->seq, now, NULL);

	memcpy(e.cdest, add->cdest, sizeof e.cdest);
	dtcp_reply_list_entry(out, &e, list->flags, 1, 1);
	dtcp_reply_list_end(out, start, DTCP_KEY_JUNOS);
}

static void
answer(struct buf *out, const struct exchange *x, const struct dtcp_req *req, const struct dtcp_req *add, uint64_t seq,
    int64_t added)
{
	if (x->answer != DTCP_OK)
		dtcp_reply_error(out, DTCP_KEY_JUNOS, x->answer, 7, seq, NULL);
	else if (x->method == DTCP_ADD)
		dtcp_reply_add(out, DTCP_KEY_JUNOS, 7, seq, (uint32_t)x->value, x->time);
	else if (x->method == DTCP_DELETE)
		dtcp_reply_count(out, DTCP_KEY_JUNOS, 7, seq, x->value, x->time);
	else
		answer_list(out, add, req, x->time, added);
}

static void
first_add_check(const struct dtcp_req *r)
{
	CHECK(r->ncdest == 1 && strcmp(r->cdest[0].name, "cd1") == 0 && r->cdest[0].port == 7890, "ADD: destination");
	CHECK(r->csrc_port == 49153 && r->ttl == 64 && r->priority == 2 && r->flags == DTCP_F_STATIC, "ADD: numbers");
	CHECK(r->criteria.family == 4 && r->criteria.addr[0].n == 1 && r->criteria.addr[0].v[0].plen == 24,
	    "ADD: filter");
}

static unsigned
exchanges(const char *path)
{
	const struct exchange x[] = {
	    {0, DTCP_ADD, at(9, 30, 0, 125), DTCP_OK, 1},
	    {0, DTCP_LIST, 0, DTCP_UNKNOWN_CDEST, 0},
	    {0, DTCP_LIST, at(9, 31, 12, 4), DTCP_OK, 0},
	    {0, DTCP_DELETE, at(9, 32, 40, 900), DTCP_OK, 1},
	    /* A subscriber's name is no target of this server: refused, never widened to everybody. */
	    {DTCP_NOT_IMPLEMENTED, DTCP_ADD, at(9, 33, 0, 0), DTCP_OK, 2},
	};
	cleanup_buf struct buf in = {0}, want = {0}, got = {0};
	struct dtcp_req add = {0};
	FILE *f = open_file(path);
	unsigned n;

	for (n = 0; message_read(f, &in) == 'C'; n++) {
		struct dtcp_req req = {0};
		struct dtcp_result res;
		size_t skip, len;
		struct dtcp_framer fr;

		CHECK(n < ARRAY_LEN(x), "more exchanges than are known");
		dtcp_framer_init(&fr, DTCP_REQUEST_MAX, true);
		CHECK(dtcp_frame(&fr, in.p, in.len, &skip, &len) == 1 && skip == 0 && len == in.len, "%u: frame", n);
		res = dtcp_parse_request(in.p, in.len, DTCP_KEY_JUNOS, "ft-user1", &req);
		CHECK(res.code == x[n].code, "exchange %u: request: %u %s: %s", n, res.code, res.field, res.reason);
		CHECK(res.have_seq && res.seq == n + 1 && res.version == 7, "exchange %u: Seq or version", n);
		CHECK(message_read(f, &want) == 'S', "exchange %u has no answer", n);
		CHECK(dtcp_verify(want.p, want.len, DTCP_KEY_JUNOS) == 0, "exchange %u: digest of the answer", n);
		buf_reset(&got);
		answer(&got, &x[n], &req, &add, n + 1, x[0].time);
		CHECK(got.len == want.len && memcmp(got.p, want.p, got.len) == 0, "exchange %u: answer is\n%.*s", n,
		    (int)got.len, (char *)got.p);
		if (n == 0) {
			first_add_check(&req);
			add = req;
		} else
			dtcp_req_free(&req);
	}
	CHECK(n == ARRAY_LEN(x), "only %u exchanges", n);
	dtcp_req_free(&add);
	fclose(f);
	return n;
}

int
main(int argc, char **argv)
{
	unsigned v, x;

	if (argc != 3)
		errx(2, "usage: test_golden_dtcp vectors.txt flow-tap.txt");
	setenv("TZ", "UTC", 1);
	tzset();
	v = vectors(argv[1]);
	CHECK(v == 11, "%u vectors, not 11", v);
	x = exchanges(argv[2]);
	printf("%u vectors, %u exchanges, %u checks\n", v, x, checks);
	return 0;
}
