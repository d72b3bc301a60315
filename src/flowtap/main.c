/* SPDX-License-Identifier: BSD-2-Clause */
/* flowtap - the operator's command.  One command, one answer. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "chan.h"
#include "ipc.h"
#include "show.h"

enum exit_code { EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_AUTHORISED, EXIT_NO_OBJECT, EXIT_TRANSPORT };

static const struct command {
	const char *words; /* as typed, after "show" */
	void (*text)(const json_t *answer, struct buf *out);
	const char *help;
} commands[] = {
    {"services flow-tap", show_flow_tap, "state, tapped interfaces, copies and losses"},
};

struct opts {
	const char *socket;
	bool json, pretty;
	char words[128];
};

static const char usage_text[] = "usage: flowtap [-j] [-p] [-s SOCKET] show services flow-tap\n"
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

/* -1: go on; else the exit status. */
static int
opts_parse(int argc, char **argv, struct opts *o)
{
	size_t used = 0;
	int c;

	while ((c = getopt_long(argc, argv, "jps:h", long_options, NULL)) != -1) {
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
		default:
			fputs(usage_text, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc || strcmp(argv[optind++], "show") != 0) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	for (; optind < argc && used < sizeof o->words; optind++)
		used += (size_t)snprintf(
		    o->words + used, sizeof o->words - used, "%s%s", used ? " " : "", argv[optind]);
	return -1;
}

static const struct command *
command_find(const char *words)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].words, words) == 0)
			return &commands[i];
	return NULL;
}

static int
ctl_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun.sun_path, path);
	return fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof sun) < 0 ? -1 : fd;
}

static int
ask(int fd, const char *words, uint16_t *type, struct buf *answer)
{
	cleanup_buf struct buf b = {0};
	uint32_t id;
	int r;

	buf_put_str(&b, words);
	if (b.err || (r = chan_write_sync(fd, IPC_C_SHOW, 0, b.p, b.len)) < 0)
		return b.err ? b.err : r;
	return chan_read_sync(fd, IPC_BODY_MAX, type, &id, answer);
}

static int
answer_error(const struct buf *answer)
{
	struct rd r = rd_init(answer->p, answer->len);
	uint8_t code = rd_u8(&r);
	char text[256];

	rd_cstr(&r, text, sizeof text);
	fprintf(stderr, "flowtap: %s\n", rd_end(&r) == 0 ? text : "the daemon's answer is not understood");
	return code;
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
	uint16_t type;
	int fd, r;

	if ((r = opts_parse(argc, argv, &o)) >= 0)
		return r;
	if ((cmd = command_find(o.words)) == NULL) {
		fprintf(stderr, "flowtap: unknown command: show %s\n%s", o.words, usage_text);
		return EXIT_USAGE;
	}
	if ((fd = ctl_connect(o.socket)) < 0) {
		fprintf(stderr, "flowtap: %s: %s; is flowtapd running?\n", o.socket, strerror(errno));
		return errno == EACCES ? EXIT_NOT_AUTHORISED : EXIT_TRANSPORT;
	}
	if ((r = ask(fd, o.words, &type, &answer)) < 0) {
		fprintf(stderr, "flowtap: no answer from the daemon: %s\n", strerror(-r));
		return EXIT_TRANSPORT;
	}
	return type == IPC_C_JSON ? answer_print(&o, cmd, &answer) : answer_error(&answer);
}
