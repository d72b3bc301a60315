/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel owes and never sends ends a wait. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "unit.h"

#include "nl_dump.h"

static void
on_begin(void *arg)
{
	*(int *)arg = 0;
}

static void
on_each(void *arg, const struct nlmsghdr *h)
{
	(void)h;
	++*(int *)arg;
}

static int
links_read(struct mnl_socket *nl, int *n)
{
	const struct nl_dump d = {.nl = nl, .begin = on_begin, .each = on_each, .arg = n};
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);

	h->nlmsg_type = RTM_GETLINK;
	g->rtgen_family = AF_UNSPEC;
	return nl_dump(&d, h);
}

static void
test_answers_that_never_come(void **state)
{
	struct sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
	const struct sock_fprog p = {1, &nothing};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int n = 0;

	(void)state;
	assert_non_null(nl);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	assert_int_equal(links_read(nl, &n), 0);
	assert_true(n > 0);
	assert_int_equal(setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_ATTACH_FILTER, &p, (socklen_t)sizeof p), 0);
	assert_int_equal(links_read(nl, &n), -ETIMEDOUT);
	assert_int_equal(n, 0);
	/* The next question is answered. */
	assert_int_equal(setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_DETACH_FILTER, &n, (socklen_t)sizeof n), 0);
	assert_int_equal(links_read(nl, &n), 0);
	assert_true(n > 0);
	mnl_socket_close(nl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers_that_never_come)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
