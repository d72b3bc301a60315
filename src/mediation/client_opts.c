/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: client_ */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "dialog.h"
#include "jsonout.h"
#include "optsay.h"
#include "terminal.h"

#define DEFAULT_PORT "32001"
#define DEFAULT_SOURCE_PORT 49153 /* what Junos clients use */

static const char usage_text[] = "usage: dtcp [options] [USER@]ROUTER add --to ADDR:PORT [--to ADDR:PORT]\n"
				 "               [--source LIST] [--dest LIST] [--protocol LIST]\n"
				 "               [--source-port LIST] [--dest-port LIST]\n"
				 "               [--icmp-type LIST] [--icmp-code LIST] [--from ADDR:PORT]\n"
				 "               [--cdest NAME] [--ttl N] [--priority N] [--ipv6]\n"
				 "               [--warrant REF] [--timeout-idle S] [--timeout-total S]\n"
				 "               [--timeout-packets N] [--timeout-bytes N] [--everything]\n"
				 "       dtcp [options] [USER@]ROUTER delete ID[,ID|LO-HI]... | --cdest NAME\n"
				 "       dtcp [options] [USER@]ROUTER list [ID[,ID|LO-HI]...] [--cdest NAME]\n"
				 "               [--flags both|criteria|stats]\n"
				 "       dtcp [options] [USER@]ROUTER noop\n"
				 "       dtcp [options] [USER@]ROUTER run FILE [--window N] [--stop]\n"
				 "       dtcp --help | --version\n"
				 "\n"
				 "Asks a router for copies of packets (DTCP over SSH), as the law allows it.\n"
				 "A LIST is addresses or numbers (TCP is 6, UDP 17), prefixes, LO-HI, LO-*, *-HI\n"
				 "and *, with commas between them and ! for not; an element that is not given\n"
				 "matches everything, and a filter that does so as a whole is taken with\n"
				 "--everything only.\n"
				 "\n"
				 "  -l, --login USER       log in as this user\n"
				 "  -p, --port PORT        SSH port of the router (32001)\n"
				 "  -i, --identity FILE    private key for the login\n"
				 "  -o, --option OPTION    for ssh, as in ssh_config(5); may be repeated\n"
				 "      --password-file F  the password is the first line of F\n"
				 "      --ssh COMMAND      run this instead of ssh\n"
				 "      --exec COMMAND     run this instead, and speak DTCP with it\n"
				 "      --csource ID       Csource-ID (the login user)\n"
				 "      --key KEY          key of the digests (Juniper)\n"
				 "      --version V        speak DTCP 0.6, 0.7 or 0.8 (0.7; 0.8 for IPv6)\n"
				 "      --timeout SECONDS  how long to wait for an answer (10)\n"
				 "  -j, --json             JSON instead of text\n"
				 "  -J, --pretty           JSON over several lines\n"
				 "  -q, --quiet            run: tell of refusals and lists only\n"
				 "      --color WHEN       auto, always or never\n"
				 "\n"
				 "Exit status: 0 ok, 1 refused, 2 usage, 3 login refused, 4 no such criterion or\n"
				 "destination, 5 no answer, 6 some requests of a file failed, 7 host key unknown\n"
				 "or changed, 8 connection refused, 9 no such host, 10 unreachable or timed out,\n"
				 "11 not permitted, 12 no DTCP there, 13 no SSH there or closed before the login,\n"
				 "14 ssh could not be started, 15 the answer could not be written.\n";

int
client_usage(const char *what, const char *value, const char *why, bool json)
{
	cleanup_buf struct buf text = {0};

	buf_printf(&text, "%s%s%s%s%s", what, value ? " " : "", value ? value : "", *why ? ": " : "", why);
	buf_put_u8(&text, '\0');
	if (text.err)
		return CLIENT_USAGE;
	if (json)
		jsonout_error("usage", (const char *)text.p);
	else
		term_say("dtcp: %s; see dtcp --help", (const char *)text.p);
	return CLIENT_USAGE;
}

static bool json_wanted; /* by the command line being parsed, wherever it says so */

static int
usage_error(const char *what, const char *value, const char *why)
{
	return client_usage(what, value, why, json_wanted);
}

/* ---- values ---- */

static int
set_version(struct client_opts *o, const char *arg)
{
	if (strlen(arg) != 3 || memcmp(arg, "0.", 2) != 0 || arg[2] < '6' || arg[2] > '8')
		return usage_error("--version", arg, "0.6, 0.7 or 0.8 is wanted");
	o->version = (unsigned)(arg[2] - '0');
	return -1;
}

static int
set_color(struct client_opts *o, const char *arg)
{
	if (term_color_parse(arg, &o->color) < 0)
		return usage_error("--color", arg, "auto, always or never is wanted");
	return -1;
}

static int
set_ssh_option(struct client_opts *o, const char *arg)
{
	if (o->link.nssh_opt == LINK_SSH_OPTS_MAX)
		return usage_error("--option", arg, "too many");
	o->link.ssh_opt[o->link.nssh_opt++] = arg;
	return -1;
}

/* A list in which names of protocols may stand: DTCP has numbers only. */
static int
set_protocol(struct client_opts *o, const char *arg)
{
	static const struct {
		const char *name;
		unsigned number;
	} names[] = {{"ah", 51}, {"esp", 50}, {"gre", 47}, {"icmp", 1}, {"icmp6", 58}, {"icmpv6", 58}, {"ospf", 89},
	    {"sctp", 132}, {"tcp", 6}, {"udp", 17}};

	buf_reset(&o->protocol);
	while (*arg) {
		const size_t between = strspn(arg, " ,-!"), len = strcspn(arg + between, " ,-!");
		size_t i = 0;

		buf_put(&o->protocol, arg, between);
		arg += between;
		while (
		    i < ARRAY_LEN(names) && (strlen(names[i].name) != len || strncasecmp(arg, names[i].name, len) != 0))
			i++;
		if (i < ARRAY_LEN(names))
			buf_printf(&o->protocol, "%u", names[i].number);
		else if (len > 0 && isalpha((unsigned char)*arg))
			return usage_error(
			    "--protocol", arg, "a number is wanted: TCP is 6, UDP 17, ICMP 1, ICMPv6 58");
		else
			buf_put(&o->protocol, arg, len);
		arg += len;
	}
	buf_put_u8(&o->protocol, '\0');
	if (o->protocol.err)
		return usage_error("--protocol", NULL, "not enough memory");
	o->add.filter[CRIT_PROTOCOL] = (const char *)o->protocol.p;
	return -1;
}

static int
set_to(struct client_opts *o, const char *arg)
{
	if (o->add.nto == DTCP_CDESTS_MAX)
		return usage_error("--to", arg, "DTCP allows two destinations");
	if (request_parse_dest(arg, &o->add.to[o->add.nto].addr, &o->add.to[o->add.nto].port) < 0)
		return usage_error("--to", arg, "192.0.2.10:7890 or [2001:db8::10]:7890 is wanted");
	o->add.nto++;
	return -1;
}

static int
set_from(struct client_opts *o, const char *arg)
{
	if (request_parse_dest(arg, &o->add.from.addr, &o->add.from.port) < 0)
		return usage_error("--from", arg, "192.0.2.1:49153 or [2001:db8::1]:49153 is wanted");
	return -1;
}

static int
set_flags(struct client_opts *o, const char *arg)
{
	static const char *const words[][2] = {{"both", "BOTH"}, {"criteria", "CRITERIA"}, {"stats", "STATS"}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(arg, words[i][0]) == 0) {
			o->flags = words[i][1];
			return -1;
		}
	return usage_error("--flags", arg, "both, criteria or stats is wanted");
}

static int
set_json_pretty(struct client_opts *o, const char *arg)
{
	(void)arg;
	o->json = o->pretty = true;
	return -1;
}

/* ---- the table of options ---- */

enum kind { TEXT, FLAG, NUMBER, CALL };

static const struct row {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	size_t offset; /* TEXT: const char *, FLAG: bool, NUMBER: uint64_t in 1..max */
	unsigned where;
	uint64_t max;
	int (*call)(struct client_opts *o, const char *arg); /* -1 or an exit status */
	bool no_arg;
} rows[] = {
    {"login", 'l', TEXT, offsetof(struct client_opts, link.user), CLIENT_ANY},
    {"port", 'p', TEXT, offsetof(struct client_opts, link.port), CLIENT_ANY},
    {"identity", 'i', TEXT, offsetof(struct client_opts, link.identity), CLIENT_ANY},
    {"option", 'o', CALL, 0, CLIENT_ANY, 0, set_ssh_option},
    {"password-file", 0, TEXT, offsetof(struct client_opts, password_file), CLIENT_ANY},
    {"ssh", 0, TEXT, offsetof(struct client_opts, link.ssh), CLIENT_ANY},
    {"exec", 0, TEXT, offsetof(struct client_opts, link.exec), CLIENT_ANY},
    {"csource", 0, TEXT, offsetof(struct client_opts, csource), CLIENT_ANY},
    {"key", 0, TEXT, offsetof(struct client_opts, key), CLIENT_ANY},
    {"timeout", 0, NUMBER, offsetof(struct client_opts, timeout_s), CLIENT_ANY, 86400},
    {"json", 'j', FLAG, offsetof(struct client_opts, json), CLIENT_ANY},
    {"pretty", 'J', CALL, 0, CLIENT_ANY, 0, set_json_pretty, true},
    {"quiet", 'q', FLAG, offsetof(struct client_opts, quiet), CLIENT_ANY},
    {"color", 0, CALL, 0, CLIENT_ANY, 0, set_color},
    {"source", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_SOURCE_ADDRESS]), CLIENT_ADD},
    {"dest", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_DEST_ADDRESS]), CLIENT_ADD},
    {"protocol", 0, CALL, 0, CLIENT_ADD, 0, set_protocol},
    {"source-port", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_SOURCE_PORT]), CLIENT_ADD},
    {"dest-port", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_DEST_PORT]), CLIENT_ADD},
    {"icmp-type", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_ICMP_TYPE]), CLIENT_ADD},
    {"icmp-code", 0, TEXT, offsetof(struct client_opts, add.filter[CRIT_ICMP_CODE]), CLIENT_ADD},
    {"to", 0, CALL, 0, CLIENT_ADD, 0, set_to},
    {"from", 0, CALL, 0, CLIENT_ADD, 0, set_from},
    {"ttl", 0, TEXT, offsetof(struct client_opts, add.ttl), CLIENT_ADD},
    {"priority", 0, TEXT, offsetof(struct client_opts, add.priority), CLIENT_ADD},
    {"warrant", 0, TEXT, offsetof(struct client_opts, add.warrant), CLIENT_ADD},
    {"timeout-idle", 0, TEXT, offsetof(struct client_opts, add.timeout[DTCP_T_IDLE]), CLIENT_ADD},
    {"timeout-total", 0, TEXT, offsetof(struct client_opts, add.timeout[DTCP_T_TOTAL]), CLIENT_ADD},
    {"timeout-packets", 0, TEXT, offsetof(struct client_opts, add.timeout[DTCP_T_PACKETS]), CLIENT_ADD},
    {"timeout-bytes", 0, TEXT, offsetof(struct client_opts, add.timeout[DTCP_T_BYTES]), CLIENT_ADD},
    {"ipv6", 0, FLAG, offsetof(struct client_opts, add.ipv6), CLIENT_ADD},
    {"everything", 0, FLAG, offsetof(struct client_opts, everything), CLIENT_ADD},
    {"cdest", 0, TEXT, offsetof(struct client_opts, cdest), CLIENT_ADD | CLIENT_DELETE | CLIENT_LIST},
    {"flags", 0, CALL, 0, CLIENT_LIST, 0, set_flags},
    {"window", 0, NUMBER, offsetof(struct client_opts, window), CLIENT_RUN, DIALOG_WINDOW_MAX},
    {"stop", 0, FLAG, offsetof(struct client_opts, stop), CLIENT_RUN},
};

#define ROW_FIRST 256 /* what getopt_long returns for rows[0] */
enum { OPT_VERSION = ROW_FIRST - 1 };

static bool
is_printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s == 127)
			return false;
	return true;
}

/* -1 or an exit status */
static int
row_set(const struct row *r, struct client_opts *o, const char *arg)
{
	char name[32];
	void *field = (char *)o + r->offset;

	snprintf(name, sizeof name, "--%s", r->name);
	if (arg && !is_printable(arg))
		return usage_error(name, NULL, "control characters have no place in it");
	switch (r->kind) {
	case TEXT:
		*(const char **)field = arg;
		break;
	case FLAG:
		*(bool *)field = true;
		break;
	case CALL:
		return r->call(o, arg);
	case NUMBER:
		if (slice_u64((struct slice){arg, strlen(arg)}, r->max, (uint64_t *)field) < 0 ||
		    *(uint64_t *)field == 0)
			return usage_error(name, arg, "a positive number within reason is wanted");
		break;
	}
	return -1;
}

static bool
row_has_arg(const struct row *r)
{
	return r->kind != FLAG && !r->no_arg;
}

struct getopt_tables {
	struct option longs[ARRAY_LEN(rows) + 3];
	char shorts[2 * ARRAY_LEN(rows) + 4];
};

static void
tables_make(struct getopt_tables *t, const char *first)
{
	size_t n = 0;
	char *s = stpcpy(t->shorts, first);

	for (; n < ARRAY_LEN(rows); n++) {
		t->longs[n] = (struct option){rows[n].name, row_has_arg(&rows[n]), NULL, (int)(ROW_FIRST + n)};
		if (rows[n].letter == 0)
			continue;
		*s++ = rows[n].letter;
		if (row_has_arg(&rows[n]))
			*s++ = ':';
	}
	stpcpy(s, "h");
	t->longs[n++] = (struct option){"version", optional_argument, NULL, OPT_VERSION};
	t->longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
	t->longs[n] = (struct option){0};
}

static const struct row *
row_find(int c)
{
	if (c >= ROW_FIRST)
		return &rows[c - ROW_FIRST];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].letter == c && c)
			return &rows[i];
	return NULL;
}

/* "--version 0.8" chooses DTCP's, "--version" alone asks for ours. */
static bool
version_word(int argc, char **argv, const char **arg)
{
	*arg = optarg;
	if (optarg == NULL && optind < argc && isdigit((unsigned char)argv[optind][0]) && argv[optind][1] == '.')
		*arg = argv[optind++];
	return *arg != NULL;
}

/* --help and --version, anywhere and whatever else is there; -1: neither. */
static int
asked_for(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof *copy); /* getopt moves words to the end */
	struct getopt_tables t;
	const char *arg;
	int c, status = -1;

	tables_make(&t, "");
	if (copy)
		memcpy(copy, argv, (size_t)argc * sizeof *copy);
	optind = 0; /* begin anew */
	while (copy && status < 0 && (c = getopt_long(argc, copy, t.shorts, t.longs, NULL)) != -1) {
		const struct row *r = row_find(c);

		if (c == 'h') {
			fputs(usage_text, stdout);
			status = CLIENT_OK;
		} else if (c == OPT_VERSION && !version_word(argc, copy, &arg)) {
			puts("dtcp " FLOWTAP_VERSION);
			status = CLIENT_OK;
		} else if (r && (strcmp(r->name, "json") == 0 || strcmp(r->name, "pretty") == 0))
			json_wanted = true;
	}
	free(copy);
	return status;
}

/* Options up to the first word (first "+") or all of them (""); -1 or an exit status.
 * Where command is not chosen yet, every option that fits all commands may stand. */
static int
options_take(struct client_opts *o, const char *first, int argc, char **argv)
{
	struct getopt_tables t;
	char name[160];
	const char *arg;
	int c, status = -1;

	tables_make(&t, first);
	optind = 0; /* begin anew */
	while (status < 0 && (c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct row *r = row_find(c);
		unsigned command = o->command ? o->command : CLIENT_ANY;

		if (c == OPT_VERSION) {
			status = version_word(argc, argv, &arg) ? set_version(o, arg) : -1;
		} else if (r == NULL) {
			status = usage_error(optsay_fault(argv, t.shorts, t.longs, name, sizeof name), NULL, "");
		} else if ((r->where & command) != command) {
			snprintf(name, sizeof name, "--%s", r->name);
			status = usage_error(name, NULL,
			    o->command ? "does not belong to this command" : "has its place behind the command");
		} else {
			status = row_set(r, o, optarg);
		}
	}
	return status;
}

/* ---- words ---- */

static const struct {
	const char *name;
	enum client_command command;
} commands[] = {
    {"add", CLIENT_ADD},
    {"delete", CLIENT_DELETE},
    {"list", CLIENT_LIST},
    {"noop", CLIENT_NOOP},
    {"run", CLIENT_RUN},
};

static int
command_find(struct client_opts *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0) {
			o->command = commands[i].command;
			o->command_name = commands[i].name;
			return -1;
		}
	return usage_error("unknown command", name, "add, delete, list, noop and run are there");
}

/* "USER@ROUTER"; -l has the last word. */
static int
router_set(struct client_opts *o, char *word)
{
	char *at = strrchr(word, '@');

	o->link.router = word;
	if (at) {
		*at = '\0';
		o->link.router = at + 1;
		if (o->link.user == NULL)
			o->link.user = word;
	}
	if (*o->link.router == '\0' || !is_printable(word))
		return usage_error("router", NULL, "its name or address is wanted");
	return -1;
}

static int
ids_add(struct client_opts *o, const char *word)
{
	if (*word == '\0' || strspn(word, "0123456789,-*") != strlen(word))
		return usage_error("criterion", word, "ids are numbers, as 7 or 7,9 or 10-20");
	o->ids.len -= o->ids.len > 0; /* the string's end */
	buf_printf(&o->ids, "%s%s", o->ids.len ? "," : "", word);
	buf_put_u8(&o->ids, '\0');
	return -1;
}

static int
words_take(struct client_opts *o, int argc, char **argv)
{
	int status = -1;

	for (int i = 0; i < argc && status < 0; i++) {
		if (o->command & (CLIENT_DELETE | CLIENT_LIST))
			status = ids_add(o, argv[i]);
		else if (o->command == CLIENT_RUN && o->file == NULL)
			o->file = argv[i];
		else
			status = usage_error("unexpected word", argv[i], "see the usage");
	}
	return status;
}

/* ---- what belongs together ---- */

static int
check_add(struct client_opts *o)
{
	struct request_add *a = &o->add;

	a->cdest = o->cdest;
	if (a->nto == 0)
		return usage_error("--to", NULL, "is missing: where shall the copies go?");
	for (unsigned i = 1; i < a->nto; i++)
		if (a->to[i].addr.family != a->to[0].addr.family)
			return usage_error("--to", NULL, "both destinations must be IPv4 or both IPv6");
	if (a->from.addr.family && a->from.addr.family != a->to[0].addr.family)
		return usage_error("--from", NULL, "must be of the family of --to");
	if (a->ipv6 && o->version && o->version < 8)
		return usage_error("--ipv6", NULL, "needs DTCP 0.8");
	if (request_is_everything(a) != o->everything)
		return o->everything ? usage_error("--everything", NULL, "and a filter exclude each other")
				     : usage_error("add", NULL,
					   "this filter matches every packet: say --everything if that is wanted");
	if (a->from.port == 0)
		a->from.port = DEFAULT_SOURCE_PORT;
	return -1;
}

static int
check_command(struct client_opts *o)
{
	bool ids = o->ids.len > 0;

	switch (o->command) {
	case CLIENT_ADD:
		return check_add(o);
	case CLIENT_DELETE:
		if (ids == (o->cdest != NULL))
			return usage_error("delete", NULL, "either ids or --cdest is wanted");
		break;
	case CLIENT_LIST:
		if (ids && o->cdest)
			return usage_error("list", NULL, "either ids or --cdest, not both");
		break;
	case CLIENT_RUN:
		if (o->file == NULL)
			return usage_error("run", NULL, "a file of requests is wanted, - for standard input");
		if (o->stop && o->window > 1)
			return usage_error("--stop", NULL, "sends one request at a time: no --window with it");
		break;
	default:
		break;
	}
	return -1;
}

/* ---- defaults ---- */

static int
password_read(struct client_opts *o)
{
	FILE *f;
	size_t size = 0;
	ssize_t n;

	if (o->password_file == NULL) {
		o->link.password = getenv("DTCP_PASSWORD");
		return -1;
	}
	if ((f = fopen(o->password_file, "re")) == NULL)
		return usage_error("--password-file", o->password_file, strerror(errno));
	n = getline(&o->password, &size, f);
	fclose(f);
	if (n < 0)
		return usage_error("--password-file", o->password_file, "is empty");
	o->password[strcspn(o->password, "\r\n")] = '\0';
	o->link.password = o->password;
	return -1;
}

static int
defaults_set(struct client_opts *o)
{
	const struct passwd *pw;
	const char *key = getenv("DTCP_KEY");

	if (o->link.user == NULL && (pw = getpwuid(getuid())) != NULL)
		o->link.user = pw->pw_name;
	if (o->link.user == NULL)
		return usage_error("--login", NULL, "is needed: this machine does not know your name");
	if (o->link.port == NULL)
		o->link.port = DEFAULT_PORT;
	if (o->csource == NULL)
		o->csource = o->link.user;
	if (o->key == NULL)
		o->key = key && *key ? key : DTCP_KEY_JUNOS;
	if (o->timeout_s == 0)
		o->timeout_s = 10;
	if (o->window == 0)
		o->window = o->stop ? 1 : DIALOG_WINDOW_USUAL;
	return password_read(o);
}

/* "[options] ROUTER [options] COMMAND": *at is the command's place.  -1 or an exit status. */
static int
head_take(struct client_opts *o, int argc, char **argv, int *at)
{
	int status, router;

	if ((status = options_take(o, "+", argc, argv)) >= 0)
		return status;
	router = optind;
	if (router == argc)
		return usage_error("the router is missing", NULL, "");
	if ((status = router_set(o, argv[router])) >= 0 ||
	    (status = options_take(o, "+", argc - router, argv + router)) >= 0)
		return status;
	*at = router + optind;
	return *at == argc ? usage_error("the command is missing", NULL, "") : command_find(o, argv[*at]);
}

int
client_opts_parse(struct client_opts *o, int argc, char **argv)
{
	int status, at = 0;

	opterr = 0; /* we say it */
	json_wanted = false;
	if ((status = asked_for(argc, argv)) >= 0 || (status = head_take(o, argc, argv, &at)) >= 0)
		return status;
	argv += at;
	argc -= at;
	if ((status = options_take(o, "", argc, argv)) >= 0 ||
	    (status = words_take(o, argc - optind, argv + optind)) >= 0 || (status = check_command(o)) >= 0)
		return status;
	return defaults_set(o);
}

void
client_opts_free(struct client_opts *o)
{
	buf_free(&o->ids);
	buf_free(&o->protocol);
	if (o->password)
		explicit_bzero(o->password, strlen(o->password));
	free(o->password);
	o->password = NULL;
}
