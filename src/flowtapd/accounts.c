/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes, changes and removes the users of system login, and no others, and what sshd may offer them.  It is root's
 * user number without a capability, of the group that may read passwords; it sees /etc, and
 * may execute the system's programs.  What it is asked for comes from the parent only, which has no power itself and
 * is not believed: account_get takes nobody whom a configuration could not name.
 *
 * The user table is read from its files, where all that it makes stands: what other name services a machine has may
 * hang, or die, and whoever is only there is looked up by names.c.  The system's tools ask them, so they have little
 * time.
 *
 * Who is no longer asked for loses his password, keys and groups at once; his account
 * goes when none of his processes is left, so that nobody else gets his number before.
 *
 * exports: accounts_run */
#include "accounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <shadow.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "conf_value.h"
#include "daemon.h"
#include "inherited.h"
#include "log.h"
#include "replace.h"
#include "role.h"
#include "sandbox.h"
#include "ssh_legacy.h"

#define RETRY_MS 2000
#define TOOL_MS 10000
#define USERADD_IN_USE 9 /* useradd(8), EXIT VALUES */
#define SAID_MAX 96
#define NO_PASSWORD "*"
#define FULL_NAME "made by flowtapd" /* of one who has none */
#define SHELL_NONE "/usr/sbin/nologin"

struct accounts {
	char conf_dir[PATH_MAX];
	int conf_fd, dir, ssh_dir; /* of that folder, and in it of ACCOUNTS_DIR and SSH_LEGACY_DIR */
	bool leaving;              /* somebody who is no longer asked for still has a process */
	bool stuck;                /* a tool had to be ended: this request makes nobody else */
	struct account_list applied;
	char why[128];
};

/* ---- the user table's files ----  What they return is there until the next of the kind. */

static const struct passwd *
user_of(const char *name)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw = NULL;

	while (f && (pw = fgetpwent(f)) != NULL && strcmp(pw->pw_name, name) != 0)
		;
	if (f)
		fclose(f);
	return pw;
}

static const struct group *
group_of(const char *name)
{
	FILE *f = fopen("/etc/group", "re");
	const struct group *g = NULL;

	while (f && (g = fgetgrent(f)) != NULL && strcmp(g->gr_name, name) != 0)
		;
	if (f)
		fclose(f);
	return g;
}

static bool
has_hash(const char *name, struct slice hash)
{
	FILE *f = fopen("/etc/shadow", "re");
	const struct spwd *sp = NULL;

	while (f && (sp = fgetspent(f)) != NULL && strcmp(sp->sp_namp, name) != 0)
		;
	if (f)
		fclose(f);
	return sp && sp->sp_pwdp && slice_eq(hash, sp->sp_pwdp);
}

/* As far as the user table tells. */
static bool
is_ours(const struct passwd *pw)
{
	const struct group *g = group_of(ACCOUNTS_GROUP);

	return g && pw->pw_uid != 0 && pw->pw_gid == g->gr_gid;
}

/* ---- the system's tools ---- */

static void
tool_exec(const char *const *argv, int in, int out)
{
	char *envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};

	inherited_signals_usual();
	if (setpgid(0, 0) < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    close_range(3, ~0u, 0) < 0 || chdir("/") < 0)
		_exit(127);
	execve(argv[0], (char *const *)argv, envp);
	_exit(127);
}

/* A little text, which a pipe holds. */
static int
input_open(const char *text)
{
	const size_t len = strlen(text);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if (len > PIPE_BUF || write(fds[1], text, len) != (ssize_t)len) {
		close(fds[0]);
		close(fds[1]);
		return -EMSGSIZE;
	}
	close(fds[1]);
	return fds[0];
}

/* What it says, of which the last line is kept, as far as there is room.  -ETIMEDOUT: it has not ended. */
static int
output_read(int fd, char last[static SAID_MAX])
{
	const uint64_t end = clock_mono_ns() + TOOL_MS * UINT64_C(1000000);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool ended = true; /* the line that last has */
	size_t len = 0;
	char said[512];
	ssize_t n;

	last[0] = '\0';
	for (;;) {
		const uint64_t now = clock_mono_ns();

		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) == 0)
			return -ETIMEDOUT;
		if ((n = read(fd, said, sizeof said)) <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t i = 0; i < n; i++) {
			if (said[i] == '\n') {
				ended = true;
				continue;
			}
			if (ended)
				len = 0;
			ended = false;
			if (len + 1 < SAID_MAX)
				last[len++] = said[i];
			last[len] = '\0';
		}
	}
}

static int
tool_run(struct accounts *a, const char *const *argv, const char *input)
{
	char said[SAID_MAX];
	int out[2], status, r, in = input_open(input);
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in);
		return -errno;
	}
	if ((pid = fork()) == 0)
		tool_exec(argv, in, out[1]);
	close(in);
	close(out[1]);
	r = pid < 0 ? -errno : output_read(out[0], said);
	close(out[0]);
	if (pid < 0)
		return r;
	if (r < 0)
		(void)kill(-pid, SIGKILL);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	a->stuck = r < 0 || WIFSIGNALED(status);
	if (r < 0)
		snprintf(a->why, sizeof a->why,
		    "%s has not ended: /etc/.pwd.lock may be held, or the name services may not answer", argv[0]);
	else if (WIFSIGNALED(status))
		snprintf(a->why, sizeof a->why, "%s was ended by SIG%s: the name services may be broken", argv[0],
		    sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(a->why, sizeof a->why, "%s", *said ? said : argv[0]);
	return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == USERADD_IN_USE ? -EEXIST : -EIO;
}

/* ---- who is whose ---- */

static bool
has_mark(const struct accounts *a, const char *name)
{
	struct stat st;

	return fstatat(a->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* -ENOENT: there is none; -EEXIST: it is somebody else's. */
static int
account_find(struct accounts *a, const char *name, const struct passwd **pw)
{
	if ((*pw = user_of(name)) == NULL)
		return -ENOENT;
	if (has_mark(a, name) && is_ours(*pw))
		return 0;
	snprintf(a->why, sizeof a->why, ACCOUNTS_NOT_OURS, name);
	return -EEXIST;
}

static bool
is_agency(const char *name)
{
	const struct group *g = group_of(ACCOUNTS_AGENCIES);

	for (char **m = g ? g->gr_mem : NULL; m && *m; m++)
		if (strcmp(*m, name) == 0)
			return true;
	return false;
}

/* Not by /proc, where the service manager may hide other users' processes. */
static bool
is_busy(uid_t uid)
{
	errno = 0;
	return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

/* ---- changes ---- */

static int
keys_write(struct accounts *a, const char *name, struct slice keys)
{
	cleanup_buf struct buf old = {0};
	int r = replace_read(a->dir, name, DAEMON_CHAN_MAX, &old);

	if (r == 0 && old.len == keys.len && (keys.len == 0 || memcmp(old.p, keys.p, keys.len) == 0))
		return 0;
	return replace_hidden(a->dir, name, keys, 0644);
}

static int
hash_set(struct accounts *a, const char *name, struct slice hash)
{
	static const char *const argv[] = {"/usr/sbin/chpasswd", "-e", NULL};
	char line[1024];
	int n, r;

	if (has_hash(name, hash))
		return 0;
	n = snprintf(line, sizeof line, "%s:%.*s\n", name, (int)hash.len, hash.p);
	r = n < 0 || (size_t)n >= sizeof line ? -EMSGSIZE : tool_run(a, argv, line);
	explicit_bzero(line, sizeof line);
	return r;
}

static int
shell_set(struct accounts *a, const struct passwd *pw, const char *shell)
{
	const char *const argv[] = {"/usr/sbin/usermod", "--shell", shell, "--", pw->pw_name, NULL};

	return strcmp(pw->pw_shell, shell) == 0 ? 0 : tool_run(a, argv, "");
}

static int
agency_set(struct accounts *a, const char *name, bool member)
{
	const char *const argv[] = {
	    "/usr/sbin/usermod", member ? "--append" : "--remove", "--groups", ACCOUNTS_AGENCIES, "--", name, NULL};

	return is_agency(name) == member ? 0 : tool_run(a, argv, "");
}

/* The mark comes first: whatever happens then, it is known whose the account is. */
static int
account_make(struct accounts *a, const struct account *want)
{
	const char *const name = want->name;
	char number[12];
	const char *const argv[] = {"/usr/sbin/useradd", "--system", "--gid", ACCOUNTS_GROUP, "--no-user-group",
	    "--no-create-home", "--home-dir", "/", "--shell", SHELL_NONE, "--no-log-init", "--comment", FULL_NAME,
	    want->uid ? "--uid" : "--", want->uid ? number : name, want->uid ? "--" : NULL, name, NULL};
	int r;

	if (a->stuck)
		return -EIO;
	if ((r = replace_hidden(a->dir, name, (struct slice){"", 0}, 0644)) < 0)
		return r;
	snprintf(number, sizeof number, "%u", want->uid);
	if ((r = tool_run(a, argv, "")) == -EEXIST)
		snprintf(a->why, sizeof a->why, ACCOUNTS_NOT_OURS, name);
	return r;
}

static int
full_name_set(struct accounts *a, const struct passwd *pw, struct slice want)
{
	char text[CONF_GECOS_MAX + 1];
	const char *const argv[] = {"/usr/sbin/usermod", "--comment", text, "--", pw->pw_name, NULL};

	snprintf(text, sizeof text, "%.*s", want.len ? (int)want.len : (int)strlen(FULL_NAME),
	    want.len ? want.p : FULL_NAME);
	return strcmp(pw->pw_gecos, text) == 0 ? 0 : tool_run(a, argv, "");
}

/* What belongs to a number (files, a running process) would become somebody else's. */
static int
number_keep(struct accounts *a, const struct account *want, const struct passwd *pw)
{
	if (want->uid == 0 || want->uid == pw->pw_uid)
		return 0;
	snprintf(a->why, sizeof a->why, "system login user %s: has number %u, which stays until the user is removed",
	    want->name, (unsigned)pw->pw_uid);
	return -EEXIST;
}

/* Power is taken before it is given. */
static int
account_set(struct accounts *a, const struct account *want)
{
	const struct passwd *pw;
	int r = account_find(a, want->name, &pw);

	if (r == -ENOENT && (r = account_make(a, want)) == 0)
		r = account_find(a, want->name, &pw);
	if (r == 0)
		r = number_keep(a, want, pw);
	if (r == 0 && !want->operation)
		r = agency_set(a, want->name, false);
	if (r < 0 || (r = shell_set(a, pw, want->operation ? ACCOUNTS_SHELL_DTCP : ACCOUNTS_SHELL)) < 0 ||
	    (r = full_name_set(a, pw, want->full_name)) < 0 || (r = hash_set(a, want->name, want->hash)) < 0 ||
	    (r = keys_write(a, want->name, want->keys)) < 0)
		return r;
	return want->operation ? agency_set(a, want->name, true) : 0;
}

static int
account_drop(struct accounts *a, const char *name)
{
	const char *const argv[] = {"/usr/sbin/userdel", "--", name, NULL};
	const struct passwd *pw;
	int r = account_find(a, name, &pw);

	if (r == 0) {
		if ((r = agency_set(a, name, false)) < 0 || (r = keys_write(a, name, (struct slice){"", 0})) < 0 ||
		    (r = hash_set(a, name, (struct slice){NO_PASSWORD, 1})) < 0 ||
		    (r = shell_set(a, pw, SHELL_NONE)) < 0)
			return r;
		if (is_busy(pw->pw_uid)) {
			a->leaving = true;
			return 0;
		}
		r = tool_run(a, argv, "");
	} else if (r == -EEXIST || r == -ENOENT)
		r = 0; /* somebody has removed it; what has its name now is not ours */
	return r < 0 || unlinkat(a->dir, name, 0) == 0 ? r : -errno;
}

/* ---- what is asked for ---- */

static int
drop_others(struct accounts *a, const struct account_list *l)
{
	const struct dirent *d;
	int fd = openat(a->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		return -errno;
	a->leaving = false;
	while (r == 0 && (d = readdir(dir)) != NULL)
		if (replace_is_hidden(d->d_name))
			(void)unlinkat(a->dir, d->d_name, 0);
		else if (d->d_name[0] != '.' && !account_is_listed(l, d->d_name))
			r = account_drop(a, d->d_name);
	closedir(dir);
	return r;
}

/* Of our group, but without the mark: made by hand, or a commit's whose file is gone. Which of both nobody can tell, so
 * they are left alone, and named. */
static void
unmarked_tell(const struct accounts *a)
{
	const struct group *g = group_of(ACCOUNTS_GROUP);
	FILE *f = g ? fopen("/etc/passwd", "re") : NULL;
	const struct passwd *pw;

	while (f && (pw = fgetpwent(f)) != NULL)
		if (pw->pw_gid == g->gr_gid && !has_mark(a, pw->pw_name))
			log_warnx("login %s: no commit has made it, but its group is " ACCOUNTS_GROUP
				  ": left alone; userdel(8) removes it",
			    pw->pw_name);
	if (f)
		fclose(f);
}

static int
check(struct accounts *a, const struct account_list *l, bool make)
{
	const struct passwd *pw;
	int r = 0;

	if (l->n && group_of(ACCOUNTS_GROUP) == NULL) {
		snprintf(a->why, sizeof a->why, "system login: the system has no group " ACCOUNTS_GROUP);
		return -ENOENT;
	}
	for (uint32_t i = 0; r == 0 && i < l->n; i++)
		if ((r = account_find(a, l->v[i].name, &pw)) == -ENOENT)
			r = 0;
	for (uint32_t i = 0; make && r == 0 && i < l->n; i++)
		if (user_of(l->v[i].name) == NULL)
			r = account_make(a, &l->v[i]);
	return r;
}

/* All that can be done is done; the first error is told. */
static int
apply(struct accounts *a, const struct account_list *l, bool ssh_legacy)
{
	char why[sizeof a->why] = "";
	int first = ssh_legacy_set(a->ssh_dir, ssh_legacy), r;

	if (first < 0)
		snprintf(
		    why, sizeof why, "legacy-algorithms: " SSH_LEGACY_DIR "/" SSH_LEGACY_FILE ": %s", strerror(-first));
	for (uint32_t i = 0; i <= l->n; i++) {
		a->why[0] = '\0';
		r = i < l->n ? account_set(a, &l->v[i]) : drop_others(a, l);
		if (r < 0 && first == 0) {
			first = r;
			memcpy(why, a->why, sizeof why);
		}
	}
	unmarked_tell(a);
	memcpy(a->why, why, sizeof why);
	return first;
}

static int
carry_out(struct accounts *a, const struct buf *body)
{
	struct rd r = rd_init(body->p, body->len);
	const uint8_t phase = rd_u8(&r), ssh_legacy = rd_u8(&r);
	struct account_list l = {0};
	int e = account_list_get(&l, &r);

	a->why[0] = '\0';
	a->stuck = false;
	if (e == 0 && ssh_legacy > 1)
		e = -EBADMSG;
	if (e < 0 || phase != ACCOUNTS_APPLY) {
		if (e == 0 && ssh_legacy)
			e = ssh_legacy_check(a->conf_fd, a->conf_dir, a->why, sizeof a->why);
		if (e == 0)
			e = check(a, &l, phase == ACCOUNTS_PREPARE);
		free(l.v);
		return e;
	}
	free(a->applied.v);
	a->applied = l; /* its names, once body is gone */
	return apply(a, &l, ssh_legacy);
}

/* ---- the process ---- */

static int
folder_open(int conf_fd, const char *name, int *fd)
{
	struct stat st;

	if (mkdirat(conf_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	*fd = openat(conf_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return -errno;
	/* What is right is not written: the disk may be read-only. */
	return (st.st_mode & 07777) != 0755 && fchmod(*fd, 0755) < 0 ? -errno : 0;
}

static int
folders_open(struct accounts *a)
{
	int r;

	if ((a->conf_fd = open(a->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -errno;
	r = folder_open(a->conf_fd, ACCOUNTS_DIR, &a->dir);
	return r < 0 ? r : folder_open(a->conf_fd, SSH_LEGACY_DIR, &a->ssh_dir);
}

static int
begin(struct accounts *a)
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(DAEMON_FD_PARENT, 2 * PATH_MAX, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	rd_cstr(&r, a->conf_dir, sizeof a->conf_dir);
	if (type != IPC_P_ACCOUNTS || rd_end(&r) < 0)
		return -EBADMSG;
	if ((rc = folders_open(a)) < 0)
		return rc;
	return role_confine_accounts(a->conf_dir);
}

/* The next message; meanwhile those who leave are looked after. */
static int
next(struct accounts *a, uint16_t *type, struct buf *body)
{
	struct pollfd p = {.fd = DAEMON_FD_PARENT, .events = POLLIN};
	uint32_t id;

	while (a->leaving && poll(&p, 1, RETRY_MS) == 0)
		if (drop_others(a, &a->applied) < 0)
			log_warnx("logins: %s", a->why);
	buf_reset(body);
	return chan_read_sync(DAEMON_FD_PARENT, DAEMON_CHAN_MAX, type, &id, body);
}

int
accounts_run(int verbose)
{
	struct accounts a = {.conf_fd = -1, .dir = -1, .ssh_dir = -1};
	cleanup_buf struct buf body = {0};
	uint16_t type;
	int r;

	log_init("flowtapd: accounts", verbose);
	umask(022);
	if ((r = sandbox_basics()) < 0 || (r = begin(&a)) < 0)
		fatal(r, "cannot begin");
	while ((r = next(&a, &type, &body)) == 0 && type == IPC_P_LOGINS) {
		r = carry_out(&a, &body);
		r = daemon_ready_sync(DAEMON_FD_PARENT, r, r < 0 ? *a.why ? a.why : strerror(-r) : "");
		if (r < 0)
			break;
	}
	free(a.applied.v);
	return r == 0 && type == IPC_P_STOP ? 0 : 1;
}
