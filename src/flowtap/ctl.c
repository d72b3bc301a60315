/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "chan.h"
#include "terminal.h"

#define TEXT_MAX 65535

static int
ctl_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun.sun_path, path);
	return fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof sun) < 0 ? -1 : TAKE_FD(fd);
}

/* The command, and before it what goes with it if it is too long for one message. */
static int
ask_write(int fd, const char *words, struct slice text)
{
	const bool apart = text.len > TEXT_MAX;
	cleanup_buf struct buf b = {0};
	int r = 0;

	while (r == 0 && apart && text.len > 0) {
		const size_t n = text.len < TEXT_MAX ? text.len : TEXT_MAX;

		r = chan_write_sync(fd, IPC_C_TEXT, 0, text.p, n);
		text = (struct slice){text.p + n, text.len - n};
	}
	buf_put_str(&b, words);
	buf_put_slice(&b, text);
	if (r < 0 || b.err)
		return r < 0 ? r : b.err;
	return chan_write_sync(fd, IPC_C_SHOW, 0, b.p, b.len);
}

int
ctl_ask(const char *path, const char *words, struct slice text, int *code)
{
	cleanup_fd int fd = ctl_connect(path);
	int r;

	if (fd < 0) {
		*code = errno == EACCES ? EXIT_NOT_AUTHORISED : EXIT_TRANSPORT;
		term_say("flowtap: %s: %s; is flowtapd running?", path, strerror(errno));
		return -1;
	}
	/* A daemon that does not want all of it has said why, and closed. */
	if ((r = ask_write(fd, words, text)) < 0 && r != -EPIPE) {
		*code = EXIT_TRANSPORT;
		term_say("flowtap: no answer from the daemon: %s", strerror(-r));
		return -1;
	}
	return TAKE_FD(fd);
}

int
ctl_ask_again(int fd, const char *words, struct slice text)
{
	int r = ask_write(fd, words, text);

	if (r < 0)
		term_say("flowtap: no answer from the daemon: %s", strerror(-r));
	return r;
}

int
ctl_try(const char *path, const char *words, struct buf *body)
{
	cleanup_fd int fd = ctl_connect(path);
	uint16_t type;
	uint32_t id;
	int r;

	if (fd < 0)
		return -errno;
	if ((r = ask_write(fd, words, (struct slice){"", 0})) < 0 ||
	    (r = chan_read_sync(fd, IPC_ANSWER_MAX, &type, &id, body)) < 0)
		return r;
	return type;
}

int
ctl_read(int fd, struct buf *body)
{
	uint16_t type;
	uint32_t id;
	int r = chan_read_sync(fd, IPC_ANSWER_MAX, &type, &id, body);

	if (r == 0)
		return type;
	term_say("flowtap: no answer from the daemon: %s", strerror(-r));
	return -1;
}

int
ctl_error(const struct buf *body)
{
	struct rd r = rd_init(body->p, body->len);
	uint8_t code = rd_u8(&r);
	char text[512];

	rd_cstr(&r, text, sizeof text);
	if (rd_end(&r) < 0 || code == EXIT_OK)
		return ctl_nonsense();
	term_say("flowtap: %s", text);
	return code;
}

int
ctl_nonsense(void)
{
	term_say("flowtap: the daemon's answer is not understood");
	return EXIT_TRANSPORT;
}
