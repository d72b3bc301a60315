/* SPDX-License-Identifier: BSD-2-Clause */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool
all_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

bool
tool_host_ok(const char *s)
{
	return strlen(s) <= 255 && *s != '-' && all_of(s, ALNUM ".:_%-");
}

bool
tool_name_ok(const char *s)
{
	return strlen(s) <= 255 && *s != '-' && *s != '.' && all_of(s, ALNUM "._-");
}

static int
path_of(const char *name, char *path, size_t size)
{
	static const char *const folders[] = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(path, size, "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Its own environment: nothing of the user's chooses other programs or libraries. */
static int
spawn(const char *const *argv, int out, int err, pid_t *pid)
{
	static char *const env[] = {"PATH=/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL=C.UTF-8", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t usual;
	char path[64];
	int r = path_of(argv[0], path, sizeof path);

	if (r < 0)
		return r;
	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	r = -posix_spawn(pid, path, &files, &attr, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return r;
}

static int
output_take(int fd, int (*take)(void *arg, const char *bytes, size_t len), void *arg)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && take(arg, piece, (size_t)n) != 0)
			return -EPIPE;
	return 0;
}

static int
status_get(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* err: its standard error; -1: is its standard output, too. */
static int
run(const char *const *argv, int err, int (*take)(void *arg, const char *bytes, size_t len), void *arg)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, was;
	int fd[2], r;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	sigaction(SIGINT, &ignore, &was);
	r = spawn(argv, fd[1], err < 0 ? fd[1] : err, &pid);
	close(fd[1]);
	if (r == 0) {
		if (output_take(fd[0], take, arg) < 0)
			kill(pid, SIGTERM);
		r = status_get(pid);
	}
	sigaction(SIGINT, &was, NULL);
	close(fd[0]);
	return r;
}

int
tool_run(const char *const *argv, int (*take)(void *arg, const char *bytes, size_t len), void *arg)
{
	return run(argv, -1, take, arg);
}

static int
to_buf(void *arg, const char *bytes, size_t len)
{
	struct buf *b = arg;

	buf_put(b, bytes, len);
	return b->err || b->len > TOOL_OUTPUT_MAX;
}

int
tool_read(const char *const *argv, struct buf *out, struct buf *said)
{
	cleanup_fd int err = memfd_create("stderr", MFD_CLOEXEC);
	char text[TOOL_SAID_MAX];
	ssize_t n;
	int r;

	if (err < 0)
		return -errno;
	if ((r = run(argv, err, to_buf, out)) < 0)
		return r;
	if ((n = pread(err, text, sizeof text, 0)) > 0)
		buf_put(said, text, (size_t)n);
	if (out->len > TOOL_OUTPUT_MAX)
		return -E2BIG;
	return out->err ? out->err : said->err ? said->err : r;
}
