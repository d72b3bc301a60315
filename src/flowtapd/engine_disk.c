/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_disk_ */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "clock.h"
#include "engine.h"
#include "log.h"

#define RESERVE_FILE "reserve"
#define MIB (1ull << 20)
/* A DELETE of ENGINE_PART_MAX rows changes about 1 MiB of pages; some hundred ADDs at once as much. */
#define NEED (2 * MIB)
#define RESERVE (16 * MIB)
#define LOW (64 * MIB)
#define PROBE_NS 1500000000ull

const char *
engine_disk_name(enum disk_state s)
{
	static const char *const names[DISK_STATES] = {[DISK_OK] = "ok",
	    [DISK_LOW] = "nearly-full",
	    [DISK_FULL] = "full",
	    [DISK_READ_ONLY] = "read-only",
	    [DISK_FAILING] = "failing",
	    [DISK_LOCKED] = "locked"};

	return names[s];
}

static uint64_t
at_most(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

/* Of blocks that are there for certain, not only of a length. */
static int
reserve_make(struct engine_disk *d, uint64_t len)
{
	struct stat st;
	int r = -posix_fallocate(d->fd, 0, (off_t)len);

	if (r < 0 && ftruncate(d->fd, 0) < 0)
		log_warn(-errno, "%s: its space is not given back", RESERVE_FILE);
	if (fstat(d->fd, &st) < 0)
		return -errno;
	d->reserve_bytes = (uint64_t)st.st_blocks * 512;
	return r;
}

static void
reserve_give_up(struct engine_disk *d)
{
	if (d->reserve_bytes == 0)
		return;
	if (ftruncate(d->fd, 0) < 0)
		return;
	d->reserve_bytes = 0;
	log_warnx("the disk of the state directory is full: the reserve is given up for what ends taps");
}

/* What is left when the reserve is whole again. */
static uint64_t
spare(const struct engine_disk *d)
{
	uint64_t missing = d->reserve_full > d->reserve_bytes ? d->reserve_full - d->reserve_bytes : 0;

	return d->free_bytes > missing ? d->free_bytes - missing : 0;
}

static void
measure(struct engine *e)
{
	struct engine_disk *d = &e->disk;
	struct statvfs v;

	if ((d->fd < 0 ? statvfs(e->conf->state_dir, &v) : fstatvfs(d->fd, &v)) < 0)
		return;
	d->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	d->reserve_full = at_most((uint64_t)v.f_blocks * v.f_frsize / 4, RESERVE);
	d->need = at_most((uint64_t)v.f_blocks * v.f_frsize / 8, NEED);
	d->low = d->need + at_most((uint64_t)v.f_blocks * v.f_frsize / 10, LOW);
	d->state = v.f_flag & ST_RDONLY ? DISK_READ_ONLY
		   : d->failing         ? DISK_FAILING
		   : d->locked          ? DISK_LOCKED
		   : spare(d) < d->need ? DISK_FULL
		   : spare(d) < d->low  ? DISK_LOW
					: DISK_OK;
}

/* Whether the disk takes anything: a block of the reserve's, or of what was the reserve. */
static int
probe(struct engine_disk *d)
{
	static const char block[512];
	int r = 0;

	if (d->fd < 0)
		return 0;
	if (pwrite(d->fd, block, sizeof block, 0) < 0 || fdatasync(d->fd) < 0)
		r = -errno;
	if (d->reserve_bytes == 0 && ftruncate(d->fd, 0) < 0 && r == 0)
		r = -errno;
	return r;
}

/*
 * What was written while it failed may count as written and not be there (fsync(2) tells of it once): so the log is
 * written into the database, which writes all of it anew, before anything is added to it.
 */
static void
recover(struct engine *e)
{
	struct engine_disk *d = &e->disk;

	if (d->locked && e->store && store_begin(e->store) == 0) {
		store_rollback(e->store);
		d->locked = false;
		log_info("the database is no longer locked by another program");
	}
	/* A disk that fails may take long to say so. */
	if (!d->failing || clock_mono_ns() - d->probed_ns < PROBE_NS)
		return;
	d->probed_ns = clock_mono_ns();
	if (probe(d) == -EIO || (e->store && store_checkpoint(e->store) < 0))
		return;
	d->failing = false;
	log_info("the disk of the state directory takes what is written again");
}

void
engine_disk_failed(struct engine *e, int err)
{
	if (err == -EBUSY && !e->disk.locked) {
		e->disk.locked = true;
		log_warnx("the database is locked by another program: what ends taps is done without it");
		measure(e);
	}
	if (err != -EIO || e->disk.failing)
		return;
	e->disk.failing = true;
	e->disk.probed_ns = clock_mono_ns();
	log_warn(err, "the disk of the state directory takes nothing: what ends taps is done without it");
	measure(e);
}

void
engine_disk_look(struct engine *e)
{
	struct engine_disk *d = &e->disk;

	recover(e);
	measure(e);
	if (d->fd < 0 || d->state >= DISK_FULL || d->reserve_bytes >= d->reserve_full)
		return;
	/* Some file systems never hold as much as they promise, and are asked again each time. */
	if (reserve_make(d, d->reserve_full) == 0 && d->reserve_bytes >= d->reserve_full)
		log_info("the disk of the state directory has room: the reserve is whole");
	measure(e);
}

void
engine_disk_start(struct engine *e)
{
	struct engine_disk *d = &e->disk;
	char path[sizeof e->conf->state_dir + 16];
	struct stat st;

	snprintf(path, sizeof path, "%s/" RESERVE_FILE, e->conf->state_dir);
	d->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->fd < 0)
		log_warn(-errno, "%s: no room is kept for what ends taps", path);
	else if (fstat(d->fd, &st) == 0)
		d->reserve_bytes = (uint64_t)st.st_blocks * 512;
	measure(e);
	if (d->state != DISK_READ_ONLY)
		engine_disk_failed(e, probe(d));
	engine_disk_look(e);
	(void)engine_disk_ready(e);
}

bool
engine_disk_ready(struct engine *e)
{
	struct engine_disk *d = &e->disk;

	measure(e);
	if (d->state >= DISK_READ_ONLY)
		return false;
	if (d->free_bytes >= d->need)
		return true;
	/* What has gone into the log and is in the database, too. */
	if (e->store)
		(void)store_checkpoint(e->store);
	measure(e);
	if (d->free_bytes < d->need) {
		reserve_give_up(d);
		measure(e);
	}
	return d->free_bytes >= d->need / 2;
}

const char *
engine_disk_refuses(struct engine *e)
{
	measure(e);
	if (e->disk.state < DISK_FULL)
		return NULL;
	return e->disk.state == DISK_FULL      ? "the router's disk is full"
	       : e->disk.state == DISK_LOCKED  ? "the router's database is locked by another program"
	       : e->disk.state == DISK_FAILING ? "the router's disk fails: nothing can be written"
					       : "the router's disk can't be written";
}
