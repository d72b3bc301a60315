/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_engine.c - the engine's own code (requests, limits, ends, what is owed) on the simulated disk, by seed.
 *
 *   sim_engine FIRST COUNT
 *
 * Around it: a kernel, which outlives processes, copies as it was told and forgets all when the power goes; agencies
 * that add, refresh and delete; a disk that others fill, that becomes read-only, that fails for good, whose calls fail,
 * whose power goes; processes that are killed.  The oracle knows nothing of parts or debts: it counts copies, and
 * remembers what agencies were told.  At no moment
 *  - more is copied of a criterion than its limit;
 *  - a criterion is copied whose DELETE was answered, or whose ADD was refused;
 *  - an agency's criteria can't be ended, if the disk is full, read-only or fails;
 * and after each start what was acknowledged is there, and what was owed is on record, once.
 * What the interface of libc tells of the real disk is told of the simulated one (statvfs and others below).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "clock.h"
#include "engine.h"
#include "hashmap.h"
#include "log.h"
#include "simdisk.h"

#define TAPS 2048
#define UIDS 65536
#define REQUESTS 4096
#define QUEUE 4096
#define LIVES 6
#define STEPS 30
#define AGENCIES 3
#define DISK (12u << 20)
#define BLOCK 4096u
#define PACKET 1500u
#define LEFT 65536u /* of the disk, by others: for the log's index, whose file stays when a process dies */
#define START_MS 1700000000000

enum status { NONE, ADDED, ACTIVE, GONE, REFUSED };

/* A criterion, as agencies and the world see it. */
struct tap {
	uint64_t uid;
	uint32_t id;
	int agency;
	enum status status;
	const void *op;                  /* whose answer tells of it */
	bool told;                       /* its ADD was answered */
	bool ending;                     /* a DELETE is on its way */
	bool over;                       /* the kernel has told that its limit is used up */
	bool late;                       /* its end is owed still: a boot may forget it */
	uint64_t packets, bytes;         /* limits; 0: none */
	uint64_t packets_max, bytes_max; /* what may have been copied by now, at most */
	uint64_t packets_n, bytes_n;     /* what was */
	bool renewed;                    /* a REFRESH is on its way */
	uint64_t next_packets, next_bytes;
	bool seen;
};

/* The same in the kernel. */
struct entry {
	uint64_t uid;
	uint64_t packets, bytes; /* given */
	uint64_t packets_used, bytes_used;
	uint8_t more;
	bool anew, told, confirmed;
};

struct message {
	uint16_t type;
	struct buf body;
	void (*done)(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len);
	void *arg;
};

struct request {
	uint8_t lines; /* on record */
	bool answered, late, lost;
};

static struct {
	uint64_t seed;
	char dir[32], path[64], reserve[64];
	struct tap tap[TAPS];
	int ntap;
	uint16_t tap_of[UIDS]; /* 1 + its place; 0: none */
	struct entry entry[TAPS];
	int nentry;
	struct message queue[QUEUE];
	int nqueue, at; /* at: the next one the data plane reads */
	struct request request[REQUESTS];
	int nrequest;
	bool read_only, fails;
	size_t ballast;
	uint64_t mono_ns;
	int64_t wall_ms;
	struct engine *engine;
	struct agency agency[AGENCIES];
	struct agency *list[2 * AGENCIES];
	struct conf_agency conf_agency[AGENCIES];
	struct conf_dest dest[2];
	struct conf conf;
	struct session *session[AGENCIES];
	bool batch_due, dead;
	void (*deferred)(void *arg); /* of the loop: the next part of what is owed */
	jmp_buf end;
} sim;

static struct {
	long lives, cuts, kills, died, starts_failed, adds, refused, deletes, refreshes, copies, ended, grants,
	    forgotten, stops_full, stops_read_only, stops_failing, stop_restarts, reboots_of_limited;
} sum;

static const uint8_t machine[STORE_KEY_LEN] = "the machine's key: thirty-two ..";
static const char *const names[AGENCIES] = {"lea1", "lea2", "lea3"};

static void __attribute__((noreturn)) wrong(const char *what, uint64_t a, uint64_t b)
{
	printf("seed %llu: %s (%llu, %llu)\n", (unsigned long long)sim.seed, what, (unsigned long long)a,
	    (unsigned long long)b);
	exit(1);
}

static uint64_t
below(uint64_t n)
{
	return simdisk_random() % n;
}

/* ---- the process's end, and what it says ---- */

#define QUIET(name)                                                                                                    \
	void name(const char *fmt, ...)                                                                                \
	{                                                                                                              \
		(void)fmt;                                                                                             \
	}
QUIET(log_debug)
QUIET(log_info)
QUIET(log_warnx)

void
log_warn(int err, const char *fmt, ...)
{
	(void)err;
	(void)fmt;
}

void
fatal(int err, const char *fmt, ...)
{
	(void)err;
	(void)fmt;
	sum.died++;
	longjmp(sim.end, 1);
}

/* ---- libc, of the simulated disk ---- */

static size_t
reserve_size(void)
{
	struct stat st;

	return fstatat(AT_FDCWD, sim.reserve, &st, 0) == 0 ? (size_t)st.st_blocks * 512 : 0;
}

/* The store's files get what others and the reserve leave. */
static void
room_set(void)
{
	size_t gone = sim.ballast + reserve_size();

	simdisk_room(gone < DISK ? DISK - gone : 1);
}

int
fstatvfs(int fd, struct statvfs *v)
{
	size_t used = sim.ballast + reserve_size() + simdisk_used();

	(void)fd;
	*v = (struct statvfs){.f_frsize = BLOCK,
	    .f_blocks = DISK / BLOCK,
	    .f_bavail = used < DISK ? (DISK - used) / BLOCK : 0,
	    .f_flag = sim.read_only ? ST_RDONLY : 0};
	return 0;
}

int
statvfs(const char *path, struct statvfs *v)
{
	(void)path;
	return fstatvfs(-1, v);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	struct statvfs v;

	if (fd == DAEMON_FD_ENDED)
		return syscall(SYS_fallocate, fd, 0, at, len) < 0 ? errno : 0;
	fstatvfs(fd, &v);
	if (sim.read_only || sim.fails)
		return sim.fails ? EIO : EROFS;
	if ((uint64_t)len > reserve_size() + v.f_bavail * v.f_frsize)
		return ENOSPC;
	if (syscall(SYS_fallocate, fd, 0, at, len) < 0)
		return errno;
	room_set();
	return 0;
}

int
ftruncate(int fd, off_t len)
{
	int r;

	if (sim.dead && (fd == DAEMON_FD_OWED || fd == DAEMON_FD_ENDED))
		return 0;
	r = (int)syscall(SYS_ftruncate, fd, len);
	if (r == 0 && sim.engine && fd == sim.engine->disk.fd)
		room_set();
	return r;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (fd == DAEMON_FD_OWED && (sim.dead || simdisk_is_dead())) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_write, fd, p, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (simdisk_is_dead() || (fd == DAEMON_FD_ENDED ? sim.dead : sim.fails)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

int
fdatasync(int fd)
{
	(void)fd;
	errno = EIO;
	return sim.fails || simdisk_is_dead() ? -1 : 0;
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (sim.read_only && flags & (O_RDWR | O_WRONLY) && strncmp(path, sim.dir, strlen(sim.dir)) == 0) {
		errno = EROFS;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* The store asks for its log. */
int
stat(const char *path, struct stat *st)
{
	*st = (struct stat){.st_size = (off_t)simdisk_length(path)};
	return 0;
}

/* ---- what the engine's other files would do ---- */

int
engine_txn_known(const struct engine *e, int r)
{
	if (r == STORE_UNKNOWN)
		fatal(store_unknown(e->store), "unknown");
	return r;
}

int
engine_txn_begin(struct engine *e)
{
	int r;

	e->audit.saved = e->audit.chain;
	if (!engine_disk_ready(e))
		return -ENOSPC;
	r = engine_txn_known(e, store_begin(e->store));
	engine_disk_failed(e, r);
	return r;
}

void
engine_txn_rollback(struct engine *e)
{
	store_rollback(e->store);
	e->audit.chain = e->audit.saved;
}

int
engine_txn_commit(struct engine *e)
{
	int r = engine_txn_known(e, store_commit(e->store));

	if (r < 0)
		engine_txn_rollback(e);
	engine_disk_failed(e, r);
	return r;
}

/* Enough to tell the lines apart: the request, and whether it was late. */
int
engine_audit_add(struct engine *e, const struct audit_event *v)
{
	char line[200];
	int n = snprintf(
	    line, sizeof line, "%llu %s %u", v->have_seq ? (unsigned long long)v->seq : 0ull, v->kind, v->code);

	return store_audit_add(e->store, ++e->audit.chain.n, (struct slice){line, (size_t)n + 1});
}

int
engine_audit_now(struct engine *e, const struct audit_event *v)
{
	int r = engine_txn_begin(e);

	if (r == 0)
		r = engine_audit_add(e, v);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	return r;
}

void
engine_audit_of(struct audit_event *v, const struct session *s, const char *kind)
{
	*v = (struct audit_event){.kind = kind, .agency = s->agency->name};
}

const char *
engine_refuses(struct engine *e)
{
	return engine_disk_refuses(e);
}

void
engine_batch_soon(struct engine *e)
{
	(void)e;
	sim.batch_due = true;
}

/* No agency here asks for more than its share of the record. */
int
loop_timer_new(struct loop *l, void (*cb)(void *arg), void *arg, struct loop_timer **out)
{
	(void)l;
	(void)cb;
	(void)arg;
	(void)out;
	wrong("a request waits for room in the record", 0, 0);
	return -ENOMEM;
}

bool
loop_timer_armed(const struct loop_timer *t)
{
	(void)t;
	return false;
}

void
loop_timer_set(struct loop_timer *t, int64_t ms)
{
	(void)t;
	(void)ms;
}

void
loop_defer(struct loop *l, void (*cb)(void *arg), void *arg)
{
	(void)l;
	if (sim.deferred || arg != sim.engine)
		wrong("two parts at once", 0, 0);
	sim.deferred = cb;
}

static void
deferred_run(void)
{
	void (*cb)(void *arg) = sim.deferred;

	sim.deferred = NULL;
	if (cb)
		cb(sim.engine);
}

void
engine_alarm(struct engine *e, const char *text)
{
	(void)e;
	(void)text;
	/* Who was killed does nothing more, and nobody hears of it. */
	if (!sim.dead && !simdisk_is_dead())
		wrong("an end is in no file", 0, 0);
}

void
engine_agency_lost(struct engine *e, const char *name, size_t n)
{
	struct agency *a = agency_named(e->agency, e->nagency, name);

	a->criteria -= n;
}

void
engine_agency_recount(struct engine *e, const char *name)
{
	struct agency *a = agency_named(e->agency, e->nagency, name);
	const uint64_t gone = engine_late_count(e, name);
	uint64_t stored;

	if (store_count(e->store, name, &stored) == 0)
		a->criteria = stored > gone ? stored - gone : 0;
}

int
engine_warrant_paid(struct engine *e, const struct store_warrant *w)
{
	(void)e;
	(void)w;
	return 0;
}

/* All stand on standing authority here. */
bool
engine_aside_named(const struct engine *e, const struct agency *a, const struct dtcp_req *q)
{
	(void)e;
	(void)a;
	(void)q;
	return false;
}

void
engine_aside_reason(const struct engine *e, const struct agency *a, char *out, size_t size)
{
	(void)e;
	(void)a;
	(void)out;
	(void)size;
}

int
engine_warrant_find(struct engine *e, const struct agency *a, const struct dtcp_req *q, const struct tap_filter *f,
    const struct authority **out, const char **why)
{
	(void)e;
	(void)a;
	(void)q;
	(void)f;
	*out = NULL;
	*why = NULL;
	return 0;
}

void
chan_hold(struct chan *c, bool hold)
{
	(void)c;
	(void)hold;
}

/* ---- taps ---- */

static struct tap *
tap_find(uint64_t uid)
{
	if (uid >= UIDS)
		wrong("a uid that nobody gave out", uid, 0);
	return sim.tap_of[uid] ? &sim.tap[sim.tap_of[uid] - 1] : NULL;
}

static struct tap *
tap_new(uint64_t uid, uint32_t id, int agency, const struct dtcp_timeouts *t)
{
	struct tap *p = &sim.tap[sim.ntap];

	if (tap_find(uid))
		wrong("a uid twice", uid, id);
	if (sim.ntap == TAPS)
		wrong("too many criteria", 0, 0);
	sim.tap_of[uid] = (uint16_t)++sim.ntap;
	*p = (struct tap){.uid = uid,
	    .id = id,
	    .agency = agency,
	    .status = ADDED,
	    .packets = t->v[DTCP_T_PACKETS],
	    .bytes = t->v[DTCP_T_BYTES],
	    .packets_max = t->v[DTCP_T_PACKETS],
	    .bytes_max = t->v[DTCP_T_BYTES]};
	return p;
}

/* So many more from now on; what came before it stays what it was. */
static void
tap_renew(struct tap *t)
{
	if (!t->renewed)
		return;
	t->renewed = false;
	t->packets = t->next_packets;
	t->bytes = t->next_bytes;
	t->packets_max = t->packets_n + t->packets;
	t->bytes_max = t->bytes_n + t->bytes;
}

static void
tap_copied(struct tap *t, uint64_t bytes)
{
	sum.copies++;
	t->packets_n++;
	t->bytes_n += bytes;
	if (t->status == GONE)
		wrong("copied after its DELETE was answered", t->uid, t->id);
	if (t->status == REFUSED)
		wrong("copied after its ADD was refused", t->uid, t->id);
	if (t->packets && t->packets_n > t->packets_max)
		wrong("more packets than the limit", t->packets_n, t->packets_max);
	/* The packet that reaches the limit is still copied. */
	if (t->bytes && t->bytes_n >= t->bytes_max + PACKET)
		wrong("more bytes than the limit", t->bytes_n, t->bytes_max);
}

/* ---- the kernel ---- */

static struct entry *
entry_find(uint64_t uid)
{
	for (int i = 0; i < sim.nentry; i++)
		if (sim.entry[i].uid == uid)
			return &sim.entry[i];
	return NULL;
}

static bool
has_ended(const struct entry *k)
{
	return (k->packets && !(k->more & IPC_LIFE_PACKETS) && k->packets_used >= k->packets) ||
	       (k->bytes && !(k->more & IPC_LIFE_BYTES) && k->bytes_used >= k->bytes);
}

/* Of a part nobody takes more than there is; the packet that reaches the last one is copied. */
static bool
may_take(uint64_t given, bool more, uint64_t used, uint64_t n)
{
	return given == 0 || (more ? used + n <= given : used < given);
}

static void
entry_packet(struct entry *k, uint64_t bytes)
{
	struct tap *t = tap_find(k->uid);

	if (has_ended(k) || !may_take(k->packets, k->more & IPC_LIFE_PACKETS, k->packets_used, 1) ||
	    !may_take(k->bytes, k->more & IPC_LIFE_BYTES, k->bytes_used, bytes))
		return;
	k->packets_used++;
	k->bytes_used += bytes;
	if (t == NULL)
		wrong("copied for nobody", k->uid, 0);
	tap_copied(t, bytes);
}

static void
traffic(void)
{
	for (unsigned i = 0, n = (unsigned)below(6); i < n && sim.nentry; i++) {
		struct entry *k = &sim.entry[below((uint64_t)sim.nentry)];

		for (unsigned j = 0, m = (unsigned)below(300); j < m; j++)
			entry_packet(k, 40 + below(PACKET - 40));
	}
}

static void
life_take(struct entry *k, const struct ipc_life *l)
{
	k->packets = l->packets;
	k->bytes = l->bytes;
	k->more = l->more;
}

static int
kernel_put(struct rd *r)
{
	struct ipc_put put;
	struct entry *k;

	if (ipc_put_get(&put, r) < 0)
		wrong("a PUT that can't be read", 0, 0);
	k = entry_find(put.uid);
	if (k == NULL) {
		if (sim.nentry == TAPS)
			wrong("too many in the kernel", 0, 0);
		k = &sim.entry[sim.nentry++];
		*k = (struct entry){.uid = put.uid, .packets_used = put.used.packets, .bytes_used = put.used.bytes};
		k->anew = put.used.packets || put.used.bytes;
		life_take(k, &put.life);
	} else if (!has_ended(k))
		life_take(k, &put.life);
	k->told = false; /* by this daemon */
	k->confirmed = true;
	ipc_put_free(&put);
	return 0;
}

static int
kernel_delete(struct rd *r)
{
	uint32_t n = rd_u32(r);

	for (uint32_t i = 0; i < n; i++) {
		struct entry *k = entry_find(rd_u64(r));

		if (k)
			*k = sim.entry[--sim.nentry];
	}
	return 0;
}

static int
kernel_life(struct rd *r, bool grant)
{
	struct ipc_life_set m;
	struct entry *k;

	if (ipc_life_set_get(&m, r) < 0)
		wrong("a life that can't be read", 0, 0);
	k = entry_find(m.uid);
	if (k == NULL || has_ended(k))
		return ENOENT;
	if (grant && k->more & IPC_LIFE_PACKETS && m.life.packets >= k->packets) {
		k->packets = m.life.packets;
		k->more = (uint8_t)((k->more & ~IPC_LIFE_PACKETS) | (m.life.more & IPC_LIFE_PACKETS));
	}
	if (grant && k->more & IPC_LIFE_BYTES && m.life.bytes >= k->bytes) {
		k->bytes = m.life.bytes;
		k->more = (uint8_t)((k->more & ~IPC_LIFE_BYTES) | (m.life.more & IPC_LIFE_BYTES));
	}
	if (!grant) {
		struct tap *t = tap_find(m.uid);

		life_take(k, &m.life);
		if (m.which & IPC_LIFE_PACKETS)
			k->packets_used = 0;
		if (m.which & IPC_LIFE_BYTES)
			k->bytes_used = 0;
		tap_renew(t);
	} else
		sum.grants++;
	return 0;
}

/* The data plane reads one message. */
static int
kernel_do(const struct message *m)
{
	struct rd r = rd_init(m->body.p, m->body.len);

	switch (m->type) {
	case IPC_D_PUT:
		return below(40) ? kernel_put(&r) : ENOSPC;
	case IPC_D_DELETE:
		return kernel_delete(&r);
	case IPC_D_GRANT:
	case IPC_D_LIFE:
		return kernel_life(&r, m->type == IPC_D_GRANT);
	default:
		wrong("a message that nobody knows", m->type, 0);
	}
}

/* At most n of those that wait, and their answers. */
static void
queue_run(int n)
{
	while (n-- > 0 && sim.at < sim.nqueue && !sim.dead) {
		struct message m = sim.queue[sim.at++];
		const uint8_t body[4] = {0, 0, 0, (uint8_t)kernel_do(&m)};

		buf_free(&m.body);
		if (simdisk_is_dead())
			return;
		m.done(sim.engine, m.arg, IPC_D_DONE, body, sizeof body);
	}
}

static struct tap *
op_tap(const struct op *op)
{
	struct tap *t = tap_find(op->uid);

	if (t == NULL || t->id != op->reply.value)
		t = tap_new(
		    op->uid, (uint32_t)op->reply.value, (int)(op->session->agency - sim.agency), &op->req.timeouts);
	t->op = op;
	return t;
}

int
engine_dp_send(struct engine *e, uint16_t type, const struct buf *body,
    void (*done)(struct engine *, void *, uint16_t, const uint8_t *, size_t), void *arg)
{
	struct message *m;

	(void)e;
	if (body->err)
		return body->err;
	if (simdisk_is_dead())
		return 0;
	if (sim.at == sim.nqueue)
		sim.at = sim.nqueue = 0;
	if (sim.nqueue == QUEUE)
		wrong("too many messages", 0, 0);
	if (type == IPC_D_PUT && arg)
		(void)op_tap(arg);
	m = &sim.queue[sim.nqueue++];
	*m = (struct message){.type = type, .done = done, .arg = arg};
	buf_put(&m->body, body->p, body->len);
	return 0;
}

/* What is half used, and what has ended: as the data plane tells it. */
static void
kernel_tells(void)
{
	cleanup_buf struct buf uses = {0}, ends = {0};
	uint32_t nuse = 0, nend = 0;
	struct rd r;

	buf_put_u32(&uses, 0);
	buf_put_u32(&ends, 0);
	for (int i = 0; i < sim.nentry; i++) {
		struct entry *k = &sim.entry[i];
		const struct ipc_use use = {.uid = k->uid,
		    .packets_given = k->packets,
		    .bytes_given = k->bytes,
		    .used = {k->packets_used, k->bytes_used, (int64_t)sim.mono_ns},
		    .anew = k->anew};

		if (has_ended(k) && !k->told && below(2)) {
			ipc_ended_put(&ends, &(struct ipc_ended){.uid = k->uid, .reason = IPC_END_PACKETS});
			k->told = tap_find(k->uid)->over = true;
			nend++;
		} else if (k->more && (k->packets_used >= k->packets / 2 || k->bytes_used >= k->bytes / 2)) {
			ipc_use_put(&uses, &use);
			k->anew = false;
			nuse++;
		}
	}
	if (uses.err || ends.err)
		abort();
	uses.p[3] = (uint8_t)nuse;
	uses.p[2] = (uint8_t)(nuse >> 8);
	ends.p[3] = (uint8_t)nend;
	ends.p[2] = (uint8_t)(nend >> 8);
	sum.ended += nend;
	r = rd_init(uses.p, uses.len);
	if (nuse && engine_grant_uses(sim.engine, &r) < 0)
		fatal(0, "the data plane");
	r = rd_init(ends.p, ends.len);
	if (nend && !simdisk_is_dead() && engine_life_ended(sim.engine, &r) < 0)
		fatal(0, "the data plane");
}

/* ---- agencies ---- */

void
op_done(struct op *op, unsigned code, uint64_t value)
{
	op->reply.code = (uint16_t)code;
	op->reply.value = value;
	op->state = OP_DONE;
}

void
op_unref(struct op *op)
{
	if (op->session || op->waits)
		return;
	dtcp_req_free(&op->req);
	buf_free(&op->text);
	free(op);
}

static bool
is_owed(void)
{
	struct stat st;

	return fstat(DAEMON_FD_OWED, &st) == 0 && st.st_size > 0;
}

static bool
concerns(const struct op *op, const struct tap *t, int agency)
{
	return t->agency == agency && t->id >= op->req.ids[0].lo && t->id <= op->req.ids[0].hi &&
	       (op->req.flags & DTCP_F_STATIC || t->packets || t->bytes);
}

/* One criterion, named: its own answer. */
static void
answer_delete(const struct op *op, int agency)
{
	for (int i = 0; i < sim.ntap; i++) {
		struct tap *t = &sim.tap[i];

		if (!concerns(op, t, agency) || t->status == REFUSED)
			continue;
		if (op->reply.code == DTCP_OK && t->status != GONE) {
			t->status = GONE;
			t->late = is_owed();
		}
		t->ending = false;
		if (op->reply.code == DTCP_UNKNOWN_CRITERIA && t->status == ACTIVE && entry_find(t->uid) && !t->over &&
		    !has_ended(entry_find(t->uid)))
			wrong("an active criterion is unknown", t->uid, t->id);
	}
	sum.deletes++;
	if (op->reply.code == DTCP_SERVER_ERROR)
		wrong("a DELETE is refused", op->req.ids[0].lo, op->req.ids[0].hi);
}

static void
answer_refresh(const struct op *op, int agency)
{
	/* Whoever was refused has what they had. */
	for (int i = 0; i < sim.ntap && op->reply.code != DTCP_OK; i++)
		if (concerns(op, &sim.tap[i], agency))
			sim.tap[i].renewed = false;
	sum.refreshes++;
}

static void
answer(const struct op *op)
{
	struct request *q = &sim.request[op->req.seq];
	struct tap *t;

	q->answered = op->reply.code == DTCP_OK;
	q->late = q->late || is_owed();
	if (op->req.method == DTCP_DELETE)
		answer_delete(op, (int)(op->session->agency - sim.agency));
	if (op->req.method == DTCP_REFRESH)
		answer_refresh(op, (int)(op->session->agency - sim.agency));
	if (op->req.method != DTCP_ADD)
		return;
	sum.adds++;
	sum.refused += op->reply.code != DTCP_OK;
	t = op->uid ? tap_find(op->uid) : NULL;
	if (op->reply.code == DTCP_OK && (t == NULL || t->id != op->reply.value))
		wrong("an ADD that came nowhere", op->uid, op->reply.value);
	if (t && t->op == op && t->status == ADDED) {
		t->status = op->reply.code == DTCP_OK ? ACTIVE : REFUSED;
		t->late = t->status == REFUSED && is_owed();
		t->told = t->status == ACTIVE;
	}
}

void
session_flush(struct session *s)
{
	struct op *op;

	while ((op = TAILQ_FIRST(&s->ops)) != NULL && op->state == OP_DONE) {
		if (!sim.dead && !simdisk_is_dead())
			answer(op);
		TAILQ_REMOVE(&s->ops, op, entry);
		op->session = NULL;
		op_unref(op);
	}
	if (op && op->state == OP_QUEUED)
		engine_batch_soon(s->engine);
}

void
session_unread(struct op *op)
{
	(void)op; /* nothing is unread here */
}

void
session_flush_soon(struct session *s)
{
	session_flush(s);
}

static struct op *
ask(int a, enum dtcp_method method)
{
	struct op *op = calloc(1, sizeof *op);

	if (op == NULL || sim.nrequest == REQUESTS)
		wrong("too many requests", 0, 0);
	op->session = sim.session[a];
	op->req.method = method;
	op->req.seq = (uint64_t)sim.nrequest++;
	sim.request[op->req.seq] = (struct request){0};
	TAILQ_INSERT_TAIL(&op->session->ops, op, entry);
	sim.batch_due = true;
	return op;
}

static void
timeouts_set(struct dtcp_timeouts *t, bool never_static)
{
	uint64_t kind = below(never_static ? 3 : 4);

	*t = (struct dtcp_timeouts){0};
	if (kind == 0 || kind == 2)
		t->v[DTCP_T_PACKETS] = 1 + (below(2) ? below(20) : below(4000));
	if (kind == 1 || kind == 2)
		t->v[DTCP_T_BYTES] = 1 + (below(2) ? below(100000) : below(9u << 20));
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		t->named |= (uint8_t)((t->v[i] != 0) << i);
}

static void
ask_add(int a)
{
	struct op *op;
	char text[32];

	if (sim.ntap > TAPS - 64 || sim.nrequest > REQUESTS - 64)
		return;
	op = ask(a, DTCP_ADD);
	snprintf(text, sizeof text, "10.%d.%d.1", (int)below(200), (int)below(200));
	if (criteria_parse(&op->req.criteria, CRIT_SOURCE_ADDRESS, (struct slice){text, strlen(text)}, NULL) < 0)
		wrong("criteria_parse", 0, 0);
	op->req.ncdest = 1;
	snprintf(op->req.cdest[0].name, sizeof op->req.cdest[0].name, "cd%d", (int)below(3));
	op->req.cdest[0].addr = (struct ip_addr){4, {192, 0, 2, 1}};
	op->req.cdest[0].port = 1;
	op->req.csrc = (struct ip_addr){4, {192, 0, 2, 99}};
	op->req.csrc_port = 49153;
	op->req.ttl = 64;
	timeouts_set(&op->req.timeouts, false);
}

static void
ids_set(struct op *op, uint64_t lo, uint64_t hi, bool single)
{
	op->req.select = DTCP_SEL_IDS;
	op->req.nids = 1;
	op->req.ids = calloc(1, sizeof *op->req.ids);
	if (op->req.ids == NULL)
		abort();
	*op->req.ids = (struct dtcp_ids){lo, hi, single};
	op->req.flags = DTCP_F_STATIC;
}

static uint32_t
some_id(int a)
{
	for (int i = 0; i < 20 && sim.ntap; i++) {
		const struct tap *t = &sim.tap[below((uint64_t)sim.ntap)];

		if (t->agency == a && t->status == ACTIVE)
			return t->id;
	}
	return 1;
}

static uint64_t
ask_delete(int a, uint64_t lo, uint64_t hi)
{
	struct op *op = ask(a, DTCP_DELETE);

	ids_set(op, lo, hi, lo == hi);
	for (int i = 0; i < sim.ntap; i++)
		sim.tap[i].ending |= concerns(op, &sim.tap[i], a);
	return op->req.seq;
}

static void
ask_refresh(int a)
{
	uint64_t id = some_id(a);
	struct op *op = ask(a, DTCP_REFRESH);
	const struct dtcp_timeouts *t = &op->req.timeouts;

	ids_set(op, id, id, false);
	op->req.flags = 0;
	timeouts_set(&op->req.timeouts, true);
	for (int i = 0; i < sim.ntap; i++) {
		struct tap *p = &sim.tap[i];

		/* One at a time, of what has such a limit already: what comes of others is another test's. */
		if (p->agency != a || p->id != id || p->status == NONE || p->status == REFUSED)
			continue;
		if (p->renewed || (t->v[DTCP_T_PACKETS] != 0) != (p->packets != 0) ||
		    (t->v[DTCP_T_BYTES] != 0) != (p->bytes != 0)) {
			ids_set(op, UINT32_MAX, UINT32_MAX, false);
			return;
		}
		p->renewed = true;
		p->next_packets = t->v[DTCP_T_PACKETS];
		p->next_bytes = t->v[DTCP_T_BYTES];
	}
}

static bool
is_idle(int a)
{
	return TAILQ_EMPTY(&sim.session[a]->ops);
}

/* ---- a life of the daemon ---- */

static void
died_check(void)
{
	if (simdisk_is_dead())
		longjmp(sim.end, 1);
}

static int
sync_put(void *arg, const char *agency, struct store_row *row)
{
	struct engine *e = arg;
	const struct agency *a = agency_named(e->agency, e->nagency, agency);
	struct tap *t = tap_find(row->uid);
	struct message m = {.type = IPC_D_PUT};
	struct ipc_put put = {0};
	int r;

	if (t == NULL)
		t = tap_new(row->uid, row->id, (int)(a - sim.agency), &row->timeouts);
	if (t->id != row->id || t->agency != (int)(a - sim.agency))
		wrong("a row that nobody added", row->uid, row->id);
	t->seen = true;
	if (engine_late_gone(e, row->uid)) {
		if (t->status == ACTIVE && !t->ending && !t->over)
			wrong("ended, and nobody asked for it", t->uid, t->id);
		t->status = GONE;
		t->late = true;
		return 0;
	}
	if ((t->status == GONE || t->status == REFUSED) && !t->late)
		wrong("deleted or refused, and there again", t->uid, t->id);
	sum.forgotten += t->status == GONE || t->status == REFUSED;
	t->status = ACTIVE; /* a boot has forgotten its end, or nobody was told that it is there */
	/* Nobody was told whether it was done: what is stored says it. */
	if (row->timeouts.v[DTCP_T_PACKETS] == t->next_packets && row->timeouts.v[DTCP_T_BYTES] == t->next_bytes)
		tap_renew(t);
	t->renewed = false;
	if ((r = filter_compile(&row->criteria, &put.filter)) < 0)
		return r;
	put_from_row(e, &put, a->no, row);
	r = engine_grant_resume(e, row, &put);
	ipc_put_put(&m.body, &put);
	ipc_put_free(&put);
	if (r == 0) {
		struct rd rd = rd_init(m.body.p, m.body.len);

		kernel_put(&rd);
	}
	buf_free(&m.body);
	return r;
}

static int
agencies_start(struct engine *e)
{
	int r = engine_disk_ready(e) ? engine_txn_begin(e) : 1;
	bool known = r != 0;

	for (int i = 0; i < AGENCIES; i++) {
		struct agency *a = &sim.agency[i];

		r = known ? store_agency_known(e->store, a->name, &a->no) : store_agency(e->store, a->name, &a->no);
		if (r == -ENOENT)
			r = 0;
		if (r < 0)
			break;
		engine_agency_recount(e, a->name);
	}
	if (known)
		return r;
	if (r == 0)
		return engine_txn_commit(e);
	engine_txn_rollback(e);
	return r;
}

static int
lines_read(struct engine *e)
{
	struct store_lines *l;
	struct buf b = {0};
	uint64_t n;
	int r;

	for (int i = 0; i < sim.nrequest; i++)
		sim.request[i].lines = 0;
	if ((r = store_lines_open(e->store, 1, &l)) < 0)
		return r;
	while ((r = store_lines_next(l, &n, &b)) == 1) {
		struct request *q = &sim.request[strtoull((char *)b.p, NULL, 10)];

		if (strstr((char *)b.p, " 200"))
			q->lines++;
		e->audit.chain.n = n;
		buf_reset(&b);
	}
	store_lines_close(l);
	buf_free(&b);
	return r;
}

/* What is owed, or was found in a log that no disk is known to have: a boot may forget it. */
static bool
is_unsafe(void)
{
	return is_owed() || sim.engine->disk.state >= DISK_READ_ONLY;
}

/* What agencies were told is there. */
static void
acknowledged_check(void)
{
	for (int i = 0; i < sim.ntap; i++) {
		struct tap *t = &sim.tap[i];

		if (t->status == ACTIVE && t->told && !t->seen && !t->ending && !t->over)
			wrong("acknowledged and lost", t->uid, t->id);
		/* Of what nobody was told nothing need be left, its number neither. */
		if (!t->seen && !t->told && t->status != REFUSED && sim.tap_of[t->uid] == i + 1) {
			sim.tap_of[t->uid] = 0;
			t->status = NONE;
		} else if (t->status == ACTIVE && !t->seen) {
			t->status = GONE;
			t->late = true;
		}
		t->ending = false;
		t->late = t->late && is_unsafe();
	}
	for (int i = 1; i < sim.nrequest; i++) {
		const struct request *q = &sim.request[i];

		/* A debt is paid twice on record if the process was killed before it crossed it out. */
		if (q->answered && !q->late && q->lines != 1)
			wrong("answered, and not once on record", (uint64_t)i, q->lines);
		if (q->answered && q->late && !q->lost && !is_owed() && q->lines == 0)
			wrong("what was owed is not on record", (uint64_t)i, 0);
	}
}

static void
unconfirmed_drop(void)
{
	for (int i = 0; i < sim.nentry;)
		if (!sim.entry[i].confirmed)
			sim.entry[i] = sim.entry[--sim.nentry];
		else
			i++;
}

/* 0, or -errno: what a start that fails says. */
static int
start(void)
{
	struct engine *e = sim.engine;
	int r;

	for (int i = 0; i < sim.nentry; i++)
		sim.entry[i].confirmed = false;
	for (int i = 0; i < sim.ntap; i++)
		sim.tap[i].seen = false;
	engine_disk_start(e);
	room_set();
	if ((r = store_open(sim.path, machine, &e->store)) != 0 || (r = engine_late_start(e)) < 0 ||
	    (r = lines_read(e)) < 0)
		return r;
	engine_late_flush(e);
	died_check();
	if ((r = agencies_start(e)) < 0 || (r = lines_read(e)) < 0 || (r = store_each(e->store, sync_put, e)) < 0)
		return r;
	died_check();
	unconfirmed_drop();
	acknowledged_check();
	return 0;
}

static void
engine_new(void)
{
	struct engine *e = calloc(1, sizeof *e);

	if (e == NULL)
		abort();
	sim.engine = e;
	e->conf = &sim.conf;
	e->disk.fd = -1;
	TAILQ_INIT(&e->sessions);
	STAILQ_INIT(&e->refused);
	engine_late_init(&e->late);
	memcpy(e->audit.seal, machine, sizeof e->audit.seal);
	memset(e->boot, 1, sizeof e->boot);
	for (int i = 0; i < AGENCIES; i++) {
		struct agency *a = &sim.agency[i];
		struct session *s = calloc(1, sizeof *s);

		if (s == NULL)
			abort();
		*a = (struct agency){.conf = &sim.conf_agency[i], .uid = 1000 + (uint32_t)i, .sessions = 1};
		snprintf(a->name, sizeof a->name, "%s", names[i]);
		sim.list[i] = sim.list[AGENCIES + i] = a;
		s->engine = e;
		s->agency = a;
		TAILQ_INIT(&s->ops);
		TAILQ_INSERT_TAIL(&e->sessions, s, entry);
		sim.session[i] = s;
	}
	e->agency = sim.list;
	e->nagency = e->busy = e->nsessions = AGENCIES;
}

static void
engine_end(void)
{
	struct engine *e = TAKE_PTR(sim.engine);

	sim.dead = true; /* nothing more is written or answered */
	simdisk_die();
	for (; sim.at < sim.nqueue; sim.at++)
		buf_free(&sim.queue[sim.at].body);
	sim.at = sim.nqueue = 0;
	for (int i = 0; i < AGENCIES; i++) {
		struct op *op;

		while ((op = TAILQ_FIRST(&sim.session[i]->ops)) != NULL) {
			TAILQ_REMOVE(&sim.session[i]->ops, op, entry);
			op->session = NULL;
			op->waits = 0;
			op_unref(op);
		}
		free(sim.session[i]);
	}
	store_close(e->store);
	if (e->disk.fd >= 0)
		close(e->disk.fd);
	engine_late_fini(&e->late);
	free(e);
	sim.dead = false;
}

/* What the data plane had been sent when the engine died it does, and some of it not. */
static void
queue_outlive(void)
{
	for (uint64_t n = below((uint64_t)(sim.nqueue - sim.at) + 1); n > 0; n--) {
		kernel_do(&sim.queue[sim.at]);
		buf_free(&sim.queue[sim.at++].body);
	}
}

static void
owed_none(void)
{
	if (syscall(SYS_ftruncate, DAEMON_FD_OWED, 0) < 0 || syscall(SYS_ftruncate, DAEMON_FD_ENDED, 0) < 0)
		abort();
}

static void
power_cut(void)
{
	for (int i = 0; i < sim.ntap; i++)
		if (entry_find(sim.tap[i].uid) && (sim.tap[i].packets || sim.tap[i].bytes))
			sum.reboots_of_limited++;
	sim.nentry = 0;
	simdisk_power_cut();
	/* A truncation that did not come to the disk left no room for others either. */
	if (sim.ballast + simdisk_used() + reserve_size() + LEFT > DISK)
		sim.ballast = DISK - simdisk_used() - reserve_size() - LEFT;
	/* The run directory is no disk.  Whose end is owed may be active again. */
	for (int i = 0; i < sim.nrequest; i++)
		sim.request[i].lost |= sim.request[i].late && is_owed();
	owed_none();
	sum.cuts++;
}

/* A line of what is owed was being written. */
static void
kill_it(void)
{
	static const uint8_t half[] = {0, 0, 1, 0, 'h', 'a', 'l', 'f'};

	simdisk_kill();
	if (is_owed() && below(3) == 0)
		(void)syscall(SYS_write, DAEMON_FD_OWED, half, 1 + below(sizeof half));
	sum.kills++;
}

static void
disk_change(void)
{
	size_t used;

	switch (below(8)) {
	case 0: /* others fill it, more or less */
		used = simdisk_used() + reserve_size() + LEFT + below(2) * below(300000);
		sim.ballast = DISK > used ? DISK - used : 0;
		break;
	case 1:
	case 2:
		sim.ballast = 0;
		break;
	case 3:
	case 4:
		sim.read_only = below(3) > 0;
		break;
	case 5:
		sim.fails = below(3) > 0;
		break;
	default:
		sim.read_only = sim.fails = false;
	}
	simdisk_state(sim.read_only || sim.fails, sim.read_only);
	room_set();
}

/* As the watch does it now and then. */
static void
watch(void)
{
	struct engine *e = sim.engine;

	engine_disk_look(e);
	if (store_is_reading(e->store) && e->disk.state != DISK_READ_ONLY)
		longjmp(sim.end, 1);
	for (int i = 0; i < AGENCIES; i++)
		if (sim.agency[i].no == 0 && engine_disk_refuses(e) == NULL)
			(void)agencies_start(e);
	engine_late_flush(e);
	for (int i = 0; i < sim.ntap && !simdisk_is_dead() && !is_unsafe(); i++)
		sim.tap[i].late = false;
	if (below(4) == 0)
		(void)store_tidy(e->store);
}

static void
batches(void)
{
	for (int i = 0; i < 20 && sim.batch_due; i++) {
		sim.batch_due = false;
		engine_batch(sim.engine);
		died_check();
	}
}

static void
step(void)
{
	int a = (int)below(AGENCIES);
	uint32_t id = some_id(a);

	sim.mono_ns += below(2000000000);
	sim.wall_ms = START_MS + (int64_t)(sim.mono_ns / 1000000);
	if (is_idle(a))
		switch (below(6)) {
		case 0:
		case 1:
		case 2:
			for (uint64_t n = 1 + below(6); n > 0; n--)
				ask_add(a);
			break;
		case 3:
			ask_delete(a, id, id + (below(3) ? 0 : below(4)));
			break;
		case 4:
			ask_refresh(a);
			break;
		default:
			break;
		}
	batches();
	traffic();
	queue_run(below(3) ? QUEUE : (int)below(5));
	died_check();
	batches();
	traffic();
	if (below(2))
		kernel_tells();
	died_check();
	if (below(3) == 0)
		watch();
	died_check();
	deferred_run();
	died_check();
	if (below(10) == 0)
		disk_change();
}

/* Every tap of an agency is ended, whatever the disk is. */
static bool
stop_all(int a)
{
	uint64_t seq;

	while (sim.at < sim.nqueue || sim.batch_due || !is_idle(a)) {
		queue_run(QUEUE);
		batches();
	}
	seq = ask_delete(a, 1, UINT32_MAX);
	while (sim.at < sim.nqueue || sim.batch_due) {
		batches();
		queue_run(QUEUE);
	}
	return sim.request[seq].answered;
}

static void
stop_check(int a)
{
	if (!stop_all(a))
		wrong(sim.read_only ? "on a read-only disk a DELETE is refused"
		      : sim.fails   ? "on a disk that fails a DELETE is refused"
				    : "on a full disk a DELETE is refused",
		    (uint64_t)a, 0);
	for (int i = 0; i < sim.nentry; i++)
		if (tap_find(sim.entry[i].uid)->agency == a && !has_ended(&sim.entry[i]))
			wrong("deleted, and in the kernel still", sim.entry[i].uid, (uint64_t)a);
	sum.stops_read_only += sim.read_only;
	sum.stops_failing += sim.fails && !sim.read_only;
	sum.stops_full += !sim.read_only && !sim.fails;
}

/* true: it came to its own end. */
static bool
live(const struct simdisk_faults *f, int steps, int stop)
{
	volatile bool started = false;
	volatile int r = 0;

	sum.lives++;
	simdisk_live(f);
	simdisk_state(sim.read_only || sim.fails, sim.read_only);
	engine_new();
	room_set();
	sim.batch_due = false;
	sim.deferred = NULL;
	if (setjmp(sim.end) == 0) {
		if ((r = start()) == 0) {
			started = true;
			for (int i = 0; i < steps; i++)
				step();
			if (stop >= 0)
				stop_check(stop);
			queue_outlive();
			traffic();
			engine_end();
			return true;
		}
	}
	/* It died of what the disk did, or could not start for it. */
	if (r != 0 && !f->cut_at && !f->fail_at && sim.ntap)
		wrong("a start fails without a fault", (uint64_t)-r, 0);
	sum.starts_failed += !started;
	queue_outlive();
	traffic();
	engine_end();
	return false;
}

static struct simdisk_faults
faults_make(int life)
{
	struct simdisk_faults f = {0};

	if (life == LIVES - 1)
		return f;
	if (below(2))
		f.cut_at = (long)below(400) + 1;
	if (below(4) == 0) {
		f.fail_at = (long)below(200) + 1;
		f.fails = below(2) ? 1 : (long)below(40);
	}
	return f;
}

/* A process that dies of an unknown outcome is started again: at most twice. */
static void
stop_at_last(void)
{
	const struct simdisk_faults none = {0};
	int a = (int)below(AGENCIES);

	for (int i = 0; i < 3; i++) {
		simdisk_kill();
		if (live(&none, 0, a))
			return;
		sum.stop_restarts++;
	}
	wrong("whatever is tried, a tap can't be ended", (uint64_t)a, 0);
}

static void
seed_run(uint64_t seed)
{
	simdisk_new(seed);
	sim.seed = seed;
	sim.ntap = sim.nentry = 0;
	memset(sim.tap_of, 0, sizeof sim.tap_of);
	sim.nrequest = 1;
	sim.read_only = sim.fails = false;
	sim.ballast = 0;
	unlink(sim.reserve);
	sim.mono_ns = 1000000000000;
	sim.wall_ms = START_MS;
	owed_none();
	for (int life = 0; life < LIVES; life++) {
		const struct simdisk_faults f = faults_make(life);

		if (life == LIVES - 1) {
			sim.read_only = sim.fails = false;
			sim.ballast = 0;
		}
		live(&f, STEPS, -1);
		if (f.cut_at ? below(3) : below(2))
			power_cut();
		else
			kill_it();
		/* As long as nobody has ever got anything there need not even be tables. */
		if (below(2) && life < LIVES - 1 && sim.ntap) {
			disk_change();
			stop_at_last();
		}
	}
}

int
main(int argc, char **argv)
{
	uint64_t first, count;
	int fd, ended;

	snprintf(sim.dir, sizeof sim.dir, "/tmp/sim_engine.XXXXXX");
	if (argc < 3 || mkdtemp(sim.dir) == NULL)
		return 2;
	snprintf(sim.path, sizeof sim.path, "%s/state.db", sim.dir);
	snprintf(sim.reserve, sizeof sim.reserve, "%s/reserve", sim.dir);
	if ((fd = memfd_create("owed", MFD_CLOEXEC)) < 0 || dup2(fd, DAEMON_FD_OWED) < 0 ||
	    fcntl(DAEMON_FD_OWED, F_SETFL, O_APPEND) < 0 || (ended = memfd_create("ended", MFD_CLOEXEC)) < 0 ||
	    dup2(ended, DAEMON_FD_ENDED) < 0)
		return 2;
	first = strtoull(argv[1], NULL, 10);
	count = strtoull(argv[2], NULL, 10);
	sim.dest[0] = (struct conf_dest){.addr = {4, {0}}, .port_hi = UINT16_MAX};
	for (int i = 0; i < AGENCIES; i++)
		sim.conf_agency[i] = (struct conf_agency){.standing = true, .dest = sim.dest, .ndest = 1};
	sim.conf = (struct conf){.max_criteria = TAPS, .family_inet = true, .family_inet6 = true};
	snprintf(sim.conf.state_dir, sizeof sim.conf.state_dir, "%s", sim.dir);
	simdisk_register();
	clock_override(&sim.mono_ns, &sim.wall_ms);
	for (uint64_t seed = first; seed < first + count; seed++)
		seed_run(seed);
	unlinkat(AT_FDCWD, sim.path, 0);
	unlink(sim.reserve);
	rmdir(sim.dir);
	printf("seeds %llu to %llu: %ld lives, %ld power cuts, %ld kills, %ld processes ended by an unknown outcome; "
	       "%ld starts failed by faults; %ld ADDs (%ld refused), %ld DELETEs, %ld REFRESHes; "
	       "%ld copies, %ld parts given, %ld ended by their limits, %ld limited criteria over a power cut; "
	       "%ld forgotten ends; all of an agency ended on a full disk %ld times, read-only %ld, failing %ld "
	       "(%ld starts more for it)\n",
	    (unsigned long long)first, (unsigned long long)(first + count - 1), sum.lives, sum.cuts, sum.kills,
	    sum.died, sum.starts_failed, sum.adds, sum.refused, sum.deletes, sum.refreshes, sum.copies, sum.grants,
	    sum.ended, sum.reboots_of_limited, sum.forgotten, sum.stops_full, sum.stops_read_only, sum.stops_failing,
	    sum.stop_restarts);
	return 0;
}
