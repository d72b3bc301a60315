/* SPDX-License-Identifier: BSD-2-Clause */
#include "simdisk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 8
#define REGIONS 64
#define REGION 32768
#define SECTOR 512

/* A file as the kernel has it (now), and as the disk has it for certain (old). */
struct simfile {
	char name[256];
	bool there, cut; /* cut: truncated since the last sync */
	int refs;
	unsigned char *now, *old; /* cap bytes each, zero behind their length */
	size_t len, old_len, cap;
	size_t from, to; /* where now and old may differ */
	int nshared;     /* SQLite's locks */
	const void *writer;
	void *region[REGIONS];
	int nregion, mapped, shared[SQLITE_SHM_NLOCK];
	const void *exclusive[SQLITE_SHM_NLOCK];
};

struct handle {
	sqlite3_file base;
	struct simfile *f;
	int lock;
	unsigned shared; /* a bit for each lock of shared memory */
	bool mapped;
};

static struct {
	struct simfile file[FILES];
	uint64_t rng;
	long calls;
	bool dead, fails, read_only;
	struct simdisk_faults faults;
	struct simdisk_counts counts;
} disk;

uint64_t
simdisk_random(void)
{
	disk.rng ^= disk.rng << 13;
	disk.rng ^= disk.rng >> 7;
	return disk.rng ^= disk.rng << 17;
}

/* Before each call that changes the disk: what it fails with, or 0. */
static int
fault(int rc)
{
	const struct simdisk_faults *f = &disk.faults;

	if (disk.dead)
		return SQLITE_IOERR;
	if (disk.fails)
		return rc;
	disk.calls++;
	if (f->cut_at != SIMDISK_NONE && disk.calls >= f->cut_at) {
		disk.dead = true;
		disk.counts.cuts++;
		return SQLITE_IOERR;
	}
	if (f->fail_at != SIMDISK_NONE && disk.calls >= f->fail_at && disk.calls < f->fail_at + f->fails) {
		disk.counts.failed++;
		return rc;
	}
	return 0;
}

size_t
simdisk_used(void)
{
	size_t n = 0;

	for (int i = 0; i < FILES; i++)
		if (disk.file[i].there)
			n += disk.file[i].len + (size_t)disk.file[i].nregion * REGION;
	return n;
}

static bool
is_full(size_t more)
{
	if (disk.faults.room == 0 || more == 0 || simdisk_used() + more <= disk.faults.room)
		return false;
	disk.counts.full++;
	return true;
}

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static void
grow(struct simfile *f, size_t len)
{
	size_t cap = len * 2 + 65536;

	if (len <= f->cap)
		return;
	f->now = must(realloc(f->now, cap));
	f->old = must(realloc(f->old, cap));
	memset(f->now + f->cap, 0, cap - f->cap);
	memset(f->old + f->cap, 0, cap - f->cap);
	f->cap = cap;
}

static void
touch(struct simfile *f, size_t from, size_t to)
{
	if (f->to == 0 || from < f->from)
		f->from = from;
	if (to > f->to)
		f->to = to;
}

/* ---- SQLite's file ---- */

static struct handle *
of(sqlite3_file *f)
{
	return (struct handle *)(void *)f;
}

static int
file_close(sqlite3_file *file)
{
	struct handle *h = of(file);

	h->f->nshared -= h->lock >= SQLITE_LOCK_SHARED;
	if (h->f->writer == h)
		h->f->writer = NULL;
	h->f->refs--;
	return SQLITE_OK;
}

static int
file_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	const struct simfile *f = of(file)->f;
	size_t have = (size_t)at < f->len ? f->len - (size_t)at : 0;

	if (disk.dead)
		return SQLITE_IOERR_READ;
	if (have > (size_t)n)
		have = (size_t)n;
	memset(p, 0, (size_t)n);
	if (have)
		memcpy(p, f->now + at, have);
	return have == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* The power may go in the middle of it. */
static int
file_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct simfile *f = of(file)->f;
	size_t len = (size_t)n, end = (size_t)at + len;
	bool was_dead = disk.dead;
	int rc = fault(SQLITE_IOERR_WRITE);

	if (rc && (!disk.dead || was_dead))
		return rc;
	if (rc == 0 && is_full(end > f->len ? end - f->len : 0))
		return SQLITE_FULL;
	if (rc)
		len = (size_t)(simdisk_random() % (len + 1));
	if (len == 0)
		return rc;
	end = (size_t)at + len;
	grow(f, end);
	memcpy(f->now + at, p, len);
	touch(f, (size_t)at, end);
	if (end > f->len)
		f->len = end;
	return rc;
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 n)
{
	struct simfile *f = of(file)->f;
	int rc = fault(SQLITE_IOERR_TRUNCATE);

	if (rc || (size_t)n >= f->len)
		return rc;
	memset(f->now + n, 0, f->len - (size_t)n);
	touch(f, (size_t)n, f->len);
	f->len = (size_t)n;
	f->cut = true;
	return SQLITE_OK;
}

static int
file_sync(sqlite3_file *file, int flags)
{
	struct simfile *f = of(file)->f;
	int rc = fault(SQLITE_IOERR_FSYNC);

	(void)flags;
	if (rc == SQLITE_IOERR_FSYNC && !disk.dead)
		f->from = f->to =
		    0; /* as Linux does: told once, and what was not written counts as written from then on */
	if (rc || disk.faults.lies || f->cap == 0)
		return rc;
	memcpy(f->old + f->from, f->now + f->from, f->to - f->from);
	f->from = f->to = 0;
	f->old_len = f->len;
	f->cut = false;
	return SQLITE_OK;
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *n)
{
	*n = (sqlite3_int64)of(file)->f->len;
	return SQLITE_OK;
}

static int
file_lock(sqlite3_file *file, int level)
{
	struct handle *h = of(file);
	struct simfile *f = h->f;
	bool shares = h->lock >= SQLITE_LOCK_SHARED;

	if (h->lock >= level)
		return SQLITE_OK;
	if (level >= SQLITE_LOCK_RESERVED && f->writer && f->writer != h)
		return SQLITE_BUSY;
	if (level == SQLITE_LOCK_EXCLUSIVE && f->nshared > shares)
		return SQLITE_BUSY;
	f->nshared += !shares;
	if (level >= SQLITE_LOCK_RESERVED)
		f->writer = h;
	h->lock = level;
	return SQLITE_OK;
}

static int
file_unlock(sqlite3_file *file, int level)
{
	struct handle *h = of(file);

	h->f->nshared -= h->lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED;
	if (level < SQLITE_LOCK_RESERVED && h->f->writer == h)
		h->f->writer = NULL;
	if (level < h->lock)
		h->lock = level;
	return SQLITE_OK;
}

static int
file_reserved(sqlite3_file *file, int *out)
{
	*out = of(file)->f->writer != NULL;
	return SQLITE_OK;
}

static int
file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int
file_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

/* Nothing is promised: a sector that is written when the power goes takes others of its page with it. */
static int
file_character(sqlite3_file *file)
{
	(void)file;
	return 0;
}

/* ---- shared memory: of the processes, but its file needs room as every other ---- */

static int
shm_map(sqlite3_file *file, int at, int size, int extend, void volatile **out)
{
	struct handle *h = of(file);
	struct simfile *f = h->f;

	*out = NULL;
	if (at >= REGIONS || size != REGION)
		return SQLITE_IOERR_SHMMAP;
	f->mapped += !h->mapped;
	h->mapped = true;
	if (at >= f->nregion && !extend)
		return SQLITE_OK;
	while (f->nregion <= at) {
		if (is_full(REGION))
			return SQLITE_IOERR_SHMSIZE;
		f->region[f->nregion++] = must(calloc(1, REGION));
	}
	*out = f->region[at];
	return SQLITE_OK;
}

static bool
shm_is_free(const struct handle *h, int i, bool exclusive)
{
	const struct simfile *f = h->f;

	if (f->exclusive[i] && f->exclusive[i] != h)
		return false;
	return !exclusive || f->shared[i] <= (int)(h->shared >> i & 1);
}

static void
shm_lock_one(struct handle *h, int i, int flags)
{
	struct simfile *f = h->f;
	bool own = h->shared >> i & 1, lock = flags & SQLITE_SHM_LOCK;

	if (flags & SQLITE_SHM_EXCLUSIVE)
		f->exclusive[i] = lock ? h : NULL;
	else if (own != lock) {
		f->shared[i] += lock ? 1 : -1;
		h->shared ^= 1u << i;
	}
}

static int
shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	struct handle *h = of(file);

	for (int i = at; i < at + n && flags & SQLITE_SHM_LOCK; i++)
		if (!shm_is_free(h, i, flags & SQLITE_SHM_EXCLUSIVE))
			return SQLITE_BUSY;
	for (int i = at; i < at + n; i++)
		shm_lock_one(h, i, flags);
	return SQLITE_OK;
}

static void
shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static void
regions_free(struct simfile *f)
{
	while (f->nregion)
		free(f->region[--f->nregion]);
}

static int
shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = of(file);

	if (!h->mapped)
		return SQLITE_OK;
	h->mapped = false;
	if (--h->f->mapped == 0 && delete)
		regions_free(h->f);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_character,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap};

/* ---- SQLite's file system ---- */

static struct simfile *
file_find(const char *name)
{
	for (int i = 0; i < FILES; i++)
		if (disk.file[i].there && strcmp(disk.file[i].name, name) == 0)
			return &disk.file[i];
	return NULL;
}

/* A place is free when its file is gone and nobody has it open. */
static struct simfile *
file_make(const char *name)
{
	for (int i = 0; i < FILES; i++) {
		struct simfile *f = &disk.file[i];

		if (f->there || f->refs)
			continue;
		free(f->now);
		free(f->old);
		regions_free(f);
		*f = (struct simfile){.there = true};
		snprintf(f->name, sizeof f->name, "%s", name);
		return f;
	}
	return NULL;
}

static int
vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct handle *h = of(file);
	struct simfile *f = name && !disk.dead ? file_find(name) : NULL;

	(void)v;
	memset(h, 0, sizeof *h);
	/* The engine makes the database's file by itself, as here. */
	if (f == NULL && name && !disk.dead && !disk.read_only && flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB))
		f = file_make(name);
	if (f == NULL)
		return SQLITE_CANTOPEN;
	h->f = f;
	f->refs++;
	h->base.pMethods = &methods;
	if (disk.read_only)
		flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
	struct simfile *f = file_find(name);
	int rc = fault(SQLITE_IOERR_DELETE);

	(void)v;
	(void)sync;
	if (rc == 0 && f)
		f->there = false;
	return rc;
}

static int
vfs_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
	const struct simfile *f = file_find(name);

	(void)v;
	*out = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->len > 0);
	return SQLITE_OK;
}

static int
vfs_full_name(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}

static int
vfs_random(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	for (int i = 0; i < n; i++)
		out[i] = (char)simdisk_random();
	return n;
}

static int
vfs_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static int
vfs_time(sqlite3_vfs *v, sqlite3_int64 *t)
{
	(void)v;
	*t = 212631000000000;
	return SQLITE_OK;
}

static int
vfs_error(sqlite3_vfs *v, int n, char *p)
{
	(void)v;
	(void)n;
	(void)p;
	return 0;
}

static sqlite3_vfs vfs = {.iVersion = 2,
    .szOsFile = sizeof(struct handle),
    .mxPathname = 255,
    .zName = "simdisk",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_name,
    .xRandomness = vfs_random,
    .xSleep = vfs_sleep,
    .xGetLastError = vfs_error,
    .xCurrentTimeInt64 = vfs_time};

void
simdisk_register(void)
{
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

/* ---- lives ---- */

void
simdisk_new(uint64_t seed)
{
	disk.rng = seed * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 10; i++)
		simdisk_random();
	for (int i = 0; i < FILES; i++) {
		free(disk.file[i].now);
		free(disk.file[i].old);
		regions_free(&disk.file[i]);
		disk.file[i] = (struct simfile){0};
	}
	sqlite3_randomness(0, NULL); /* or the log's salts depend on the seeds before */
}

void
simdisk_live(const struct simdisk_faults *f)
{
	disk.faults = *f;
	disk.calls = 0;
	disk.dead = disk.fails = disk.read_only = false;
}

void
simdisk_room(size_t bytes)
{
	disk.faults.room = bytes;
}

void
simdisk_state(bool fails, bool read_only)
{
	disk.fails = fails;
	disk.read_only = read_only;
}

size_t
simdisk_length(const char *name)
{
	const struct simfile *f = file_find(name);

	return f ? f->len : 0;
}

void
simdisk_die(void)
{
	disk.dead = true;
}

bool
simdisk_is_dead(void)
{
	return disk.dead;
}

/* Locks and shared memory are the processes'. */
void
simdisk_kill(void)
{
	for (int i = 0; i < FILES; i++) {
		struct simfile *f = &disk.file[i];

		regions_free(f);
		f->refs = f->nshared = f->mapped = 0;
		f->writer = NULL;
		memset(f->shared, 0, sizeof f->shared);
		memset(f->exclusive, 0, sizeof f->exclusive);
	}
}

static void
sector_settle(struct simfile *f, size_t at)
{
	size_t n = f->cap - at < SECTOR ? f->cap - at : SECTOR;

	if (memcmp(f->now + at, f->old + at, n) == 0)
		return;
	switch (simdisk_random() % 3) {
	case 0:
		memcpy(f->now + at, f->old + at, n);
		break;
	case 1:
		memcpy(f->now + at, f->old + at, n / 2);
		break;
	default:
		break;
	}
}

static void
file_settle(struct simfile *f)
{
	/* A truncation that did not come to the disk: nor did what followed. */
	if (f->cut && simdisk_random() % 2) {
		memcpy(f->now, f->old, f->cap);
		f->len = f->old_len;
	} else if (f->cut) {
		memset(f->old, 0, f->cap);
		f->old_len = 0;
	}
	f->cut = false;
	for (size_t at = 0; at < f->cap; at += SECTOR)
		sector_settle(f, at);
	if (f->len != f->old_len && simdisk_random() % 2)
		f->len = f->old_len;
	if (f->cap) {
		memset(f->now + f->len, 0, f->cap - f->len);
		memcpy(f->old, f->now, f->cap);
	}
	f->old_len = f->len;
	f->from = f->to = 0;
}

void
simdisk_power_cut(void)
{
	simdisk_kill();
	for (int i = 0; i < FILES; i++)
		if (disk.file[i].there)
			file_settle(&disk.file[i]);
	disk.dead = false;
}

struct simdisk_counts
simdisk_counts(void)
{
	return disk.counts;
}
