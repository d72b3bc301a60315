/* SPDX-License-Identifier: BSD-2-Clause */
/* Every class against every branch: what it shows, what may be changed in it, and what is never told. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf_perm.h"
#include "conf_schema.h"
#include "conf_value.h"
#include "parsed.h"

#define HASH "$y$j9T$salt$hash"

static const char whole_text[] = "# of the router\n"
				 "system {\n"
				 "    login {\n"
				 "        class agency {\n"
				 "            permissions flow-tap-operation;\n"
				 "        }\n"
				 "        class boss {\n"
				 "            permissions all;\n"
				 "        }\n"
				 "        class mixed {\n"
				 "            permissions [ view flow-tap routing ];\n"
				 "        }\n"
				 "        class plain {\n"
				 "            permissions view;\n"
				 "        }\n"
				 "        user ann {\n"
				 "            class plain;\n"
				 "            authentication {\n"
				 "                encrypted-password \"" HASH "\";\n"
				 "            }\n"
				 "        }\n"
				 "        user bob {\n"
				 "            class boss;\n"
				 "        }\n"
				 "    }\n"
				 "    services {\n"
				 "        flow-tap-dtcp {\n"
				 "            ssh {\n"
				 "                connection-limit 75;\n"
				 "            }\n"
				 "        }\n"
				 "    }\n"
				 "}\n"
				 "chassis {\n"
				 "    fpc 0;\n"
				 "}\n"
				 "# the tap\n"
				 "services {\n"
				 "    flow-tap {\n"
				 "        agency lea1; # secret\n"
				 "    }\n"
				 "}\n"
				 "interfaces {\n"
				 "    vt-0/0/0;\n"
				 "}\n"
				 "interfaces vt-9/0/0;\n";

static uint32_t
perm_of(const char *permissions)
{
	char text[256];
	struct conf *c;
	uint32_t perm;

	snprintf(
	    text, sizeof text, "system { login { class c { permissions [ %s ]; } user u { class c; } } }", permissions);
	c = parsed(text);
	perm = conf_perm_of(c, "u");
	conf_free(c);
	return perm;
}

static char *
seen_by(uint32_t perm)
{
	struct conf *c = parsed(whole_text);
	struct buf b = {0};

	assert_int_equal(conf_perm_view(c, perm, &b), 0);
	buf_put(&b, "", 1);
	conf_free(c);
	return (char *)b.p;
}

/* text with from replaced. */
static char *
with(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	struct buf b = {0};

	if (at == NULL)
		print_message("# no %s in %s\n", from, text);
	assert_non_null(at);
	buf_put(&b, text, (size_t)(at - text));
	buf_put(&b, to, strlen(to));
	buf_put(&b, at + strlen(from), strlen(at + strlen(from)) + 1);
	return (char *)b.p;
}

/* What becomes of the whole; NULL and *err if it is refused. */
static char *
judged(const char *candidate, uint32_t perm, int expect, struct conf_error *err)
{
	struct conf *now = parsed(whole_text), *next;
	struct buf b = {0};
	int r = conf_perm_judge(now, (struct slice){candidate, strlen(candidate)}, perm, &next, err);

	if (r != expect)
		print_message("# %d: %u: %s: %s\n", r, err->line, err->word, err->expected);
	assert_int_equal(r, expect);
	if (r == 0) {
		conf_print(next, &b);
		buf_put(&b, "", 1);
	}
	conf_free(next);
	conf_free(now);
	return (char *)b.p;
}

/* ---- classes ---- */

static void
test_permissions(void **state)
{
	const uint32_t e = CONF_PERM_EVERYBODY, read = e | CONF_PERM_READ, change = read | CONF_PERM_CONFIGURE;
	static const struct conf_schema *row;
	const struct conf_choice *c;

	(void)state;
	assert_int_equal(perm_of("flow-tap"), read | CONF_PERM_FLOW_TAP);
	assert_int_equal(perm_of("flow-tap-control"), change | CONF_PERM_FLOW_TAP | CONF_PERM_FLOW_TAP_CONTROL);
	assert_int_equal(perm_of("flow-tap-operation"), e | CONF_PERM_FLOW_TAP_OPERATION);
	assert_int_equal(perm_of("audit"), e | CONF_PERM_AUDIT);
	assert_int_equal(perm_of("view routing"), read | CONF_PERM_VIEW);
	assert_int_equal(perm_of("network"), e | CONF_PERM_NETWORK);
	assert_int_equal(perm_of("clear"), e | CONF_PERM_CLEAR);
	assert_int_equal(perm_of("trace"), e | CONF_PERM_TRACE);
	assert_int_equal(perm_of("configure"), change);
	assert_int_equal(perm_of("all"), CONF_PERM_ALL);
	assert_false(CONF_PERM_ALL & (CONF_PERM_FLOW_TAP_OPERATION | CONF_PERM_OFFICER));
	/* Flow-tap and the audit trail come with their own permissions only, and with those that say "all". */
	row = conf_schema_find(NULL, slice_of("system"));
	for (const char *const *w = (const char *const[]){"login", "class", "permissions", NULL}; *w; w++)
		row = conf_schema_find(row, slice_of(*w));
	for (c = row->choice; c->word; c++) {
		const bool ours = strncmp(c->word, "flow-tap", 8) == 0 || strncmp(c->word, "all", 3) == 0;

		assert_true(ours || (perm_of(c->word) & (CONF_PERM_FLOW_TAP | CONF_PERM_FLOW_TAP_CONTROL |
							    CONF_PERM_FLOW_TAP_OPERATION)) == 0);
		assert_true(strcmp(c->word, "flow-tap-operation") == 0 ||
			    (perm_of(c->word) & CONF_PERM_FLOW_TAP_OPERATION) == 0);
		assert_false(perm_of(c->word) & CONF_PERM_OFFICER);
	}
}

static void
test_users(void **state)
{
	struct conf *c = parsed("system { login { class operator { permissions all; } class off { permissions all; } "
				"user a { class operator; } user b { class read-only; } user c { class super-user; } "
				"user d; inactive: user e { class super-user; } user f { class off; } "
				"user g { class unauthorized; } } }");
	static const struct {
		const char *user;
		uint32_t perm;
	} rows[] = {{"a", CONF_PERM_ALL}, {"b", CONF_PERM_EVERYBODY | CONF_PERM_READ | CONF_PERM_VIEW},
	    {"c", CONF_PERM_ALL}, {"d", CONF_PERM_EVERYBODY}, {"e", CONF_PERM_EVERYBODY}, {"f", CONF_PERM_ALL},
	    {"g", CONF_PERM_EVERYBODY}, {"nobody", CONF_PERM_EVERYBODY}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(conf_perm_of(c, rows[i].user), rows[i].perm);
	conf_free(c);
}

/* ---- the view ---- */

static void
test_what_is_seen(void **state)
{
	static const char *const everybody =
	    "chassis {\n    fpc 0;\n}\ninterfaces {\n    vt-0/0/0;\n}\ninterfaces vt-9/0/0;\n";
	char *all = seen_by(CONF_PERM_ALL), *some;

	(void)state;
	assert_string_equal(all, whole_text);
	free(all);
	for (const char *const *p = (const char *const[]){"view", "configure", "interface-control", "audit",
		 "flow-tap-operation", "maintenance", NULL};
	     *p; p++) {
		some = seen_by(perm_of(*p));
		assert_string_equal(some, everybody);
		free(some);
	}
	some = seen_by(perm_of("flow-tap"));
	assert_string_equal(some,
	    "system {\n    services {\n        flow-tap-dtcp {\n            ssh {\n                connection-limit "
	    "75;\n"
	    "            }\n        }\n    }\n}\nchassis {\n    fpc 0;\n}\n# the tap\nservices {\n    flow-tap {\n"
	    "        agency lea1; # secret\n    }\n}\ninterfaces {\n    vt-0/0/0;\n}\ninterfaces vt-9/0/0;\n");
	free(some);
	some = seen_by(perm_of("view-configuration"));
	assert_string_equal(some,
	    "system {\n    login {\n        class agency;\n        class boss {\n            permissions all;\n"
	    "        }\n        class mixed {\n            permissions [ view routing ];\n        }\n"
	    "        class plain {\n            permissions view;\n        }\n        user ann {\n"
	    "            class plain;\n            authentication {\n                encrypted-password \"*\";\n"
	    "            }\n        }\n        user bob {\n            class boss;\n        }\n    }\n}\n"
	    "chassis {\n    fpc 0;\n}\ninterfaces {\n    vt-0/0/0;\n}\ninterfaces vt-9/0/0;\n");
	assert_null(strstr(some, "tap"));
	free(some);
	some = seen_by(perm_of("admin secret"));
	assert_non_null(strstr(some, HASH));
	free(some);
}

/* ---- changes ---- */

/* Every class × every branch: a change of one that a class does not have is refused, or its words are unknown. */
static void
test_every_class_and_branch(void **state)
{
	static const struct {
		const char *from, *to;
		uint32_t see, change;
	} branches[] = {
	    {"class plain {\n            permissions view", "class plain {\n            permissions routing",
		CONF_PERM_LOGIN, CONF_PERM_LOGIN_CONTROL},
	    {"connection-limit 75", "connection-limit 76", CONF_PERM_FLOW_TAP, CONF_PERM_FLOW_TAP_CONTROL},
	    {"fpc 0", "fpc 1", CONF_PERM_EVERYBODY, CONF_PERM_PORTS_CONTROL},
	    {"agency lea1", "agency lea2", CONF_PERM_FLOW_TAP, CONF_PERM_FLOW_TAP_CONTROL},
	    {"vt-0/0/0", "vt-1/0/0", CONF_PERM_EVERYBODY, CONF_PERM_PORTS_CONTROL},
	    {"vt-9/0/0", "vt-9/0/1", CONF_PERM_EVERYBODY, CONF_PERM_PORTS_CONTROL},
	};
	static const char *const classes[] = {"flow-tap", "flow-tap-control", "flow-tap-operation", "audit", "all",
	    "view", "view-configuration", "configure", "admin", "admin-control", "interface", "interface-control",
	    "secret", "maintenance", "all-control", "flow-tap-control admin-control", "flow-tap interface-control"};
	struct conf_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		for (size_t k = 0; k < ARRAY_LEN(branches); k++) {
			const uint32_t perm = perm_of(classes[i]);
			const bool sees = perm & branches[k].see, changes = perm & branches[k].change;
			char *view = seen_by(perm), *whole = with(whole_text, branches[k].from, branches[k].to), *after;

			assert_int_equal(strstr(view, branches[k].from) != NULL, sees);
			if (sees) {
				char *mine = with(view, branches[k].from, branches[k].to);

				after = judged(mine, perm, changes ? 0 : -EPERM, &err);
				assert_true(!changes || strcmp(after, whole) == 0);
				assert_true(changes || strstr(err.expected, "no permission to change") != NULL);
				free(mine);
				free(after);
			} else {
				free(judged(whole, perm, perm & CONF_PERM_FLOW_TAP ? -EPERM : -EINVAL, &err));
			}
			free(view);
			free(whole);
		}
}

/* One who may not know of a word is told what he would be told of any other. */
static void
test_discreet_words(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
	    {"@ { flow-tap; }", "services"},
	    {"system { @ { flow-tap-dtcp; } }", "services"},
	    {"system { login { class c { permissions @; } } }", "flow-tap"},
	    {"system { login { class c { permissions [ view @ ]; } } }", "flow-tap-control"},
	    {"system { login { class c { permissions @; } } }", "flow-tap-operation"},
	    {"inactive: @;", "services"},
	    {"set @ flow-tap", "services"},
	    {"set system login class c permissions @", "flow-tap"},
	    {"set system login class c permissions [ view @ ]", "flow-tap-control"},
	    {"groups g { @ { flow-tap; } }", "services"},
	    {"groups { g { system { @ { flow-tap-dtcp; } } } }", "services"},
	    {"groups g { system { login { class <*> { permissions [ view @ ]; } } } }", "flow-tap"},
	    {"set groups g @ flow-tap", "services"},
	};
	const uint32_t perm = perm_of("admin-control interface-control view secret maintenance audit");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *known, *unknown;
		struct conf_error a, b;
		char other[32];

		snprintf(other, sizeof other, "%s", rows[i].word);
		other[0] = 'x';
		known = with(rows[i].text, "@", rows[i].word);
		unknown = with(rows[i].text, "@", other);
		free(judged(known, perm, -EINVAL, &a));
		free(judged(unknown, perm, -EINVAL, &b));
		assert_string_equal(a.word, rows[i].word);
		memcpy(b.word, a.word, sizeof a.word);
		assert_memory_equal(&a, &b, sizeof a);
		assert_null(strstr(a.expected, "tap"));
		assert_null(strstr(a.expected, "services"));
		free(known);
		free(unknown);
	}
}

static void
test_completion(void **state)
{
	const uint32_t hidden = ~perm_of("admin-control");
	struct conf_place place = {.hidden = hidden};
	struct conf_hint h;
	size_t it = 0;
	unsigned n = 0;

	(void)state;
	while (conf_schema_hint(&place, (struct slice){"", 0}, &it, &h)) {
		assert_string_not_equal(h.word, "services");
		assert_null(strstr(h.help, "tap"));
		assert_null(strstr(h.help, "DTCP"));
		n++;
	}
	assert_int_equal(n, 7);
	assert_int_equal(conf_schema_step(&place, slice_of("services")), -ENOENT);
	for (const char *const *w = (const char *const[]){"system", "login", "class", "c", "permissions", NULL}; *w;
	     w++)
		assert_int_equal(conf_schema_step(&place, slice_of(*w)), 0);
	assert_int_equal(conf_schema_step(&place, slice_of("flow-tap")), -EINVAL);
	for (it = 0; conf_schema_hint(&place, (struct slice){"", 0}, &it, &h);)
		assert_true(strstr(h.word, "tap") == NULL && strstr(h.help, "tap") == NULL);
	assert_int_equal(conf_schema_step(&place, slice_of("audit")), 0);
}

/* What was not shown stays. */
static void
test_what_is_not_shown_is_kept(void **state)
{
	const uint32_t login = perm_of("admin-control view");
	char *view = seen_by(login),
	     *mine = with(view, "user bob {\n            class boss;", "user bob {\n            class plain;");
	char *after;
	struct conf_error err;

	(void)state;
	/* bob's class has what the changer lacks */
	free(judged(mine, login, -EPERM, &err));
	free(mine);
	mine = with(
	    view, "user ann {\n            class plain;", "user ann;\n        user eve {\n            class plain;");
	after = judged(mine, login, 0, &err);
	assert_non_null(strstr(after, "permissions [ view flow-tap routing ];"));
	assert_non_null(strstr(after, "permissions flow-tap-operation;"));
	assert_non_null(strstr(after, "agency lea1; # secret"));
	assert_non_null(strstr(after, "# of the router"));
	free(after);
	free(mine);
	/* ann keeps her password */
	mine = with(view, "class plain;", "class plain; # ann");
	after = judged(mine, login, 0, &err);
	assert_non_null(strstr(after, HASH));
	free(after);
	free(mine);
	/* not even by leaving it out is a permission taken that one was not shown */
	mine = with(view, "class mixed {\n            permissions [ view routing ];",
	    "class mixed {\n            permissions view;");
	free(judged(mine, login, -EPERM, &err));
	free(mine);
	mine = with(view, "        class agency;\n", "");
	free(judged(mine, login, -EPERM, &err));
	free(mine);
	free(view);
}

/* Nobody gives, by whatever way, what he has not. */
static void
test_grants(void **state)
{
	static const struct {
		const char *who, *from, *to;
		bool may;
	} rows[] = {
	    {"admin-control", "permissions view", "permissions [ view audit ]", false},
	    {"admin-control audit", "permissions view", "permissions [ view audit ]", true},
	    {"admin-control", "permissions view", "permissions all", false},
	    {"admin-control", "class plain;", "class boss;", false},
	    {"admin-control", "class plain;", "class super-user;", false},
	    {"admin-control", "class plain;", "class unauthorized;", true},
	    {"admin-control", "user bob {\n            class boss;",
		"user bob {\n            class boss;\n            authentication {\n                ssh-rsa \"ssh-rsa "
		"AAAA\";\n"
		"            }",
		false},
	    {"all", "permissions view", "permissions flow-tap-operation", true},
	    {"all", "permissions view", "permissions all", true},
	    {"flow-tap-control admin-control", "class plain;", "class agency;", true},
	    {"flow-tap-control admin-control", "permissions view", "permissions audit", false},
	    {"flow-tap-control", "agency lea1", "agency lea2", true},
	};
	struct conf_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const uint32_t perm = perm_of(rows[i].who);
		char *view = seen_by(perm), *mine = with(view, rows[i].from, rows[i].to);

		free(judged(mine, perm, rows[i].may ? 0 : -EPERM, &err));
		assert_true(rows[i].may || strstr(err.expected, "permission to change") != NULL);
		free(mine);
		free(view);
	}
}

/* ---- groups ---- */

#define G_LOGIN "groups g-login { system { login { class <*> { permissions view; } } } } "
#define G_TAP "groups g-tap { services { flow-tap { agency <*> { maximum-sessions 3; } } } } "
#define G_BOTH "groups both { system { login { user ann { class read-only; } } } services { flow-tap { agency a; } } } "
#define G_REST                                                                                                         \
	"apply-groups [ g-login both g-tap ]; system { login { user ann; } } services { flow-tap { agency b; } } "

static char *
view_of(const char *text, uint32_t perm)
{
	struct conf *c = parsed(text);
	struct buf b = {0};

	assert_int_equal(conf_perm_view(c, perm, &b), 0);
	buf_put(&b, "", 1);
	conf_free(c);
	return (char *)b.p;
}

/* Who may see nothing of what is in a group does not hear its name, wherever it is named. */
static void
test_groups_seen(void **state)
{
	static const struct {
		const char *permissions, *view;
	} rows[] = {
	    {"flow-tap", "groups {\n"
			 "    g-tap {\n"
			 "        services {\n"
			 "            flow-tap {\n"
			 "                agency <*> {\n"
			 "                    maximum-sessions 3;\n"
			 "                }\n"
			 "            }\n"
			 "        }\n"
			 "    }\n"
			 "    both {\n"
			 "        services {\n"
			 "            flow-tap {\n"
			 "                agency a;\n"
			 "            }\n"
			 "        }\n"
			 "    }\n"
			 "}\n"
			 "apply-groups [ both g-tap ];\nservices {\n    flow-tap {\n        agency b;\n    }\n}\n"},
	    {"admin", "groups {\n"
		      "    g-login {\n"
		      "        system {\n"
		      "            login {\n"
		      "                class <*> {\n"
		      "                    permissions view;\n"
		      "                }\n"
		      "            }\n"
		      "        }\n"
		      "    }\n"
		      "    both {\n"
		      "        system {\n"
		      "            login {\n"
		      "                user ann {\n"
		      "                    class read-only;\n"
		      "                }\n"
		      "            }\n"
		      "        }\n"
		      "    }\n"
		      "}\n"
		      "apply-groups [ g-login both ];\nsystem {\n    login {\n        user ann;\n    }\n}\n"},
	    {"view", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *view = view_of(G_LOGIN G_TAP G_BOTH G_REST, perm_of(rows[i].permissions));

		assert_string_equal(view, rows[i].view);
		free(view);
	}
	/* password hashes in groups, too */
	{
		char *view = view_of("groups g { system { login { user u { authentication { encrypted-password \"" HASH
				     "\"; } } } } }",
		    perm_of("admin"));

		assert_non_null(strstr(view, "encrypted-password \"*\""));
		assert_null(strstr(view, HASH));
		free(view);
	}
	/* and words that one may not know */
	{
		char *view = view_of(
		    "groups g { system { login { class c { permissions [ view flow-tap-operation ]; } } } }",
		    perm_of("admin"));

		assert_non_null(strstr(view, "permissions view;"));
		assert_null(strstr(view, "tap"));
		free(view);
	}
}

/* The candidate is what somebody with these permissions sees of now, with from replaced. */
static char *
group_judged(const char *now_text, const char *permissions, const char *from, const char *to, int expect)
{
	const uint32_t perm = perm_of(permissions);
	struct conf *now = parsed(now_text), *next = NULL;
	char *view = view_of(now_text, perm), *mine = with(view, from, to);
	struct conf_error err = {0};
	struct buf b = {0};
	int r = conf_perm_judge(now, (struct slice){mine, strlen(mine)}, perm, &next, &err);

	if (r != expect)
		print_message("# %d, %s: %s -> %s: %s\n", r, permissions, from, to, err.expected);
	assert_int_equal(r, expect);
	/* what one may not see is not told of */
	assert_true(r == 0 || perm & CONF_PERM_FLOW_TAP || strstr(err.expected, "services") == NULL);
	if (r == 0)
		conf_print(next, &b);
	buf_put(&b, "", 1);
	conf_free(next);
	conf_free(now);
	free(view);
	free(mine);
	return (char *)b.p;
}

/* What may be changed in a group is what may be changed without it. */
static void
test_groups_changed(void **state)
{
	static const char whole[] = G_LOGIN G_TAP G_BOTH G_REST;
	static const struct {
		const char *who, *from, *to;
		int result;
	} rows[] = {
	    {"flow-tap-control", "maximum-sessions 3", "maximum-sessions 4", 0},
	    {"flow-tap configure", "maximum-sessions 3", "maximum-sessions 4", -EPERM},
	    {"flow-tap-control", "agency a;", "", 0},
	    {"flow-tap-control", "[ both g-tap ]", "[ g-tap both ]", 0},
	    {"flow-tap-control", "apply-groups [ both g-tap ]", "apply-groups g-tap",
		-EPERM}, /* ann has her class of it */
	    {"flow-tap-control", "apply-groups [ both g-tap ]", "apply-groups both", 0},
	    {"flow-tap configure", "apply-groups [ both g-tap ]", "apply-groups both", -EPERM},
	    {"flow-tap-control", "apply-groups [ both g-tap ]", "apply-groups [ both g-tap g-login ]", -EINVAL},
	    {"flow-tap-control", "    both {", "mine { services { flow-tap { attach tcx; } } } both {", 0},
	    {"flow-tap-control", "    both {", "    inactive: both {",
		-EPERM}, /* before it is said that it is applied */
	    {"flow-tap-control", "    both {", "mine { system { login { user eve; } } } both {", -EPERM},
	    {"flow-tap-control", "    both {", "mine { chassis { x; } } both {", -EPERM},
	    {"flow-tap-control interface-control", "    both {", "mine { chassis { x; } } both {", 0},
	    {"admin-control view", "class read-only;", "class unauthorized;", -EPERM},
	    {"all", "class read-only;", "class unauthorized;", 0},
	    {"admin-control", "    both {", "mine { services { flow-tap; } } both {", -EINVAL},
	    {"admin-control view", "permissions view", "permissions network", -EPERM},
	    {"admin-control view", "apply-groups [ g-login both ]", "apply-groups g-login", -EPERM},
	    {"admin-control view", "class read-only;", "class super-user;", -EPERM},
	    {"admin-control view", "user ann {", "user <*> { class super-user; } user ann {", -EPERM},
	    {"admin-control view", "    both {", "mine { system { login { class mine { permissions all; } } } } both {",
		-EPERM},
	    {"admin-control view", "    both {",
		"mine { system { login { class mine { allow-commands .; } } } } both {", -EPERM},
	    {"admin-control view", "    both {", "mine { system { login { user eve { class super-user; } } } } both {",
		-EPERM},
	    {"all", "    both {", "mine { system { login { user eve { class super-user; } } } } both {", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		free(group_judged(whole, rows[i].who, rows[i].from, rows[i].to, rows[i].result));
}

/* What stands in a group of users and classes is for those that come later, too: nobody but who has every permission
 * writes it, nor takes it out, nor changes where it applies. */
static void
test_groups_reach_who_comes_later(void **state)
{
	static const char now[] =
	    "groups keys { system { login { user <b*> { authentication { ssh-rsa \"ssh-rsa AAAA\"; } } } } } "
	    "groups named { system { login { user bob; } } } "
	    "groups by-name { apply-groups keys; interfaces { x; } } "
	    "groups off { system { inactive: login { class <*> { permissions view; } } } } "
	    "groups host { system { login { message hello; } } } "
	    "groups ports { interfaces { y; } } "
	    "apply-groups [ host ports ]; system { login { user ann { class read-only; } } } chassis { x; }";
	static const struct {
		const char *from, *to;
		int result;
	} rows[] = {
	    /* a key, a class, or only a name, for one who is not there yet */
	    {"    host {",
		"g { system { login { user <b*> { authentication { ssh-rsa \"ssh-rsa AAAA\"; } } } } } host {", -EPERM},
	    {"    host {", "g { system { login { user <e*> { class read-only; } } } } host {", -EPERM},
	    {"    host {",
		"g { system { login { user eve { authentication { ssh-rsa \"ssh-rsa AAAA\"; } } } } } host {", -EPERM},
	    {"    host {", "g { system { login { user eve; } } } host {", -EPERM},
	    {"    host {", "g { system { login { class ops { permissions view; } } } } host {", -EPERM},
	    {"    host {", "g { system { login { class <*> { allow-configuration .; } } } } host {", -EPERM},
	    {"    host {", "inactive: g { system { login { user <b*> { uid 1000; } } } } host {", -EPERM},
	    {"    host {", "g { system { inactive: login { user <b*> { uid 1000; } } } } host {", -EPERM},
	    {"    host {", "g { system { login { inactive: user <b*> { uid 1000; } } } } host {", -EPERM},
	    {"    host {", "g { system { login { user <a*> { apply-groups host; } } } } host {", -EPERM},
	    /* activated, deactivated, taken away */
	    {"inactive: login {", "login {", -EPERM},
	    {"                class <*> {", "                inactive: class <*> {", -EPERM},
	    {"                user bob;\n", "", -EPERM},
	    {"                user bob;\n", "                inactive: user bob;\n", -EPERM},
	    {"user <b*> {", "user <c*> {", -EPERM},
	    /* applied, by way of another group too */
	    {"[ host ports ]", "[ host ports named ]", -EPERM},
	    {"[ host ports ]", "[ keys host ports ]", -EPERM},
	    {"[ host ports ]", "[ host ports by-name ]", -EPERM},
	    {"    login {\n        user ann", "    apply-groups keys;\n    login {\n        user ann", -EPERM},
	    {"    login {\n        user ann", "    login {\n        apply-groups keys;\n        user ann", -EPERM},
	    {"    login {\n        user ann", "    login {\n        apply-groups-except keys;\n        user ann",
		-EPERM},
	    {"    host {", "g { apply-groups keys; } host {", -EPERM},
	    {"    host {", "g { system { apply-groups named; } } host {", -EPERM},
	    {"    host {", "g { system { login { apply-groups by-name; } } } host {", -EPERM},
	    /* what says nothing of users and classes */
	    {"message \"hello\";", "message hi;", 0},
	    {"[ host ports ]", "[ ports host ]", 0},
	    {"    host {", "g { apply-groups host; } host {", 0},
	    {"    login {\n        user ann", "    login {\n        apply-groups host;\n        user ann", 0},
	    {"user ann {", "user eve { authentication { ssh-rsa \"ssh-rsa AAAA\"; } } user ann {", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const char *const others[] = {"all-control secret", "all audit"};

		free(group_judged(now, "admin-control", rows[i].from, rows[i].to, rows[i].result));
		/* of the configuration all, but not of the rest */
		free(group_judged(now, others[0], rows[i].from, rows[i].to, rows[i].result));
		free(group_judged(now, others[1], rows[i].from, rows[i].to, 0));
	}
}

/* Of two groups that say something of users the first wins: their order is no smaller matter. */
static void
test_groups_order(void **state)
{
	static const char now[] = "groups a { system { login { user <*> { class read-only; } } } } "
				  "groups b { system { login { user <*> { class operator; } } } } "
				  "groups t { services { flow-tap { attach tcx; } } } apply-groups [ a t b ]; "
				  "groups u { interfaces { x; } } ";

	(void)state;
	free(group_judged(now, "admin-control", "[ a b ]", "[ b a ]", -EPERM));
	free(group_judged(now, "admin-control", "[ a b ]", "[ a u b ]", -EPERM)); /* interfaces x */
	free(group_judged(now, "admin-control interface-control", "[ a b ]", "[ a u b ]", 0));
	free(group_judged(now, "admin-control", "apply-groups [ a b ]", "inactive: apply-groups [ a b ]", -EPERM));
	/* those who are not shown them leave them as they are */
	free(group_judged(now, "flow-tap-control interface-control", "apply-groups t;", "apply-groups [ t u ];", 0));
	free(group_judged(now, "flow-tap-control interface-control", "apply-groups t;\n", "", 0));
}

/* Answers to operators are JSON: what is committed can be shown. */
static void
test_only_utf8(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {{"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbd \xed\x9f\xbf", 0}, {"\xff", -EINVAL},
	    {"\xfc", -EINVAL}, {"\xc3", -EINVAL}, {"\xc0\xaf", -EINVAL}, {"\xe0\x80\xaf", -EINVAL},
	    {"\xed\xa0\x80", -EINVAL}, {"\xf4\x90\x80\x80", -EINVAL}, {"\x80", -EINVAL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *now = parsed(""), *next;
		struct conf_error err;
		char text[128];

		snprintf(text, sizeof text, "interfaces {\n x \"\303\274%s\"; }", rows[i].text);
		assert_int_equal(conf_perm_judge(now, (struct slice){text, strlen(text)}, CONF_PERM_ALL, &next, &err),
		    rows[i].result);
		assert_true(rows[i].result == 0 || (err.line == 2 && err.column == 6));
		conf_free(next);
		conf_free(now);
	}
}

/* Whoever guesses the name of a group that they are not shown becomes no part of it, and is told what they are told of
 * anything that does not fit in what they are not shown, applied or not. */
static void
test_a_hidden_groups_name(void **state)
{
	static const char hidden[] = "groups li { services { flow-tap { attach tcx; } } } ";
	static const char *const now[] = {"", "apply-groups li; ", "services { flow-tap { apply-groups li; } }"};
	static const char *const mine[] = {"groups li { interfaces { x; } }", "groups li; chassis { x; }",
	    "groups li { interfaces { x; } } apply-groups li;", "groups a; groups { li { chassis { y; } } }"};
	const uint32_t perm = perm_of("interface-control");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(now); i++)
		for (size_t k = 0; k < ARRAY_LEN(mine); k++) {
			char text[512];
			struct conf *c, *next;
			struct conf_error err;

			snprintf(text, sizeof text, "%s%s", hidden, now[i]);
			c = parsed(text);
			assert_int_equal(conf_perm_judge(c, slice_of(mine[k]), perm, &next, &err), -EINVAL);
			assert_string_equal(err.expected, "the configuration would not be valid as a whole");
			assert_int_equal(err.line, 0);
			conf_free(c);
		}
}

/* How many fit does not depend on how many there are that are not shown. */
static void
test_room_tells_nothing(void **state)
{
	static const unsigned hidden[] = {0, 250000}, mine[] = {262143, 262144};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		for (size_t k = 0; k < ARRAY_LEN(mine); k++) {
			cleanup_buf struct buf whole = {0}, text = {0};
			struct conf *now, *next;
			struct conf_error err;

			buf_printf(&whole, "services { flow-tap { ");
			for (unsigned n = 0; n < hidden[i] / 50; n++) {
				buf_printf(&whole, "agency a%u { ", n);
				for (unsigned d = 0; d < 49; d++)
					buf_printf(&whole, "content-destination 10.0.%u.0/24;", d);
				buf_printf(&whole, "} ");
			}
			buf_printf(&whole, "} }");
			buf_put(&whole, "", 1);
			buf_printf(&text, "interfaces {");
			for (unsigned n = 0; n < mine[k]; n++)
				buf_printf(&text, "x;");
			buf_printf(&text, "}");
			now = parsed((const char *)whole.p);
			assert_int_equal(conf_perm_judge(now, (struct slice){(char *)text.p, text.len},
					     perm_of("interface-control"), &next, &err),
			    k ? -EINVAL : 0);
			assert_true(k == 0 || strstr(err.expected, "at most 262144 statements"));
			conf_free(next);
			conf_free(now);
		}
}

static char *
many_classes(unsigned n, bool backwards)
{
	struct buf b = {0};

	buf_printf(&b, "system { login { ");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "class c%06u; ", backwards ? n - i : i + 1);
	buf_printf(&b, "} }");
	buf_put(&b, "", 1);
	assert_int_equal(b.err, 0);
	return (char *)b.p;
}

/* Each is found where it was, in time that does not grow with the square. */
static void
test_another_order(void **state)
{
	char *forwards = many_classes(100000, false), *backwards = many_classes(100000, true);
	struct conf *now = parsed(forwards), *next;
	struct timespec a, b;
	struct conf_error err;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert_int_equal(
	    conf_perm_judge(now, (struct slice){backwards, strlen(backwards)}, perm_of("admin-control"), &next, &err),
	    0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_in_range(b.tv_sec - a.tv_sec, 0, 10);
	conf_free(next);
	conf_free(now);
	free(forwards);
	free(backwards);
}

/* What was not shown stays where it was, in groups and where they are applied. */
static void
test_groups_kept(void **state)
{
	char *after;

	(void)state;
	after = group_judged(G_LOGIN G_TAP G_BOTH G_REST, "flow-tap-control", "agency b;", "agency c;", 0);
	assert_non_null(strstr(after, "apply-groups [ g-login both g-tap ];"));
	assert_non_null(strstr(after, "    g-login {"));
	assert_non_null(strstr(after, "user ann {"));
	assert_true(strstr(after, "    g-login {") < strstr(after, "    g-tap {"));
	free(after);
	/* a group that is in part another's is neither deactivated nor taken away */
	free(group_judged(G_BOTH, "flow-tap-control", "    both {", "    inactive: both {", -EPERM));
	after = group_judged(G_BOTH G_TAP, "flow-tap-control",
	    "    both {\n        services {\n            flow-tap {\n                agency a;\n            }\n        "
	    "}\n    }\n",
	    "", 0);
	assert_non_null(strstr(after, "    both {\n        system {"));
	assert_null(strstr(after, "agency a;"));
	free(after);
	/* the last that one sees of them */
	after = group_judged(G_TAP "groups i { chassis { fpc 0; } } apply-groups [ g-tap i ];", "flow-tap-control",
	    "apply-groups [ g-tap i ];\n", "apply-groups i;\n", 0);
	assert_non_null(strstr(after, "apply-groups i;"));
	free(after);
	after = group_judged(
	    G_LOGIN G_TAP "apply-groups [ g-login g-tap ];", "flow-tap-control", "apply-groups g-tap;\n", "", 0);
	assert_non_null(strstr(after, "apply-groups g-login;"));
	free(after);
}

/* deny-configuration is asked for where a statement stands, for what it would be, and for what comes of it. */
static void
test_groups_expressions(void **state)
{
	static const char now[] =
	    "groups g { services { flow-tap { agency <*> { maximum-sessions 1; } } } } "
	    "groups h { services { flow-tap { attach tcx; } } } "
	    "system { login { class c { permissions all; deny-configuration \"%s\"; } user u { class c; } } } "
	    "services { flow-tap { agency lea1; } } ";
	static const struct {
		const char *deny, *change;
		int result;
	} rows[] = {
	    {"^services flow-tap agency", "groups g { services { flow-tap { agency <*> { maximum-criteria 1; } } } }",
		-EPERM},
	    {"^services flow-tap agency", "apply-groups g;", -EPERM},
	    {"^services flow-tap agency", "apply-groups h;", 0},
	    {"maximum-sessions 1$", "apply-groups g;", -EPERM},
	    {"^groups", "groups new;", -EPERM},
	    {"^apply-groups", "apply-groups h;", -EPERM},
	    {"^services flow-tap audit", "apply-groups g;", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char was[1024], is[2048];
		struct conf_error err = {0};
		struct conf *a, *b;

		snprintf(was, sizeof was, now, rows[i].deny);
		snprintf(is, sizeof is, "%s", was);
		if (strncmp(rows[i].change, "groups g ", 9) == 0)
			memcpy(strstr(is, "maximum-sessions 1"), "maximum-criteria 1", 18);
		else
			strcat(is, rows[i].change);
		a = parsed(was);
		b = parsed(is);
		assert_int_equal(conf_perm_expressions(a, b, "u", &err), rows[i].result);
		conf_free(a);
		conf_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_permissions),
	    cmocka_unit_test(test_users),
	    cmocka_unit_test(test_what_is_seen),
	    cmocka_unit_test(test_every_class_and_branch),
	    cmocka_unit_test(test_discreet_words),
	    cmocka_unit_test(test_completion),
	    cmocka_unit_test(test_what_is_not_shown_is_kept),
	    cmocka_unit_test(test_grants),
	    cmocka_unit_test(test_groups_seen),
	    cmocka_unit_test(test_groups_changed),
	    cmocka_unit_test(test_groups_reach_who_comes_later),
	    cmocka_unit_test(test_groups_order),
	    cmocka_unit_test(test_only_utf8),
	    cmocka_unit_test(test_a_hidden_groups_name),
	    cmocka_unit_test(test_room_tells_nothing),
	    cmocka_unit_test(test_another_order),
	    cmocka_unit_test(test_groups_kept),
	    cmocka_unit_test(test_groups_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
