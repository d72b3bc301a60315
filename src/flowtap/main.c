/* SPDX-License-Identifier: BSD-2-Clause */
/* flowtap - the operator's command.  One command, one answer. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "audit_cmd.h"
#include "commit_cmd.h"
#include "ctl.h"
#include "login_failed.h"
#include "show.h"
#include "warrant_cmd.h"

static const struct command {
	const char *words; /* as typed; without "show" */
	void (*text)(const json_t *answer, struct buf *out);
	const char *help;
} commands[] = {
    {"configuration", commit_show_configuration, "the configuration in force, or with rollback N one before it"},
    {"system commit", commit_show_history, "who committed which configuration when"},
    {"cli authorization", show_authorization, "what you may do"},
    {"services flow-tap", show_flow_tap, "state, interfaces, programs, capacity"},
    {"services flow-tap statistics", show_statistics, "copies and losses"},
    {"services flow-tap sessions", show_sessions, "DTCP sessions"},
    {"services flow-tap content-destinations", show_content_destinations,
	"where copies go, and whether they get there"},
    {"services flow-tap events", show_events, "what happened lately"},
    {"request services flow-tap rotate-keys", show_rotation, "a new key for each agency's stored rows"},
};

struct opts {
	const char *socket;
	bool json, pretty;
	char words[128];
};

static const char usage_text[] =
    "usage: flowtap [-j] [-p] [-s SOCKET] show services flow-tap\n"
    "       flowtap [-j] [-p] [-s SOCKET] show services flow-tap statistics | sessions |\n"
    "                                        content-destinations | events\n"
    "       flowtap [-j] [-s SOCKET] show cli authorization\n"
    "       flowtap [-j] [-s SOCKET] show configuration [rollback N]\n"
    "       flowtap [-j] [-s SOCKET] show system commit\n"
    "       flowtap [-j] [-s SOCKET] commit [--check] [--confirmed MINUTES] [--comment TEXT]\n"
    "               [--base COMMIT] [FILE]\n"
    "       flowtap [-j] [-s SOCKET] rollback [--check] [--confirmed MINUTES] [--comment TEXT] N\n"
    "       flowtap [-s SOCKET] audit export [LINE]\n"
    "       flowtap [-j] [-s SOCKET] audit head\n"
    "       flowtap audit verify [-K LINE:HASH] -k KEY FILE\n"
    "       flowtap audit report FILE\n"
    "       flowtap [-s SOCKET] warrant enter FILE\n"
    "       flowtap [-s SOCKET] warrant approve|revoke AGENCY REFERENCE\n"
    "       flowtap [-j] [-s SOCKET] warrant show\n"
    "       flowtap [-j] [-p] [-s SOCKET] request services flow-tap rotate-keys\n"
    "       flowtap --help | --version\n"
    "  -j, --json     JSON instead of text\n"
    "  -p, --pretty   JSON over several lines\n"
    "  -s, --socket   the daemon's control socket (/run/flowtap/ctl.sock)\n";

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"pretty", no_argument, NULL, 'p'},
    {"socket", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

/* -1: go on; else the exit status.  Options may stand anywhere, but those after "audit" are its own. */
static int
opts_parse(int argc, char **argv, struct opts *o)
{
	size_t used = 0;
	bool begun = false;
	int c;

	while ((c = getopt_long(argc, argv, "-jps:h", long_options, NULL)) != -1) {
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
		case 'V':
			printf("flowtap %s\n", FLOWTAP_VERSION);
			return EXIT_OK;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_OK;
		case 1: /* a word */
			if (!begun && strcmp(optarg, "audit") == 0)
				return audit_main(o->socket, o->json, argc - optind + 1, argv + optind - 1);
			if (!begun && strcmp(optarg, "warrant") == 0)
				return warrant_main(o->socket, o->json, argc - optind + 1, argv + optind - 1);
			if (!begun && strcmp(optarg, "commit") == 0)
				return commit_main(o->socket, o->json, argc - optind + 1, argv + optind - 1);
			if (!begun && strcmp(optarg, "rollback") == 0)
				return rollback_main(o->socket, o->json, argc - optind + 1, argv + optind - 1);
			if (!begun && strcmp(optarg, "show") != 0 && strcmp(optarg, "request") != 0)
				return usage();
			if ((begun || strcmp(optarg, "show") != 0) && used < sizeof o->words)
				used += (size_t)snprintf(
				    o->words + used, sizeof o->words - used, "%s%s", used ? " " : "", optarg);
			begun = true;
			break;
		default:
			return usage();
		}
	}
	return *o->words ? -1 : usage();
}

static const struct command *
command_find(const char *words)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].words, words) == 0)
			return &commands[i];
	if (strncmp(words, "configuration rollback ", strlen("configuration rollback ")) == 0)
		return command_find("configuration");
	return NULL;
}

static int
answer_print(const struct opts *o, const struct command *cmd, const struct buf *answer)
{
	json_t *j = json_loadb((const char *)answer->p, answer->len, 0, NULL);
	cleanup_buf struct buf out = {0};
	char *text;

	if (j == NULL) {
		fprintf(stderr, "flowtap: the daemon's answer is not understood\n");
		return EXIT_TRANSPORT;
	}
	if (o->json) {
		if ((text = json_dumps(j, o->pretty ? JSON_INDENT(2) : JSON_COMPACT)) != NULL)
			puts(text);
		free(text);
	} else {
		cmd->text(j, &out);
		fwrite(out.p, 1, out.len, stdout);
	}
	json_decref(j);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

int
main(int argc, char **argv)
{
	struct opts o = {.socket = "/run/flowtap/ctl.sock"};
	cleanup_buf struct buf answer = {0};
	const struct command *cmd;
	int fd, r;

	if (argc > 0 && strcmp(basename(argv[0]), LOGIN_FAILED_NAME) == 0)
		return login_failed_main();
	if ((r = opts_parse(argc, argv, &o)) >= 0)
		return r;
	if ((cmd = command_find(o.words)) == NULL) {
		fprintf(stderr, "flowtap: unknown command: %s\n%s", o.words, usage_text);
		return EXIT_USAGE;
	}
	if ((fd = ctl_ask(o.socket, o.words, (struct slice){"", 0}, &r)) < 0)
		return r;
	if ((r = ctl_read(fd, &answer)) < 0)
		return EXIT_TRANSPORT;
	return r == IPC_C_JSON ? answer_print(&o, cmd, &answer) : ctl_error(&answer);
}
