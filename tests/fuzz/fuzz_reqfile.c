/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of requests, or with a first byte that is odd a pipe: they are the file's lines, without those that are blank.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dtcp.h"
#include "reqfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* It stands at that line of the file, and no line of it is blank. */
static void
request_check(struct slice raw, uint64_t line, const char *file, size_t len)
{
	const char *p = file, *nl;
	bool blank = true;

	for (uint64_t n = 1; n < line; n++) {
		if ((nl = memchr(p, '\n', len - (size_t)(p - file))) == NULL)
			abort();
		p = nl + 1;
	}
	if (raw.len == 0 || raw.len > DTCP_REQUEST_MAX || raw.len > len - (size_t)(p - file) ||
	    memcmp(p, raw.p, raw.len) != 0)
		abort();
	for (size_t i = 0; i < raw.len; i++) {
		blank = blank && is_blank(raw.p[i]);
		if (raw.p[i] == '\n' && blank)
			abort();
		blank = raw.p[i] == '\n' || blank;
	}
}

static int
file_make(const uint8_t *data, size_t len, bool pipe_it)
{
	int fds[2], fd;

	if (pipe_it) {
		if (pipe(fds) < 0 || write(fds[1], data, len) != (ssize_t)len)
			abort();
		close(fds[1]);
		return fds[0];
	}
	if ((fd = memfd_create("requests", MFD_CLOEXEC)) < 0 || write(fd, data, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reqfile f = {.line = 1};
	uint64_t line, last = 0;
	struct slice raw;
	int r;

	if (len == 0)
		return 0;
	f.waits = data[0] & 1;
	if (f.waits && len > 60000)
		return 0;
	f.fd = file_make(data + 1, len - 1, f.waits);
	while ((r = reqfile_next(&f, &raw, &line)) == 1 || r == -EMSGSIZE || r == -EAGAIN) {
		if (r == -EAGAIN)
			continue;
		if (line <= last)
			abort();
		last = line;
		if (r == 1)
			request_check(raw, line, (const char *)data + 1, len - 1);
	}
	if (r != 0 || f.consumed != len - 1)
		abort();
	reqfile_close(&f);
	return 0;
}
