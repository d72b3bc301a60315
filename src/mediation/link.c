/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "clock.h"
#include "foreign.h"
#include "link.h"

#define SUBSYSTEM "flow-tap-dtcp"
#define CHUNK 65536
#define LINE_MAX_LEN 4096
#define FAREWELL_MS 3000
#define ARGS_MAX (2 * LINK_SSH_OPTS_MAX + 48)

struct link {
	pid_t pid;
	int to, from, err; /* the child's standard input, output and error; -1: closed */
	struct buf in, out, line;
	bool up;
	enum link_failure said; /* what the child's words tell of its end; LINK_FINE: nothing */
	struct ip_addr reached;
	int status; /* of the child, once it was waited for */
	bool ended; /* standard output is at its end */
};

/* ---- the child ---- */

/* Ours come after the user's: ssh takes the first value it sees. */
static const char *const own_opts[] = {
    "LogLevel=VERBOSE", /* tells when the login is done, and where */
    "ControlPath=none", /* a connection of our own, or it does not tell */
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ConnectTimeout=30",
};

struct args {
	const char *v[ARGS_MAX];
	unsigned n;
};

static void
args_add(struct args *a, const char *arg)
{
	if (a->n < ARGS_MAX - 1)
		a->v[a->n++] = arg;
}

static void
args_option(struct args *a, const char *letter, const char *value)
{
	args_add(a, letter);
	args_add(a, value);
}

/* A command line is the shell's to take apart; what we add are its arguments. */
static void
args_command(struct args *a, const char *command, char *script, size_t size)
{
	snprintf(script, size, "exec %s \"$@\"", command);
	args_add(a, "/bin/sh");
	args_option(a, "-c", script);
	args_add(a, "ssh");
}

static void
args_ssh(struct args *a, const struct link_opts *o, char *script, size_t size)
{
	if (o->ssh)
		args_command(a, o->ssh, script, size);
	else
		args_add(a, "ssh");
	args_option(a, "-p", o->port);
	args_option(a, "-l", o->user);
	if (o->identity)
		args_option(a, "-i", o->identity);
	for (unsigned i = 0; i < o->nssh_opt; i++)
		args_option(a, "-o", o->ssh_opt[i]);
	for (unsigned i = 0; i < ARRAY_LEN(own_opts); i++)
		args_option(a, "-o", own_opts[i]);
	if (o->password)
		args_option(a, "-o", "NumberOfPasswordPrompts=1");
	args_add(a, "-T");
	args_add(a, "-s");
	args_option(a, "--", o->router);
	args_add(a, SUBSYSTEM);
}

/* The password goes by the environment, which only this user and root can read. */
static void
askpass_set(const char *password)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return;
	self[n] = '\0';
	setenv("DTCP_ASKPASS", "1", 1);
	setenv("DTCP_PASSWORD", password, 1);
	setenv("SSH_ASKPASS", self, 1);
	setenv("SSH_ASKPASS_REQUIRE", "force", 1);
	setenv("DISPLAY", ":", 0); /* OpenSSH before 8.4 asks for one */
}

static void __attribute__((noreturn)) child_run(const struct link_opts *o, const int fd[3])
{
	size_t size = 64 + (o->ssh ? strlen(o->ssh) : 0);
	char *script = malloc(size);
	struct args a = {0};

	if (script == NULL)
		_exit(127);
	if (o->exec) {
		args_add(&a, "/bin/sh");
		args_option(&a, "-c", o->exec);
	} else {
		args_ssh(&a, o, script, size);
		if (o->password)
			askpass_set(o->password);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(fd[i], i) < 0)
			_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execvp(a.v[0], (char *const *)(uintptr_t)a.v);
	dprintf(STDERR_FILENO, "dtcp: cannot start %s: %s\n", a.v[0], strerror(errno));
	_exit(127);
}

/* fd[0] to read, fd[1] to write; ours of the two does not block. */
static int
pipe_make(int fd[2], int ours)
{
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(fd[ours], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void
pipe_close(int fd[2])
{
	base_close_p(&fd[0]);
	base_close_p(&fd[1]);
}

static int
child_start(struct link *l, const struct link_opts *o)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, r;

	if ((r = pipe_make(in, 1)) < 0 || (r = pipe_make(out, 0)) < 0 || (r = pipe_make(err, 0)) < 0)
		goto end;
	fflush(NULL);
	if ((l->pid = fork()) < 0) {
		r = -errno;
		goto end;
	}
	if (l->pid == 0)
		child_run(o, (int[]){in[0], out[1], err[1]});
	l->to = TAKE_FD(in[1]);
	l->from = TAKE_FD(out[0]);
	l->err = TAKE_FD(err[0]);
end:
	pipe_close(in);
	pipe_close(out);
	pipe_close(err);
	return r;
}

int
link_open(const struct link_opts *o, struct link **out)
{
	struct link *l = calloc(1, sizeof *l);
	int r;

	if (l == NULL)
		return -ENOMEM;
	*l = (struct link){.to = -1, .from = -1, .err = -1, .up = o->exec != NULL};
	signal(SIGPIPE, SIG_IGN);
	if ((r = child_start(l, o)) < 0) {
		free(l);
		return r;
	}
	*out = l;
	return 0;
}

/* ---- what it says on standard error ---- */

static bool
has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* OpenSSH has no translations, and these words are years old.  The first that fits counts. */
static const struct {
	bool up; /* whether it is said after the login */
	enum link_failure failure;
	const char *text[2]; /* both are in the line, in this order */
} failures[] = {
    {false, LINK_NO_HOST, {"ssh: Could not resolve hostname ", ""}},
    {false, LINK_CONN_REFUSED, {"ssh: connect to host ", ": Connection refused"}},
    {false, LINK_CONN_TIMEOUT, {"ssh: connect to host ", " timed out"}},
    {false, LINK_UNREACHABLE, {"ssh: connect to host ", ""}},
    {false, LINK_CONN_TIMEOUT, {"Connection timed out during banner exchange", ""}},
    {false, LINK_CONN_TIMEOUT, {"Connection to ", " timed out"}},
    {false, LINK_NOT_SSH, {"banner exchange: ", ": invalid format"}},
    {false, LINK_NOT_SSH, {"banner line contains invalid characters", ""}},
    {false, LINK_NOT_SSH, {"exchange_identification: ", "invalid"}},
    {false, LINK_NO_COMMON, {"Unable to negotiate with ", ": no matching "}},
    {false, LINK_KEY_CHANGED, {"REMOTE HOST IDENTIFICATION HAS CHANGED", ""}},
    {false, LINK_KEY_CHANGED, {"REVOKED HOST KEY DETECTED", ""}},
    {false, LINK_KEY_CHANGED, {"Host key for ", " has changed and "}},
    {false, LINK_KEY_UNKNOWN, {"Host key verification failed.", ""}},
    {false, LINK_DENIED, {": Permission denied (", ")."}},
    {false, LINK_DENIED, {"Too many authentication failures", ""}},
    {false, LINK_CUT, {"Connection closed by ", " port "}},
    {false, LINK_CUT, {"Connection reset by ", " port "}},
    {true, LINK_NO_SUBSYSTEM, {"ubsystem request failed", ""}},
};

enum link_failure
link_line_failure(const char *line, bool up)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		const char *at = failures[i].up == up ? strstr(line, failures[i].text[0]) : NULL;

		if (at && strstr(at + strlen(failures[i].text[0]), failures[i].text[1]))
			return failures[i].failure;
	}
	return LINK_FINE;
}

/* "Authenticated to NAME ([ADDRESS]:PORT) using ..." or "(via proxy)" */
static void
line_authenticated(struct link *l, const char *line)
{
	const char *start = strstr(line, "(["), *end = start ? strstr(start, "]:") : NULL;

	l->up = true;
	l->said = LINK_FINE; /* an address before this one may have failed */
	if (end)
		(void)ip_parse((struct slice){start + 2, (size_t)(end - start - 2)}, &l->reached);
}

/* The first word on it is the reason, and what follows are consequences; but of several addresses that can't be
 * reached the last one counts. */
static void
line_judge(struct link *l, enum link_failure f)
{
	if (f != LINK_FINE && (l->said == LINK_FINE || l->said <= LINK_CONN_TIMEOUT))
		l->said = f;
}

/* true: the line is of no interest to the user. */
static bool
line_read(struct link *l, const char *line)
{
	if (has_prefix(line, "Authenticated to ")) {
		line_authenticated(l, line);
		return true;
	}
	line_judge(l, link_line_failure(line, l->up));
	return l->up && (has_prefix(line, "Transferred: sent") || has_prefix(line, "Bytes per second: sent"));
}

/* What ssh, the router's login and its programs say is theirs: behind a mark that no line of ours has. */
static void
line_show(struct slice line)
{
	cleanup_buf struct buf shown = {0};

	line.len -= line.len > 0 && line.p[line.len - 1] == '\n';
	line.len -= line.len > 0 && line.p[line.len - 1] == '\r';
	buf_printf(&shown, "| ");
	foreign_put(&shown, line, FOREIGN_LINE);
	buf_put_u8(&shown, '\n');
	fwrite(shown.p, 1, shown.len, stderr);
}

/* Passes whole lines on; the rest at the end of the stream. */
static void
lines_take(struct link *l, bool end)
{
	struct buf *b = &l->line;
	uint8_t *nl;

	while (b->err == 0 && b->len > 0) {
		size_t len = (nl = memchr(b->p, '\n', b->len)) ? (size_t)(nl - b->p) + 1 : b->len;
		char line[LINE_MAX_LEN];

		if (nl == NULL && !end && b->len < sizeof line)
			return;
		if (len >= sizeof line)
			len = sizeof line - 1;
		memcpy(line, b->p, len);
		line[len] = '\0';
		buf_drop(b, len);
		if (!line_read(l, line))
			line_show((struct slice){line, len});
	}
}

/* ---- moving bytes ---- */

struct buf *
link_out(struct link *l)
{
	return &l->out;
}

struct buf *
link_in(struct link *l)
{
	return &l->in;
}

static void
fd_close(int *fd)
{
	base_close_p(fd);
	*fd = -1;
}

/* The bytes read, 0 at the end of the stream, -EAGAIN. */
static ssize_t
fd_read(int fd, struct buf *b)
{
	uint8_t *room = buf_room(b, CHUNK);
	ssize_t n;

	if (room == NULL)
		return -ENOMEM;
	n = read(fd, room, CHUNK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	b->len += (size_t)n;
	return n;
}

static void
out_write(struct link *l)
{
	ssize_t n = write(l->to, l->out.p, l->out.len);

	if (n >= 0)
		buf_drop(&l->out, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		fd_close(&l->to); /* nobody reads any more; its last words may still come */
}

static void
err_read(struct link *l)
{
	ssize_t n = fd_read(l->err, &l->line);

	lines_take(l, n == 0);
	if (n == 0)
		fd_close(&l->err);
}

int
link_wait(struct link *l, int timeout_ms, int extra_fd)
{
	struct pollfd p[] = {
	    {.fd = l->out.len ? l->to : -1, .events = POLLOUT},
	    {.fd = l->from, .events = POLLIN},
	    {.fd = l->err, .events = POLLIN},
	    {.fd = extra_fd, .events = POLLIN},
	};
	int n;

	if (l->ended)
		return -EPIPE;
	if ((n = poll(p, ARRAY_LEN(p), timeout_ms)) < 0)
		return errno == EINTR ? 1 : -errno;
	if (p[2].revents) /* first: it may tell that we are logged in */
		err_read(l);
	if (p[0].revents)
		out_write(l);
	if (p[1].revents) {
		ssize_t got = fd_read(l->from, &l->in);

		if (got == -ENOMEM)
			return -ENOMEM;
		l->ended = got == 0;
	}
	return l->ended && l->in.len == 0 ? -EPIPE : n > 0;
}

bool
link_is_up(const struct link *l)
{
	return l->up;
}

const struct ip_addr *
link_reached(const struct link *l)
{
	return l->reached.family ? &l->reached : NULL;
}

int
link_login(struct link *l, int timeout_ms)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)timeout_ms * 1000000;

	while (!l->up) {
		uint64_t now = clock_mono_ns();
		int r;

		if (now >= deadline)
			return -ETIMEDOUT;
		if ((r = link_wait(l, (int)((deadline - now) / 1000000) + 1, -1)) < 0)
			return r;
	}
	return 0;
}

/* ---- the end ---- */

static bool
child_gone(struct link *l, int flags)
{
	return l->pid <= 0 || waitpid(l->pid, &l->status, flags) == l->pid;
}

/* Waits for the end of the child's output and then of the child. */
static void
farewell(struct link *l)
{
	uint64_t deadline = clock_mono_ns() + FAREWELL_MS * UINT64_C(1000000);

	fd_close(&l->to);
	buf_reset(&l->out);
	while (clock_mono_ns() < deadline) {
		if (!l->ended)
			link_wait(l, 50, -1);
		else if (child_gone(l, WNOHANG))
			return;
		else
			poll(NULL, 0, 1);
		buf_reset(&l->in);
	}
	kill(l->pid, SIGTERM);
	while (clock_mono_ns() < deadline + FAREWELL_MS * UINT64_C(1000000)) {
		if (child_gone(l, WNOHANG))
			return;
		poll(NULL, 0, 10);
	}
	kill(l->pid, SIGKILL);
	child_gone(l, 0);
}

/* What was still on its way when the child ended; a grandchild may hold the pipe open. */
static void
last_words(struct link *l)
{
	while (l->err >= 0) {
		struct pollfd p = {.fd = l->err, .events = POLLIN};

		if (poll(&p, 1, 0) <= 0)
			break;
		err_read(l);
	}
	lines_take(l, true);
}

static enum link_failure
failure(const struct link *l, bool by_us)
{
	if (l->said != LINK_FINE)
		return l->said;
	if (WIFEXITED(l->status))
		switch (WEXITSTATUS(l->status)) {
		case 127:
			return LINK_NO_PROGRAM;
		case EX_NOPERM: /* ssh hands on what flowtap-dtcp ends with */
			return LINK_NOT_PERMITTED;
		case EX_UNAVAILABLE:
			return LINK_NO_SERVICE;
		}
	return by_us ? LINK_FINE : LINK_ENDED;
}

enum link_failure
link_close(struct link *l)
{
	enum link_failure why;
	bool by_us;

	if (l == NULL)
		return LINK_FINE;
	by_us = !l->ended;
	farewell(l);
	last_words(l);
	why = failure(l, by_us);
	base_close_p(&l->from);
	base_close_p(&l->err);
	buf_free(&l->in);
	buf_free(&l->out);
	buf_free(&l->line);
	free(l);
	return why;
}

bool
link_askpass(int argc, char **argv, int *status)
{
	const char *password = getenv("DTCP_PASSWORD");

	if (getenv("DTCP_ASKPASS") == NULL)
		return false;
	/* Only for a password: not for "are you sure", not for the passphrase of a key. */
	if (argc != 2 || password == NULL || strstr(argv[1], "assword") == NULL) {
		*status = 1;
		return true;
	}
	puts(password);
	*status = fflush(stdout) == 0 ? 0 : 1;
	return true;
}
