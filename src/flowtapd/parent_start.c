/* SPDX-License-Identifier: BSD-2-Clause */
/* The parent's processes, each with what it needs and nothing else, while the parent is root still. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "aux.h"
#include "bulk.h"
#include "inventory.h"
#include "kern.h"
#include "kern_refusal.h"
#include "listen.h"
#include "log.h"
#include "look.h"
#include "parent_int.h"
#include "selftest.h"
#include "spawn.h"

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
	return chan_new(p->loop, pair[0], id == ENGINE || id == NAMES ? DAEMON_CHAN_MAX : DAEMON_CHAN_SHORT,
	    &parent_child_ops, c, &c->chan);
}

/* The engine's channels to the children behind it, in the order of enum daemon_fd. */
struct channels {
	int engine[CHILDREN], child[CHILDREN];
};

/* Without a file of its own it has a memory that ends with it, and says so. */
static int
owed_open(const struct parent *p, const char *name, int flags)
{
	char path[sizeof p->conf->run_dir + 16];
	int fd;

	snprintf(path, sizeof path, "%s/%s", p->conf->run_dir, name);
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600)) < 0) {
		log_warn(-errno, "%s", path);
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static int
engine_spawn(struct parent *p, int peer, const struct channels *ch)
{
	cleanup_fd int dtcp = -1, ctl = -1, owed = -1, ended = -1;
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
	fds[DAEMON_FD_READER - DAEMON_FD_PARENT] = ch->engine[READER];
	fds[DAEMON_FD_KEY - DAEMON_FD_PARENT] = p->key_fd;
	if ((owed = owed_open(p, DAEMON_FILE_OWED, O_APPEND)) < 0)
		return owed;
	if ((ended = owed_open(p, DAEMON_FILE_ENDED, 0)) < 0)
		return ended;
	fds[DAEMON_FD_OWED - DAEMON_FD_PARENT] = owed;
	fds[DAEMON_FD_ENDED - DAEMON_FD_PARENT] = ended;
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

/* It reads lists that we, who may load programs, have made it the means to read. */
static int
inventory_spawn(struct parent *p, const struct kern *k, int peer)
{
	struct inventory_told t = {.link.n = KERN_STAGE_LINKS};
	int fds[2 + LOOK_N] = {-1, peer};
	struct spawn_opts o = {.role = "inventory", .uid = p->dp_uid, .gid = p->dp_gid, .nfds = ARRAY_LEN(fds)};
	cleanup_buf struct buf b = {0};
	int r;

	if ((r = kern_ids(k, t.map.v, t.prog.v, INVENTORY_IDS, &t.map.n, &t.prog.n)) < 0 ||
	    (r = kern_stage_links(k, t.link.v)) < 0)
		return r;
	snprintf(t.pins, sizeof t.pins, "%s/bpf", p->conf->run_dir);
	inventory_told_put(&b, &t);
	if ((r = look_open(fds + 2)) < 0) {
		log_warn(r, "the kernel's list of its programs (Linux 5.19 or later with CONFIG_DEBUG_INFO_BTF)");
		kern_refusal_tell();
		return r;
	}
	r = child_start(p, INVENTORY, &o, fds);
	for (int i = 0; i < LOOK_N; i++)
		close(fds[2 + i]);
	if (r < 0)
		return r;
	return parent_send(p, INVENTORY, IPC_P_INVENTORY, &b);
}

/* Root's user number, for the files that are root's, and no capability. */
static int
keeper_spawn(struct parent *p)
{
	int fds[1] = {-1};
	struct spawn_opts o = {.role = "keeper", .nfds = ARRAY_LEN(fds)};
	cleanup_buf struct buf b = {0};
	int r;

	o.gid = p->gid; /* a new file is of that group, and we can read it again */
	buf_put_str(&b, p->opts->conf_path);
	if ((r = child_start(p, KEEPER, &o, fds)) < 0)
		return r;
	return parent_send(p, KEEPER, IPC_P_KEEPER, &b);
}

/* Root's user number, and the group to which the system's tools give the files of passwords; no capability. */
static int
accounts_spawn(struct parent *p)
{
	cleanup_free char *path = strdup(p->opts->conf_path);
	int fds[1] = {-1}, r;
	struct spawn_opts o = {.role = "accounts", .nfds = ARRAY_LEN(fds)};
	cleanup_buf struct buf b = {0};
	struct stat st;

	if (path == NULL)
		return -ENOMEM;
	if (stat("/etc/shadow", &st) == 0)
		o.group = st.st_gid;
	buf_put_str(&b, dirname(path));
	if ((r = child_start(p, ACCOUNTS, &o, fds)) < 0)
		return r;
	return parent_send(p, ACCOUNTS, IPC_P_ACCOUNTS, &b);
}

/* Of the least user there is: one that nobody can do without, who is ours where the system has none. */
static int
least_spawn(struct parent *p, enum child_id id, struct spawn_opts *o, int *fds)
{
	const struct passwd *pw = getpwnam(DAEMON_USER_AUX);
	const bool own = pw && pw->pw_uid != 0;

	o->uid = own ? pw->pw_uid : p->uid;
	o->gid = own ? pw->pw_gid : p->gid;
	return child_start(p, id, o, fds);
}

/* It runs whatever the machine's name services are made of. */
static int
names_spawn(struct parent *p)
{
	int fds[1] = {-1};
	struct spawn_opts o = {.role = "names", .nfds = ARRAY_LEN(fds)};

	return least_spawn(p, NAMES, &o, fds);
}

/* It reads what agencies write. */
static int
reader_spawn(struct parent *p, int peer)
{
	int fds[2] = {-1, peer};
	struct spawn_opts o = {.role = "reader", .nfds = ARRAY_LEN(fds)};

	return least_spawn(p, READER, &o, fds);
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
	return parent_send(p, HOOK, IPC_P_HOOK, &b);
}

/* The service beside us, or we ourselves.  *tcp: where metrics are read, if that is configured and can be had. */
static int
outside_start(struct parent *p, int peer, int *tcp)
{
	struct ipc_aux t = {.addr = p->conf->metrics_addr, .port = p->conf->metrics_port};
	struct child *c = &p->child[HOOK];
	char why[128];
	int sock, r;

	memcpy(t.hook, p->conf->alarm_hook, sizeof t.hook);
	if ((r = aux_ask(p->conf->run_dir, &t, peer, &sock, tcp, why, sizeof why)) == 0) {
		if (*why)
			log_warnx("metrics: not at the address that is configured: %s", why);
		c->parent = p;
		c->role = PARENT_AUX;
		return chan_new(p->loop, sock, DAEMON_CHAN_SHORT, &parent_child_ops, c, &c->chan);
	}
	if (r != -ENOENT)
		log_warn(r, "the service " AUX_SOCKET);
	/* Not worth a tap. */
	if (t.addr.family != 0 && (r = listen_tcp(&t.addr, t.port, tcp)) < 0)
		log_warn(r, "metrics: not at the address that is configured");
	return hook_spawn(p, peer);
}

/* Takes tcp over. */
static int
metrics_spawn(struct parent *p, int peer, int tcp_fd)
{
	const struct group *g = getgrnam(DAEMON_GROUP_METRICS);
	cleanup_fd int local = -1, tcp = tcp_fd;
	int fds[4] = {-1, peer}, r;
	struct spawn_opts o = {.role = "metrics", .nfds = 3};

	if ((r = listen_unix(p->conf->run_dir, "metrics.sock", 0600, &local)) < 0)
		return r;
	if (g && (r = listen_group(p->conf->run_dir, "metrics.sock", g->gr_gid)) < 0)
		return r;
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
	int r = kern_load(&o, out);

	if (r == -EPERM && !kern_mounted(o.run_dir))
		log_warnx("%s/bpf: no bpf file system, and mounting one takes CAP_SYS_ADMIN; with systemd it is "
			  "run-flowtap-bpf.mount that does",
		    o.run_dir);
	else if (r == -EOPNOTSUPP && o.force_tcx)
		log_warnx("attach tcx: this kernel does not have it; Linux 6.6 is the first that does");
	else if (r < 0)
		log_warn(r, "kernel programs");
	kern_refusal_tell();
	return r;
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

int
parent_start_children(struct parent *p)
{
	struct channels ch;
	struct kern *k;
	int r, tcp = -1;

	if ((r = kernel_start(p, &k)) < 0)
		return r;
	bulk_permit();
	if ((r = channels_open(&ch)) == 0 && (r = dataplane_spawn(p, k, ch.child[DATAPLANE])) == 0 &&
	    (r = engine_spawn(p, ch.engine[DATAPLANE], &ch)) == 0 &&
	    (r = inventory_spawn(p, k, ch.child[INVENTORY])) == 0 && (r = keeper_spawn(p)) == 0 &&
	    (r = accounts_spawn(p)) == 0 && (r = names_spawn(p)) == 0 && (r = reader_spawn(p, ch.child[READER])) == 0 &&
	    (r = outside_start(p, ch.child[HOOK], &tcp)) == 0 && (r = metrics_spawn(p, ch.child[METRICS], tcp)) == 0)
		r = canary_spawn(p, ch.child[CANARY]);
	channels_close(&ch);
	kern_free(k);
	close(p->lock_fd);
	close(p->key_fd);
	return r;
}
