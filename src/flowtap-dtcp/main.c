/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowtap-dtcp - what sshd starts for an agency: DTCP on standard input and
 * output.  Whoever reads its standard error is the agency, so that it says as
 * little there as there is to know.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

#include "foreign.h"
#include "ipc.h"
#include "login.h"
#include "optsay.h"
#include "output.h"
#include "session.h"

#define SOCKET "/run/flowtap/dtcp.sock"

static const char usage_text[] = "usage: flowtap-dtcp [-c COMMAND] [-s SOCKET]\n"
				 "       flowtap-dtcp --help | --version\n"
				 "  -c             ignored: as a shell it is what its user gets\n"
				 "  -s, --socket   the daemon's socket for sessions (" SOCKET ")\n"
				 "Started by sshd as the subsystem flow-tap-dtcp; see flowtap-dtcp(8).\n";

static const struct option long_options[] = {
    {"socket", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

#define SHORT_OPTIONS "s:c:h"

static int
usage_error(const char *what)
{
	char shown[256];

	fprintf(
	    stderr, "flowtap-dtcp: %s; see flowtap-dtcp --help\n", foreign_text(slice_of(what), shown, sizeof shown));
	return 2;
}

/* The file that SSH_USER_AUTH names. */
static void
proof_read(char *out, size_t size)
{
	const char *path = getenv("SSH_USER_AUTH");
	cleanup_fd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[LOGIN_TEXT_MAX];
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
		len += (size_t)n;
	login_proof((struct slice){text, len}, out, size);
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
	char auth[IPC_AUTH_MAX + 1];
	struct session_opts o = {.in_fd = STDIN_FILENO,
	    .out_fd = STDOUT_FILENO,
	    .peer = login_address(getenv("SSH_CONNECTION")),
	    .sandbox = true};
	int r;

	signal(SIGPIPE, SIG_IGN);
	proof_read(auth, sizeof auth);
	o.auth = auth;
	if ((r = o.engine_fd = engine_connect(path)) < 0) {
		fprintf(stderr, "flowtap-dtcp: the service is not available\n");
		return EX_UNAVAILABLE;
	}
	/* Of a subsystem sshd hands on no standard error, but the exit status: dtcp(1) reads it. */
	r = session_run(&o);
	if (r == -EACCES) {
		fprintf(stderr, "flowtap-dtcp: not permitted\n");
		return EX_NOPERM;
	}
	if (r < 0)
		fprintf(stderr, "flowtap-dtcp: the session has ended before all was answered: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	const char *path = SOCKET;
	char fault[128];
	int c;

	/* What /etc/ssl/openssl.cnf names (engines, providers) would be other people's code, and session_confine
	 * kills. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	opterr = 0;
	output_begin();
	while ((c = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'c': /* we are the user's shell: whatever the command, this is what he gets */
			break;
		case 'V':
			printf("flowtap-dtcp %s\n", FLOWTAP_VERSION);
			return output_end("flowtap-dtcp") < 0;
		case 'h':
			fputs(usage_text, stdout);
			return output_end("flowtap-dtcp") < 0;
		default:
			return usage_error(optsay_fault(argv, SHORT_OPTIONS, long_options, fault, sizeof fault));
		}
	}
	if (optind < argc)
		return usage_error("it takes options only");
	return serve(path);
}
