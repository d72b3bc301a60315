/* SPDX-License-Identifier: BSD-2-Clause */
#include "audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit_int.h"

#define PREV ",\"prev\":\""
#define HASH ",\"hash\":\""
#define KEY ",\"key\":\""
#define SIG ",\"sig\":\""
/* What follows the event's own fields: prev, hash, each in quotes, and the brace. */
#define PREV_LEN (sizeof PREV - 1 + AUDIT_HASH_HEX + 1)
#define HASH_LEN (sizeof HASH - 1 + AUDIT_HASH_HEX + 1)
#define TAIL_LEN (PREV_LEN + HASH_LEN + 1)
#define LINE_USUAL 1536 /* bytes that the line of an ADD has room in */

void
audit_chain_init(struct audit_chain *c)
{
	c->n = 0;
	memset(c->hash, '0', AUDIT_HASH_HEX);
	c->hash[AUDIT_HASH_HEX] = '\0';
}

int
audit_chain_parse(const char *text, struct audit_chain *out)
{
	const char *colon = strchr(text, ':');
	uint8_t hash[AUDIT_HASH_HEX / 2];

	if (colon == NULL || slice_u64((struct slice){text, (size_t)(colon - text)}, INT64_MAX, &out->n) < 0 ||
	    out->n == 0 || strlen(colon + 1) != AUDIT_HASH_HEX ||
	    audit_unhex((struct slice){colon + 1, AUDIT_HASH_HEX}, hash, sizeof hash) < 0)
		return -EINVAL;
	audit_hex(hash, sizeof hash, out->hash);
	return 0;
}

/* ---- writing ---- */

/* In JSON as itself. */
static bool
plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
put_escaped(struct buf *b, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	const char hex[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]},
		   mark[] = {'\\', (char)(c == '\n'   ? 'n'
					  : c == '\r' ? 'r'
						      : c)};

	/* Ends of lines are frequent. */
	if (c == '"' || c == '\\' || c == '\n' || c == '\r')
		buf_put(b, mark, sizeof mark);
	else
		buf_put(b, hex, sizeof hex);
}

static void
put_slice(struct buf *b, const char *name, struct slice s)
{
	size_t at = 0, start;

	if (s.p == NULL)
		return;
	buf_printf(b, ",\"%s\":\"", name);
	while (at < s.len) {
		for (start = at; at < s.len && plain((unsigned char)s.p[at]);)
			at++;
		buf_put(b, s.p + start, at - start);
		if (at < s.len)
			put_escaped(b, (unsigned char)s.p[at++]);
	}
	buf_put(b, "\"", 1);
}

static void
put_text(struct buf *b, const char *name, const char *s)
{
	if (s != NULL)
		put_slice(b, name, (struct slice){s, strlen(s)});
}

static void
put_time(struct buf *b, const char *name, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	char text[32] = "1970-01-01T00:00:00";
	struct tm tm;

	if (gmtime_r(&s, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, ",\"%s\":\"%s.%03dZ\"", name, text, (int)(ms % 1000));
}

static void
line_begin(struct buf *b, const struct audit_chain *c, const char *kind, int64_t time_ms)
{
	buf_printf(b, "{\"n\":%llu", (unsigned long long)c->n + 1);
	put_time(b, "time", time_ms);
	put_text(b, "kind", kind);
}

/* prev, hash and the end; the chain moves on, or all is as before. */
static int
line_end(struct buf *out, struct buf *line, struct audit_chain *c)
{
	char hash[AUDIT_HASH_HEX + 1];
	int r;

	buf_printf(line, PREV "%s\"", c->hash);
	if (line->err)
		return line->err;
	if (line->len + HASH_LEN + 2 > AUDIT_LINE_MAX)
		return -EMSGSIZE;
	if ((r = audit_digest(line->p, line->len, hash)) < 0)
		return r;
	buf_printf(line, HASH "%s\"}\n", hash);
	if (line->err)
		return line->err;
	buf_put(out, line->p, line->len);
	if (out->err)
		return out->err;
	c->n++;
	memcpy(c->hash, hash, sizeof hash);
	return 0;
}

int
audit_append(struct audit_chain *c, const struct audit_event *e, struct buf *out)
{
	cleanup_buf struct buf b = {0};
	char addr[IP_STRLEN];

	(void)buf_room(&b, LINE_USUAL);
	line_begin(&b, c, e->kind, e->time_ms);
	if (e->uncertainty_us < 0)
		buf_printf(&b, ",\"uncertainty_us\":null");
	else
		buf_printf(&b, ",\"uncertainty_us\":%lld", (long long)e->uncertainty_us);
	if (e->happened_ms != 0)
		put_time(&b, "late", e->happened_ms);
	put_text(&b, "agency", e->agency);
	if (e->have_uid)
		buf_printf(&b, ",\"uid\":%u", e->uid);
	if (e->peer.family != 0)
		put_text(&b, "peer", ip_format(&e->peer, addr));
	put_text(&b, "auth", e->auth);
	put_text(&b, "method", e->method);
	if (e->have_seq)
		buf_printf(&b, ",\"seq\":%llu", (unsigned long long)e->seq);
	if (e->id != 0)
		buf_printf(&b, ",\"id\":%llu", (unsigned long long)e->id);
	put_slice(&b, "ids", e->ids);
	put_text(&b, "warrant", e->warrant);
	put_text(&b, "signer", e->signer);
	if (e->code != 0)
		buf_printf(&b, ",\"code\":%u", e->code);
	put_text(&b, "reason", e->reason);
	put_slice(&b, "request", e->request);
	put_slice(&b, "parsed", e->parsed);
	return line_end(out, &b, c);
}

/* What a checkpoint signs: which line it is and everything before it. */
static size_t
signed_text(char text[static 160], uint64_t n, const char *prev)
{
	return (size_t)snprintf(text, 160, AUDIT_CONTEXT "%llu\n%.64s\n", (unsigned long long)n, prev);
}

int
audit_checkpoint(struct audit_chain *c, int64_t time_ms, const uint8_t seed[static AUDIT_KEY_LEN], struct buf *out)
{
	cleanup_buf struct buf b = {0};
	uint8_t key[AUDIT_KEY_LEN], sig[AUDIT_SIG_LEN];
	char text[160], hex[2 * AUDIT_SIG_LEN + 1];
	int r;

	if ((r = audit_key_public(seed, key)) < 0 ||
	    (r = audit_sign(seed, text, signed_text(text, c->n + 1, c->hash), sig)) < 0)
		return r;
	line_begin(&b, c, "checkpoint", time_ms);
	audit_hex(key, sizeof key, hex);
	buf_printf(&b, KEY "%s\"", hex);
	audit_hex(sig, sizeof sig, hex);
	buf_printf(&b, SIG "%s\"", hex);
	return line_end(out, &b, c);
}

/* ---- proving ---- */

void
audit_verify_init(struct audit_verifier *v, const uint8_t key[static AUDIT_KEY_LEN])
{
	*v = (struct audit_verifier){0};
	audit_chain_init(&v->chain);
	memcpy(v->key, key, AUDIT_KEY_LEN);
}

static int
fail(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static bool
take(struct slice *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	s->len -= n;
	return true;
}

/* The number at the beginning of the line. */
static int
take_number(struct slice *s, uint64_t *n)
{
	struct slice digits = {s->p, 0};

	if (!take(s, "{\"n\":"))
		return -EBADMSG;
	digits.p = s->p;
	while (digits.len < s->len && s->p[digits.len] >= '0' && s->p[digits.len] <= '9')
		digits.len++;
	if (slice_u64(digits, UINT64_MAX, n) < 0 || (digits.len > 1 && digits.p[0] == '0'))
		return -EBADMSG;
	s->p += digits.len;
	s->len -= digits.len;
	return 0;
}

/* Fixed width: {"n":N,"time":"2026-11-23T09:30:00.125Z","kind":"checkpoint",... */
static bool
is_checkpoint(struct slice *rest)
{
	const size_t stamp = sizeof "2026-11-23T09:30:00.125Z" - 1;

	if (!take(rest, ",\"time\":\"") || rest->len < stamp)
		return false;
	rest->p += stamp;
	rest->len -= stamp;
	return take(rest, "\",\"kind\":\"checkpoint\"");
}

static int
checkpoint_check(struct audit_verifier *v, struct slice rest, const char **why)
{
	uint8_t key[AUDIT_KEY_LEN], sig[AUDIT_SIG_LEN];
	char text[160];

	if (!take(&rest, KEY) || rest.len < 2 * sizeof key ||
	    audit_unhex((struct slice){rest.p, 2 * sizeof key}, key, sizeof key) < 0)
		return fail(why, "a checkpoint without a key");
	if (memcmp(key, v->key, sizeof key) != 0)
		return fail(why, "a checkpoint of another key");
	rest.p += 2 * sizeof key;
	rest.len -= 2 * sizeof key;
	if (!take(&rest, "\"" SIG) || rest.len < 2 * sizeof sig ||
	    audit_unhex((struct slice){rest.p, 2 * sizeof sig}, sig, sizeof sig) < 0)
		return fail(why, "a checkpoint without a signature");
	if (!audit_signed(v->key, text, signed_text(text, v->chain.n + 1, v->chain.hash), sig))
		return fail(why, "a checkpoint whose signature is wrong");
	v->checkpoints++;
	v->signed_n = v->chain.n + 1;
	return 0;
}

int
audit_verify_line(struct audit_verifier *v, struct slice line, const char **why)
{
	struct slice tail = {line.p + line.len - TAIL_LEN, TAIL_LEN}, rest = line;
	char hash[AUDIT_HASH_HEX + 1];
	uint64_t n;
	int r;

	if (line.len <= TAIL_LEN || line.len > AUDIT_LINE_MAX || take_number(&rest, &n) < 0)
		return fail(why, "not a line of an audit record");
	if (n != v->chain.n + 1)
		return fail(
		    why, n > v->chain.n ? "lines before it are missing" : "a line is there twice or out of order");
	if (!take(&tail, PREV) || memcmp(tail.p, v->chain.hash, AUDIT_HASH_HEX) != 0)
		return fail(why, "the line before it was changed");
	if (audit_digest(line.p, line.len - HASH_LEN - 1, hash) < 0)
		return fail(why, "out of memory");
	tail = (struct slice){line.p + line.len - HASH_LEN - 1, HASH_LEN + 1};
	if (!take(&tail, HASH) || memcmp(tail.p, hash, AUDIT_HASH_HEX) != 0 ||
	    memcmp(tail.p + AUDIT_HASH_HEX, "\"}", 2) != 0)
		return fail(why, "the line was changed");
	if (is_checkpoint(&rest) && (r = checkpoint_check(v, rest, why)) < 0)
		return r;
	v->chain.n = n;
	memcpy(v->chain.hash, hash, sizeof hash);
	if (v->known.n == n) {
		if (strcmp(v->known.hash, hash) != 0)
			return fail(why, "not the line that was known: the record was rolled back and written anew");
		v->known_seen = true;
	}
	return 0;
}

int
audit_verify_end(const struct audit_verifier *v, const char **why)
{
	if (v->known.n != 0 && !v->known_seen)
		return fail(why, "the known line is not there: the end was cut off");
	return 0;
}
