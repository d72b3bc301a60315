/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_tap - the kernel side of the product, filled by the hundred thousand:
 * its programs, its tables and the code that the dataplane puts criteria in with,
 * but no daemon and no DTCP.
 *
 *   load [max=N] [dests=N]   loads and attaches the stage
 *   attach IFACE | detach IFACE
 *   fill mix=MIX n=N [family=4|6|46] [space=SPACE] [copies=N] [dests=N] [first=UID] from=ADDR to=ADDR
 *                            copies: criteria for each target.  Times tapset_put alone.
 *   host addr=ADDR [first=UID] [copies=N] from=ADDR to=ADDR      what goes to one address
 *   requests file=PATH [as fill]   writes the same criteria as DTCP requests; needs no load
 *   remove n=N [first=UID]   times tapset_remove
 *   ports                       looks at the interfaces that copies leave by
 *   tick | stats | usage | memory | unload
 *
 * Usage: bench_tap RUN_DIR
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "kern.h"
#include "line.h"
#include "mix.h"
#include "spec.h"
#include "tapset.h"

#define CHILD_FD 200 /* where a dataplane would find its descriptors */
#define CHUNK 4096   /* criteria that are made, then put */
#define PORT_FIRST 7001
#define IDS_MAX 64

struct tap {
	const char *run_dir;
	struct kern *parent, *child;
	struct tapset_tables tables;
	struct tapset *set;
};

static int
child_start(struct tap *t)
{
	int fds[KERN_FDS_MAX];
	int n = kern_fds(t->parent, fds), r;

	for (int i = 0; i < n; i++)
		if (dup2(fds[i], CHILD_FD + i) < 0)
			return -errno;
	if ((r = kern_child_open(t->run_dir, CHILD_FD, &t->child)) < 0 || (r = kern_tables(t->child, &t->tables)) < 0 ||
	    (r = tapset_new(&t->tables, &t->set)) < 0)
		return r;
	return tapset_recover(t->set, clock_boot_ns());
}

static int
cmd_load(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;
	struct kern_opts o = {.run_dir = t->run_dir, .max_criteria = 131072, .ssh_port = 32001};
	int r;

	if (t->parent)
		return -EALREADY;
	if ((r = line_number32(word, "max", 1u << 22, &o.max_criteria)) < 0 || (r = kern_load(&o, &t->parent)) < 0 ||
	    (r = child_start(t)) < 0)
		return r;
	json_object_set_new(out, "attach", json_string(kern_attach_name(t->child)));
	return 0;
}

static int
cmd_unload(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;

	(void)word;
	(void)out;
	tapset_free(TAKE_PTR(t->set));
	kern_free(TAKE_PTR(t->child));
	kern_free(TAKE_PTR(t->parent));
	return kern_unload(t->run_dir);
}

static int
cmd_attach(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;

	(void)out;
	return t->child && word[0] ? kern_attach(t->child, (int)if_nametoindex(word[0]), word[0]) : -EINVAL;
}

static int
cmd_detach(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;

	(void)out;
	return t->child && word[0] ? kern_detach(t->child, (int)if_nametoindex(word[0]), word[0]) : -EINVAL;
}

/* ---- filling ---- */

struct fill {
	struct mix mix;
	struct tapset_dest dest;
	uint32_t n, copies, dests;
	uint64_t first;
};

static int
fill_addr(char **word, const char *key, struct ip_addr *a)
{
	const char *text = line_text(word, key);

	return text ? ip_parse((struct slice){text, strlen(text)}, a) : -EINVAL;
}

static int
fill_parse(char **word, struct fill *f)
{
	const char *name = line_text(word, "mix");
	uint32_t family = 4;
	int r;

	*f = (struct fill){.copies = 1, .dests = 1, .first = 1, .dest = {.sport = 49153, .ttl = 64}};
	spec_parse("10.0.0.0/8,1048576", SPACE_TARGETS, &f->mix.space);
	if ((r = mix_find(name ? name : "hosts", &f->mix)) < 0 || (r = line_number32(word, "n", 1u << 22, &f->n)) < 0 ||
	    (r = line_number32(word, "family", 46, &family)) < 0 ||
	    (r = line_number32(word, "copies", 64, &f->copies)) < 0 ||
	    (r = line_number32(word, "dests", 1u << 20, &f->dests)) < 0 ||
	    (r = line_number(word, "first", UINT64_MAX, &f->first)) < 0 ||
	    (r = spec_parse(line_text(word, "space"), SPACE_TARGETS, &f->mix.space)) < 0 ||
	    (r = fill_addr(word, "from", &f->dest.src)) < 0 || (r = fill_addr(word, "to", &f->dest.dst)) < 0)
		return r;
	f->mix.v4 = family != 6;
	f->mix.v6 = family != 4;
	return f->copies > 0 && f->dests > 0 ? 0 : -EINVAL;
}

/* The i-th criterion's destination: ports differ, then addresses. */
static struct tapset_dest
fill_dest(const struct fill *f, uint32_t i)
{
	uint32_t d = f->copies > 1 ? i % f->copies : i % f->dests;
	struct tapset_dest out = f->dest;

	out.dport = (uint16_t)(PORT_FIRST + d % 32768);
	out.sport = (uint16_t)(out.sport + d / 32768);
	return out;
}

/* Made first, then put: what is timed is only the putting. */
static int
fill_chunk(struct tap *t, const struct fill *f, uint32_t from, uint32_t n, uint64_t *ns)
{
	static struct tap_filter filter[CHUNK];
	uint64_t start;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		if ((r = mix_filter(&f->mix, (from + i) / f->copies, &filter[i])) < 0)
			return r;
	start = clock_mono_ns();
	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct tapset_dest dest = fill_dest(f, from + i);
		const struct tapset_want want = {.filter = &filter[i], .dest = &dest, .ndest = 1, .agency = 1};

		r = tapset_put(t->set, f->first + from + i, &want, clock_boot_ns());
	}
	*ns += clock_mono_ns() - start;
	for (uint32_t i = 0; i < n; i++)
		filter_free(&filter[i]);
	return r;
}

static int
cmd_fill(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;
	struct fill f;
	uint64_t ns = 0;
	int r = t->set ? fill_parse(word, &f) : -ENXIO;

	if (r < 0)
		return r;
	for (uint32_t done = 0; done < f.n && r == 0; done += CHUNK)
		r = fill_chunk(t, &f, done, f.n - done < CHUNK ? f.n - done : CHUNK, &ns);
	tapset_tick(t->set, clock_boot_ns());
	line_put(out, "ns", ns);
	return r;
}

static int
requests_write(FILE *file, const struct fill *f)
{
	char src[IP_STRLEN], dst[IP_STRLEN];
	int r = 0;

	ip_format(&f->dest.src, src);
	ip_format(&f->dest.dst, dst);
	for (uint32_t i = 0; i < f->n && r >= 0; i++) {
		struct tapset_dest d = fill_dest(f, i);
		struct mix_words w;

		mix_words(&f->mix, i / f->copies, &w);
		r = fprintf(file,
		    "ADD DTCP/0.7\r\nCsource-ID: lea1\r\nCdest-ID: cd%u\r\nSource-Address: %s\r\n"
		    "Dest-Address: %s\r\nProtocol: %s\r\nSource-Port: *\r\nDest-Port: %s\r\nPriority: 2\r\n"
		    "X-JTap-Cdest-Dest-Address: %s\r\nX-JTap-Cdest-Dest-Port: %u\r\n"
		    "X-JTap-Cdest-Source-Address: %s\r\nX-JTap-Cdest-Source-Port: %u\r\n"
		    "X-JTap-Cdest-TTL: 64\r\nFlags: STATIC\r\n\r\n",
		    i % f->dests, w.src, w.dst, w.proto, w.dports, dst, d.dport, src, d.sport);
	}
	return r < 0 ? -EIO : 0;
}

static int
cmd_requests(void *ctx, char **word, json_t *out)
{
	const char *path = line_text(word, "file");
	struct fill f;
	FILE *file;
	int r = path ? fill_parse(word, &f) : -EINVAL;

	(void)ctx;
	(void)out;
	if (r < 0)
		return r;
	if ((file = fopen(path, "we")) == NULL)
		return -errno;
	r = requests_write(file, &f);
	return fclose(file) != 0 && r == 0 ? -errno : r;
}

static int
cmd_host(void *ctx, char **word, json_t *out)
{
	const char *addr = line_text(word, "addr");
	struct tap *t = ctx;
	struct criteria c = {0};
	struct tap_filter filter = {0};
	struct fill f;
	int r = t->set && addr ? fill_parse(word, &f) : -ENXIO;

	(void)out;
	if (r == 0 && (r = criteria_parse(&c, CRIT_DEST_ADDRESS, (struct slice){addr, strlen(addr)}, NULL)) == 0)
		r = filter_compile(&c, &filter);
	for (uint32_t i = 0; r == 0 && i < f.copies; i++) {
		struct tapset_dest dest = fill_dest(&f, i);
		const struct tapset_want want = {.filter = &filter, .dest = &dest, .ndest = 1, .agency = 1};

		r = tapset_put(t->set, f.first + i, &want, clock_boot_ns());
	}
	filter_free(&filter);
	criteria_free(&c);
	return r;
}

static int
cmd_remove(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;
	uint64_t n = 0, first = 1, start = clock_mono_ns();
	int r = line_number(word, "n", 1u << 22, &n);

	if (t->set == NULL || r < 0 || (r = line_number(word, "first", UINT64_MAX, &first)) < 0)
		return r < 0 ? r : -ENXIO;
	for (uint64_t i = 0; i < n && r == 0; i++)
		r = tapset_remove(t->set, first + i, clock_boot_ns());
	line_put(out, "ns", clock_mono_ns() - start);
	return r;
}

static void
port_count(void *arg, int ifindex, bool direct)
{
	int *n = arg;

	(void)ifindex;
	n[direct]++;
}

static int
cmd_ports(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;
	int n[2] = {0}, r;

	(void)word;
	if (t->set == NULL)
		return -ENXIO;
	if ((r = kern_ports_look(t->child)) < 0 || (r = kern_ports_each(t->child, port_count, n)) < 0)
		return r;
	json_object_set_new(out, "staged", json_integer(n[0]));
	return json_object_set_new(out, "direct", json_integer(n[1]));
}

static int
cmd_tick(void *ctx, char **word, json_t *out)
{
	struct tap *t = ctx;

	(void)word;
	(void)out;
	if (t->set == NULL)
		return -ENXIO;
	tapset_tick(t->set, clock_boot_ns());
	return 0;
}

/* ---- what is there ---- */

/* queue: what the stage device lost.  due = sent + lost + queue. */
static int
cmd_stats(void *ctx, char **word, json_t *out)
{
	const struct tap *t = ctx;
	uint64_t v[TAP_C_MAX], lost = 0, before = 0;
	int r = t->child ? kern_stats(t->child, v) : -ENXIO;

	(void)word;
	if (r < 0)
		return r;
	for (int i = TAP_C_LOST_BUDGET; i <= TAP_C_LOST_TX; i++)
		lost += v[i];
	before = v[TAP_C_LOST_ENCAP] + v[TAP_C_LOST_ENCAP_GSO] + v[TAP_C_LOST_GONE_OUT] + v[TAP_C_LOST_TOO_BIG];
	line_put(out, "matched", v[TAP_C_MATCHED]);
	line_put(out, "due", v[TAP_C_COPIES_DUE]);
	line_put(out, "sent", v[TAP_C_COPIES_SENT]);
	line_put(out, "lost", lost);
	line_put(out, "queue", v[TAP_C_HANDED] - v[TAP_C_ARRIVED] - before);
	return 0;
}

static int
cmd_usage(void *ctx, char **word, json_t *out)
{
	const struct tap *t = ctx;
	struct tapset_usage u;

	(void)word;
	if (t->set == NULL)
		return -ENXIO;
	tapset_usage(t->set, &u);
	line_put(out, "criteria", u.crits);
	line_put(out, "terms", u.terms4 + u.terms6);
	line_put(out, "masks", u.masks4 + u.masks6);
	line_put(out, "destinations", u.dests);
	return 0;
}

/* What the kernel says a map takes. */
static int
memlock(uint32_t id, uint64_t *sum)
{
	cleanup_fd int fd = bpf_map_get_fd_by_id(id);
	char path[64], line[128];
	unsigned long long v;
	FILE *f;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	if ((f = fopen(path, "r")) == NULL)
		return -errno;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "memlock: %llu", &v) == 1)
			*sum += v;
	fclose(f);
	return 0;
}

static int
cmd_memory(void *ctx, char **word, json_t *out)
{
	const struct tap *t = ctx;
	uint32_t map[IDS_MAX], prog[IDS_MAX], nmap, nprog;
	uint64_t sum = 0;
	int r = t->parent ? kern_ids(t->parent, map, prog, IDS_MAX, &nmap, &nprog) : -ENXIO;

	(void)word;
	for (uint32_t i = 0; r == 0 && i < nmap; i++)
		r = memlock(map[i], &sum);
	line_put(out, "bytes", sum);
	return r;
}

static const struct line_command commands[] = {
    {"load", cmd_load},
    {"unload", cmd_unload},
    {"attach", cmd_attach},
    {"detach", cmd_detach},
    {"fill", cmd_fill},
    {"requests", cmd_requests},
    {"host", cmd_host},
    {"remove", cmd_remove},
    {"tick", cmd_tick},
    {"ports", cmd_ports},
    {"stats", cmd_stats},
    {"usage", cmd_usage},
    {"memory", cmd_memory},
};

int
main(int argc, char **argv)
{
	struct tap t = {.run_dir = argv[1]};

	if (argc != 2)
		errx(2, "usage: bench_tap RUN_DIR");
	line_serve(commands, ARRAY_LEN(commands), &t);
	return 0;
}
