/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "collect.h"
#include "jsonout.h"
#include "optsay.h"
#include "output.h"
#include "terminal.h"

static const char usage_text[] = "usage: flowtap-collect [options] -p PORT[,PORT|LO-HI]... -w DIR\n"
				 "       flowtap-collect [options] -p PORT[,PORT|LO-HI]... -n\n"
				 "       flowtap-collect --help | --version\n"
				 "\n"
				 "Receives intercepted packets on UDP ports and writes them to capture files,\n"
				 "one file at a time for each port.\n"
				 "\n"
				 "  -p, --port PORTS       UDP ports, for example 7890,8000-8003\n"
				 "  -a, --address ADDR     listen on this address only; may be repeated\n"
				 "  -i, --interface IF     take content from the interface before the network\n"
				 "                         stack does; may be repeated; root\n"
				 "  -w, --write DIR        the folder for the files (made if absent)\n"
				 "  -n, --no-files         count only, write nothing\n"
				 "  -C, --rotate-size MB   begin a new file after so many million bytes\n"
				 "  -G, --rotate-seconds S begin a new file after so many seconds\n"
				 "  -c, --count N          stop after N packets\n"
				 "  -t, --time SECONDS     stop after so many seconds\n"
				 "  -u, --user USER        become this user when the sockets are bound\n"
				 "      --jmirror          payloads begin with the 8-byte mirror header\n"
				 "      --rcvbuf BYTES     receive buffer of each socket, and that of -i; k, M, G\n"
				 "                         may follow\n"
				 "  -j, --json             JSON, one object a line, instead of text\n"
				 "  -I, --interval S       with --json: an object with rates every S seconds\n"
				 "  -q, --quiet            no live table\n"
				 "      --color WHEN       auto, always or never\n"
				 "\n"
				 "Exit status: 0 ok, 1 failed, 2 usage, 3 not permitted, 6 something could not be\n"
				 "written.\n";

enum { OPT_JMIRROR = 256, OPT_RCVBUF, OPT_COLOR };

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"address", required_argument, NULL, 'a'},
    {"interface", required_argument, NULL, 'i'},
    {"write", required_argument, NULL, 'w'},
    {"no-files", no_argument, NULL, 'n'},
    {"rotate-size", required_argument, NULL, 'C'},
    {"rotate-seconds", required_argument, NULL, 'G'},
    {"count", required_argument, NULL, 'c'},
    {"time", required_argument, NULL, 't'},
    {"user", required_argument, NULL, 'u'},
    {"jmirror", no_argument, NULL, OPT_JMIRROR},
    {"rcvbuf", required_argument, NULL, OPT_RCVBUF},
    {"json", no_argument, NULL, 'j'},
    {"interval", required_argument, NULL, 'I'},
    {"quiet", no_argument, NULL, 'q'},
    {"color", required_argument, NULL, OPT_COLOR},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

#define SHORT_OPTIONS "p:a:i:w:nC:G:c:t:u:jI:qh"

static bool json_wanted; /* by the command line, wherever it says so */

static int
usage_error(const char *what, const char *value, const char *why)
{
	cleanup_buf struct buf text = {0};

	buf_printf(&text, "%s%s%s%s%s", what, value ? " " : "", value ? value : "", *why ? ": " : "", why);
	buf_put_u8(&text, '\0');
	if (text.err)
		return COLLECT_USAGE;
	if (json_wanted)
		jsonout_error("usage", (const char *)text.p);
	else
		term_say("flowtap-collect: %s; see flowtap-collect --help", (const char *)text.p);
	return COLLECT_USAGE;
}

/* --help and --version, wherever they stand; -1: neither. */
static int
asked_for(int argc, char **argv)
{
	if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'h'))
		fputs(usage_text, stdout);
	else if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'V'))
		puts("flowtap-collect " FLOWTAP_VERSION);
	else
		return -1;
	return COLLECT_OK;
}

/* A positive number within max, in units of unit. */
static int
number(const char *what, const char *text, uint64_t max, uint64_t unit, uint64_t *out)
{
	uint64_t v;

	if (slice_u64((struct slice){text, strlen(text)}, max, &v) < 0 || v == 0)
		return usage_error(what, text, "a positive number within reason is wanted");
	*out = v * unit;
	return COLLECT_OK;
}

static int
size(const char *what, const char *text, uint64_t *out)
{
	static const char units[] = "kMG";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	uint64_t factor = 1, v;

	for (const char *u = units; unit && *unit && u <= unit; u++)
		factor *= 1024;
	if (slice_u64((struct slice){text, factor > 1 ? len - 1 : len}, INT32_MAX / 2 / factor, &v) < 0 || v == 0)
		return usage_error(what, text, "bytes, or a number with k, M or G, below 1 GiB");
	*out = v * factor;
	return COLLECT_OK;
}

static int
ports(struct collect_opts *o, const char *text)
{
	switch (ports_parse(&o->ports, text)) {
	case 0:
		return COLLECT_OK;
	case -E2BIG:
		return usage_error("--port", text, "too many ports");
	case -ERANGE:
		return usage_error("--port", text, "ports are 1 to 65535, the lower one first");
	default:
		return usage_error("--port", text, "ports are written as 7890,8000-8003");
	}
}

static int
address(struct collect_opts *o, const char *text)
{
	if (o->naddr == COLLECT_ADDRS_MAX)
		return usage_error("--address", text, "too many addresses");
	if (ip_parse((struct slice){text, strlen(text)}, &o->addr[o->naddr]) < 0)
		return usage_error("--address", text, "not an IPv4 or IPv6 address");
	o->naddr++;
	return COLLECT_OK;
}

static int
interface(struct collect_opts *o, const char *name)
{
	if (o->nlink == COLLECT_LINKS_MAX)
		return usage_error("--interface", name, "too many interfaces");
	o->link[o->nlink++] = name;
	return COLLECT_OK;
}

static int
option(struct collect_opts *o, int c, const char *arg, char **argv)
{
	char fault[128];

	switch (c) {
	case 'p':
		return ports(o, arg);
	case 'a':
		return address(o, arg);
	case 'i':
		return interface(o, arg);
	case 'w':
		o->dir = arg;
		return COLLECT_OK;
	case 'n':
		o->no_files = true;
		return COLLECT_OK;
	case 'C':
		return number("--rotate-size", arg, 1000000000, 1000000, &o->rotate_bytes);
	case 'G':
		return number("--rotate-seconds", arg, 1000000000, 1, &o->rotate_s);
	case 'c':
		return number("--count", arg, UINT64_MAX, 1, &o->count);
	case 't':
		return number("--time", arg, 1000000000, 1, &o->seconds);
	case 'u':
		o->user = arg;
		return COLLECT_OK;
	case OPT_JMIRROR:
		o->jmirror = true;
		return COLLECT_OK;
	case OPT_RCVBUF:
		return size("--rcvbuf", arg, &o->rcvbuf);
	case 'j':
		o->json = true;
		return COLLECT_OK;
	case 'I':
		return number("--interval", arg, 86400, 1, &o->interval_s);
	case 'q':
		o->quiet = true;
		return COLLECT_OK;
	case OPT_COLOR:
		return term_color_parse(arg, &o->color) == 0
			   ? COLLECT_OK
			   : usage_error("--color", arg, "auto, always or never is wanted");
	default:
		return usage_error(optsay_fault(argv, SHORT_OPTIONS, long_options, fault, sizeof fault), NULL, "");
	}
}

static int
opts_check(const struct collect_opts *o, int argc, char **argv)
{
	if (optind < argc)
		return usage_error("unexpected argument", argv[optind], "there are options only");
	if (o->ports.n == 0)
		return usage_error("--port", NULL, "is missing: name the UDP ports content is sent to");
	if (!o->dir == !o->no_files)
		return usage_error("--write or --no-files", NULL, "exactly one of the two is needed");
	if (o->user && getuid() != 0)
		return usage_error("--user", o->user, "only root can become another user");
	if (o->user && getpwnam(o->user) == NULL)
		return usage_error("--user", o->user, "there is no such user");
	return COLLECT_OK;
}

static int
run(int argc, char **argv)
{
	struct collect_opts o = {0};
	int c, status = COLLECT_OK;

	opterr = 0;
	json_wanted = optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'j');
	while (status == COLLECT_OK && (c = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1)
		status = option(&o, c, optarg, argv);
	if (status == COLLECT_OK)
		status = opts_check(&o, argc, argv);
	if (status == COLLECT_OK)
		status = collect_run(&o);
	ports_free(&o.ports);
	return status;
}

int
main(int argc, char **argv)
{
	int status;

	output_begin();
	setlocale(LC_CTYPE, "");
	if ((status = asked_for(argc, argv)) < 0)
		status = run(argc, argv);
	if (output_end("flowtap-collect") < 0 && status == COLLECT_OK)
		status = COLLECT_FAILED;
	return status;
}
