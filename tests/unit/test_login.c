/* SPDX-License-Identifier: BSD-2-Clause */
/* What flowtap-sshd's PAM module has written of a connection. */
#include <errno.h>
#include <string.h>

#include "unit.h"

#include "login.h"

static void
test_seen(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint32_t uid;
		const char *peer, *auth;
	} row[] = {
	    {"997 192.0.2.10 50000 192.0.2.1 32001\npassword\n", 0, 997, "192.0.2.10", "password"},
	    {"997 2001:db8::10 50000 2001:db8::1 32001\npassword", 0, 997, "2001:db8::10", "password"},
	    {"997 fe80::1%med0 1 fe80::2%med0 2\npassword\n", 0, 997, "fe80::1", "password"},
	    {"997 192.0.2.10\npublickey x\npassword\n", 0, 997, "192.0.2.10", "password"},
	    {"997 -\n", 0, 997, NULL, ""},
	    {"997 mediation.example.org\npassword\n", 0, 997, NULL, "password"},
	    {"0 -\n", 0, 0, NULL, ""},
	    {"", -EINVAL, 0, NULL, NULL},
	    {"997 192.0.2.10", -EINVAL, 0, NULL, NULL},
	    {"997\npassword\n", -EINVAL, 0, NULL, NULL},
	    {"\npassword\n", -EINVAL, 0, NULL, NULL},
	    {" 997 192.0.2.10\n", -EINVAL, 0, NULL, NULL},
	    {"-1 192.0.2.10\n", -EINVAL, 0, NULL, NULL},
	    {"4294967295 192.0.2.10\n", -EINVAL, 0, NULL, NULL},
	    {"99999999999999999999 192.0.2.10\n", -EINVAL, 0, NULL, NULL},
	    {"997x 192.0.2.10\n", -EINVAL, 0, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char auth[64] = "untouched", addr[IP_STRLEN];
		struct ip_addr peer = {0};
		uint32_t uid = 0;

		assert_int_equal(login_seen(slice_of(row[i].text), &uid, &peer, auth, sizeof auth), row[i].r);
		assert_int_equal(uid, row[i].uid);
		assert_string_equal(auth, row[i].auth ? row[i].auth : "untouched");
		if (row[i].peer == NULL)
			assert_int_equal(peer.family, 0);
		else
			assert_string_equal(ip_format(&peer, addr), row[i].peer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seen)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
