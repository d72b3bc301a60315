/* SPDX-License-Identifier: BSD-2-Clause */
#include "key.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base.h"

/* Waits in the terminal's raw mode.  0: a key can be read, or its end; -EINTR: a signal waits to be let through. */
static int
key_wait(int sigfd)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = sigfd, .events = POLLIN}};

	while (poll(p, ARRAY_LEN(p), -1) < 0)
		if (errno != EINTR)
			return 0;
	return p[1].revents ? -EINTR : 0;
}

bool
key_line_wait(void)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	struct signalfd_siginfo info;
	cleanup_fd int sigfd = -1;
	sigset_t set, before;
	bool interrupted;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &before);
	p[1].fd = sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	while (poll(p, ARRAY_LEN(p), -1) < 0 && errno == EINTR)
		;
	interrupted = read(sigfd, &info, sizeof info) == sizeof info;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return !interrupted;
}

int
key_read(void)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM};
	struct termios old, raw;
	cleanup_fd int sigfd = -1;
	sigset_t set, before;
	char c;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		sigaddset(&set, ours[i]);
	if ((sigfd = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		return -1;
	do {
		if (tcgetattr(STDIN_FILENO, &old) < 0)
			return -1;
		raw = old;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		sigprocmask(SIG_BLOCK, &set, &before);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		r = key_wait(sigfd);
		if (r == 0 && read(STDIN_FILENO, &c, 1) != 1)
			r = -EIO;
		tcsetattr(STDIN_FILENO, TCSANOW, &old);
		sigprocmask(SIG_SETMASK, &before, NULL); /* here it does what it does */
	} while (r == -EINTR);
	return r == 0 ? (unsigned char)c : -1;
}
