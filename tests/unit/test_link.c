/* SPDX-License-Identifier: BSD-2-Clause */
/* What ssh's words mean: each as OpenSSH 9.2 says it. */
#include "unit.h"

#include "link.h"

static void
test_failures(void **state)
{
	static const struct {
		const char *line;
		bool up;
		enum link_failure want;
	} row[] = {
	    {"ssh: Could not resolve hostname nosuch: Name or service not known\r\n", false, LINK_NO_HOST},
	    {"ssh: connect to host 192.0.2.1 port 9: Connection refused\r\n", false, LINK_CONN_REFUSED},
	    {"ssh: connect to host 192.0.2.1 port 9: Connection timed out\r\n", false, LINK_CONN_TIMEOUT},
	    {"ssh: connect to host 192.0.2.1 port 9: No route to host\r\n", false, LINK_UNREACHABLE},
	    {"ssh: connect to host 192.0.2.1 port 9: Network is unreachable\r\n", false, LINK_UNREACHABLE},
	    {"ssh: connect to host 192.0.2.1 port 9: Permission denied\r\n", false, LINK_UNREACHABLE},
	    {"Connection timed out during banner exchange\r\n", false, LINK_CONN_TIMEOUT},
	    {"banner exchange: Connection to 192.0.2.1 port 80: invalid format\r\n", false, LINK_NOT_SSH},
	    {"Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-rsa\r\n",
		false, LINK_NO_COMMON},
	    {"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n", false, LINK_KEY_CHANGED},
	    {"Host key verification failed.\r\n", false, LINK_KEY_UNKNOWN},
	    {"lea1@192.0.2.1: Permission denied (publickey,password).\r\n", false, LINK_DENIED},
	    {"Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures\r\n", false, LINK_DENIED},
	    {"Connection closed by 192.0.2.1 port 32001\r\n", false, LINK_CUT},
	    {"subsystem request failed on channel 0\r\n", true, LINK_NO_SUBSYSTEM},
	    /* not the end of anything */
	    {"Load key \"/root/key\": Permission denied\r\n", false, LINK_FINE},
	    {"Warning: Permanently added '192.0.2.1' (ED25519) to the list of known hosts.\r\n", false, LINK_FINE},
	    {"lea1@192.0.2.1: Permission denied (publickey,password).\r\n", true, LINK_FINE},
	    {"", false, LINK_FINE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (link_line_failure(row[i].line, row[i].up) != row[i].want)
			fail_msg("%s", row[i].line);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
