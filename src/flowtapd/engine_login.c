/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logins that failed, as PAM tells of them: each is on record, many in a minute are an
 * alarm.  Nobody is locked out: that would be a way to keep the real device out.
 *
 * exports: engine_login_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"

#define WINDOW_NS 60000000000ull
#define ALARM_AT 5 /* failures of one login or from one address within the window */

/* The user's name is whatever somebody typed. */
static void
printable(struct slice s, char *out, size_t size)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] > ' ' && s.p[i] <= '~' && s.p[i] != '"' ? s.p[i] : '?';
	out[n] = '\0';
}

static bool
alike(const struct login_failure *a, const struct login_failure *b)
{
	return strcmp(a->user, b->user) == 0 || (a->peer.family != 0 && ip_equal(&a->peer, &b->peer));
}

/* How many of the last ones, in the window, have its name or its address. */
static unsigned
count(const struct engine *e, const struct login_failure *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOGIN_FAILURES; i++)
		if (e->failure[i].at_ns != 0 && f->at_ns - e->failure[i].at_ns < WINDOW_NS && alike(&e->failure[i], f))
			n++;
	return n;
}

static void
alarm_if_many(struct engine *e, const struct login_failure *f)
{
	char text[192], addr[IP_STRLEN];
	unsigned n = count(e, f);

	if (n < ALARM_AT || (e->login_alarm_ns != 0 && f->at_ns - e->login_alarm_ns < WINDOW_NS))
		return;
	e->login_alarm_ns = f->at_ns;
	snprintf(text, sizeof text, "%u logins failed within a minute, the last one of \"%s\" from %s", n, f->user,
	    f->peer.family ? ip_format(&f->peer, addr) : "an unknown address");
	engine_alarm(e, text);
}

int
engine_login_failed(struct engine *e, struct slice text)
{
	const char *nl = text.len ? memchr(text.p, '\n', text.len) : NULL;
	struct login_failure *f = &e->failure[e->nfailure++ % LOGIN_FAILURES];
	char reason[96];

	if (nl == NULL)
		return -EINVAL;
	*f = (struct login_failure){.at_ns = clock_mono_ns()};
	printable((struct slice){text.p, (size_t)(nl - text.p)}, f->user, sizeof f->user);
	(void)ip_parse((struct slice){nl + 1, text.len - (size_t)(nl + 1 - text.p)}, &f->peer);
	snprintf(reason, sizeof reason, "login \"%s\"", f->user);
	engine_audit_happened(e, &(struct audit_event){.kind = "login-failed", .peer = f->peer, .reason = reason});
	alarm_if_many(e, f);
	return 0;
}
