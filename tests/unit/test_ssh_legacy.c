/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "ssh_legacy.h"

static void
included(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = {
	    {"Include /etc/flowtap/sshd_config.d/*.conf\n", true},
	    {"Port 32001\n\n  include\t/x /etc/flowtap/sshd_config.d/*.conf", true},
	    {"Include=\"/etc/flowtap/sshd_config.d/*.conf\"\r\n", true},
	    {"", false},
	    {"\n\n", false},
	    {"Include", false},
	    {"Include \n/etc/flowtap/sshd_config.d/*.conf\n", false},
	    {"#Include /etc/flowtap/sshd_config.d/*.conf\n", false},
	    {"# Include /etc/flowtap/sshd_config.d/*.conf\n", false},
	    {"Include /etc/ssh/sshd_config.d/*.conf\n", false},
	    {"Include /etc/flowtap/sshd_config.d/*.confx\n", false},
	    {"Match User lea1\nInclude /etc/flowtap/sshd_config.d/*.conf\n", false},
	    {"Includes /etc/flowtap/sshd_config.d/*.conf\n", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* Without the byte behind it, which belongs to somebody else. */
		const size_t len = strlen(rows[i].text);
		char *text = malloc(len + 1);

		print_message("# %s\n", rows[i].text);
		memcpy(text, rows[i].text, len);
		assert_int_equal(ssh_legacy_is_included((struct slice){text, len}, "/etc/flowtap"), rows[i].is);
		free(text);
	}
}

struct folder {
	char path[32];
	int fd;
};

static void
folder_make(struct folder *f)
{
	strcpy(f->path, "/tmp/ssh_legacy.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_true(f->fd >= 0);
}

static void
folder_write(const struct folder *f, const char *name, const char *text)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
checked(void **state)
{
	struct folder f;
	char why[200], line[100];

	(void)state;
	folder_make(&f);
	assert_int_equal(ssh_legacy_check(f.fd, f.path, why, sizeof why), -ENOENT);
	assert_non_null(strstr(why, "Include /tmp/ssh_legacy."));
	folder_write(&f, "sshd_config", "Port 32001\n");
	assert_int_equal(ssh_legacy_check(f.fd, f.path, why, sizeof why), -ENOENT);
	assert_non_null(strstr(why, "sshd_config has no line"));
	snprintf(line, sizeof line, "Include %s/sshd_config.d/*.conf\n", f.path);
	folder_write(&f, "sshd_config", line);
	assert_int_equal(ssh_legacy_check(f.fd, f.path, why, sizeof why), 0);
	assert_string_equal(why, "");
	unlinkat(f.fd, "sshd_config", 0);
	close(f.fd);
	rmdir(f.path);
}

/* Off where it is off; on, on again without touching it, mended, off. */
static void
switched(void **state)
{
	struct stat first, second;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(ssh_legacy_set(f.fd, false), 0);
	assert_int_equal(ssh_legacy_set(f.fd, true), 0);
	assert_int_equal(fstatat(f.fd, SSH_LEGACY_FILE, &first, 0), 0);
	assert_int_equal(first.st_mode & 07777, 0644);
	assert_int_equal(ssh_legacy_set(f.fd, true), 0);
	assert_int_equal(fstatat(f.fd, SSH_LEGACY_FILE, &second, 0), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	folder_write(&f, SSH_LEGACY_FILE, "HostKeyAlgorithms +ssh-dss\n");
	assert_int_equal(ssh_legacy_set(f.fd, true), 0);
	assert_int_equal(fstatat(f.fd, SSH_LEGACY_FILE, &second, 0), 0);
	assert_int_equal(first.st_size, second.st_size);
	assert_int_equal(ssh_legacy_set(f.fd, false), 0);
	assert_int_equal(faccessat(f.fd, SSH_LEGACY_FILE, F_OK, 0), -1);
	close(f.fd);
	assert_int_equal(rmdir(f.path), 0);
}

/* In a process of its own, which mounts what can't be written; where it may not, there is nothing to see. */
static int
off_where_nothing_can_be_written(const char *path)
{
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || mount("none", path, "tmpfs", MS_RDONLY, NULL) < 0)
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY);
	return fd < 0 || ssh_legacy_set(fd, false) < 0 || ssh_legacy_set(fd, true) != -EROFS;
}

static void
read_only(void **state)
{
	struct folder f;
	int status;
	pid_t pid;

	(void)state;
	folder_make(&f);
	if ((pid = fork()) == 0)
		_exit(off_where_nothing_can_be_written(f.path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(f.fd);
	assert_int_equal(rmdir(f.path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(included),
	    cmocka_unit_test(checked),
	    cmocka_unit_test(switched),
	    cmocka_unit_test(read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
