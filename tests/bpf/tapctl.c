/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tapctl - the kernel side under a test's control, without daemon or DTCP.
 *
 * Reads commands from standard input, one a line, and answers each with one line
 * of JSON: {"ok": true, ...} or {"ok": false, "error": "..."}.
 *
 *   load [tcx|clsact] [max=N] [agencies=N] [ssh=PORT]   loads and attaches the stage
 *   attach IFACE | detach IFACE        a tapped interface
 *   put UID from=ADDR,PORT to=ADDR,PORT[,TTL] [...] [agency=N] [LIFE] [Source-Address=... ...]
 *   delete UID
 *   life UID LIFE                      LIFE: start=NS end=NS idle=NS packets=N bytes=N, some of them
 *   ended                              what has ended and was not told yet
 *   budget AGENCY PACKETS BYTES MS     a second, and the burst
 *   agency N                           its account
 *   ports                              looks at the interfaces that copies leave by: how many, and directly
 *   stats | counts UID | sweep | unload
 *
 * Usage: tapctl RUN_DIR
 */
#include <errno.h>
#include <err.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "kern.h"
#include "tapset.h"

#define CHILD_FD 200 /* where a dataplane would find its descriptors */
#define WORDS_MAX 32

struct ctl {
	const char *run_dir;
	struct kern *parent, *child;
	struct tapset_tables tables;
	struct tapset *set;
};

static const char *const counter_names[TAP_C_MAX] = {
    [TAP_C_MATCHED] = "matched",
    [TAP_C_COPIES_DUE] = "due",
    [TAP_C_HANDED] = "handed",
    [TAP_C_ARRIVED] = "arrived",
    [TAP_C_COPIES_SENT] = "sent",
    [TAP_C_LOST_BUDGET] = "lost_budget",
    [TAP_C_LOST_GRANT] = "lost_grant",
    [TAP_C_LOST_LIMIT] = "lost_limit",
    [TAP_C_LOST_ENCAP] = "lost_encap",
    [TAP_C_LOST_ENCAP_GSO] = "lost_encap_gso",
    [TAP_C_LOST_GONE_OUT] = "lost_gone_out",
    [TAP_C_LOST_TOO_BIG] = "lost_too_big",
    [TAP_C_LOST_NO_ROUTE] = "lost_no_route",
    [TAP_C_LOST_NO_NEIGHBOUR] = "lost_no_neighbour",
    [TAP_C_LOST_FRAGMENT] = "lost_fragment",
    [TAP_C_LOST_TX] = "lost_tx",
    [TAP_C_INFO_OWN_COPY] = "own_copy",
    [TAP_C_INFO_OWN_SSH] = "own_ssh",
    [TAP_C_INFO_EXT_LIMIT] = "ext_limit",
    [TAP_C_INFO_CHAIN_LIMIT] = "chain_limit",
    [TAP_C_INFO_FRAG_UNKNOWN] = "frag_unknown",
    [TAP_C_INFO_FRAGMENTED] = "fragmented",
    [TAP_C_INFO_NEIGH_PENDING] = "neigh_pending",
};

static int
number(const char *s, uint64_t max, uint64_t *out)
{
	return slice_u64(slice_of(s), max, out);
}

/* ---- load ---- */

static int
child_start(struct ctl *c)
{
	int fds[KERN_FDS_MAX];
	int n = kern_fds(c->parent, fds), r;

	for (int i = 0; i < n; i++)
		if (dup2(fds[i], CHILD_FD + i) < 0)
			return -errno;
	if ((r = kern_child_open(c->run_dir, CHILD_FD, &c->child)) < 0 || (r = kern_tables(c->child, &c->tables)) < 0 ||
	    (r = tapset_new(&c->tables, &c->set)) < 0)
		return r;
	return tapset_recover(c->set, clock_boot_ns());
}

static int
cmd_load(struct ctl *c, char **word, json_t *out)
{
	struct kern_opts o = {.run_dir = c->run_dir, .max_criteria = 1024, .ssh_port = 32001};
	uint64_t v;
	int r = 0;

	for (; *word && r == 0; word++) {
		if (strcmp(*word, "clsact") == 0)
			o.force_clsact = true;
		else if (strcmp(*word, "tcx") == 0)
			o.force_tcx = true;
		else if (strncmp(*word, "max=", 4) == 0 && (r = number(*word + 4, 1u << 22, &v)) == 0)
			o.max_criteria = (uint32_t)v;
		else if (strncmp(*word, "agencies=", 9) == 0 && (r = number(*word + 9, 1u << 20, &v)) == 0)
			o.max_agencies = (uint32_t)v;
		else if (strncmp(*word, "ssh=", 4) == 0 && (r = number(*word + 4, 65535, &v)) == 0)
			o.ssh_port = (uint16_t)v;
		else
			r = -EINVAL;
	}
	if (r < 0 || c->parent)
		return r < 0 ? r : -EALREADY;
	if ((r = kern_load(&o, &c->parent)) < 0 || (r = child_start(c)) < 0)
		return r;
	return json_object_set_new(out, "attach", json_string(kern_attach_name(c->child)));
}

static int
cmd_unload(struct ctl *c, char **word, json_t *out)
{
	(void)word;
	(void)out;
	tapset_free(TAKE_PTR(c->set));
	kern_free(TAKE_PTR(c->child));
	kern_free(TAKE_PTR(c->parent));
	return kern_unload(c->run_dir);
}

static int
cmd_attach(struct ctl *c, char **word, json_t *out)
{
	(void)out;
	return word[0] ? kern_attach(c->child, (int)if_nametoindex(word[0]), word[0]) : -EINVAL;
}

static int
cmd_detach(struct ctl *c, char **word, json_t *out)
{
	(void)out;
	return word[0] ? kern_detach(c->child, (int)if_nametoindex(word[0]), word[0]) : -EINVAL;
}

static int
cmd_sweep(struct ctl *c, char **word, json_t *out)
{
	int r = kern_sweep(c->child);

	(void)word;
	return r < 0 ? r : json_object_set_new(out, "removed", json_integer(r));
}

static void
port_count(void *arg, int ifindex, bool direct)
{
	int *n = arg;

	(void)ifindex;
	n[direct]++;
}

static int
cmd_ports(struct ctl *c, char **word, json_t *out)
{
	int n[2] = {0}, r = kern_ports_look(c->child);

	(void)word;
	if (r < 0 || (r = kern_ports_each(c->child, port_count, n)) < 0)
		return r;
	json_object_set_new(out, "staged", json_integer(n[0]));
	return json_object_set_new(out, "direct", json_integer(n[1]));
}

/* ---- criteria ---- */

/* In the order of enum tapset_life_bit. */
static const struct {
	const char *name;
	size_t at;
} life_words[] = {
    {"start", offsetof(struct tapset_life, start_ns)},
    {"end", offsetof(struct tapset_life, end_ns)},
    {"idle", offsetof(struct tapset_life, idle_ns)},
    {"packets", offsetof(struct tapset_life, packets)},
    {"bytes", offsetof(struct tapset_life, bytes)},
};

/* Its bit; 0: no part of a life; -errno. */
static int
life_word(struct tapset_life *l, const char *word, const char *value)
{
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(life_words); i++) {
		if (strcmp(word, life_words[i].name) != 0)
			continue;
		if (number(value, UINT64_MAX, &v) < 0)
			return -EINVAL;
		*(uint64_t *)((char *)l + life_words[i].at) = v;
		return 1 << i;
	}
	return 0;
}

/* "ADDR,PORT[,TTL]" */
static int
endpoint(char *text, struct ip_addr *addr, uint16_t *port, uint8_t *ttl)
{
	char *a = strsep(&text, ","), *p = strsep(&text, ","), *t = strsep(&text, ",");
	uint64_t v = 64, n;
	int r;

	if (p == NULL)
		return -EINVAL;
	if ((r = ip_parse(slice_of(a), addr)) < 0 || (r = number(p, 65535, &n)) < 0 ||
	    (t && (r = number(t, 255, &v)) < 0))
		return r;
	*port = (uint16_t)n;
	*ttl = (uint8_t)v;
	return 0;
}

struct put {
	struct criteria crit;
	struct tapset_dest dest[TAP_DESTS_PER_CRIT], from;
	unsigned ndest;
	struct tapset_want want;
};

static int
put_word(struct put *p, char *word)
{
	char *value = strchr(word, '=');
	uint64_t v;
	uint8_t ttl;
	int r;

	if (value == NULL)
		return -EINVAL;
	*value++ = '\0';
	if ((r = life_word(&p->want.life, word, value)) != 0)
		return r < 0 ? r : 0;
	if (strcmp(word, "agency") == 0) {
		if ((r = number(value, UINT32_MAX, &v)) == 0)
			p->want.agency = (uint32_t)v;
		return r;
	}
	if (strcmp(word, "from") == 0)
		return endpoint(value, &p->from.src, &p->from.sport, &ttl);
	if (strcmp(word, "to") == 0) {
		if (p->ndest >= TAP_DESTS_PER_CRIT)
			return -E2BIG;
		struct tapset_dest *d = &p->dest[p->ndest++];
		return endpoint(value, &d->dst, &d->dport, &d->ttl);
	}
	for (int f = 0; f < CRIT_FIELDS; f++)
		if (strcmp(word, criteria_field_name((enum criteria_field)f)) == 0)
			return criteria_parse(&p->crit, (enum criteria_field)f, slice_of(value), NULL);
	return -EINVAL;
}

static int
put_apply(struct ctl *c, uint64_t uid, struct put *p)
{
	struct tap_filter f = {0};
	int r;

	for (unsigned i = 0; i < p->ndest; i++) {
		p->dest[i].src = p->from.src;
		p->dest[i].sport = p->from.sport;
	}
	if ((r = filter_compile(&p->crit, &f)) < 0)
		return r;
	p->want.filter = &f;
	p->want.dest = p->dest;
	p->want.ndest = p->ndest;
	r = tapset_put(c->set, uid, &p->want, clock_boot_ns());
	filter_free(&f);
	return r;
}

static int
cmd_put(struct ctl *c, char **word, json_t *out)
{
	struct put p = {.want.agency = 1};
	uint64_t uid;
	int r = word[0] ? number(word[0], UINT64_MAX, &uid) : -EINVAL;

	(void)out;
	for (word++; r == 0 && *word; word++)
		r = put_word(&p, *word);
	if (r == 0)
		r = put_apply(c, uid, &p);
	criteria_free(&p.crit);
	return r;
}

static int
cmd_delete(struct ctl *c, char **word, json_t *out)
{
	uint64_t uid;
	int r = word[0] ? number(word[0], UINT64_MAX, &uid) : -EINVAL;

	(void)out;
	return r < 0 ? r : tapset_remove(c->set, uid, clock_boot_ns());
}

static int
cmd_life(struct ctl *c, char **word, json_t *out)
{
	struct tapset_life life = {0};
	unsigned which = 0;
	uint64_t uid;
	int r = word[0] ? number(word[0], UINT64_MAX, &uid) : -EINVAL;

	(void)out;
	for (word++; r >= 0 && *word; word++) {
		char *value = strchr(*word, '=');

		if (value == NULL)
			return -EINVAL;
		*value++ = '\0';
		r = life_word(&life, *word, value);
		which |= (unsigned)r;
	}
	return r < 0 ? r : tapset_life_set(c->set, uid, which, &life, clock_boot_ns());
}

static int
cmd_ended(struct ctl *c, char **word, json_t *out)
{
	static const char *const reasons[] = {"", "time", "idle", "packets", "bytes"};
	uint64_t now_ns = clock_boot_ns();
	struct tapset_ended e;

	(void)word;
	tapset_tick(c->set, now_ns);
	while (tapset_ended(c->set, now_ns, &e)) {
		char uid[24];

		snprintf(uid, sizeof uid, "%llu", (unsigned long long)e.uid);
		json_object_set_new(out, uid, json_string(reasons[e.reason]));
	}
	return 0;
}

static int
cmd_budget(struct ctl *c, char **word, json_t *out)
{
	uint64_t v[4];

	(void)out;
	for (int i = 0; i < 4; i++)
		if (word[i] == NULL || number(word[i], i % 3 ? UINT64_MAX : UINT32_MAX, &v[i]) < 0)
			return -EINVAL;
	return tapset_budget_set(c->set, (uint32_t)v[0],
	    &(struct tapset_budget){.packets_per_s = v[1], .bytes_per_s = v[2], .burst_ms = (uint32_t)v[3]});
}

static int
cmd_agency(struct ctl *c, char **word, json_t *out)
{
	struct tapset_agency_count n;
	uint64_t agency;
	int r = word[0] ? number(word[0], UINT32_MAX, &agency) : -EINVAL;

	if (r < 0 || (r = tapset_agency_counts(c->set, (uint32_t)agency, &n)) < 0)
		return r;
	json_object_set_new(out, "matched", json_integer((json_int_t)n.matched));
	json_object_set_new(out, "due", json_integer((json_int_t)n.due));
	json_object_set_new(out, "sent", json_integer((json_int_t)n.sent));
	json_object_set_new(out, "lost_budget", json_integer((json_int_t)n.lost_budget));
	json_object_set_new(out, "lost_other", json_integer((json_int_t)n.lost_other));
	return 0;
}

static int
cmd_counts(struct ctl *c, char **word, json_t *out)
{
	struct tap_count n;
	uint64_t uid;
	int r = word[0] ? number(word[0], UINT64_MAX, &uid) : -EINVAL;

	if (r < 0 || (r = tapset_counts(c->set, uid, &n)) < 0)
		return r;
	json_object_set_new(out, "packets", json_integer((json_int_t)n.packets));
	json_object_set_new(out, "bytes", json_integer((json_int_t)n.bytes));
	json_object_set_new(out, "due", json_integer((json_int_t)n.copies_due));
	json_object_set_new(out, "sent", json_integer((json_int_t)n.copies_sent));
	return 0;
}

static int
cmd_stats(struct ctl *c, char **word, json_t *out)
{
	uint64_t v[TAP_C_MAX];
	int r = kern_stats(c->child, v);

	(void)word;
	for (int i = 0; i < TAP_C_MAX && r == 0; i++)
		r = json_object_set_new(out, counter_names[i], json_integer((json_int_t)v[i]));
	return r;
}

static const struct {
	const char *name;
	int (*run)(struct ctl *c, char **word, json_t *out);
	bool before_load;
} commands[] = {
    {"load", cmd_load, true},
    {"unload", cmd_unload, true},
    {"attach", cmd_attach, false},
    {"detach", cmd_detach, false},
    {"put", cmd_put, false},
    {"delete", cmd_delete, false},
    {"life", cmd_life, false},
    {"ended", cmd_ended, false},
    {"budget", cmd_budget, false},
    {"agency", cmd_agency, false},
    {"counts", cmd_counts, false},
    {"stats", cmd_stats, false},
    {"sweep", cmd_sweep, false},
    {"ports", cmd_ports, false},
};

static int
run_line(struct ctl *c, char *line, json_t *out)
{
	char *word[WORDS_MAX + 1] = {0};
	int n = 0;

	for (char *w; n < WORDS_MAX && (w = strsep(&line, " \n")) != NULL;)
		if (*w)
			word[n++] = w;
	for (size_t i = 0; n > 0 && i < ARRAY_LEN(commands); i++)
		if (strcmp(word[0], commands[i].name) == 0)
			return c->child || commands[i].before_load ? commands[i].run(c, word + 1, out) : -ENXIO;
	return -EINVAL;
}

int
main(int argc, char **argv)
{
	struct ctl c = {.run_dir = argv[1]};
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (argc != 2)
		errx(2, "usage: tapctl RUN_DIR");
	while (getline(&line, &size, stdin) > 0) {
		json_t *out = json_object();
		int r = run_line(&c, line, out);

		json_object_set_new(out, "ok", json_boolean(r == 0));
		if (r != 0)
			json_object_set_new(out, "error", json_string(strerror(-r)));
		json_dumpf(out, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(out);
	}
	return 0;
}
