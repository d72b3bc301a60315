/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent: root until the kernel programs are loaded and the children run,
 * then _flowtap with nothing.  Afterwards it does three things: it hands a new
 * configuration to both children or to neither (parent_conf.c), it ends them when it is
 * told to, and it ends everything when one of them dies.
 */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bulk.h"
#include "inventory.h"
#include "kern.h"
#include "listen.h"
#include "log.h"
#include "machine_key.h"
#include "parent_int.h"
#include "rewrap.h"
#include "role.h"
#include "sandbox.h"
#include "selftest.h"
#include "spawn.h"

#define STOP_WAIT_MS 5000

static int
child_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct child *c = arg;
	struct rd r = rd_init(body, len);

	(void)id;
	if (type == IPC_P_ASK && c == &c->parent->child[ENGINE])
		return parent_conf_ask(c->parent, body, len);
	if (type != IPC_P_READY)
		return -EPROTO;
	c->err = -(int)rd_u32(&r);
	rd_cstr(&r, c->why, sizeof c->why);
	if (rd_end(&r) < 0)
		return -EBADMSG;
	c->answered = true;
	if (c->err && !c->parent->started && c != &c->parent->child[ACCOUNTS]) {
		log_warn(c->err, "%s: %s", c->role, c->why);
		loop_stop(c->parent->loop, 1);
		return 0;
	}
	parent_conf_answered(c->parent);
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

	(void)err; /* SIGCHLD tells more */
	chan_free(TAKE_PTR(c->chan));
	if (!c->parent->stopping && !c->answered && c < &c->parent->child[OPTIONAL])
		log_warnx("%s: ended before it was ready", c->role);
	child_gone(c->parent);
}

/* ---- signals ---- */

static void
children_stop(struct parent *p)
{
	for (int i = 0; i < CHILDREN; i++)
		if (p->child[i].chan)
			(void)chan_send(p->child[i].chan, IPC_P_STOP, 0, NULL, 0);
}

static void
stop(struct parent *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	children_stop(p);
	loop_timer_set(p->timer, STOP_WAIT_MS);
}

static void
child_ended(struct parent *p, pid_t pid, int status)
{
	for (int i = 0; i < CHILDREN; i++) {
		struct child *c = &p->child[i];

		if (c->pid == pid) {
			c->pid = 0;
			if (!p->stopping)
				log_warnx("%s: ended by %s %d", c->role, WIFSIGNALED(status) ? "signal" : "exit",
				    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
	}
	child_gone(p);
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
			while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
				child_ended(p, pid, status);
			break;
		default:
			stop(p);
			break;
		}
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
	return 0;
}

static const struct chan_ops child_ops = {.on_msg = child_on_msg, .on_end = child_on_end};

/* Closes the child's end of its channel in any case. */
static int
child_start(struct parent *p, enum child_id id, struct spawn_opts *o, int *fds)
{
	struct child *c = &p->child[id];
	int pair[2], r = spawn_pair(pair);

	if (r < 0)
		return r;
	fds[0] = pair[1];
	o->fds = fds;
	o->verbose = p->opts->verbose;
	c->parent = p;
	c->role = o->role;
	r = spawn_role(o, &c->pid);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	return chan_new(p->loop, pair[0], id == ENGINE ? DAEMON_CHAN_MAX : 4096, &child_ops, c, &c->chan);
}

/* The engine's channels to the children behind it, in the order of enum daemon_fd. */
struct channels {
	int engine[CHILDREN], child[CHILDREN];
};

static int
engine_spawn(struct parent *p, int peer, const struct channels *ch)
{
	cleanup_fd int dtcp = -1, ctl = -1;
	int fds[DAEMON_FD_ENGINE_END - DAEMON_FD_PARENT] = {-1, peer};
	struct spawn_opts o = {.role = "engine", .uid = p->uid, .gid = p->gid, .nfds = ARRAY_LEN(fds)};
	int r;

	if ((r = listen_unix(p->conf->run_dir, "dtcp.sock", 0666, &dtcp)) < 0 ||
	    (r = listen_unix(p->conf->run_dir, "ctl.sock", 0666, &ctl)) < 0)
		return r;
	fds[DAEMON_FD_DTCP - DAEMON_FD_PARENT] = dtcp;
	fds[DAEMON_FD_CTL - DAEMON_FD_PARENT] = ctl;
	fds[DAEMON_FD_INVENTORY - DAEMON_FD_PARENT] = ch->engine[INVENTORY];
	fds[DAEMON_FD_METRICS - DAEMON_FD_PARENT] = ch->engine[METRICS];
	fds[DAEMON_FD_CANARY - DAEMON_FD_PARENT] = ch->engine[CANARY];
	fds[DAEMON_FD_HOOK - DAEMON_FD_PARENT] = ch->engine[HOOK];
	fds[DAEMON_FD_KEY - DAEMON_FD_PARENT] = p->key_fd;
	return child_start(p, ENGINE, &o, fds);
}

/* The lock goes with the dataplane: nobody else touches the tables while it lives. */
static int
dataplane_spawn(struct parent *p, struct kern *k, int peer)
{
	static const int net_admin[] = {CAP_NET_ADMIN, -1};
	int fds[2 + KERN_FDS_MAX + 1] = {-1, peer};
	int n = kern_fds(k, fds + 2);
	struct spawn_opts o = {.role = "dataplane", .uid = p->dp_uid, .gid = p->dp_gid};

	if (n < 0)
		return n;
	fds[2 + n] = p->lock_fd;
	o.nfds = (unsigned)n + 3;
	o.caps = kern_needs_net_admin(k) ? net_admin : NULL;
	return child_start(p, DATAPLANE, &o, fds);
}

/* It may read about every program of the kernel, and nothing else. */
static int
inventory_spawn(struct parent *p, const struct kern *k, int peer)
{
	static const int sys_admin[] = {CAP_SYS_ADMIN, -1};
	struct inventory_told t = {.link.n = 2};
	int fds[2] = {-1, peer};
	struct spawn_opts o = {
	    .role = "inventory", .uid = p->dp_uid, .gid = p->dp_gid, .nfds = ARRAY_LEN(fds), .caps = sys_admin};
	cleanup_buf struct buf b = {0};
	int r;

	if ((r = kern_ids(k, t.map.v, t.prog.v, INVENTORY_IDS, &t.map.n, &t.prog.n)) < 0 ||
	    (r = kern_stage_links(k, t.link.v)) < 0)
		return r;
	snprintf(t.pins, sizeof t.pins, "%s/bpf", p->conf->run_dir);
	inventory_told_put(&b, &t);
	if ((r = child_start(p, INVENTORY, &o, fds)) < 0)
		return r;
	return b.err ? b.err : chan_send(p->child[INVENTORY].chan, IPC_P_INVENTORY, 0, b.p, b.len);
}

/* Root's user number, for the files that are root's, and no capability. */
static int
keeper_spawn(struct parent *p)
{
	int fds[1] = {-1};
	struct spawn_opts o = {.role = "keeper", .nfds = ARRAY_LEN(fds)};
	cleanup_buf struct buf b = {0};
	struct stat st;
	int r;

	if (stat(p->opts->conf_path, &st) < 0)
		return -errno;
	o.gid = st.st_gid; /* a new file is of that group, too */
	buf_put_str(&b, p->opts->conf_path);
	if ((r = child_start(p, KEEPER, &o, fds)) < 0)
		return r;
	return b.err ? b.err : chan_send(p->child[KEEPER].chan, IPC_P_KEEPER, 0, b.p, b.len);
}

/* Root's user number, and what changing the owners of the user table's files takes. */
static int
accounts_spawn(struct parent *p)
{
	static const int chown_only[] = {CAP_CHOWN, -1};
	cleanup_free char *path = strdup(p->opts->conf_path);
	int fds[1] = {-1}, r;
	struct spawn_opts o = {.role = "accounts", .nfds = ARRAY_LEN(fds), .caps = chown_only};
	cleanup_buf struct buf b = {0};

	if (path == NULL)
		return -ENOMEM;
	buf_put_str(&b, dirname(path));
	if ((r = child_start(p, ACCOUNTS, &o, fds)) < 0)
		return r;
	return b.err ? b.err : chan_send(p->child[ACCOUNTS].chan, IPC_P_ACCOUNTS, 0, b.p, b.len);
}

/* A child that the others can do without, as a user who need not be there. */
static int
aux_spawn(struct parent *p, enum child_id id, const char *user, struct spawn_opts *o, int *fds)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL || pw->pw_uid == 0) {
		log_warnx("%s: off, there is no system user %s", o->role, user);
		return 0;
	}
	o->uid = pw->pw_uid;
	o->gid = pw->pw_gid;
	return child_start(p, id, o, fds);
}

static int
metrics_spawn(struct parent *p, int peer)
{
	const struct group *g = getgrnam(DAEMON_GROUP_METRICS);
	cleanup_fd int local = -1, tcp = -1;
	int fds[4] = {-1, peer}, r;
	struct spawn_opts o = {.role = "metrics", .nfds = 3};

	if ((r = listen_unix(p->conf->run_dir, "metrics.sock", 0600, &local)) < 0)
		return r;
	if (g && (r = listen_group(p->conf->run_dir, "metrics.sock", g->gr_gid)) < 0)
		return r;
	/* Not worth a tap. */
	if (p->conf->metrics_addr.family != 0 &&
	    (r = listen_tcp(&p->conf->metrics_addr, p->conf->metrics_port, &tcp)) < 0)
		log_warn(r, "metrics: not at the address that is configured");
	o.nfds += tcp >= 0;
	fds[2] = local;
	fds[3] = tcp;
	return aux_spawn(p, METRICS, DAEMON_USER_AUX, &o, fds);
}

static int
canary_spawn(struct parent *p, int peer)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	cleanup_fd int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int fds[3] = {-1, peer, s};
	struct spawn_opts o = {.role = "canary", .nfds = ARRAY_LEN(fds)};

	at.sll_ifindex = (int)if_nametoindex(KERN_TEST_IN);
	if (at.sll_ifindex == 0)
		return 0;
	if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0) {
		log_warn(-errno, "self-test: its socket");
		return 0;
	}
	return aux_spawn(p, CANARY, DAEMON_USER_AUX, &o, fds);
}

static int
hook_spawn(struct parent *p, int peer)
{
	int fds[2] = {-1, peer}, r;
	struct spawn_opts o = {.role = "hook", .nfds = ARRAY_LEN(fds)};
	cleanup_buf struct buf b = {0};

	if (p->conf->alarm_hook[0] == '\0')
		return 0;
	buf_put_str(&b, p->conf->alarm_hook);
	if ((r = aux_spawn(p, HOOK, DAEMON_USER_HOOK, &o, fds)) < 0 || p->child[HOOK].chan == NULL)
		return r;
	return b.err ? b.err : chan_send(p->child[HOOK].chan, IPC_P_HOOK, 0, b.p, b.len);
}

static int
kernel_start(struct parent *p, struct kern **out)
{
	const struct kern_opts o = {.run_dir = p->conf->run_dir,
	    .max_criteria = p->conf->max_criteria + 1, /* the self-test's */
	    .ssh_port = p->conf->ssh_port,
	    .test_agency = SELFTEST_AGENCY,
	    .force_clsact = p->conf->attach == CONF_ATTACH_CLSACT,
	    .force_tcx = p->conf->attach == CONF_ATTACH_TCX,
	    .uid = p->dp_uid,
	    .gid = p->dp_gid};

	return kern_load(&o, out);
}

static int
channels_open(struct channels *ch)
{
	int pair[2], r = 0;

	for (int i = 0; i < CHILDREN; i++)
		ch->engine[i] = ch->child[i] = -1;
	for (int i = DATAPLANE; i < CHILDREN && r == 0; i++)
		if ((r = spawn_pair(pair)) == 0) {
			ch->engine[i] = pair[0];
			ch->child[i] = pair[1];
		}
	return r;
}

static void
channels_close(struct channels *ch)
{
	for (int i = 0; i < CHILDREN; i++) {
		base_close_p(&ch->engine[i]);
		base_close_p(&ch->child[i]);
	}
}

static int
children_start(struct parent *p)
{
	struct channels ch;
	struct kern *k;
	int r;

	if ((r = kernel_start(p, &k)) < 0) {
		log_warn(r, "kernel programs");
		return r;
	}
	bulk_permit();
	if ((r = channels_open(&ch)) == 0 && (r = dataplane_spawn(p, k, ch.child[DATAPLANE])) == 0 &&
	    (r = engine_spawn(p, ch.engine[DATAPLANE], &ch)) == 0 &&
	    (r = inventory_spawn(p, k, ch.child[INVENTORY])) == 0 && (r = keeper_spawn(p)) == 0 &&
	    (r = accounts_spawn(p)) == 0 && (r = metrics_spawn(p, ch.child[METRICS])) == 0 &&
	    (r = canary_spawn(p, ch.child[CANARY])) == 0)
		r = hook_spawn(p, ch.child[HOOK]);
	channels_close(&ch);
	kern_free(k);
	close(p->lock_fd);
	close(p->key_fd);
	return r;
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
	if ((r = sandbox_become(p->uid, p->gid, NULL)) < 0 || (r = sandbox_basics()) < 0)
		return r;
	return role_confine_parent(dirname(path));
}

/* Before anything in the kernel is touched: without its key a daemon has nothing to say there. */
static int
key_start(struct parent *p)
{
	uint8_t key[MACHINE_KEY_LEN];
	const char *why = "";
	int r = listen_dir(p->conf->state_dir, p->uid, p->gid, 0700);

	if (r < 0) {
		log_warn(r, "%s", p->conf->state_dir);
		return r;
	}
	if ((r = machine_key_get(p->conf->state_dir, key, &why)) < 0)
		log_warn(r, "the machine key %s", why);
	else
		r = machine_key_pipe(key, &p->key_fd);
	explicit_bzero(key, sizeof key);
	return r;
}

static int
parent_start(struct parent *p)
{
	int r;

	if ((r = users_resolve(p)) < 0) {
		log_warnx("the system users " DAEMON_USER " and " DAEMON_USER_DP " are needed");
		return r;
	}
	if ((r = listen_dir(p->conf->run_dir, 0, 0, 0755)) < 0 ||
	    (r = listen_lock(p->conf->run_dir, DAEMON_LOCK_WAIT_MS, &p->lock_fd)) < 0) {
		log_warn(r, "%s", p->conf->run_dir);
		return r;
	}
	if ((r = key_start(p)) < 0)
		return r;
	if ((r = parent_conf_start(p)) < 0) {
		log_warn(r, "the history of the configuration");
		return r;
	}
	if ((r = loop_new(&p->loop)) < 0 || (r = loop_timer_new(p->loop, on_timer, p, &p->timer)) < 0 ||
	    (r = signals_start(p)) < 0)
		return r;
	/* For the children, which hold targets; one that can't lock its memory says so. */
	(void)sandbox_lock_permit();
	if ((r = children_start(p)) < 0 || (r = parent_conf_start_children(p)) < 0)
		return r;
	return parent_confine(p);
}

static int
daemon_main(const struct daemon_opts *o, struct conf **conf)
{
	struct parent p = {.opts = o, .conf = *conf, .sigfd = -1, .lock_fd = -1, .key_fd = -1};
	int r;

	if (geteuid() != 0) {
		log_warnx("must be started as root: it loads kernel programs, then drops root");
		return 1;
	}
	if ((r = parent_start(&p)) < 0) {
		log_warn(r, "cannot start");
		return 1;
	}
	r = loop_run(p.loop);
	*conf = p.conf; /* a change may have replaced it */
	return r < 0 ? 1 : r;
}

static int
remove_all(const struct conf *conf)
{
	int lock, r;

	if (geteuid() != 0) {
		log_warnx("must be started as root");
		return 1;
	}
	if ((r = listen_lock(conf->run_dir, DAEMON_LOCK_WAIT_MS, &lock)) == 0)
		r = kern_unload(conf->run_dir);
	if (r == -ENOENT)
		r = 0; /* nothing was there */
	if (r < 0)
		log_warn(r, "%s", r == -EBUSY ? "flowtapd is running; stop it first" : "cannot remove everything");
	return r < 0 ? 1 : 0;
}

int
parent_run(const struct daemon_opts *o)
{
	cleanup_buf struct buf text = {0};
	struct conf *conf;
	int r = 0;

	log_init("flowtapd", o->verbose);
	if (parent_conf_read(o->conf_path, &conf) < 0)
		return 1;
	if (o->check) {
		conf_print(conf, &text);
		if (o->verbose)
			r = fwrite(text.p, 1, text.len, stdout) != text.len;
		else
			puts("configuration OK");
	} else
		r = o->remove ? remove_all(conf) : o->rewrap ? rewrap_run(conf, o->rewrap) : daemon_main(o, &conf);
	conf_free(conf);
	return r;
}
