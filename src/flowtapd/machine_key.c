/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "audit.h"
#include "machine_key.h"

#define TEXT_LEN (2 * MACHINE_KEY_LEN)
#define MADE_AS MACHINE_KEY_FILE ".new"

/* ---- reading ---- */

static int
owner_check(int fd, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*why = "is not a regular file of root's";
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	*why = "can be reached by others than root: chmod 600";
	return st.st_mode & 077 ? -EPERM : 0;
}

static int
text_read(int fd, uint8_t key[static MACHINE_KEY_LEN])
{
	char text[TEXT_LEN + 2];
	ssize_t n = read(fd, text, sizeof text);
	int r = n < 0 ? -errno : 0;

	if (n == TEXT_LEN + 1 && text[TEXT_LEN] == '\n')
		n--;
	if (r == 0)
		r = audit_unhex((struct slice){text, (size_t)n}, key, MACHINE_KEY_LEN);
	explicit_bzero(text, sizeof text);
	return r;
}

static int
key_read_at(int dir, const char *name, uint8_t key[static MACHINE_KEY_LEN], const char **why)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	*why = "cannot be opened";
	if (fd < 0)
		return -errno;
	if ((r = owner_check(fd, why)) < 0)
		return r;
	*why = "is not 64 hexadecimal digits, small letters";
	return text_read(fd, key);
}

int
machine_key_read(const char *path, uint8_t key[static MACHINE_KEY_LEN], const char **why)
{
	return key_read_at(AT_FDCWD, path, key, why);
}

/* ---- making ---- */

static int
text_write(int fd)
{
	uint8_t key[MACHINE_KEY_LEN];
	char text[TEXT_LEN + 1];
	int r = getrandom(key, sizeof key, 0) == sizeof key ? 0 : -EIO;
	ssize_t n;

	audit_hex(key, sizeof key, text);
	text[TEXT_LEN] = '\n';
	if (r == 0 && (n = write(fd, text, sizeof text)) != sizeof text)
		r = n < 0 ? -errno : -ENOSPC;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	explicit_bzero(key, sizeof key);
	explicit_bzero(text, sizeof text);
	return r;
}

/* Under another name first: the real name never stands for half a key. */
static int
key_make(int dir)
{
	cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dir, MADE_AS, 0) < 0 && errno != ENOENT)
		return -errno;
	if ((fd = openat(dir, MADE_AS, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		return -errno;
	if ((r = text_write(fd)) < 0)
		return r;
	if (renameat2(dir, MADE_AS, dir, MACHINE_KEY_FILE, RENAME_NOREPLACE) < 0 || fsync(dir) < 0)
		return -errno;
	return 0;
}

/* A new key could open nothing of a database that is there already. */
static int
file_get(int dir, uint8_t key[static MACHINE_KEY_LEN], const char **why)
{
	struct stat st;
	int r = key_read_at(dir, MACHINE_KEY_FILE, key, why);

	if (r != -ENOENT)
		return r;
	*why = "is missing, and " MACHINE_KEY_STORE " can't be read without it";
	if (fstatat(dir, MACHINE_KEY_STORE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0)
		return -ENOKEY;
	*why = "cannot be made";
	if ((r = key_make(dir)) < 0)
		return r;
	return key_read_at(dir, MACHINE_KEY_FILE, key, why);
}

int
machine_key_get(const char *state_dir, uint8_t key[static MACHINE_KEY_LEN], const char **why)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	cleanup_fd int dir = -1, state = -1;
	int r = -ENOENT;

	if (credentials && (dir = open(credentials, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0)
		r = key_read_at(dir, MACHINE_KEY_CREDENTIAL, key, why);
	if (r != -ENOENT)
		return r;
	*why = "has no state directory";
	if ((state = open(state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return -errno;
	return file_get(state, key, why);
}

/* ---- handing it on ---- */

int
machine_key_pipe(const uint8_t key[static MACHINE_KEY_LEN], int *fd)
{
	int p[2], r = 0;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	if (write(p[1], key, MACHINE_KEY_LEN) != MACHINE_KEY_LEN)
		r = -EIO;
	close(p[1]);
	if (r == 0)
		*fd = p[0];
	else
		close(p[0]);
	return r;
}

int
machine_key_take(int fd, uint8_t key[static MACHINE_KEY_LEN])
{
	ssize_t n = read(fd, key, MACHINE_KEY_LEN);

	close(fd);
	return n == MACHINE_KEY_LEN ? 0 : -EPROTO;
}
