/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowtap-dtcp - what sshd starts for an agency: DTCP on standard input and
 * output.  Whoever reads its standard error is the agency, so that it says as
 * little there as there is to know.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "session.h"

#define SOCKET "/run/flowtap/dtcp.sock"

static const char usage_text[] = "usage: flowtap-dtcp [-s SOCKET]\n"
				 "       flowtap-dtcp --help | --version\n"
				 "  -s, --socket   the daemon's socket for sessions (" SOCKET ")\n"
				 "Started by sshd as the subsystem flow-tap-dtcp; see flowtap-dtcp(8).\n";

static const struct option long_options[] = {
    {"socket", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* SSH_CONNECTION is "client-address client-port server-address server-port". */
static struct ip_addr
peer_address(void)
{
	const char *env = getenv("SSH_CONNECTION");
	struct ip_addr a = {0};
	struct slice s = {env, env ? strcspn(env, " ") : 0};

	/* A link-local address names its link. */
	if (env && memchr(s.p, '%', s.len))
		s.len = strcspn(env, "%");
	if (env == NULL || ip_parse(s, &a) < 0)
		return (struct ip_addr){0};
	return a;
}

static int
engine_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof sun) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static int
serve(const char *path)
{
	struct session_opts o = {
	    .in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO, .peer = peer_address(), .sandbox = true};
	int r;

	signal(SIGPIPE, SIG_IGN);
	if ((r = o.engine_fd = engine_connect(path)) < 0) {
		fprintf(stderr, "flowtap-dtcp: the service is not available\n");
		return 1;
	}
	r = session_run(&o);
	if (r == -EACCES)
		fprintf(stderr, "flowtap-dtcp: not permitted\n");
	return r < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	const char *path = SOCKET;
	int c;

	while ((c = getopt_long(argc, argv, "s:h", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'V':
			printf("flowtap-dtcp %s\n", FLOWTAP_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	return serve(path);
}
