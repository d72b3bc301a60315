/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "collect.h"
#include "confine.h"
#include "foreign.h"
#include "held.h"
#include "intake.h"
#include "jsonout.h"
#include "screen.h"

#define PROGRAM "flowtap-collect"
#define RCVBUF_EACH (32u << 20) /* default of one socket, as long as there are few */
#define RCVBUF_ALL (256u << 20)
#define RCVBUF_MIN (1u << 20)
#define RING_SIZE (16u << 20) /* a tenth of a second of a million small packets a second */
#define TICK_MS 1000
#define DRAIN_MS 10000 /* for what was there when the signal came */

struct collect {
	const struct collect_opts *o;
	struct intake *intake;
	struct early *early; /* NULL: not asked for, or not possible */
	struct intake_conf intake_conf;
	struct spool_conf spool_conf;
	struct loop *loop;
	struct loop_timer *tick, *end;
	struct tally_row *row; /* with the sums of the last tick */
	uint64_t start_ns, shown_ns;
	int sigfd;
	bool told_unwritten;
};

/* ---- before the packets ---- */

static int
dir_open(const struct collect_opts *o, int *fd)
{
	const struct passwd *pw = o->user ? getpwnam(o->user) : NULL;
	bool made = mkdir(o->dir, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	if ((*fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -errno;
	if (made && pw && fchown(*fd, pw->pw_uid, pw->pw_gid) < 0)
		return -errno;
	return 0;
}

/* Every port may need a socket of each family and a file. */
static void
descriptors_allow(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static size_t
rcvbuf_default(const struct collect_opts *o)
{
	size_t each = RCVBUF_ALL / (o->ports.n * (o->naddr ? o->naddr : 2));

	return each > RCVBUF_EACH ? RCVBUF_EACH : each < RCVBUF_MIN ? RCVBUF_MIN : each;
}

static bool fail_json; /* as the options say */

static int
fail(int err, const char *what, const char *name)
{
	cleanup_buf struct buf text = {0}, shown = {0};

	buf_printf(&text, "%s%s%s: %s", what, name ? " " : "", name ? name : "", strerror(-err));
	foreign_put(&shown, (struct slice){(const char *)text.p, text.len}, FOREIGN_LINE);
	buf_put_u8(&shown, '\0');
	if (shown.err)
		return COLLECT_FAILED;
	if (fail_json)
		jsonout_error(err == -EACCES || err == -EPERM ? "denied" : "failed", (const char *)shown.p);
	else
		fprintf(stderr, PROGRAM ": %s\n", (const char *)shown.p);
	return err == -EACCES || err == -EPERM ? COLLECT_DENIED : COLLECT_FAILED;
}

static int
sockets_open(struct collect *c)
{
	const struct collect_opts *o = c->o;
	struct intake_fault fault = {0};
	char where[IP_STRLEN + 32], addr[IP_STRLEN];
	size_t got = 0;
	int r;

	c->intake_conf = (struct intake_conf){
	    .addr = o->addr,
	    .naddr = o->naddr,
	    .ports = o->ports,
	    .rcvbuf = o->rcvbuf ? o->rcvbuf : rcvbuf_default(o),
	    .count = o->count,
	    .spool = o->no_files ? NULL : &c->spool_conf,
	    .strip = o->jmirror ? content_strip_jmirror : content_strip,
	};
	if ((r = intake_open(&c->intake_conf, &c->intake, &got, &fault)) < 0) {
		if (fault.port == 0)
			return fail(r, "cannot prepare", NULL);
		snprintf(where, sizeof where, "%s port %u", ip_format(&fault.addr, addr), fault.port);
		return fail(r, "cannot listen on", where);
	}
	if (got < c->intake_conf.rcvbuf)
		fprintf(stderr,
		    PROGRAM ": receive buffers of %zu KiB instead of %zu KiB, so bursts may be lost: raise "
			    "net.core.rmem_max or start as root\n",
		    got / 1024, c->intake_conf.rcvbuf / 1024);
	return COLLECT_OK;
}

/* Without it everything comes by the sockets: slower, and nothing else changes. */
static int
early_try(struct collect *c)
{
	const struct collect_opts *o = c->o;
	const struct early_conf conf = {
	    .link = o->link,
	    .nlink = o->nlink,
	    .addr = o->addr,
	    .naddr = o->naddr,
	    .ports = &o->ports,
	    .ring = o->rcvbuf ? o->rcvbuf : RING_SIZE,
	};
	const char *name = NULL;
	int r;

	if (o->nlink == 0)
		return COLLECT_OK;
	if ((r = early_open(&conf, &c->early, &name)) == 0) {
		intake_add_early(c->intake, c->early);
		return COLLECT_OK;
	}
	if (r == -ENODEV)
		return fail(r, "cannot take content from", name);
	fprintf(stderr,
	    PROGRAM ": cannot take content from %s before the network stack does: %s; going on with sockets\n",
	    name ? name : "an interface", strerror(-r));
	return COLLECT_OK;
}

static int
power_drop(struct collect *c)
{
	const struct confine_opts co = {
	    .user = c->o->user, .dir = c->o->no_files ? NULL : c->o->dir, .dir_fd = c->spool_conf.dir};
	const char *step;
	int r = confine_self(&co, &step);

	if (r < 0)
		return fail(r, "cannot", step);
	if (step)
		fprintf(stderr, PROGRAM ": this kernel has no %s: going on without\n", step);
	return COLLECT_OK;
}

/* ---- telling ---- */

static uint64_t
elapsed_ms(const struct collect *c)
{
	return (clock_mono_ns() - c->start_ns) / 1000000;
}

static void
print(const struct buf *b)
{
	fwrite(b->p, 1, b->len, stdout);
	fflush(stdout);
}

static void
print_json(json_t *j)
{
	char *text = jsonout_dumps(j, false);

	if (text)
		puts(text);
	fflush(stdout);
	free(text);
	json_decref(j);
}

/* Rates are over the time since the rows were made last. */
static void
rows_update(struct collect *c)
{
	uint64_t now = clock_mono_ns(), span_ms = (now - c->shown_ns) / 1000000 + 1;

	for (unsigned i = 0; i < intake_nports(c->intake); i++) {
		const struct intake_port *p = intake_port(c->intake, i);
		struct tally_row *row = &c->row[i];

		row->packets_per_s = (p->sum.packets - row->sum.packets) * 1000 / span_ms;
		row->bits_per_s = (p->sum.bytes - row->sum.bytes) * 8000 / span_ms;
		row->port = p->port;
		row->sum = p->sum;
		row->files = p->spool.files;
		row->file = p->spool.name;
	}
	c->shown_ns = now;
}

static void
screen_show(const struct collect *c)
{
	unsigned n = intake_nports(c->intake);
	struct tally_row *row = calloc(n, sizeof *row); /* a copy: the table sorts */
	const struct slice said = held_last();
	cleanup_buf struct buf b = {0};
	struct tally_view v;

	if (row == NULL)
		return;
	memcpy(row, c->row, n * sizeof *row);
	screen_size(&v.columns, &v.rows);
	v.rows -= said.len && v.rows > 2 ? 2 : 0;
	tally_table(&b, row, n, &v);
	if (said.len)
		buf_printf(&b, "\n%s%.*s\n", SCREEN_ALARM, (int)said.len, said.p);
	screen_draw((struct slice){(const char *)b.p, b.len});
	free(row);
}

/* Once for each time that writing begins to fail. */
static void
tell_unwritten(struct collect *c)
{
	for (unsigned i = 0; i < intake_nports(c->intake); i++) {
		const struct intake_port *p = intake_port(c->intake, i);

		if (p->write_err == 0)
			continue;
		if (!c->told_unwritten)
			fprintf(stderr, PROGRAM ": %s: cannot write: %s; packets are counted as unwritten\n", c->o->dir,
			    strerror(-p->write_err));
		c->told_unwritten = true;
		return;
	}
	c->told_unwritten = false;
}

static void
tell_ready(struct collect *c)
{
	json_t *ports, *links;

	if (screen_is_open()) {
		rows_update(c);
		screen_show(c);
		return;
	}
	if (!c->o->json) {
		puts("ready");
		fflush(stdout);
		return;
	}
	ports = json_array();
	links = json_array();
	for (unsigned i = 0; c->early && i < c->o->nlink; i++)
		json_array_append_new(links, json_string(c->o->link[i]));
	for (unsigned i = 0; i < intake_nports(c->intake); i++)
		json_array_append_new(ports, json_integer(intake_port(c->intake, i)->port));
	print_json(json_pack(
	    "{s:s, s:i, s:o, s:o}", "event", "ready", "pid", (int)getpid(), "ports", ports, "interfaces", links));
}

static int
tell_account(struct collect *c)
{
	unsigned n = intake_nports(c->intake);
	uint64_t unwritten = 0;
	cleanup_buf struct buf b = {0};

	rows_update(c);
	tell_unwritten(c);
	for (unsigned i = 0; i < n; i++)
		unwritten += c->row[i].sum.unwritten;
	if (c->o->json) {
		print_json(tally_json("account", c->row, n, elapsed_ms(c)));
	} else {
		tally_account(&b, c->row, n, elapsed_ms(c));
		print(&b);
	}
	return unwritten ? COLLECT_PARTIAL : COLLECT_OK;
}

/* ---- while it runs ---- */

static void
on_tick(void *arg)
{
	struct collect *c = arg;
	uint64_t interval_ns = (c->o->json ? c->o->interval_s : 1) * UINT64_C(1000000000);

	loop_timer_set(c->tick, TICK_MS);
	intake_tick(c->intake);
	tell_unwritten(c);
	if (interval_ns == 0 || clock_mono_ns() - c->shown_ns + 50000000 < interval_ns)
		return;
	rows_update(c);
	if (screen_is_open())
		screen_show(c);
	else if (c->o->json)
		print_json(tally_json("rates", c->row, intake_nports(c->intake), elapsed_ms(c)));
}

/* A signal, or the time is over: what has arrived by now belongs to the account. */
static void
on_end(void *arg)
{
	struct collect *c = arg;

	if (!intake_drain(c->intake, (uint64_t)clock_wall_ms() * 1000000, DRAIN_MS))
		fprintf(stderr, PROGRAM ": more came than could be written within %d s of the end\n", DRAIN_MS / 1000);
	loop_stop(c->loop, 0);
}

static void
on_signal(void *arg, uint32_t events)
{
	struct collect *c = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(c->sigfd, &info, sizeof info) != sizeof info)
		return;
	if (!screen_signal((int)info.ssi_signo))
		on_end(c);
	else if (screen_is_open())
		screen_show(c);
}

static void
on_count(void *arg)
{
	struct collect *c = arg;

	loop_stop(c->loop, 0);
}

static int
signals_open(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN); /* who is stopped for a line on the terminal collects nothing */
	return signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The table is the terminal's until the end; messages that it would show come then. */
static void
screen_start(const struct collect *c, sigset_t *set)
{
	if (c->o->json || c->o->quiet || screen_open(c->o->color) < 0)
		return;
	if (isatty(STDERR_FILENO))
		held_begin();
	screen_signals(set);
	sigprocmask(SIG_BLOCK, set, NULL);
	signalfd(c->sigfd, set, 0);
}

static void
screen_end(void)
{
	screen_close();
	held_print();
}

static int
loop_prepare(struct collect *c)
{
	struct loop_io *io;
	int r;

	if ((r = loop_new(&c->loop)) < 0 || (r = loop_add(c->loop, c->sigfd, EPOLLIN, on_signal, c, &io)) < 0 ||
	    (r = loop_timer_new(c->loop, on_tick, c, &c->tick)) < 0 ||
	    (r = loop_timer_new(c->loop, on_end, c, &c->end)) < 0 ||
	    (r = intake_start(c->intake, c->loop, on_count, c)) < 0)
		return fail(r, "cannot prepare", NULL);
	loop_timer_set(c->tick, TICK_MS);
	loop_timer_set(c->end, c->o->seconds ? (int64_t)c->o->seconds * 1000 : -1);
	return COLLECT_OK;
}

static int
collect(struct collect *c)
{
	sigset_t set;
	int status;

	c->sigfd = signals_open(&set);
	tzset(); /* reads its file while it still may */
	descriptors_allow();
	if ((status = sockets_open(c)) != COLLECT_OK || (status = early_try(c)) != COLLECT_OK)
		return status;
	if ((c->row = calloc(intake_nports(c->intake), sizeof *c->row)) == NULL)
		return fail(-ENOMEM, "cannot prepare", NULL);
	c->start_ns = c->shown_ns = clock_mono_ns();
	if ((status = loop_prepare(c)) != COLLECT_OK)
		return status;
	screen_start(c, &set); /* reads what is known of the terminal */
	if ((status = power_drop(c)) == COLLECT_OK) {
		tell_ready(c);
		loop_run(c->loop);
		intake_stop(c->intake);
	}
	screen_end();
	return status == COLLECT_OK ? tell_account(c) : status;
}

int
collect_run(const struct collect_opts *o)
{
	struct collect c = {.o = o, .sigfd = -1};
	cleanup_fd int dir = -1;
	int r, status;

	fail_json = o->json;
	if (!o->no_files && (r = dir_open(o, &dir)) < 0)
		return fail(r, "cannot open the folder", o->dir);
	c.spool_conf = (struct spool_conf){
	    .dir = dir,
	    .size_max = o->rotate_bytes,
	    .age_max_s = o->rotate_s,
	    .program = PROGRAM " " FLOWTAP_VERSION,
	};
	status = collect(&c);
	intake_free(c.intake);
	early_free(c.early);
	loop_free(c.loop);
	free(c.row);
	base_close_p(&c.sigfd);
	return status;
}
