/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of every use.  A line stands in the transaction of the change it
 * tells of: both are there or neither, and what cannot be recorded does not
 * happen.  Nothing in the configuration reaches this file.
 *
 * exports: engine_audit_ engine_clock_ engine_txn_ */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "engine.h"
#include "engine_archive.h"
#include "engine_share.h"
#include "log.h"
#include "replace.h"

#define CHECKPOINT_LINES 256
#define KEY_FILE "audit.key"
#define DROP_FILE "checkpoints.jsonl"
#define DROP_TAIL 4096 /* more than a checkpoint has */

#define CLOCK_WAIT_MS 2000
#define CLOCK_OLD_NS 60000000000ull
#define CLOCK_ERROR_MAX_US 16000000 /* the kernel's own bound, beyond which nobody keeps the clock */
#define CLOCK_DRIFT 2000            /* 500 ppm, as the kernel counts it */

/* ---- the clock ---- */

/* Where we may not ask the kernel we are told, once a second; the error grows meanwhile.  Below 0: nobody keeps
 * the clock, or nobody tells. */
static int64_t
clock_uncertainty_us(const struct engine *e)
{
	const struct engine_clock *c = &e->audit.clock;
	const uint64_t age = clock_mono_ns() - c->at_ns;
	int64_t us;

	if (clock_error(&us) == 0)
		return us;
	if (c->at_ns == 0 || c->error_us < 0 || age > CLOCK_OLD_NS)
		return -1;
	return c->error_us + (int64_t)(age / CLOCK_DRIFT / 1000);
}

int
engine_clock_told(struct engine *e, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	const uint64_t us = rd_u64(&r);

	if (rd_end(&r) < 0 || (us != UINT64_MAX && us > CLOCK_ERROR_MAX_US))
		return -EPROTO;
	e->audit.clock = (struct engine_clock){us == UINT64_MAX ? -1 : (int64_t)us, clock_mono_ns()};
	return 0;
}

/* The record's first lines are to have it, too. */
static void
clock_start(struct engine *e)
{
	cleanup_buf struct buf body = {0};
	struct pollfd p = {.fd = DAEMON_FD_HOOK, .events = POLLIN};
	uint16_t type;
	uint32_t id;
	int64_t us;

	if (clock_error(&us) == -EPERM && poll(&p, 1, CLOCK_WAIT_MS) == 1 &&
	    chan_read_sync(DAEMON_FD_HOOK, 64, &type, &id, &body) == 0 && type == IPC_K_CLOCK)
		(void)engine_clock_told(e, body.p, body.len);
}

/* ---- transactions ---- */

/*
 * A COMMIT that failed may still be on the disk.  To answer "refused" would be a guess, and so would "done"; so nobody
 * is answered, all processes end, and the next ones begin with what the disk has.  Sessions see their
 * connection close, as when a machine fails between the change and its answer.
 */
int
engine_txn_known(const struct engine *e, int r)
{
	if (r == STORE_UNKNOWN)
		fatal(store_unknown(e->store),
		    "store: the end of a transaction failed, and whether it is on the disk shows "
		    "at the next start");
	return r;
}

int
engine_txn_begin(struct engine *e)
{
	int r;

	e->audit.saved = e->audit.chain;
	engine_proof_begun(e);
	e->audit.uncertainty_us = clock_uncertainty_us(e);
	/* Whoever comes here does what has to be done, be it with the reserve; what is new was refused before. */
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
	engine_proof_undone(e);
	buf_reset(&e->audit.drop);
}

static int
line_store(struct engine *e, const struct buf *line)
{
	cleanup_buf struct buf sealed = {0};
	uint64_t n = e->audit.chain.n;
	int r = audit_seal(e->audit.seal, n, (struct slice){(const char *)line->p, line->len - 1}, &sealed);

	e->audit.written += sealed.len;
	return r < 0 ? r : store_audit_add(e->store, n, (struct slice){(const char *)sealed.p, sealed.len});
}

static int
checkpoint_add(struct engine *e)
{
	cleanup_buf struct buf line = {0};
	int r = engine_proof_line(e);

	if (r == 0)
		r = audit_checkpoint(&e->audit.chain, clock_wall_ms(), e->audit.seed, &line);
	if (r == 0)
		r = line_store(e, &line);
	if (r == 0)
		buf_put(&e->audit.drop, line.p, line.len);
	return r;
}

/* Checkpoints name no target: they are for everybody who wants to hold us to them later. */
static void
checkpoint_drop(struct engine *e)
{
	struct engine_audit *a = &e->audit;
	int r;

	if (a->drop.len == 0)
		return;
	if ((r = append_put(&a->drop_file, a->drop.p, a->drop.len)) == 0 && fdatasync(a->drop_fd) < 0)
		r = -errno;
	if (r < 0)
		log_warn(r, "audit: a checkpoint is not in " DROP_FILE);
	log_info("audit checkpoint: line %llu, hash %s", (unsigned long long)a->chain.n, a->chain.hash);
	buf_reset(&a->drop);
	a->signed_n = a->chain.n;
}

int
engine_txn_commit(struct engine *e)
{
	int r = 0;

	if (e->audit.chain.n - e->audit.signed_n >= CHECKPOINT_LINES)
		r = checkpoint_add(e);
	if (r == 0)
		r = engine_txn_known(e, store_commit(e->store));
	if (r < 0)
		engine_txn_rollback(e);
	else
		checkpoint_drop(e);
	engine_disk_failed(e, r);
	return r;
}

/* ---- events ---- */

int
engine_audit_add(struct engine *e, const struct audit_event *event)
{
	cleanup_buf struct buf line = {0};
	struct audit_event v = *event;
	int r;

	v.time_ms = clock_wall_ms();
	if (v.happened_ms == 0)
		v.uncertainty_us = e->audit.uncertainty_us;
	r = audit_append(&e->audit.chain, &v, &line);
	return r < 0 ? r : line_store(e, &line);
}

int
engine_audit_now(struct engine *e, const struct audit_event *event)
{
	int r = engine_txn_begin(e);

	if (r == 0)
		r = engine_audit_add(e, event);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0)
		log_warn(r, "audit: \"%s\" could not be recorded", event->kind);
	return r;
}

void
engine_audit_of(struct audit_event *v, const struct session *s, const char *kind)
{
	*v = (struct audit_event){.kind = kind,
	    .agency = s->agency->name,
	    .uid = s->agency->uid,
	    .have_uid = true,
	    .peer = s->peer,
	    .auth = s->auth[0] ? s->auth : NULL};
}

/* ---- the key ---- */

/* The file and its name are on the disk before a line is signed with it: a record whose key is lost proves nothing. */
static int
key_make(struct engine *e, int dir)
{
	char hex[2 * AUDIT_KEY_LEN + 2];
	int r = audit_key_new(e->audit.seed);

	if (r < 0)
		return r;
	audit_hex(e->audit.seed, AUDIT_KEY_LEN, hex);
	hex[2 * AUDIT_KEY_LEN] = '\n';
	r = replace_file(dir, KEY_FILE, (struct slice){hex, 2 * AUDIT_KEY_LEN + 1}, 0600);
	explicit_bzero(hex, sizeof hex);
	return r;
}

/* Made at the first start.  A file that is there and is no key is not replaced. */
static int
key_load(struct engine *e, const char *path, int dir)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char hex[2 * AUDIT_KEY_LEN + 2];
	ssize_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT ? key_make(e, dir) : -errno;
	n = read(fd, hex, sizeof hex);
	if (n == 0) /* as former versions left it when the power failed while it was made */
		return key_make(e, dir);
	r = n == 2 * AUDIT_KEY_LEN + 1 && hex[n - 1] == '\n'
		? audit_unhex((struct slice){hex, 2 * AUDIT_KEY_LEN}, e->audit.seed, AUDIT_KEY_LEN)
		: -EINVAL;
	explicit_bzero(hex, sizeof hex);
	return r;
}

/* ---- start ---- */

/* A line of ours, so far that n and hash can be had of it. */
static int
chain_from_line(struct audit_chain *c, uint64_t n, const struct buf *line)
{
	static const char mark[] = "\"hash\":\"";
	const size_t tail = AUDIT_HASH_HEX + 2, start = tail + sizeof mark - 1;
	const char *p = (const char *)line->p;

	if (line->len < start || memcmp(p + line->len - start, mark, sizeof mark - 1) != 0)
		return -EBADMSG;
	c->n = n;
	memcpy(c->hash, p + line->len - tail, AUDIT_HASH_HEX);
	c->hash[AUDIT_HASH_HEX] = '\0';
	return 0;
}

/* The line n, or the last one if n is 0. */
static int
line_load(struct engine *e, uint64_t *n, struct buf *out)
{
	cleanup_buf struct buf sealed = {0};
	int r = store_audit_get(e->store, n, &sealed);

	return r < 0 ? r : audit_open(e->audit.seal, *n, sealed.p, sealed.len, out);
}

int
engine_audit_line(struct engine *e, uint64_t n, struct buf *out)
{
	return line_load(e, &n, out);
}

/* {"n":1,"time":"2026-11-23T09:30:00.125Z",...: to the second.  0: it can't be read. */
static int64_t
line_ms(const struct buf *line)
{
	static const char mark[] = "\"time\":\"";
	const size_t date = sizeof "0000-00-00T00:00:00" - 1;
	const char *p = line->len ? memmem(line->p, line->len, mark, sizeof mark - 1) : NULL;
	char text[WARRANT_TIME_LEN] = "";
	int64_t ms;

	if (p == NULL || (size_t)((const char *)line->p + line->len - p) < sizeof mark - 1 + date)
		return 0;
	memcpy(text, p + sizeof mark - 1, date);
	text[date] = 'Z';
	return warrant_time_parse(slice_of(text), &ms) == 0 ? ms : 0;
}

int
engine_audit_line_chain(struct engine *e, uint64_t n, struct audit_chain *out)
{
	cleanup_buf struct buf line = {0};
	int r = line_load(e, &n, &line);

	return r < 0 ? r : chain_from_line(out, n, &line);
}

int
engine_audit_line_ms(struct engine *e, uint64_t n, int64_t *out)
{
	cleanup_buf struct buf line = {0};
	int r = line_load(e, &n, &line);

	if (r < 0)
		return r;
	*out = line_ms(&line);
	return *out ? 0 : -EBADMSG;
}

static int
chain_load(struct engine *e)
{
	cleanup_buf struct buf line = {0};
	uint64_t n = 0;
	int r = line_load(e, &n, &line);

	audit_chain_init(&e->audit.chain);
	e->audit.last_ms = r == 0 ? line_ms(&line) : 0;
	return r == -ENOENT ? 0 : r < 0 ? r : chain_from_line(&e->audit.chain, n, &line);
}

/* The last whole line, without its end.  One that is longer than DROP_TAIL loses its beginning. */
static int
drop_last(const struct engine *e, char line[static DROP_TAIL + 1])
{
	const off_t size = e->audit.drop_file.size, from = size > DROP_TAIL ? size - DROP_TAIL : 0;
	ssize_t len = pread(e->audit.drop_fd, line, (size_t)(size - from), from);
	const char *nl;

	if (len < 0)
		return -errno;
	len -= len > 0;
	line[len] = '\0';
	if ((nl = memrchr(line, '\n', (size_t)len)) != NULL)
		memmove(line, nl + 1, strlen(nl + 1) + 1);
	return 0;
}

/* The record's own line of that number, if it is this one. */
static int
drop_compare(struct engine *e, const char *text, uint64_t n)
{
	cleanup_buf struct buf line = {0};
	int r = n <= e->audit.chain.n ? line_load(e, &n, &line) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	return line.len == strlen(text) && memcmp(line.p, text, line.len) == 0 ? 0 : -ESTALE;
}

/*
 * The last checkpoint that left must be a line of the record we have: else the store was put back.  Former versions
 * left half a line when the disk was full, and the next one behind it: then the whole one counts.
 */
static int
drop_check(struct engine *e, const char **why)
{
	static const char begin[] = "{\"n\":";
	char line[DROP_TAIL + 1];
	const char *last = line, *more;
	uint64_t n;
	int r;

	*why = "audit record: " DROP_FILE " can't be read or repaired";
	if ((r = append_lines(&e->audit.drop_file, e->audit.drop_fd)) < 0 || (r = drop_last(e, line)) < 0)
		return r;
	if (e->audit.drop_file.size == 0)
		return 0;
	while (*last != '\0' && (more = strstr(last + 1, begin)) != NULL)
		last = more;
	*why = "audit record: the last line of " DROP_FILE " is no checkpoint: the file is damaged";
	if (sscanf(last, "{\"n\":%" SCNu64, &n) != 1 || n == 0 || n > INT64_MAX)
		return -EBADMSG;
	*why = "audit record: the line of its last checkpoint in " DROP_FILE " can't be read";
	if ((r = drop_compare(e, last, n)) == -ESTALE)
		*why = "audit record: older than its last checkpoint in " DROP_FILE
		       ": the state was put back, or changed";
	if (r < 0)
		return r;
	if (last != line)
		log_warnx("audit: in " DROP_FILE " the last line has a part of another one before it, of a full disk");
	e->audit.signed_n = n;
	return 0;
}

/* Of a record that has been there before, with which its checkpoints were. */
static void
drop_missing(struct engine *e)
{
	if (e->audit.chain.n > 0 && e->audit.drop_file.size == 0)
		engine_alarm(e, "the record has lines, but " DROP_FILE " is missing or empty: whether the state was "
				"put back can't be seen");
}

static void
checkpoint_now(struct engine *e)
{
	int r;

	if (e->audit.chain.n == e->audit.signed_n)
		return;
	if ((r = engine_txn_begin(e)) == 0)
		r = checkpoint_add(e);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0)
		log_warn(r, "audit: no checkpoint");
}

static void
on_timer(void *arg)
{
	struct engine *e = arg;

	checkpoint_now(e);
	engine_archive_step(e);
	loop_timer_set(e->audit.timer, (int64_t)e->conf->checkpoint_s * 1000);
}

int
engine_audit_start(struct engine *e, const char **why)
{
	struct engine_audit *a = &e->audit;
	cleanup_fd int dir = open(e->conf->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t key[AUDIT_KEY_LEN];
	char path[sizeof e->conf->state_dir + 32];
	int r;

	clock_start(e);
	*why = "audit key";
	if (dir < 0)
		return -errno;
	snprintf(path, sizeof path, "%s/" KEY_FILE, e->conf->state_dir);
	if ((r = key_load(e, path, dir)) < 0 || (r = audit_key_public(a->seed, key)) < 0 ||
	    (r = audit_seal_key(a->seed, a->seal)) < 0)
		return r;
	audit_hex(key, sizeof key, a->key);
	*why = "audit record";
	snprintf(path, sizeof path, "%s/" DROP_FILE, e->conf->state_dir);
	a->drop_fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->drop_fd < 0 && errno == EROFS)
		a->drop_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (a->drop_fd < 0)
		return -errno;
	if ((r = chain_load(e)) < 0 || (r = engine_archive_start(e)) < 0)
		return r;
	if ((r = drop_check(e, why)) < 0)
		return r;
	*why = "what is owed to the record, in the run directory";
	if ((r = engine_late_start(e)) < 0)
		return r;
	*why = "audit record";
	drop_missing(e);
	loop_defer(e->loop, engine_archive_step, e);
	if (engine_late_unready(e))
		engine_alarm(e, engine_late_unready(e));
	engine_audit_happened(e, &(struct audit_event){.kind = "start", .reason = "flowtapd " FLOWTAP_VERSION});
	if ((r = loop_timer_new(e->loop, on_timer, e, &a->timer)) < 0)
		return r;
	loop_timer_set(a->timer, (int64_t)e->conf->checkpoint_s * 1000);
	checkpoint_now(e);
	return 0;
}

void
engine_audit_stop(struct engine *e)
{
	engine_share_sessions_tell(e, true);
	engine_audit_happened(e, &(struct audit_event){.kind = "stop"});
	checkpoint_now(e);
	engine_late_fini(&e->late);
	explicit_bzero(e->audit.seed, sizeof e->audit.seed);
	explicit_bzero(e->audit.seal, sizeof e->audit.seal);
}
