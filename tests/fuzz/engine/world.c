/* SPDX-License-Identifier: BSD-2-Clause */
/* The process around the engine: its descriptors, its clock, its disk, its beginning and its end. */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>

#include "../../sim/simdisk.h"
#include "clock.h"
#include "engine_ctl.h"
#include "engine_rejudge.h"
#include "engine_time.h"
#include "hashmap.h"
#include "log.h"
#include "machine_key.h"
#include "role.h"

#define FIRST_FREE 64 /* descriptors of the world, above the engine's */
#define ROUNDS_MAX 20000
#define BLOCK 4096u
#define BLOCKS 262144u /* of a disk with room enough */
#define START_MS 1700000000000

struct world world;
static char dir[64], sub[96];
static jmp_buf died;

void
wrong(const char *what, uint64_t a, uint64_t b)
{
	fprintf(stderr, "WRONG: %s (%llu, %llu)\n", what, (unsigned long long)a, (unsigned long long)b);
	abort();
}

uint8_t
world_byte(void)
{
	if (world.left == 0)
		return 0;
	world.left--;
	return *world.script++;
}

/* ---- what the process says, and its end ---- */

static void __attribute__((format(printf, 2, 0))) say(int err, const char *fmt, va_list ap)
{
	if (getenv("WORLD_SAYS") == NULL)
		return;
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, err ? ": %s\n" : "\n", strerror(-err));
}

#define SAY(name)                                                                                                      \
	void name(const char *fmt, ...)                                                                                \
	{                                                                                                              \
		va_list ap;                                                                                            \
                                                                                                                       \
		va_start(ap, fmt);                                                                                     \
		say(0, fmt, ap);                                                                                       \
		va_end(ap);                                                                                            \
	}
SAY(log_debug)
SAY(log_info)
SAY(log_warnx)

void
log_warn(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(err, fmt, ap);
	va_end(ap);
}

/* Legal where those that it can't do without are not honest. */
void
fatal(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(err, fmt, ap);
	va_end(ap);
	if (!world.plane_odd && !world.parent_odd)
		wrong("the engine ends by itself", (uint64_t)-err, 0);
	longjmp(died, 1);
}

int
role_confine_engine(const char *state_dir, const char *connections)
{
	(void)state_dir;
	(void)connections;
	return 0;
}

/* ---- libc, of this world ---- */

int
adjtimex(struct timex *t)
{
	t->status = 0;
	t->maxerror = 1000;
	return TIME_OK;
}

int
fstatvfs(int fd, struct statvfs *v)
{
	(void)fd;
	*v = (struct statvfs){.f_frsize = BLOCK, .f_blocks = BLOCKS, .f_bavail = BLOCKS / 2};
	return 0;
}

int
statvfs(const char *path, struct statvfs *v)
{
	(void)path;
	return fstatvfs(-1, v);
}

/* The reserve takes no room of the real disk, and is there. */
int
posix_fallocate(int fd, off_t at, off_t len)
{
	(void)fd;
	(void)at;
	(void)len;
	return 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int
fsync(int fd)
{
	(void)fd;
	return 0;
}

/* The store asks for its log, which is on the simulated disk. */
int
stat(const char *path, struct stat *st)
{
	if (*dir == '\0' || strncmp(path, dir, strlen(dir)) != 0)
		return fstatat(AT_FDCWD, path, st, 0);
	*st = (struct stat){.st_size = (off_t)simdisk_length(path)};
	return 0;
}

/* Who is at the other end of a client's socket. */
static struct ucred peer_is;

int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (level == SOL_SOCKET && name == SO_PEERCRED) {
		memcpy(value, &peer_is, sizeof peer_is);
		*len = sizeof peer_is;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_PEERGROUPS) {
		*len = 0;
		return 0;
	}
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

/* At its start the engine waits for the data plane's answers, and for nobody else. */
ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	if (!(flags & MSG_DONTWAIT)) {
		if (fd != DAEMON_FD_PEER)
			wrong("the engine waits", (uint64_t)fd, 0);
		(void)others_turn();
	}
	return syscall(SYS_recvfrom, fd, p, n, flags | MSG_DONTWAIT, NULL, NULL);
}

/* The same for what is written: what the data plane does not read does not fit. */
ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	ssize_t r;

	for (int i = 0; i < 64; i++) {
		r = syscall(SYS_sendto, fd, p, n, flags | MSG_DONTWAIT, NULL, 0);
		if (r >= 0 || errno != EAGAIN || flags & MSG_DONTWAIT)
			return r;
		(void)others_turn();
	}
	wrong("the data plane does not read", (uint64_t)fd, n);
}

/* The engine would sleep: the world has its turn. */
static void
idle(int timeout_ms)
{
	struct engine *e = world.engine;

	const bool others = others_turn(), clients = clients_turn();

	world.rounds = 0;
	if (others || clients)
		return;
	if (!world.over && world.left == 0) {
		world.over = true;
		world.plane_waits = world.reader_waits = false;
		for (int i = 0; i < CLIENTS; i++)
			world.client[i].stalled = false;
		return;
	}
	if (!world.over) {
		script_step();
		return;
	}
	/* What waits for a time. */
	if (world.quiet++ < 12 && timeout_ms >= 0) {
		const uint64_t ms = timeout_ms < 2000 ? (uint64_t)timeout_ms + 1 : 2000;

		world.mono_ns += ms * 1000000;
		world.wall_ms += (int64_t)ms;
		return;
	}
	if (world.last && !world.deleting) {
		world.deleting = true;
		world.quiet = 0;
		clients_delete_all();
		return;
	}
	loop_stop(e->loop, OVER);
}

int
epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout)
{
	int n = (int)syscall(SYS_epoll_pwait, epfd, ev, max, 0, NULL, 8);

	if (++world.rounds > ROUNDS_MAX)
		wrong("the engine never sleeps", world.rounds, 0);
	if (n == 0 && timeout != 0)
		idle(timeout);
	return n;
}

/* ---- a life ---- */

static const uint8_t machine[MACHINE_KEY_LEN] = "the machine's key: thirty-two ..";

static void
socket_make(int number, struct peer *p)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
	    (p->fd = fcntl(fds[0], F_DUPFD_CLOEXEC, FIRST_FREE)) < 0)
		abort();
	close(fds[0]);
	if (fds[1] != number) {
		if (dup2(fds[1], number) < 0)
			abort();
		close(fds[1]);
	}
}

/* In the order of enum who. */
static const int numbers[PEERS] = {DAEMON_FD_PARENT, DAEMON_FD_PEER, DAEMON_FD_INVENTORY, DAEMON_FD_METRICS,
    DAEMON_FD_CANARY, DAEMON_FD_HOOK, DAEMON_FD_READER};

static void
place(int fd, int number)
{
	if (fd == number)
		return;
	if (fd < 0 || dup2(fd, number) < 0)
		abort();
	close(fd);
}

static void
descriptors_make(void)
{
	int key;

	/* The lowest numbers are free for none of these on its way. */
	for (int fd = DAEMON_FD_PARENT; fd < DAEMON_FD_ENGINE_END; fd++)
		if (fd != DAEMON_FD_OWED && fcntl(fd, F_GETFD) < 0)
			place(eventfd(0, EFD_CLOEXEC), fd);
	for (int i = 0; i < PEERS; i++)
		socket_make(numbers[i], &world.peer[i]);
	if (machine_key_pipe(machine, &key) < 0)
		abort();
	place(key, DAEMON_FD_KEY);
}

static struct engine *
engine_make(void)
{
	struct engine *e = calloc(1, sizeof *e);

	if (e == NULL)
		abort();
	engine_init(e);
	e->disk.fd = e->audit.drop_fd = e->history.dir = e->journal.fd = -1;
	for (int i = 0; i < ENGINE_SPARE_FDS; i++)
		e->spare_fd[i] = -1;
	TAILQ_INIT(&e->ctls);
	STAILQ_INIT(&e->reading);
	return e;
}

static void
ops_drop(struct op_list *ops)
{
	struct op *op;

	while ((op = TAILQ_FIRST(ops)) != NULL) {
		TAILQ_REMOVE(ops, op, entry);
		op->session = NULL;
		op->waits = 0;
		op_unref(op);
	}
}

static void
clients_drop(struct engine *e)
{
	struct session *s;
	struct ctl *c;

	while ((s = TAILQ_FIRST(&e->sessions)) != NULL) {
		TAILQ_REMOVE(&e->sessions, s, entry);
		ops_drop(&s->ops);
		chan_free(s->chan);
		free(s);
	}
	while ((c = TAILQ_FIRST(&e->ctls)) != NULL) {
		TAILQ_REMOVE(&e->ctls, c, entry);
		chan_free(c->chan);
		store_lines_close(c->lines);
		json_decref(c->state);
		buf_free(&c->text);
		buf_free(&c->warnings);
		free(c);
	}
}

static void
rooms_drop(struct engine *e)
{
	struct authority *a;
	struct dp_wait *w;

	while ((w = STAILQ_FIRST(&e->waits)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->waits, entry);
		free(w);
	}
	while ((a = LIST_FIRST(&e->authorities)) != NULL) {
		LIST_REMOVE(a, entry);
		warrant_free(&a->warrant);
		free(a);
	}
	hashmap_free(e->holding);
	engine_rejudge_free(e);
	engine_time_free(e);
	json_decref(e->ends);
	json_decref(e->mark);
	if (e->ask)
		free(e->ask->place);
	free(e->ask);
	history_close(&e->history);
	engine_late_fini(&e->late);
	buf_free(&e->audit.drop);
	buf_free(&e->dp_kept);
}

/* Killed: it does nothing any more, and what it had is gone. */
static void
engine_drop(struct engine *e)
{
	struct chan *const chans[] = {e->parent, e->dp, e->inventory, e->metrics, e->canary, e->hook, e->reader};

	clients_drop(e);
	for (size_t i = 0; i < ARRAY_LEN(chans); i++)
		chan_free(chans[i]);
	rooms_drop(e);
	loop_free(e->loop);
	store_close(e->store);
	agency_free(e->agency, e->nagency);
	conf_free(e->conf);
	conf_free(e->next);
	free(e->uid);
	free(e->next_uid);
	free(e->login);
	for (int i = 0; i < ENGINE_SPARE_FDS; i++)
		if (e->spare_fd[i] >= 0)
			close(e->spare_fd[i]);
	if (e->disk.fd >= 0)
		close(e->disk.fd);
	if (e->audit.drop_fd >= 0)
		close(e->audit.drop_fd);
	free(e);
}

static int
engine_live(struct engine *e, const char *conf, size_t len)
{
	cleanup_buf struct buf body = {0};
	struct conf *c = others_conf(conf, len);
	const char *why = "";
	char by[33];
	int r;

	if (c == NULL)
		wrong("a configuration that is in force is none", len, 0);
	others_config_put(&body, c, "");
	conf_free(c);
	if (daemon_config_get(body.p, body.len, &e->conf, &e->uid, by) < 0)
		wrong("a configuration that a parent hands on is refused", len, 0);
	snprintf(e->conf->state_dir, sizeof e->conf->state_dir, "%s", dir);
	if ((r = engine_start(e, &why)) < 0) {
		fprintf(stderr, "%s\n", why);
		wrong("the engine does not start", (uint64_t)-r, 0);
	}
	peer_send(&world.peer[PARENT], IPC_P_COMMIT, 0, NULL);
	return loop_run(e->loop);
}

int
world_life(void)
{
	static const struct simdisk_faults none = {0};
	volatile int r = -1;
	size_t len;
	const char *text = conf_in_force(&len);

	simdisk_live(&none);
	descriptors_make();
	world.rounds = 0;
	world.over = world.left == 0;
	world.quiet = 0;
	world.engine = engine_make();
	if (setjmp(died) == 0)
		r = engine_live(world.engine, text, len);
	if (r != OVER && !world.parent_odd)
		wrong("the engine has ended", (uint64_t)r, 0);
	if (r == OVER)
		check_record(world.engine);
	if (r == OVER && !world.plane_odd)
		check_rows(world.engine);
	if (world.last)
		check_deleted(world.engine);
	conf_remember(world.engine->conf);
	engine_drop(TAKE_PTR(world.engine));
	simdisk_kill();
	for (int i = 0; i < PEERS; i++)
		peer_close(&world.peer[i]);
	for (int i = 0; i < CLIENTS; i++) {
		peer_close(&world.client[i].peer);
		world.client[i] = (struct client){.peer.fd = -1};
	}
	others_forget();
	return r;
}

void
world_again(void)
{
	world.left = 0;
	world.last = true;
	world.plane_waits = world.reader_waits = false;
	world.plane_odd = world.reader_odd = world.parent_odd = world.others_odd = false;
	world.refuse = 0;
	for (int i = 0; i < world.nentry; i++)
		world.entry[i].confirmed = false;
	(void)world_life();
}

void
client_socket(struct peer *p, uint32_t uid, gid_t gid, bool ctl)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
	    (p->fd = fcntl(fds[0], F_DUPFD_CLOEXEC, FIRST_FREE)) < 0)
		abort();
	close(fds[0]);
	peer_is = (struct ucred){.pid = 1, .uid = uid, .gid = gid};
	if (ctl)
		ctl_accept(world.engine, fds[1]);
	else
		session_accept(world.engine, fds[1]);
}

/* ---- between scripts ---- */

static void
folder_empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, HISTORY_DIR) != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static void
folder_end(void)
{
	folder_empty(sub);
	folder_empty(dir);
	(void)rmdir(sub);
	(void)rmdir(dir);
}

void
world_begin(void)
{
	snprintf(dir, sizeof dir, "%s", "/tmp/fuzz_engine.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(sub, sizeof sub, "%s/" HISTORY_DIR, dir);
	if (mkdir(sub, 0700) < 0)
		abort();
	place(memfd_create("owed", MFD_CLOEXEC), DAEMON_FD_OWED);
	if (fcntl(DAEMON_FD_OWED, F_SETFL, O_APPEND) < 0)
		abort();
	atexit(folder_end);
	simdisk_register();
	clock_override(&world.mono_ns, &world.wall_ms);
}

void
world_new(const uint8_t *script, size_t len)
{
	simdisk_new(1);
	folder_empty(sub);
	folder_empty(dir);
	if (ftruncate(DAEMON_FD_OWED, 0) < 0)
		abort();
	memset(&world, 0, sizeof world);
	world.script = script;
	world.left = len;
	world.mono_ns = 1000000000000;
	world.wall_ms = START_MS;
	for (int i = 0; i < PEERS; i++)
		world.peer[i].fd = -1;
	for (int i = 0; i < CLIENTS; i++)
		world.client[i].peer.fd = -1;
	conf_remember(NULL);
}
