/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "output.h"

void
output_begin(void)
{
	/* open() takes the lowest number that is free. */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			return;
}

int
output_end(const char *program)
{
	static bool told;
	const bool failed_before = ferror(stdout);
	int err = 0;

	errno = 0;
	if (fflush(stdout) != 0)
		err = errno ? errno : EIO;
	else if (failed_before)
		err = EIO;
	if (err && !told) {
		told = true;
		fprintf(stderr, "%s: standard output: %s\n", program,
		    failed_before && err == EIO ? "not all of it could be written" : strerror(err));
	}
	return -err;
}
