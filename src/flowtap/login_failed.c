/* SPDX-License-Identifier: BSD-2-Clause */
#include "login_failed.h"

#include <stdio.h>

#include "ctl.h"

int
login_failed_main(void)
{
	const char *user = getenv("PAM_USER"), *host = getenv("PAM_RHOST");
	cleanup_buf struct buf text = {0}, body = {0};
	cleanup_fd int fd = -1;
	int code;

	buf_printf(&text, "%.63s\n%.63s", user ? user : "", host ? host : "");
	if (text.err || (fd = ctl_ask("/run/flowtap/ctl.sock", "login-failed", (struct slice){(char *)text.p, text.len},
			     &code)) < 0)
		return EXIT_TRANSPORT;
	/* The delay of the login begins when this is on record. */
	return ctl_read(fd, &body) == IPC_C_JSON ? EXIT_OK : EXIT_TRANSPORT;
}
