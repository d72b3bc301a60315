/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base.h"
#include "notify.h"

/* The service manager's end: in the abstract space if name begins with @. */
static int
manager(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(s >= 0);
	memcpy(sun.sun_path, name, strlen(name));
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(
	    bind(s, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	return s;
}

static void
heard(int s, const char *text)
{
	char b[128] = "";

	assert_true(recv(s, b, sizeof b - 1, MSG_DONTWAIT) >= 0);
	assert_string_equal(b, text);
}

static void
told(void **state)
{
	char name[64], none[8], watchdog_pid[24];
	struct notify n;

	(void)state;
	snprintf(name, sizeof name, "@flowtap-test-notify-%d", (int)getpid());
	snprintf(watchdog_pid, sizeof watchdog_pid, "%d", (int)getpid());
	cleanup_fd int s = manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", watchdog_pid, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 30000000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	notify_send(&n, "READY=1");
	heard(s, "READY=1");
	assert_int_equal(recv(s, none, sizeof none, MSG_DONTWAIT), -1);
	notify_reloading(&n);
	char b[128] = "";
	assert_true(recv(s, b, sizeof b - 1, MSG_DONTWAIT) > 0);
	assert_int_equal(strncmp(b, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	/* It hears no more: nobody waits for it. */
	for (int i = 0; i < 10000; i++)
		notify_send(&n, "WATCHDOG=1");
	close(n.fd);
}

static void
told_by_path(void **state)
{
	char dir[] = "/tmp/test_notify.XXXXXX", name[64];
	struct notify n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof name, "%s/s", dir);
	cleanup_fd int s = manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 0);
	notify_send(&n, "STOPPING=1");
	heard(s, "STOPPING=1");
	close(n.fd);
	unlink(name);
	rmdir(dir);
}

/* Without a service manager, or with a strange one, a program is as it was. */
static void
nobody(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {{NULL, 0}, {"vsock:2:1", -EAFNOSUPPORT}, {"/", -EAFNOSUPPORT}, {"/nowhere/s", -ENOENT}};
	char longest[200];
	struct notify n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].name)
			setenv("NOTIFY_SOCKET", rows[i].name, 1);
		setenv("WATCHDOG_USEC", "5", 1);
		assert_int_equal(notify_open(&n), rows[i].err);
		assert_int_equal(n.fd, -1);
		assert_int_equal(n.watchdog_us, 0);
		assert_null(getenv("NOTIFY_SOCKET"));
		notify_send(&n, "READY=1");
	}
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	assert_int_equal(notify_open(&n), -ENAMETOOLONG);
}

/* The watchdog of somebody else, or none that is a number. */
static void
not_our_watchdog(void **state)
{
	char name[64];
	struct notify n;

	(void)state;
	snprintf(name, sizeof name, "@flowtap-test-watchdog-%d", (int)getpid());
	int s = manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 0);
	close(n.fd);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "99999999999999999999999", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 0);
	close(n.fd);
	close(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(told),
	    cmocka_unit_test(told_by_path),
	    cmocka_unit_test(nobody),
	    cmocka_unit_test(not_our_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
