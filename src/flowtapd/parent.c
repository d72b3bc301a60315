/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent: root until the kernel programs are loaded and the children run,
 * then _flowtap with nothing.  Afterwards it does three things: it hands a new
 * configuration to both children or to neither (parent_conf.c), it ends them when it is
 * told to, and it ends everything when one of them dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "as.h"
#include "backoff.h"
#include "clock.h"
#include "connection.h"
#include "foreign.h"
#include "inherited.h"
#include "kern.h"
#include "listen.h"
#include "log.h"
#include "machine_key.h"
#include "other_sshd.h"
#include "parent_int.h"
#include "rewrap.h"
#include "role.h"
#include "sandbox.h"
#include "spare.h"
#include "state_file.h"

#define STOP_WAIT_MS 5000
#define EXPLAINED_MAX 640 /* bytes that say why a state is refused */
#define LAST_WORDS_MS 1000
#define LIE_NS 60000000000ull

int
parent_send(struct parent *p, enum child_id id, uint16_t type, const struct buf *b)
{
	struct chan *c = p->child[id].chan;

	if (c == NULL)
		return -EPIPE;
	if (b && b->err)
		return b->err;
	return chan_send(c, type, 0, b ? b->p : NULL, b ? b->len : 0);
}

/* ---- signs of life ---- */

/* Those whose work stops for everybody when they hang; they are asked, for a parent that is well says little. */
static const enum child_id vital[] = {ENGINE, DATAPLANE, INVENTORY};

static void
alive_tell(const struct parent *p)
{
	for (size_t i = 0; i < ARRAY_LEN(vital); i++)
		if (p->child[vital[i]].owes)
			return;
	notify_send(&p->notify, "WATCHDOG=1");
}

static void
on_watchdog(void *arg)
{
	struct parent *p = arg;

	for (size_t i = 0; i < ARRAY_LEN(vital); i++) {
		struct child *c = &p->child[vital[i]];

		if (!c->owes && parent_send(p, vital[i], IPC_P_ALIVE, NULL) == 0)
			c->owes = true;
	}
	loop_timer_set(p->watchdog, (int64_t)(p->notify.watchdog_us / 3000));
}

void
parent_ready(struct parent *p)
{
	notify_send(&p->notify, "READY=1");
	if (p->notify.watchdog_us && !loop_timer_armed(p->watchdog))
		on_watchdog(p);
}

/* ---- children ---- */

/* Those that are asked to do something, and say whether it is done. */
static bool
is_asked(const struct child *c)
{
	static const enum child_id asked[] = {ENGINE, DATAPLANE, KEEPER, ACCOUNTS};

	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		if (c == &c->parent->child[asked[i]])
			return true;
	return false;
}

static int
child_said(struct child *c, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	char why[DAEMON_WHY];
	int err;

	if (type == IPC_P_NAMED && c == &c->parent->child[NAMES])
		return parent_conf_named(c->parent, id, body, len);
	if (type == IPC_P_ALIVE && c->owes && len == 0) {
		c->owes = false;
		alive_tell(c->parent);
		return 0;
	}
	if (type == IPC_P_ASK && c == &c->parent->child[ENGINE])
		return parent_conf_ask(c->parent, body, len);
	if (type == IPC_P_RELOAD && c == &c->parent->child[ENGINE])
		return parent_reload_ask(c->parent, len);
	if (type == IPC_P_UNCHANGED && c == &c->parent->child[ENGINE])
		return parent_conf_mend(c->parent, len);
	if (type == IPC_P_FILE && c == &c->parent->child[KEEPER])
		return parent_conf_mended(c->parent, body, len);
	if (type == IPC_P_WORKING && c == &c->parent->child[ENGINE] && len == 0) {
		parent_conf_working(c->parent);
		return 0;
	}
	if (type != IPC_P_READY || !is_asked(c))
		return -EPROTO;
	err = rd_errno(&r);
	rd_cstr(&r, why, sizeof why);
	if (rd_end(&r) < 0)
		return -EBADMSG;
	c->err = err;
	memcpy(c->why, why, sizeof why);
	c->answered = true;
	if (c->err && !c->parent->started && c != &c->parent->child[ACCOUNTS]) {
		log_warn(c->err, "%s: %s", c->role, c->why);
		loop_stop(c->parent->loop, 1);
		return 0;
	}
	parent_conf_answered(c->parent);
	return 0;
}

/* A child may have been taken over: nothing of what it should not say is believed, nothing is done, and all else goes
 * on.  It is told of once a minute. */
static int
child_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct child *c = arg;
	const int r = child_said(c, type, id, body, len);
	const uint64_t now = clock_mono_ns();

	if (r != -EPROTO && r != -EBADMSG)
		return r;
	c->lies++;
	if (c->lies_told_ns != 0 && now - c->lies_told_ns < LIE_NS)
		return 0;
	log_warnx("ALARM: the process %s says what it should not, and is not believed (%llu times)", c->role,
	    (unsigned long long)c->lies);
	c->lies_told_ns = now;
	c->lies = 0;
	return 0;
}

/* A child is gone when it has been waited for and its last word was read. */
static void
child_gone(struct parent *p)
{
	bool all = true, any = false;

	for (int i = 0; i < CHILDREN; i++) {
		bool gone = p->child[i].pid == 0 && p->child[i].chan == NULL;

		all = all && gone;
		any = any || (gone && i < OPTIONAL);
	}
	if (!all && any && !p->stopping && parent_conf_undo(p))
		return;
	if (all || (any && !p->stopping))
		loop_stop(p->loop, p->stopping ? 0 : 1);
}

static void
child_on_end(void *arg, int err)
{
	struct child *c = arg;

	daemon_chan_end(err); /* else SIGCHLD tells more */
	chan_free(TAKE_PTR(c->chan));
	if (!c->parent->stopping && !c->answered && c < &c->parent->child[OPTIONAL])
		log_warnx("%s: ended before it was ready", c->role);
	if (!c->parent->stopping && strcmp(c->role, PARENT_AUX) == 0)
		log_warnx("the service beside us has ended: until the next start no alarm hook is run, and nobody says "
			  "how exact the clock is");
	child_gone(c->parent);
}

const struct chan_ops parent_child_ops = {.on_msg = child_on_msg, .on_end = child_on_end, .body_max = DAEMON_CHAN_MAX};

/* ---- signals ---- */

static void
children_stop(struct parent *p)
{
	for (enum child_id i = 0; i < CHILDREN; i++)
		(void)parent_send(p, i, IPC_P_STOP, NULL);
}

static void
stop(struct parent *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	notify_send(&p->notify, "STOPPING=1");
	children_stop(p);
	loop_timer_set(p->timer, STOP_WAIT_MS);
}

/* What it died of is said. */
static void
child_waited(struct parent *p, pid_t pid, int status)
{
	for (int i = 0; i < CHILDREN; i++) {
		struct child *c = &p->child[i];

		if (c->pid != pid)
			continue;
		c->pid = 0;
		if (!p->stopping && WIFSIGNALED(status))
			log_warnx("%s: ended by signal %d (SIG%s)", c->role, WTERMSIG(status),
			    sigabbrev_np(WTERMSIG(status)));
		else if (!p->stopping)
			log_warnx("%s: ended by exit %d", c->role, WEXITSTATUS(status));
	}
}

/* Its end of the channel is closed, though it has not been waited for. */
static bool
is_ending(const struct child *c)
{
	struct pollfd p = {.fd = c->chan ? chan_fd(c->chan) : -1};

	return c->pid && (c->chan == NULL || (poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR)));
}

/* Who crashed may be the last to be gone: the others miss it first, and end.  It is named all the same. */
static void
last_words(struct parent *p)
{
	const uint64_t until = clock_mono_ns() + LAST_WORDS_MS * UINT64_C(1000000);
	struct pollfd sig = {.fd = p->sigfd, .events = POLLIN};
	struct signalfd_siginfo si;

	while (clock_mono_ns() < until) {
		bool any = false;
		int status;
		pid_t pid;

		while (read(p->sigfd, &si, sizeof si) == sizeof si) /* which it was says waitpid */
			;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			child_waited(p, pid, status);
		for (int i = 0; i < CHILDREN; i++)
			any = any || is_ending(&p->child[i]);
		if (!any || poll(&sig, 1, LAST_WORDS_MS / 4) < 0)
			break;
	}
}

static void
on_signal(void *arg, uint32_t events)
{
	struct parent *p = arg;
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	(void)events;
	while (read(p->sigfd, &si, sizeof si) == sizeof si)
		switch (si.ssi_signo) {
		case SIGHUP:
			parent_conf_reload(p);
			break;
		case SIGCHLD:
			while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
				child_waited(p, pid, status);
				child_gone(p);
			}
			break;
		default:
			stop(p);
			break;
		}
}

static void
on_again(void *arg)
{
	parent_conf_look_again(arg);
}

static void
on_timer(void *arg)
{
	struct parent *p = arg;

	if (p->stopping)
		loop_stop(p->loop, 1);
	else
		parent_conf_late(p);
}

/* ---- start ---- */

/* Of the groups that files are given to: their owner needs no power over others' files then. */
static int
groups_join(const struct parent *p)
{
	const struct group *g = getgrnam(DAEMON_GROUP_METRICS);
	gid_t list[2] = {p->dp_gid};
	size_t n = 1;

	if (g)
		list[n++] = g->gr_gid;
	return setgroups(n, list) < 0 ? -errno : 0;
}

static int
users_resolve(struct parent *p)
{
	const struct passwd *pw = getpwnam(DAEMON_USER);

	if (pw == NULL || pw->pw_uid == 0)
		return -ENOENT;
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
	if ((pw = getpwnam(DAEMON_USER_DP)) == NULL || pw->pw_uid == 0)
		return -ENOENT;
	p->dp_uid = pw->pw_uid;
	p->dp_gid = pw->pw_gid;
	return groups_join(p);
}

static int
signals_start(struct parent *p)
{
	struct loop_io *io;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->sigfd < 0 ? -errno : loop_add(p->loop, p->sigfd, EPOLLIN, on_signal, p, &io);
}

static int
parent_confine(struct parent *p)
{
	cleanup_free char *path = strdup(p->opts->conf_path);
	int r;

	if (path == NULL)
		return -ENOMEM;
	if ((r = sandbox_become(p->uid, p->gid, 0, NULL)) < 0 || (r = sandbox_basics()) < 0)
		return r;
	return role_confine_parent(dirname(path));
}

/* Before anything in the kernel is touched: without its key a daemon has nothing to say there. */
static int
key_start(struct parent *p)
{
	uint8_t key[MACHINE_KEY_LEN];
	const char *why = "";
	/* The key in it is root's, the rest is the engine's. */
	int r = as_dir(p->conf->state_dir, p->uid, 0, 0770);

	if (r == -EPERM)
		log_warnx(
		    "%s: has to be of " DAEMON_USER ":root with mode 0770 (flowtap.tmpfiles.conf)", p->conf->state_dir);
	else if (r < 0)
		log_warn(r, "%s", p->conf->state_dir);
	if (r < 0)
		return r;
	if ((r = machine_key_get(p->conf->state_dir, key, &why)) < 0)
		log_warn(r, "the machine key %s", why);
	else
		r = machine_key_pipe(key, &p->key_fd);
	explicit_bzero(key, sizeof key);
	return r;
}

/* In a process of its own. */
static void
state_explain(const struct parent *p, const char *path, int refusal, int out)
{
	char text[EXPLAINED_MAX];

	if (sandbox_become(p->uid, p->gid, 0, NULL) < 0)
		return;
	state_file_explain(path, refusal, text, sizeof text);
	(void)!write(out, text, strlen(text));
}

/* To say more of it takes reading it, which is not for root.  It is logged here, so that the next start knows that it
 * was said. */
static void
state_explain_apart(const struct parent *p, const char *path, int refusal)
{
	char text[EXPLAINED_MAX] = "";
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	if ((pid = fork()) == 0) {
		state_explain(p, path, refusal, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	/* One write of less than PIPE_BUF is one read; who reads foreign bytes gets one line of the log, no more. */
	if (pid > 0 && read(fds[0], text, sizeof text - 1) > 0)
		log_warnx("%s", text);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* A state that the engine will refuse is refused before the kernel's tables are touched. */
static int
state_start(const struct parent *p)
{
	char path[sizeof p->conf->state_dir + sizeof "/" MACHINE_KEY_STORE];
	int r;

	snprintf(path, sizeof path, "%s/" MACHINE_KEY_STORE, p->conf->state_dir);
	if ((r = as_begin(p->uid, p->gid)) < 0)
		return r;
	r = state_file_check(path);
	as_end();
	if (r < 0)
		log_warn(r, "%s", path);
	if (r <= 0)
		return r;
	state_explain_apart(p, path, r);
	return -EPROTO;
}

/* Where flowtap-sshd leaves what it saw: made at boot (flowtap.tmpfiles.conf), or here, if we may.  Without it sessions
 * are unproven, which is an alarm. */
static void
connections_start(const struct parent *p)
{
	char path[sizeof p->conf->run_dir + sizeof CONNECTION_DIR];
	int r;

	snprintf(path, sizeof path, "%s/" CONNECTION_DIR, p->conf->run_dir);
	if ((r = as_dir(path, 0, p->gid, 0750)) < 0)
		log_warn(r, "%s: it is not known where sessions come from", path);
}

static int
parent_start(struct parent *p)
{
	int r;

	if ((r = inherited_limits()) < 0)
		return r;
	if ((r = users_resolve(p)) < 0) {
		log_warnx("the system users " DAEMON_USER " and " DAEMON_USER_DP " are needed");
		return r;
	}
	if ((r = as_dir(p->conf->run_dir, 0, 0, 0755)) < 0 ||
	    (r = listen_lock(p->conf->run_dir, DAEMON_LOCK_WAIT_MS, &p->lock_fd)) < 0) {
		if (r == -EBUSY)
			log_warnx("another flowtapd is running: it holds %s", p->conf->run_dir);
		else
			log_warn(r, "%s", p->conf->run_dir);
		return r;
	}
	connections_start(p);
	parent_conf_look(p);
	if ((r = key_start(p)) < 0 || (r = state_start(p)) < 0)
		return r;
	if ((r = parent_conf_start(p)) < 0) {
		log_warn(r, "the history of the configuration");
		return r;
	}
	if ((r = loop_new(&p->loop)) < 0 || (r = loop_timer_new(p->loop, on_timer, p, &p->timer)) < 0 ||
	    (r = loop_timer_new(p->loop, on_watchdog, p, &p->watchdog)) < 0 ||
	    (r = loop_timer_new(p->loop, on_again, p, &p->again)) < 0 || (r = parent_users_start(p)) < 0 ||
	    (r = signals_start(p)) < 0)
		return r;
	spare_stack();
	/* For the children, which hold targets; one that can't lock its memory says so. */
	(void)sandbox_lock_permit();
	if ((r = parent_start_children(p)) < 0 || (r = parent_conf_start_children(p)) < 0)
		return r;
	return parent_confine(p);
}

/* 1: go on; 0: it was told to end; -EPERM. */
static int
daemon_begin(const struct daemon_opts *o, struct notify *notify)
{
	int r;

	if (geteuid() != 0) {
		log_warnx("must be started as root: it loads kernel programs, then drops root");
		return -EPERM;
	}
	if ((r = inherited_put_right()) < 0) {
		log_warn(r, "standard input, output and error");
		return r;
	}
	if ((r = notify_open(notify)) < 0)
		log_warn(r, "the service manager");
	return backoff_begin(o->conf_path, notify);
}

static int
daemon_main(const struct daemon_opts *o, const struct notify *notify, struct conf **conf)
{
	struct parent p = {.opts = o, .conf = *conf, .notify = *notify, .sigfd = -1, .lock_fd = -1, .key_fd = -1};
	int r;

	if ((r = parent_start(&p)) < 0) {
		log_warn(r, "cannot start");
		backoff_failed();
		return 1;
	}
	r = loop_run(p.loop);
	*conf = p.conf; /* a change may have replaced it */
	if (!p.stopping)
		last_words(&p);
	if (r != 0 && !p.started)
		backoff_failed();
	return r < 0 ? 1 : r;
}

/* Nothing of what a daemon needs is asked for: neither a configuration that can be read nor the state. */
static int
remove_all(const char *run_dir)
{
	int lock, r;

	if (geteuid() != 0) {
		log_warnx("must be started as root");
		return 1;
	}
	if ((r = listen_lock(run_dir, DAEMON_LOCK_WAIT_MS, &lock)) == 0)
		r = kern_unload(run_dir);
	if (r == -ENOENT)
		r = 0; /* nothing was there */
	if (r < 0)
		log_warn(r, "%s", r == -EBUSY ? "flowtapd is running; stop it first" : "cannot remove everything");
	return r < 0 ? 1 : 0;
}

int
parent_run(const struct daemon_opts *o)
{
	cleanup_buf struct buf text = {0}, shown = {0};
	const bool daemon = !o->check && !o->remove && !o->rewrap && !o->undo;
	struct notify notify = {.fd = -1};
	struct conf *conf;
	int r = 0;

	log_init("flowtapd", o->verbose);
	if (daemon && (r = daemon_begin(o, &notify)) <= 0)
		return r < 0 ? 1 : 0;
	if ((r = parent_conf_read(o->conf_path, &conf)) < 0) {
		if (daemon)
			backoff_failed();
		if (!o->remove)
			return 1;
		log_warnx("taps are removed all the same; the run-directory is taken to be " CONF_RUN_DIR);
		return remove_all(CONF_RUN_DIR);
	}
	if (o->check) {
		conf_print(conf, &text);
		foreign_put(&shown, (struct slice){(char *)text.p, text.len}, FOREIGN_TEXT);
		if (o->verbose)
			r = shown.err != 0 || fwrite(shown.p, 1, shown.len, stdout) != shown.len;
		else
			puts("configuration OK");
		if (geteuid() == 0) {
			parent_conf_check_file(o->conf_path);
			other_sshd_warn();
		}
	} else
		r = o->remove   ? remove_all(conf->run_dir)
		    : o->rewrap ? rewrap_run(conf, o->rewrap)
		    : o->undo   ? rewrap_put_back(conf)
				: daemon_main(o, &notify, &conf);
	conf_free(conf);
	return r;
}
