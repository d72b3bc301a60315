/* SPDX-License-Identifier: BSD-2-Clause */
/* Root reads both keys; the database belongs to the engine's user and is opened as that user. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon.h"
#include "listen.h"
#include "log.h"
#include "machine_key.h"
#include "rewrap.h"
#include "sandbox.h"
#include "state_file.h"
#include "store.h"

struct keys {
	uint8_t old[MACHINE_KEY_LEN], new[MACHINE_KEY_LEN];
};

/* file NULL: the old one only. */
static int
keys_read(const struct conf *conf, const char *file, struct keys *k)
{
	const char *why = "";
	int r = machine_key_get(conf->state_dir, k->old, &why);

	if (r < 0) {
		log_warn(r, "the machine key %s", why);
		return r;
	}
	if (file && (r = machine_key_read(file, k->new, &why)) < 0)
		log_warn(r, "%s %s", file, why);
	return r;
}

static int
store_change(const char *path, const struct keys *k)
{
	char text[640];
	struct store *s;
	int r;

	if (access(path, F_OK) < 0)
		return -errno;
	if ((r = store_open(path, k->old, &s)) > 0) {
		state_file_explain(path, r, text, sizeof text);
		log_warnx("%s", text);
		return r == STORE_OTHER_KEY ? -EKEYREJECTED : -EBADMSG;
	}
	if (r < 0)
		return r;
	r = store_rewrap(s, k->new);
	store_close(s);
	/* Its end failed, and the disk may have it: which key opens the database says. */
	if (r == STORE_UNKNOWN && (r = store_open(path, k->new, &s)) == 0)
		store_close(s);
	return r > 0 ? -EIO : r;
}

static int
store_put_back(const char *path, const struct keys *k)
{
	return store_copy_put_back(path, k->old);
}

static int
as_the_engine(const struct conf *conf, int (*change)(const char *path, const struct keys *k), const struct keys *k)
{
	const struct passwd *pw = getpwnam(DAEMON_USER);
	char path[sizeof conf->state_dir + 16];
	int r;

	if (pw == NULL || pw->pw_uid == 0)
		return -ENOENT;
	if ((r = sandbox_become(pw->pw_uid, pw->pw_gid, 0, NULL)) < 0 || (r = sandbox_basics()) < 0)
		return r;
	snprintf(path, sizeof path, "%s/" MACHINE_KEY_STORE, conf->state_dir);
	return change(path, k);
}

/* In a process of its own: this one goes on being root only as long as it takes. */
static int
apart(const struct conf *conf, int (*change)(const char *path, const struct keys *k), const struct keys *k)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-as_the_engine(conf, change, k));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* 0, -errno, or 1: it could not begin, as was logged. */
static int
run(const struct conf *conf, const char *file, int (*change)(const char *path, const struct keys *k))
{
	struct keys k;
	int lock, r;

	if (geteuid() != 0) {
		log_warnx("must be started as root");
		return 1;
	}
	if ((r = listen_lock(conf->run_dir, DAEMON_LOCK_WAIT_MS, &lock)) < 0) {
		log_warn(r, "%s", r == -EBUSY ? "flowtapd is running; stop it first" : conf->run_dir);
		return 1;
	}
	if ((r = keys_read(conf, file, &k)) < 0)
		r = 1;
	else if ((r = apart(conf, change, &k)) < 0)
		log_warn(r, "%s/" MACHINE_KEY_STORE " is as it was", conf->state_dir);
	explicit_bzero(&k, sizeof k);
	close(lock);
	return r;
}

int
rewrap_run(const struct conf *conf, const char *file)
{
	int r = run(conf, file, store_change);

	if (r == 0)
		printf("%s/" MACHINE_KEY_STORE " needs the key in %s from now on\n", conf->state_dir, file);
	return r != 0;
}

int
rewrap_put_back(const struct conf *conf)
{
	int r = run(conf, NULL, store_put_back);

	if (r == -ENOENT)
		log_warnx("there is no copy: nothing was upgraded, or something has ended since");
	if (r == 0)
		printf("%s/" MACHINE_KEY_STORE " is as the former release left it\n", conf->state_dir);
	return r != 0;
}
