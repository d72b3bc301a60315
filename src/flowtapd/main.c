/* SPDX-License-Identifier: BSD-2-Clause */
#include <err.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "aux.h"
#include "daemon.h"
#include "foreign.h"
#include "log.h"
#include "optsay.h"
#include "output.h"

static const char usage_text[] = "usage: flowtapd [-v] [-f FILE]        run in the foreground\n"
				 "       flowtapd -n [-v] [-f FILE]     check the configuration; with -v print it\n"
				 "       flowtapd --remove [-f FILE]    take every tap out of the kernel\n"
				 "       flowtapd --rewrap KEYFILE [-f FILE]\n"
				 "                                      replace the machine key by that in KEYFILE\n"
				 "       flowtapd --undo-upgrade [-f FILE]\n"
				 "                                      put the former release's database back\n"
				 "       flowtapd --aux [-v]            the service beside it: aux.socket's\n"
				 "       flowtapd --help | --version\n";

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"remove", no_argument, NULL, 'R'},
    {"rewrap", required_argument, NULL, 'W'},
    {"undo-upgrade", no_argument, NULL, 'U'},
    {"aux", no_argument, NULL, 'A'},
    {"role", required_argument, NULL, 'r'}, /* for our own children */
    {NULL, 0, NULL, 0},
};

#define SHORT_OPTIONS "f:nvh"

static int
usage_error(const char *what)
{
	char shown[256];

	fprintf(stderr, "flowtapd: %s; see flowtapd --help\n", foreign_text(slice_of(what), shown, sizeof shown));
	return 2;
}

/* --help and --version, wherever they stand; -1: neither. */
static int
asked_for(int argc, char **argv)
{
	if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'h'))
		fputs(usage_text, stdout);
	else if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'V'))
		printf("flowtapd %s\n", FLOWTAP_VERSION);
	else
		return -1;
	return output_end("flowtapd") < 0;
}

static int
role_run(const char *role, int verbose)
{
	static const struct {
		const char *name;
		int (*run)(int verbose);
	} roles[] = {{"engine", engine_run}, {"dataplane", dataplane_run}, {"inventory", inventory_run},
	    {"keeper", keeper_run}, {"accounts", accounts_run}, {"names", names_run}, {"metrics", metrics_run},
	    {"canary", canary_run}, {"hook", hook_run}, {"reader", reader_run}};

	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(role, roles[i].name) == 0)
			return roles[i].run(verbose);
	errx(2, "unknown role");
}

int
main(int argc, char **argv)
{
	struct daemon_opts o = {.conf_path = "/etc/flowtap/flowtap.conf"};
	const char *role = NULL;
	bool aux = false;
	char fault[128];
	int c;

	opterr = 0;
	output_begin();
	if ((c = asked_for(argc, argv)) >= 0)
		return c;
	while ((c = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
		switch (c) {
		case 'f':
			o.conf_path = optarg;
			break;
		case 'n':
			o.check = true;
			break;
		case 'v':
			o.verbose++;
			break;
		case 'R':
			o.remove = true;
			break;
		case 'W':
			o.rewrap = optarg;
			break;
		case 'U':
			o.undo = true;
			break;
		case 'A':
			aux = true;
			break;
		case 'r':
			role = optarg;
			break;
		default:
			return usage_error(optsay_fault(argv, SHORT_OPTIONS, long_options, fault, sizeof fault));
		}
	}
	if (optind != argc)
		return usage_error("it takes options only");
	/* Before anything else asks for it: what /etc/ssl/openssl.cnf names (engines, providers) would be other
	 * people's code in processes that are killed for an unexpected system call. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (aux)
		return aux_main(o.verbose);
	if (role) {
		/* Started through /proc/self/exe: ps shall not call it "exe". */
		prctl(PR_SET_NAME, "flowtapd");
		return role_run(role, o.verbose);
	}
	return parent_run(&o);
}
