/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: router_ */
#include "router_cmd.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <utmpx.h>

#include "foreign.h"
#include "show_router.h"
#include "terminal.h"
#include "tool.h"

#define ARGS_MAX 24
#define COUNT_USUAL "5" /* questions of ping if nobody is there to end it */
#define LOG_LINES "1000"
#define TOOL_LINE_MAX 65536

struct args {
	const char *v[ARGS_MAX + 1];
	size_t n;
};

static void
arg(struct args *a, const char *s)
{
	if (a->n < ARGS_MAX)
		a->v[a->n++] = s;
}

/* The option and the word that was typed, if one was. */
static void
option(struct args *a, const char *name, const char *word)
{
	if (word) {
		arg(a, name);
		arg(a, word);
	}
}

/* ---- programs whose output is the answer ---- */

/* Whole lines, as they come: names that others gave their machines are in them. */
static int
to_stdout(void *arg, const char *bytes, size_t len)
{
	struct buf *b = arg;
	const char *nl;

	buf_put(b, bytes, len);
	nl = b->len ? memrchr(b->p, '\n', b->len) : NULL;
	if (nl == NULL && b->len < TOOL_LINE_MAX)
		return b->err;
	len = nl ? (size_t)(nl + 1 - (const char *)b->p) : b->len;
	term_text((struct slice){(const char *)b->p, len});
	buf_drop(b, len);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

static int
failed(const char *program, int r)
{
	if (r == -ENOENT)
		shell_say("error: %s is not installed", program);
	else if (r == -E2BIG)
		shell_say("error: %s says more than is shown here; of routes, name a table", program);
	else
		shell_say("error: %s: %s", program, strerror(-r));
	return EXIT_TRANSPORT;
}

static int
run(const struct args *a)
{
	cleanup_buf struct buf b = {0};
	int r = tool_run(a->v, to_stdout, &b);

	term_text((struct slice){(const char *)b.p, b.len});
	return r < 0 ? failed(a->v[0], r) : r == 0 ? EXIT_OK : EXIT_REFUSED;
}

static bool
host_wrong(const char *host)
{
	if (host == NULL || tool_host_ok(host))
		return false;
	shell_say("error: %s is neither a name nor an address", host);
	return true;
}

static bool
name_wrong(const char *name)
{
	if (name == NULL || tool_host_ok(name))
		return false;
	shell_say("error: %s has characters that no name has", name);
	return true;
}

int
router_ping(struct shell *sh, const struct cmd_call *call)
{
	const char *host = cmd_arg(call, "HOST"), *source = cmd_arg(call, "FROM"), *count = cmd_arg(call, "COUNT");
	struct args a = {0};

	if (host_wrong(host) || host_wrong(source))
		return EXIT_USAGE;
	arg(&a, "ping");
	if (cmd_arg(call, "inet6"))
		arg(&a, "-6");
	option(&a, "-c", count ? count : sh->asks ? NULL : COUNT_USUAL);
	option(&a, "-s", cmd_arg(call, "BYTES"));
	option(&a, "-i", cmd_arg(call, "SECONDS"));
	option(&a, "-I", source);
	arg(&a, "--");
	arg(&a, host);
	return run(&a);
}

int
router_traceroute(struct shell *sh, const struct cmd_call *call)
{
	const char *host = cmd_arg(call, "HOST"), *source = cmd_arg(call, "FROM");
	struct args a = {0};

	(void)sh;
	if (host_wrong(host) || host_wrong(source))
		return EXIT_USAGE;
	arg(&a, "traceroute");
	if (cmd_arg(call, "inet6"))
		arg(&a, "-6");
	option(&a, "-s", source);
	option(&a, "-m", cmd_arg(call, "COUNT"));
	arg(&a, "--");
	arg(&a, host);
	return run(&a);
}

/* There is a journal of the system, and the user may read no file of it. */
static bool
journal_is_closed(void)
{
	glob_t g = {0};
	bool closed;

	(void)glob("/var/log/journal/*/system.journal", 0, NULL, &g);
	(void)glob("/run/log/journal/*/system.journal", GLOB_APPEND, NULL, &g);
	closed = g.gl_pathc > 0;
	for (size_t i = 0; i < g.gl_pathc; i++)
		closed &= access(g.gl_pathv[i], R_OK) != 0;
	globfree(&g);
	return closed;
}

static int
journal(void)
{
	if (!journal_is_closed())
		return run(&(struct args){.v = {"journalctl", "--no-pager", "--quiet", "--lines=" LOG_LINES,
					      "--unit=flowtapd", "--unit=flowtap-sshd", "--unit=flowtap-aux"}});
	shell_say("error: the system does not let this user read its journal; for a login, root says "
		  "usermod -aG systemd-journal NAME");
	return EXIT_NOT_AUTHORISED;
}

/* The service manager's journal of our units, or a file of /var/log, as far as the user may read it. */
int
router_log(struct shell *sh, const struct cmd_call *call)
{
	const char *name = cmd_arg(call, "NAME");
	cleanup_free char *line = NULL;
	size_t room = 0;
	char path[300];
	ssize_t n;
	FILE *f;

	(void)sh;
	if (name == NULL)
		return journal();
	if (!tool_name_ok(name)) {
		shell_say("error: expected the name of a file in /var/log");
		return EXIT_USAGE;
	}
	snprintf(path, sizeof path, "/var/log/%s", name);
	if ((f = fopen(path, "re")) == NULL) {
		shell_say("error: %s: %s", path, strerror(errno));
		return errno == EACCES ? EXIT_NOT_AUTHORISED : EXIT_NO_OBJECT;
	}
	while ((n = getline(&line, &room, f)) > 0 && !ferror(stdout))
		term_text((struct slice){line, (size_t)n});
	fclose(f);
	return EXIT_OK;
}

/* ---- screens ---- */

static int
print(struct shell *sh, json_t *o, show_text *text)
{
	int code;

	if (o == NULL) {
		shell_say("error: what the program said is not understood");
		return EXIT_TRANSPORT;
	}
	code = shell_put(sh, o, text);
	json_decref(o);
	return code;
}

/* What ip(8) says; the caller owns it.  NULL after a message to the user. */
static json_t *
ip_json(const struct args *a)
{
	cleanup_buf struct buf text = {0}, said = {0};
	int r = tool_read(a->v, &text, &said);
	json_t *o;

	while (said.len > 0 && said.p[said.len - 1] == '\n')
		said.len--;
	if (r < 0)
		failed(a->v[0], r);
	else if (r > 0 || said.len > 0)
		shell_say("%s: %.*s", r > 0 ? "error" : "warning", (int)said.len, said.p ? (char *)said.p : "");
	if (r != 0)
		return NULL;
	if (text.len == 0)
		return json_array();
	if ((o = json_loadb((char *)text.p, text.len, 0, NULL)) == NULL)
		shell_say("error: what ip says is not understood");
	return o;
}

int
router_interfaces(struct shell *sh, const struct cmd_call *call)
{
	const char *name = cmd_arg(call, "INTERFACE");
	struct args a = {.v = {"ip", "-j", "address", "show"}, .n = 4};
	json_t *o;

	if (name_wrong(name))
		return EXIT_USAGE;
	option(&a, "dev", name);
	return (o = ip_json(&a)) ? print(sh, o, show_router_interfaces) : EXIT_NO_OBJECT;
}

int
router_route(struct shell *sh, const struct cmd_call *call)
{
	const char *table = cmd_arg(call, "TABLE");
	struct args inet = {.v = {"ip", "-j", "-4", "route", "show", "table", table ? table : "main"}, .n = 7};
	struct args inet6 = {.v = {"ip", "-j", "-6", "route", "show", "table", table ? table : "main"}, .n = 7};
	json_t *four, *six;

	if (name_wrong(table))
		return EXIT_USAGE;
	if ((four = ip_json(&inet)) == NULL)
		return EXIT_NO_OBJECT;
	if ((six = ip_json(&inet6)) == NULL) {
		json_decref(four);
		return EXIT_NO_OBJECT;
	}
	return print(sh, json_pack("{s:o,s:o}", "inet", four, "inet6", six), show_router_routes);
}

int
router_arp(struct shell *sh, const struct cmd_call *call)
{
	json_t *o = ip_json(&(struct args){.v = {"ip", "-j", "-4", "neighbour", "show"}, .n = 5});

	(void)call;
	return o ? print(sh, o, show_router_arp) : EXIT_NO_OBJECT;
}

/* ---- show system ---- */

static json_t *
moment(time_t t)
{
	char text[40] = "-";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *
users(void)
{
	json_t *list = json_array();
	const struct utmpx *u;

	setutxent();
	while ((u = getutxent()) != NULL)
		if (u->ut_type == USER_PROCESS)
			json_array_append_new(
			    list, json_pack("{s:o,s:o,s:o,s:o}", "user",
				      json_stringn(u->ut_user, strnlen(u->ut_user, sizeof u->ut_user)), "tty",
				      json_stringn(u->ut_line, strnlen(u->ut_line, sizeof u->ut_line)), "from",
				      json_stringn(u->ut_host, strnlen(u->ut_host, sizeof u->ut_host)), "login",
				      moment(u->ut_tv.tv_sec)));
	endutxent();
	return list;
}

int
router_users(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	return print(sh, json_pack("{s:o}", "users", users()), show_router_users);
}

static json_t *
asked(const struct shell *sh, const char *words)
{
	cleanup_buf struct buf body = {0};

	return ctl_try(sh->socket, words, &body) == IPC_C_JSON ? json_loadb((char *)body.p, body.len, 0, NULL) : NULL;
}

/* As far as the user may see it. */
static void
daemon_add(const struct shell *sh, json_t *o)
{
	json_t *state = asked(sh, "services flow-tap"), *commits = asked(sh, "system commit");
	json_t *started = json_object_get(state, "start-time"),
	       *last = json_array_get(json_object_get(commits, "commits"), 0);

	if (started)
		json_object_set_new(o, "protocols-started", moment((time_t)json_integer_value(started)));
	if (last) {
		json_object_set(o, "configured", json_object_get(last, "time"));
		json_object_set(o, "configured-by", json_object_get(last, "user"));
	}
	json_decref(state);
	json_decref(commits);
}

int
router_uptime(struct shell *sh, const struct cmd_call *call)
{
	const time_t now = time(NULL);
	struct sysinfo info = {0};
	double load[3] = {0};
	json_t *o, *who = users();

	(void)call;
	if (sysinfo(&info) < 0 || getloadavg(load, 3) < 3)
		info.uptime = 0;
	o = json_pack("{s:o,s:o,s:I,s:I,s:[f,f,f]}", "time", moment(now), "booted", moment(now - info.uptime),
	    "up-seconds", (json_int_t)info.uptime, "users", (json_int_t)json_array_size(who), "load", load[0], load[1],
	    load[2]);
	json_decref(who);
	daemon_add(sh, o);
	return print(sh, o, show_router_uptime);
}
