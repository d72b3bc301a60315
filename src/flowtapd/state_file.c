/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base.h"
#include "state_file.h"
#include "store.h"

int
state_file_check(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t head[STORE_HEAD_LEN];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = pread(fd, head, sizeof head, 0);
	return n < 0 ? -errno : store_head(head, (size_t)n);
}

/* Which schema and whose, as far as the file tells. */
static void
found_format(const char *path, char *out, size_t size)
{
	struct store_found found = {0};

	if (store_look(path, &found) < 0 || found.schema == 0)
		snprintf(out, size, "another schema");
	else if (*found.software)
		snprintf(out, size, "schema %d, made by flowtap %s", found.schema, found.software);
	else
		snprintf(out, size, "schema %d", found.schema);
}

#define STILL "Nothing was changed, and the kernel goes on copying. "
#define OR_REMOVE " `flowtapd --remove` ends every tap, whatever state the database is in."

void
state_file_explain(const char *path, int refusal, char *out, size_t size)
{
	char found[96];

	found_format(path, found, sizeof found);
	switch (refusal) {
	case STORE_NEWER:
		snprintf(out, size,
		    "%s is of a later release: %s; this is flowtap " FLOWTAP_VERSION ", whose schema is %d. " STILL
		    "Install that release again." OR_REMOVE,
		    path, found, store_schema());
		break;
	case STORE_TOO_OLD:
		snprintf(out, size,
		    "%s is from before the first release: %s. " STILL "Move it away and add again." OR_REMOVE, path,
		    found);
		break;
	case STORE_NOT_OURS:
		snprintf(out, size,
		    "%s is not a database of flowtap's, or its first page is damaged. " STILL "Restore it." OR_REMOVE,
		    path);
		break;
	case STORE_OTHER_KEY:
		snprintf(out, size, "%s was made with another machine key. " STILL "Restore that key." OR_REMOVE, path);
		break;
	case STORE_NO_COPY:
		snprintf(out, size,
		    "%s is of an earlier release: %s; no copy of it can be kept beside it before it changes to schema "
		    "%d, "
		    "which takes as much room as it has. " STILL "Make room." OR_REMOVE,
		    path, found, store_schema());
		break;
	default:
		snprintf(out, size, "%s is damaged. " STILL "Restore it." OR_REMOVE, path);
	}
}
