/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The copy that is kept while a database changes its schema.  It is sealed with a key of its own, which stands, wrapped
 * by the machine key, in its first block: what was in clear in the old schema is not in clear there, and who overwrites
 * that block has erased all of it.  That is done before the first transaction that ends something commits, since the
 * copy would bring it back; and after COPY_DAYS.
 *
 *   first block: magic, u32 schema, wrapped key, zeros; then, for each piece: u32 length, sealed bytes
 *
 * exports: store_copy_ */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "store_int.h"

#define COPY_DAYS 7
#define SUFFIX ".before-upgrade"
#define PIECE 65536
#define BLOCK 4096
#define OWNER "\001copy" /* no agency's name */

static const char magic[12] = "flowtap copy";

struct head {
	char magic[sizeof magic];
	uint8_t schema[4];
	uint8_t key[STORE_KEY_LEN + SEAL_EXTRA];
	uint8_t zero[BLOCK - sizeof magic - 4 - STORE_KEY_LEN - SEAL_EXTRA];
};

static int
name_of(const char *path, const char *suffix, char out[static PATH_LEN])
{
	return snprintf(out, PATH_LEN, "%s%s", path, suffix) < PATH_LEN ? 0 : -ENAMETOOLONG;
}

static int
write_all(int fd, const void *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)p + at, len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* 1 all of it; 0 nothing more; -EBADMSG: a part of it. */
static int
read_all(int fd, void *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = read(fd, (char *)p + at, len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	return at == len ? 1 : at == 0 ? 0 : -EBADMSG;
}

/* The folder a file is in: what was renamed or removed there is so after a power cut. */
static int
folder_sync(const char *path)
{
	char dir[PATH_LEN];
	const char *slash = strrchr(path, '/');
	cleanup_fd int fd = -1;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void
u32_put(uint8_t p[static 4], uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t
u32_get(const uint8_t p[static 4])
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- making ---- */

static int
head_make(const uint8_t *machine, int schema, uint8_t key[static STORE_KEY_LEN], struct head *h)
{
	cleanup_buf struct buf wrapped = {0};
	int r = seal_random(key, STORE_KEY_LEN);

	*h = (struct head){0};
	memcpy(h->magic, magic, sizeof magic);
	u32_put(h->schema, (uint32_t)schema);
	if (r == 0 && (r = store_key_wrap(machine, OWNER, (uint32_t)schema, key, &wrapped)) == 0)
		memcpy(h->key, wrapped.p, sizeof h->key);
	return r;
}

static int
piece_write(int fd, const uint8_t *key, uint64_t at, const uint8_t *p, size_t len)
{
	cleanup_buf struct buf out = {0};
	int r;

	buf_put_u32(&out, (uint32_t)(len + SEAL_EXTRA));
	r = out.err ? out.err : seal_put(key, (struct seal_aad){&at, sizeof at}, p, len, &out);
	return r < 0 ? r : write_all(fd, out.p, out.len);
}

/* Through SQLite's own descriptor: to close another one would give its locks away.  Its log is empty. */
static int
pieces_write(sqlite3 *db, int fd, const uint8_t *key)
{
	uint8_t piece[PIECE];
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;
	int r = 0;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return -EIO;
	for (sqlite3_int64 at = 0; r == 0 && at < size; at += PIECE) {
		const int len = size - at < PIECE ? (int)(size - at) : PIECE;

		r = file->pMethods->xRead(file, piece, len, at) == SQLITE_OK ? 0 : -EIO;
		if (r == 0)
			r = piece_write(fd, key, (uint64_t)at, piece, (size_t)len);
	}
	explicit_bzero(piece, sizeof piece);
	return r;
}

static int
log_empty(sqlite3 *db)
{
	return store_error(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* Its schema; 0: there is none that is whole so far as one can see. */
static int
there_is(const char *name)
{
	cleanup_fd int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	struct head h;

	if (fd < 0 || read_all(fd, &h, sizeof h) != 1 || memcmp(h.magic, magic, sizeof magic) != 0)
		return 0;
	return (int)u32_get(h.schema);
}

int
store_copy_make(sqlite3 *db, const char *path, const uint8_t *machine, int schema)
{
	char name[PATH_LEN], new[PATH_LEN];
	uint8_t key[STORE_KEY_LEN];
	struct head h;
	int fd, r, was;

	if ((r = name_of(path, SUFFIX, name)) < 0 || (r = name_of(path, SUFFIX ".new", new)) < 0)
		return r;
	/* A climb was interrupted, and this is from before it. */
	was = there_is(name);
	if (was && was < schema)
		return 0;
	if ((r = log_empty(db)) < 0)
		return r;
	if (unlink(new) < 0 && errno != ENOENT)
		return -errno;
	if ((fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	if ((r = head_make(machine, schema, key, &h)) == 0 && (r = write_all(fd, &h, sizeof h)) == 0)
		r = pieces_write(db, fd, key);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	explicit_bzero(key, sizeof key);
	if (r == 0 && rename(new, name) < 0)
		r = -errno;
	if (r == 0)
		r = folder_sync(path);
	if (r < 0)
		(void)unlink(new);
	return r;
}

/* ---- erasing ---- */

bool
store_copy_is_there(const char *path)
{
	char name[PATH_LEN];
	cleanup_fd int fd = -1;
	struct stat st;

	if (name_of(path, SUFFIX, name) < 0 || (fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)) < 0)
		return false;
	if (fstat(fd, &st) == 0 && time(NULL) - st.st_mtime > COPY_DAYS * 86400)
		return store_copy_drop(path) < 0;
	return true;
}

int
store_copy_drop(const char *path)
{
	static const struct head none;
	char name[PATH_LEN];
	cleanup_fd int fd = -1;
	int r = name_of(path, SUFFIX, name);

	if (r < 0)
		return r;
	if ((fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0)) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (write_all(fd, &none, sizeof none) < 0 || fdatasync(fd) < 0)
		r = -EIO;
	if (unlink(name) < 0)
		return -errno;
	return r < 0 ? r : folder_sync(path);
}

/* ---- putting it back ---- */

static int
piece_read(int fd, const uint8_t *key, uint64_t at, uint8_t *plain, size_t *len)
{
	uint8_t size[4], sealed[PIECE + SEAL_EXTRA];
	int r = read_all(fd, size, sizeof size);
	uint32_t n;

	if (r <= 0)
		return r;
	n = u32_get(size);
	if (n <= SEAL_EXTRA || n > sizeof sealed || read_all(fd, sealed, n) != 1)
		return -EBADMSG;
	*len = n - SEAL_EXTRA;
	r = seal_open(key, (struct seal_aad){&at, sizeof at}, sealed, n, plain);
	return r < 0 ? r : 1;
}

static int
pieces_read(int from, int to, const uint8_t *key)
{
	uint8_t plain[PIECE];
	uint64_t at = 0;
	size_t len;
	int r;

	while ((r = piece_read(from, key, at, plain, &len)) == 1 && (r = write_all(to, plain, len)) == 0)
		at += len;
	explicit_bzero(plain, sizeof plain);
	return r == 0 && fsync(to) < 0 ? -errno : r;
}

static int
plain_make(int from, const char *new, const uint8_t *machine)
{
	struct store_wrapped w = {.name = OWNER, .len = STORE_KEY_LEN + SEAL_EXTRA};
	uint8_t key[STORE_KEY_LEN];
	struct head h;
	int to, r;

	if (read_all(from, &h, sizeof h) != 1 || memcmp(h.magic, magic, sizeof magic) != 0)
		return -EBADMSG;
	w.generation = u32_get(h.schema);
	w.p = h.key;
	if ((r = store_key_unwrap(machine, &w, key)) < 0)
		return r;
	if (unlink(new) < 0 && errno != ENOENT)
		return -errno;
	if ((to = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	r = pieces_read(from, to, key);
	close(to);
	explicit_bzero(key, sizeof key);
	if (r < 0)
		(void)unlink(new);
	return r;
}

int
store_copy_put_back(const char *path, const uint8_t *machine)
{
	static const char *const of_log[] = {"-wal", "-shm"};
	char name[PATH_LEN], new[PATH_LEN], other[PATH_LEN];
	cleanup_fd int fd = -1;
	int r;

	if ((r = name_of(path, SUFFIX, name)) < 0 || (r = name_of(path, ".put-back", new)) < 0)
		return r;
	if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)) < 0)
		return -errno;
	if ((r = plain_make(fd, new, machine)) < 0)
		return r;
	/* The log is that of the file that goes. */
	for (size_t i = 0; i < ARRAY_LEN(of_log); i++)
		if ((r = name_of(path, of_log[i], other)) < 0 || (unlink(other) < 0 && errno != ENOENT))
			return r < 0 ? r : -errno;
	if (rename(new, path) < 0 || (r = folder_sync(path)) < 0)
		return r < 0 ? r : -errno;
	return store_copy_drop(path);
}
