/* SPDX-License-Identifier: BSD-2-Clause */
/* flowtap - the operator's command: one command of arguments, or a shell. */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "login_failed.h"
#include "optsay.h"
#include "output.h"
#include "shell.h"
#include "terminal.h"

struct opts {
	const char *socket, *color;
	const char *complete; /* a line to be completed; NULL: none */
	const char *commands; /* of -c; NULL: none */
	bool json, pretty;
	bool json_errors; /* the same, known before all else is understood */
	char *word[WORDS_MAX];
	int n;
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"pretty", no_argument, NULL, 'p'},
    {"socket", required_argument, NULL, 's'},
    {"color", required_argument, NULL, 'k'},
    {"command", required_argument, NULL, 'c'},
    {"complete", required_argument, NULL, 'C'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

#define SHORT_OPTIONS "c:jps:h"

static void
usage_put(void)
{
	puts("usage: flowtap [-j] [-p] [-s SOCKET] [--color=auto|always|never]\n"
	     "               [-c COMMANDS | COMMAND]\n"
	     "Without COMMAND: a shell, in which ? says what may come next.  Commands:");
	for (const struct cmd *row = table_commands; row->syntax; row++)
		if (row->where & CMD_ONCE)
			printf("  %s\n", row->syntax);
	puts("and | with match, except, find, count, last, no-more, save, display, compare\n"
	     "  -j, --json     JSON instead of text\n"
	     "  -p, --pretty   JSON over several lines\n"
	     "  -s, --socket   the daemon's control socket (/run/flowtap/ctl.sock)\n"
	     "  -c, --command  commands as in the shell, parted by ;\n"
	     "      --color    colours: auto (on a terminal without NO_COLOR), always, never\n"
	     "  -h, --help     this text\n"
	     "      --version  the version");
}

/* --help and --version, wherever they stand; -1: neither. */
static int
asked_for(int argc, char **argv)
{
	if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'h'))
		usage_put();
	else if (optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'V'))
		puts("flowtap " FLOWTAP_VERSION);
	else
		return -1;
	return EXIT_OK;
}

/* Whether options behind this first word are the command's own. */
static bool
has_own_options(const char *word)
{
	for (const struct cmd *row = table_commands; row->syntax; row++)
		if ((row->where & CMD_ONCE) && row->main && strncmp(row->syntax, word, strlen(word)) == 0)
			return *word != '\0';
	return false;
}

static void
word_add(struct opts *o, char *word)
{
	if (o->n < WORDS_MAX)
		o->word[o->n++] = word;
}

/* -1: go on; else the exit status. */
static int
opts_parse(int argc, char **argv, struct opts *o)
{
	char fault[128];
	int c;

	if ((c = asked_for(argc, argv)) >= 0)
		return c;
	o->json_errors = optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'j') ||
			 optsay_is_given(argc, argv, SHORT_OPTIONS, long_options, 'p');
	opterr = 0;
	optind = 0; /* has getopt look at the "-", which the look before did not have */
	while ((c = getopt_long(argc, argv, "-" SHORT_OPTIONS, long_options, NULL)) != -1)
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'p':
			o->json = o->pretty = true;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'k':
			o->color = optarg;
			break;
		case 'c':
			o->commands = optarg;
			break;
		case 'C': /* for the shells' completions only, and in no help */
			o->complete = optarg;
			break;
		case 1: /* a word */
			word_add(o, optarg);
			if (o->n > 1 || !has_own_options(optarg))
				break;
			while (optind < argc)
				word_add(o, argv[optind++]);
			opterr = 1; /* the command's own */
			return -1;
		default:
			return errors_usage(
			    o->json_errors, optsay_fault(argv, SHORT_OPTIONS, long_options, fault, sizeof fault));
		}
	while (optind < argc) /* behind -- */
		word_add(o, argv[optind++]);
	return -1;
}

static int
run(int argc, char **argv)
{
	static struct opts o = {.socket = "/run/flowtap/ctl.sock", .color = "auto"};
	struct shell sh = {.screen_length = SHELL_AUTO};
	enum term_color color;
	int r;

	if ((r = opts_parse(argc, argv, &o)) >= 0)
		return r;
	setlocale(LC_CTYPE, "");
	sh.socket = o.socket;
	sh.json = o.json;
	sh.pretty = o.pretty;
	sh.terminal = isatty(STDOUT_FILENO);
	sh.asks = isatty(STDIN_FILENO) && sh.terminal;
	if (term_color_parse(o.color, &color) < 0)
		return errors_usage(o.json_errors, "--color: auto, always or never is wanted");
	sh.color = term_has_color(color, STDOUT_FILENO);
	if (o.complete)
		return shell_complete(&sh, o.complete);
	if (o.commands && o.n > 0)
		return errors_usage(o.json_errors, "-c goes without a COMMAND");
	sh.once = o.n > 0;
	if (sh.once)
		return shell_argv(&sh, o.n, o.word);
	/* A daemon that closes early is an error to be read, not the end of the shell. */
	signal(SIGPIPE, SIG_IGN);
	return o.commands ? script_text(&sh, o.commands) : shell_interact(&sh);
}

int
main(int argc, char **argv)
{
	int code;

	output_begin();
	if (argc > 0 && strcmp(basename(argv[0]), LOGIN_FAILED_NAME) == 0)
		return login_failed_main();
	code = run(argc, argv);
	return output_end("flowtap") < 0 && code == EXIT_OK ? EXIT_TRANSPORT : code;
}
