/* SPDX-License-Identifier: BSD-2-Clause */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "aux.h"
#include "daemon.h"
#include "log.h"

static const char usage_text[] = "usage: flowtapd [-v] [-f FILE]          run in the foreground\n"
				 "       flowtapd -n [-v] [-f FILE]       check the configuration; with -v print it\n"
				 "       flowtapd --remove [-f FILE]      take every tap out of the kernel\n"
				 "       flowtapd --rewrap KEYFILE [-f FILE]\n"
				 "                                        replace the machine key by that in KEYFILE\n"
				 "       flowtapd --aux [-v]              the service beside it: aux.socket's\n"
				 "       flowtapd --help | --version\n";

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"remove", no_argument, NULL, 'R'},
    {"rewrap", required_argument, NULL, 'W'},
    {"aux", no_argument, NULL, 'A'},
    {"role", required_argument, NULL, 'r'}, /* for our own children */
    {NULL, 0, NULL, 0},
};

static int
role_run(const char *role, int verbose)
{
	static const struct {
		const char *name;
		int (*run)(int verbose);
	} roles[] = {{"engine", engine_run}, {"dataplane", dataplane_run}, {"inventory", inventory_run},
	    {"keeper", keeper_run}, {"accounts", accounts_run}, {"metrics", metrics_run}, {"canary", canary_run},
	    {"hook", hook_run}};

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
	int c;

	while ((c = getopt_long(argc, argv, "f:nvh", long_options, NULL)) != -1) {
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
		case 'A':
			aux = true;
			break;
		case 'r':
			role = optarg;
			break;
		case 'V':
			printf("flowtapd %s\n", FLOWTAP_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind != argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (aux)
		return aux_main(o.verbose);
	if (role) {
		/* Started through /proc/self/exe: ps shall not call it "exe". */
		prctl(PR_SET_NAME, "flowtapd");
		return role_run(role, o.verbose);
	}
	return parent_run(&o);
}
