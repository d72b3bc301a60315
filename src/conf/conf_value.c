/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: conf_value_ conf_prefix_parse conf_ports_parse */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf_allow.h"
#include "conf_groups.h"
#include "conf_value.h"

#define CHOICES_MAX 12 /* of more, only the first are named */
#define CHOICES_SHOWN 5

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits first, then also what extra names. */
static bool
is_name(struct slice s, size_t max, const char *extra)
{
	if (s.len == 0 || s.len > max || !is_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(extra, s.p[i]) == NULL))
			return false;
	return true;
}

static bool
number_ok(const struct conf_schema *row, struct slice s)
{
	uint64_t v;

	return slice_u64(s, row->max, &v) == 0 && v >= row->min;
}

static bool
nothing_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	(void)s;
	return false;
}

static bool
login_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	return is_name(s, CONF_LOGIN_MAX, "-_.@+"); /* lea1@example.net, as name services with realms have them */
}

static bool
name_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	return is_name(s, CONF_NAME_MAX, "-_.");
}

/* What the kernel's dev_valid_name accepts, but for control characters, which the lexer stops, and for a bracket alone,
 * which in a line of set is the beginning or end of a list whether or not it has quotation marks. */
static bool
device_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	if (s.len == 0 || s.len > CONF_DEVICE_MAX || slice_eq(s, ".") || slice_eq(s, "..") || slice_eq(s, "[") ||
	    slice_eq(s, "]"))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '/' || s.p[i] == ':' || s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r')
			return false;
	return true;
}

static bool
junos_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	return is_name(s, CONF_NAME_MAX, "-/.:");
}

static bool
address_ok(const struct conf_schema *row, struct slice s)
{
	static const uint8_t zero[16];
	struct ip_addr a;

	(void)row;
	if (ip_parse(s, &a) < 0 || memcmp(a.b, zero, sizeof zero) == 0)
		return false;
	return a.family == 4 ? a.b[0] < 224 && a.b[0] != 0 : a.b[0] != 0xff;
}

int
conf_prefix_parse(struct slice s, struct ip_addr *addr, uint8_t *len)
{
	const char *slash = s.len ? memchr(s.p, '/', s.len) : NULL;
	struct slice bits;
	uint64_t n;

	if (slash == NULL || ip_parse((struct slice){s.p, (size_t)(slash - s.p)}, addr) < 0)
		return -EINVAL;
	bits = (struct slice){slash + 1, s.len - (size_t)(slash - s.p) - 1};
	if (slice_u64(bits, ip_bits(addr), &n) < 0)
		return -EINVAL;
	*len = (uint8_t)n;
	*addr = ip_first(addr, *len);
	return 0;
}

int
conf_ports_parse(struct slice s, uint16_t *lo, uint16_t *hi)
{
	const char *dash = s.len ? memchr(s.p, '-', s.len) : NULL;
	struct slice a = {s.p, dash ? (size_t)(dash - s.p) : s.len}, b = a;
	uint64_t from, to;

	if (dash)
		b = (struct slice){dash + 1, s.len - a.len - 1};
	if (slice_u64(a, UINT16_MAX, &from) < 0 || slice_u64(b, UINT16_MAX, &to) < 0 || from == 0 || from > to)
		return -EINVAL;
	*lo = (uint16_t)from;
	*hi = (uint16_t)to;
	return 0;
}

static bool
prefix_ok(const struct conf_schema *row, struct slice s)
{
	struct ip_addr a;
	uint8_t len;

	(void)row;
	return conf_prefix_parse(s, &a, &len) == 0;
}

static bool
ports_ok(const struct conf_schema *row, struct slice s)
{
	uint16_t lo, hi;

	(void)row;
	return conf_ports_parse(s, &lo, &hi) == 0;
}

/* Absolute, and the only way to spell it: no //, no /./, no /../, no / at the end. */
static bool
path_ok(const struct conf_schema *row, struct slice s)
{
	struct slice part = {s.p + 1, 0};

	if (s.len < 2 || s.len > row->max || s.p[0] != '/')
		return false;
	for (size_t i = 1; i <= s.len; i++) {
		if (i < s.len && s.p[i] != '/') {
			part.len++;
			continue;
		}
		if (part.len == 0 || slice_eq(part, ".") || slice_eq(part, ".."))
			return false;
		part = (struct slice){s.p + i + 1, 0};
	}
	return true;
}

/* One field of shadow(5). */
/* "$6$salt$...", the 13 characters of old, or what no password has; the password itself is none of them. */
static bool
hash_ok(const struct conf_schema *row, struct slice s)
{
	const char *second = s.len > 2 ? memchr(s.p + 1, '$', s.len - 1) : NULL;
	bool old = s.len == 13;

	(void)row;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ':')
			return false;
		else if (!is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '/')
			old = false;
	if (s.len && (*s.p == '*' || *s.p == '!'))
		return true;
	return old || (s.len && *s.p == '$' && second && second > s.p + 1 && second + 1 < s.p + s.len);
}

/* "ssh-ed25519 AAAA... comment": a line that begins otherwise could be more than a key. */
static bool
key_ok(const struct conf_schema *row, struct slice s)
{
	const bool curve = strcmp(row->name, "ssh-ecdsa") == 0;
	const char *type = curve ? "ecdsa-sha2-nistp" : row->name;
	size_t n = strlen(type), blob = 0;

	if (s.len < n || memcmp(s.p, type, n) != 0)
		return false;
	while (curve && n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	if (n == s.len || s.p[n++] != ' ')
		return false;
	for (; n < s.len && s.p[n] != ' '; n++, blob++)
		if (!is_alnum(s.p[n]) && s.p[n] != '+' && s.p[n] != '/' && s.p[n] != '=')
			return false;
	for (; n < s.len; n++)
		if ((unsigned char)s.p[n] < ' ' || s.p[n] == 0x7f)
			return false;
	return blob > 0;
}

static bool
regex_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	return conf_allow_regex_ok(s);
}

/* One field of passwd(5), in which usermod(8) does not take what divides it. */
static bool
gecos_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || strchr(":,=", s.p[i]))
			return false;
	return s.len > 0 && s.len <= CONF_GECOS_MAX;
}

static bool
text_ok(const struct conf_schema *row, struct slice s)
{
	(void)row;
	return s.len > 0;
}

static const struct {
	const char *label, *text;
	bool quoted;
	bool (*ok)(const struct conf_schema *row, struct slice s);
} types[] = {
    [CONF_NONE] = {NULL, "nothing", false, nothing_ok},
    [CONF_NUMBER] = {"number", "a number", false, number_ok},
    [CONF_CHOICE] = {NULL, NULL, false, nothing_ok},
    [CONF_LOGIN] = {"name", "a name of at most 31 letters, digits, - _ . @ +", false, login_ok},
    [CONF_NAME] = {"name", "a name of at most 63 letters, digits, - _ .", false, name_ok},
    [CONF_DEVICE] = {"interface", "the name of a Linux interface", false, device_ok},
    [CONF_JUNOS] = {"interface", "the name of a Junos interface", false, junos_ok},
    [CONF_ADDRESS] = {"address", "a unicast IPv4 or IPv6 address", false, address_ok},
    [CONF_PREFIX] = {"prefix", "an IPv4 or IPv6 prefix, as 192.0.2.0/24", false, prefix_ok},
    [CONF_PORTS] = {"ports", "a port or a range of ports, as 7000-7999", false, ports_ok},
    [CONF_PATH] = {"path", "an absolute path", true, path_ok},
    [CONF_HASH] = {"hash", "a hash of the password, as \"openssl passwd -6\" prints it, or *", true, hash_ok},
    [CONF_KEY] = {"key", "a public key of that type, as one line of authorized_keys without options", true, key_ok},
    [CONF_REGEX] = {"expression", "a regular expression (POSIX extended) of at most 512 octets", true, regex_ok},
    [CONF_GECOS] = {"name", "a name of at most 100 octets without : , =", true, gecos_ok},
    [CONF_TEXT] = {"text", "a text in quotation marks", true, text_ok},
};

static const struct conf_choice *
choice_find(const struct conf_choice *c, struct slice s)
{
	while (c && c->word && !slice_eq(s, c->word))
		c++;
	return c && c->word ? c : NULL;
}

bool
conf_value_ok(const struct conf_schema *row, struct slice s)
{
	if (row->kind == CONF_LIST && conf_schema_is_grouped(row) && conf_groups_is_pattern(s))
		return true;
	return choice_find(row->choice, s) || types[row->type].ok(row, s);
}

bool
conf_value_is_hidden(const struct conf_schema *row, struct slice s, uint32_t hidden)
{
	const struct conf_choice *c = choice_find(row->choice, s);

	return c && (c->see & hidden);
}

struct slice
conf_value_canonical(const struct conf_schema *row, struct slice s, char buf[static CONF_CANONICAL_MAX])
{
	struct ip_addr a;
	uint8_t bits;

	if (row->type == CONF_PREFIX && conf_prefix_parse(s, &a, &bits) == 0) {
		ip_format(&a, buf);
		snprintf(buf + strlen(buf), CONF_CANONICAL_MAX - strlen(buf), "/%u", bits);
		return (struct slice){buf, strlen(buf)};
	}
	while (row->type == CONF_NUMBER && s.len > 1 && s.p[0] == '0')
		s = (struct slice){s.p + 1, s.len - 1};
	if (row->type != CONF_ADDRESS || ip_parse(s, &a) < 0)
		return s;
	ip_format(&a, buf);
	return (struct slice){buf, strlen(buf)};
}

static void
choices_describe(const struct conf_choice *c, uint32_t hidden, bool more, struct buf *out)
{
	size_t n = 0, i = 0, shown;

	for (size_t k = 0; c[k].word; k++)
		n += !(c[k].see & hidden);
	shown = n > CHOICES_MAX ? CHOICES_SHOWN : n;
	more |= shown < n;
	for (; i < shown; c++)
		if (!(c->see & hidden)) {
			buf_printf(out, "%s%s", i == 0 ? "" : i + 1 < shown || more ? ", " : " or ", c->word);
			i++;
		}
	if (shown < n)
		buf_printf(out, " or one of %zu others", n - shown);
}

void
conf_value_describe(const struct conf_schema *row, struct buf *out)
{
	conf_value_describe_known(row, 0, out);
}

void
conf_value_describe_known(const struct conf_schema *row, uint32_t hidden, struct buf *out)
{
	const char *text = types[row->type].text;

	if (row->choice)
		choices_describe(row->choice, hidden, text != NULL, out);
	if (text)
		buf_printf(out, "%s%s", row->choice ? " or " : "", text);
	if (row->type == CONF_NUMBER)
		buf_printf(out, " from %" PRIu64 " to %" PRIu64, row->min, row->max);
	if (row->type == CONF_PATH)
		buf_printf(out, " of at most %" PRIu64 " bytes, without . or ..", row->max);
}

const char *
conf_value_label(enum conf_type type)
{
	return types[type].label;
}

bool
conf_value_is_quoted(enum conf_type type)
{
	return types[type].quoted;
}

void
conf_value_store(const struct conf_schema *row, const char *s, struct conf *c)
{
	void *to = (char *)c + row->offset;
	uint64_t v = 0;

	if (row->type == CONF_PATH) {
		memset(to, 0, row->size);
		memcpy(to, s, strlen(s));
		return;
	}
	if (row->kind == CONF_CONTAINER) {
		*(bool *)to = true;
		return;
	}
	if (row->type == CONF_ADDRESS) {
		(void)ip_parse((struct slice){s, strlen(s)}, to);
		return;
	}
	if (row->type == CONF_NUMBER)
		(void)slice_u64((struct slice){s, strlen(s)}, row->max, &v);
	else
		v = (uint64_t)(choice_find(row->choice, (struct slice){s, strlen(s)}) - row->choice);
	if (row->size == sizeof(uint16_t))
		*(uint16_t *)to = (uint16_t)v;
	else
		*(uint32_t *)to = (uint32_t)v;
}
