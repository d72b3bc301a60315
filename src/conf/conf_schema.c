/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_perm.h"
#include "conf_set.h"
#include "conf_value.h"

static const struct conf_choice attach_words[] = {
    [CONF_ATTACH_AUTO] = {"auto", "tcx where the kernel has it, else clsact"},
    [CONF_ATTACH_TCX] = {"tcx", "tcx links, of Linux 6.6 and later"},
    [CONF_ATTACH_CLSACT] = {"clsact", "the clsact queueing discipline, of any kernel"},
    {NULL},
};

static const struct conf_choice authority_words[] = {
    {"warrant", "each criterion lies within an approved warrant, for as long as that lasts"},
    {"standing", "none is asked for; every use of this is on record"},
    {NULL},
};

static const struct conf_choice family_words[] = {
    {"inet", "IPv4"},
    {"inet6", "IPv6"},
    {"ccc", "Layer 2 circuits; kept, without effect: they are not tapped yet",
	.idle = "layer 2 circuits are not tapped"},
    {NULL},
};

/* The classes of a Junos router as it comes; conf_set_class knows their values. */
static const struct conf_choice class_words[] = {
    {"best-effort", "Code point 0, no priority"},
    {"assured-forwarding", "Code point 10 (AF11), priority 4"},
    {"expedited-forwarding", "Code point 46 (EF), priority 6"},
    {"network-control", "Code point 48 (CS6), priority 7"},
    {NULL},
};

static const struct conf_choice all_word[] = {
    {"all", "Every Ethernet interface where packets enter the router"},
    {NULL},
};

/* A class that may change or see a part may ask for the configuration. */
#define READS CONF_PERM_READ
#define CHANGES (CONF_PERM_READ | CONF_PERM_CONFIGURE)

/* Ours, those of Junos that mean something here, and the others, so that its login classes can be read. */
static const struct conf_choice permission_words[] = {
    {"flow-tap", "See the configuration of flow-tap", READS | CONF_PERM_FLOW_TAP, CONF_PERM_FLOW_TAP},
    {"flow-tap-control", "Change the configuration of flow-tap",
	CHANGES | CONF_PERM_FLOW_TAP | CONF_PERM_FLOW_TAP_CONTROL, CONF_PERM_FLOW_TAP},
    {"flow-tap-operation", "Send DTCP requests; not part of all", CONF_PERM_FLOW_TAP_OPERATION, CONF_PERM_FLOW_TAP},
    {"audit", "Read the audit trail", CONF_PERM_AUDIT},
    {"all", "Every permission but those that are said not to be part of it", CONF_PERM_ALL},
    {"admin", "See logins", READS | CONF_PERM_LOGIN},
    {"admin-control", "Change logins, as far as they have no permission that one lacks",
	CHANGES | CONF_PERM_LOGIN | CONF_PERM_LOGIN_CONTROL},
    {"all-control", "Change every part of the configuration", CONF_PERM_ALL_OF_IT & ~CONF_PERM_SECRET},
    {"configure", "Commit; changes what other permissions name", CHANGES},
    {"interface", "See chassis, class-of-service and interfaces", READS},
    {"interface-control", "Change chassis, class-of-service and interfaces", CHANGES | CONF_PERM_PORTS_CONTROL},
    {"maintenance", "Have keys replaced", CONF_PERM_MAINTENANCE},
    {"secret", "See password hashes", CONF_PERM_SECRET},
    {"secret-control", "See password hashes", CONF_PERM_SECRET},
    {"view", "See what the configuration shows to everybody, and interfaces, routes, users and alarms of the router",
	READS | CONF_PERM_VIEW},
    {"view-configuration", "See the configuration, but for secrets and what has a permission of its own",
	READS | CONF_PERM_LOGIN},
    {"access", "As in Junos"},
    {"access-control", "As in Junos"},
    {"clear", "Have counters shown from now on", CONF_PERM_CLEAR},
    {"control", "As in Junos"},
    {"edit", "As in Junos"},
    {"field", "As in Junos"},
    {"firewall", "As in Junos"},
    {"firewall-control", "As in Junos"},
    {"floppy", "As in Junos"},
    {"idp-profiler-operation", "As in Junos"},
    {"network", "Use ping and traceroute", CONF_PERM_NETWORK},
    {"pgcp-session-mirroring", "As in Junos"},
    {"pgcp-session-mirroring-control", "As in Junos"},
    {"reset", "As in Junos"},
    {"rollback", "As in Junos"},
    {"routing", "As in Junos"},
    {"routing-control", "As in Junos"},
    {"security", "As in Junos"},
    {"security-control", "As in Junos"},
    {"shell", "As in Junos"},
    {"snmp", "As in Junos"},
    {"snmp-control", "As in Junos"},
    {"storage", "As in Junos"},
    {"storage-control", "As in Junos"},
    {"system", "As in Junos"},
    {"system-control", "As in Junos"},
    {"trace", "Read logs", CONF_PERM_TRACE},
    {"trace-control", "As in Junos"},
    {"unified-edge", "As in Junos"},
    {"unified-edge-control", "As in Junos"},
    {NULL},
};

/* That there is a services interface is everybody's knowledge, what it is for is not. */
#define PORTS_BRANCH .see = CONF_PERM_EVERYBODY, .change = CONF_PERM_PORTS_CONTROL
#define FLOW_TAP_BRANCH .see = CONF_PERM_FLOW_TAP, .change = CONF_PERM_FLOW_TAP_CONTROL, .discreet = true

#define NOTHING "kept, without effect"

/* Who may see a statement in one of these may see what it inherits; who changes which groups apply is judged by what
 * comes of it (conf_perm.c). */
#define HELD .see = CONF_PERM_EVERYBODY, .change = CONF_PERM_CONFIGURE
#define APPLY_ROW(at, ...)                                                                                             \
	{                                                                                                              \
		at, "apply-groups", CONF_LEAF_LIST, CONF_NAME,                                                         \
		    .inherit = CONF_INHERIT_APPLY,                                                                     \
		    .help = "Groups from which statements are inherited here, the first before the others",            \
		    __VA_ARGS__                                                                                        \
	}
#define EXCEPT_ROW(at, ...)                                                                                            \
	{                                                                                                              \
		at, "apply-groups-except", CONF_LEAF_LIST, CONF_NAME,                                                  \
		    .inherit = CONF_INHERIT_EXCEPT,                                                                    \
		    .help = "Groups that apply further up from which nothing is inherited here", __VA_ARGS__           \
	}

/* In the order in which statements are printed. */
static const struct conf_schema table[] = {
    {0, "version", CONF_LEAF, CONF_NAME, .see = CONF_PERM_EVERYBODY, .change = CONF_PERM_PORTS_CONTROL, .idle = NOTHING,
	.help = "The Junos version that the configuration was written for; kept, without effect"},
    {0, "groups", CONF_LIST, CONF_NAME, .inherit = CONF_INHERIT_GROUP,
	.help = "Statements that others inherit by apply-groups; a name in < > stands for all that it matches"},
/* What stands in a group goes nowhere by itself, and is not taken back from what it is taken from. */
#define AT 1
#define INTO(field) .offset = 0, .size = 0
#define APPLY_HELD(at) APPLY_ROW(AT + at, HELD)
#define APPLY_BELOW(at) APPLY_ROW(AT + at, .see = 0)
    APPLY_HELD(0),
#include "conf_rows.inc"
#undef AT
#undef INTO
#undef APPLY_HELD
#undef APPLY_BELOW
#define AT 0
#define INTO(field) .offset = offsetof(struct conf, field), .size = sizeof(((struct conf *)0)->field)
#define APPLY_HELD(at) APPLY_ROW(AT + at, HELD), EXCEPT_ROW(AT + at, HELD)
#define APPLY_BELOW(at) APPLY_ROW(AT + at, .see = 0), EXCEPT_ROW(AT + at, .see = 0)
    APPLY_ROW(0, HELD),
#include "conf_rows.inc"
    {0, NULL},
};

const struct conf_schema *
conf_schema_first(const struct conf_schema *row)
{
	if (row == NULL)
		return table;
	return row[1].name && row[1].depth > row->depth ? row + 1 : NULL;
}

const struct conf_schema *
conf_schema_next(const struct conf_schema *row)
{
	const struct conf_schema *r = row + 1;

	while (r->name && r->depth > row->depth)
		r++;
	return r->name && r->depth == row->depth ? r : NULL;
}

const struct conf_schema *
conf_schema_find(const struct conf_schema *parent, struct slice word)
{
	const struct conf_schema *r = conf_schema_first(parent);

	while (r && !slice_eq(word, r->name))
		r = conf_schema_next(r);
	return r;
}

const struct conf_schema *
conf_schema_parent(const struct conf_schema *row)
{
	const struct conf_schema *r = row;

	while (r > table && r->depth >= row->depth)
		r--;
	return r->depth < row->depth ? r : NULL;
}

/* Behind the top-level apply-groups come the rows that those of groups are like. */
static const struct conf_schema *
groups_row(void)
{
	return &table[1];
}

static const struct conf_schema *
apply_row(void)
{
	static const struct conf_schema *row;

	if (row == NULL)
		row = conf_schema_next(groups_row());
	return row;
}

bool
conf_schema_is_grouped(const struct conf_schema *row)
{
	return row > groups_row() && row < apply_row();
}

const struct conf_schema *
conf_schema_walk(const struct conf_schema *row)
{
	row = row ? row + 1 : table;
	if (conf_schema_is_grouped(row))
		row = apply_row();
	return row->name ? row : NULL;
}

bool
conf_schema_is_known(const struct conf_schema *row, uint32_t hidden)
{
	return !row->discreet || (row->see & ~hidden);
}

void
conf_schema_path(const struct conf_schema *row, struct buf *out)
{
	const struct conf_schema *parent = conf_schema_parent(row);

	if (parent) {
		conf_schema_path(parent, out);
		buf_put(out, " ", 1);
	}
	buf_put(out, row->name, strlen(row->name));
}

static int
step_keyword(struct conf_place *place, struct slice word)
{
	const struct conf_schema *row = conf_schema_find(place->row, word);

	if (row == NULL || !conf_schema_is_known(row, place->hidden))
		return -ENOENT;
	place->row = row;
	place->value = row->type != CONF_NONE;
	place->complete = !place->value;
	place->closed = row->kind == CONF_OPAQUE;
	return 0;
}

int
conf_schema_step(struct conf_place *place, struct slice word)
{
	if (place->closed)
		return place->row->kind == CONF_OPAQUE ? 0 : -ENOENT;
	if (!place->value)
		return step_keyword(place, word);
	if (!conf_value_ok(place->row, word) || conf_value_is_hidden(place->row, word, place->hidden))
		return -EINVAL;
	place->value = false;
	place->complete = true;
	place->closed = conf_schema_first(place->row) == NULL;
	return 0;
}

/* The n-th thing that may come next, whatever it begins with. */
static bool
hint_at(const struct conf_place *place, size_t n, struct conf_hint *out)
{
	const struct conf_schema *row = place->row;

	if (place->closed)
		return false;
	if (place->value) {
		const struct conf_choice *c = row->choice;

		for (; c && c->word && (n > 0 || (c->see & place->hidden)); c++)
			n -= !(c->see & place->hidden);
		*out = (struct conf_hint){NULL, false, row->help, row};
		if (c && c->word) {
			out->word = c->word;
			out->help = c->help;
		} else if (n == 0 && (out->word = conf_value_label(row->type)) != NULL) {
			out->value = true;
		}
		return out->word != NULL;
	}
	/* those of groups last */
	for (int inherits = 0; inherits < 2; inherits++)
		for (row = conf_schema_first(place->row); row; row = conf_schema_next(row))
			if (conf_schema_is_known(row, place->hidden) && (row->inherit != 0) == inherits && n-- == 0) {
				*out = (struct conf_hint){row->name, false, row->help, row};
				return true;
			}
	return false;
}

bool
conf_schema_hint(const struct conf_place *place, struct slice prefix, size_t *it, struct conf_hint *out)
{
	struct conf_hint h;

	while (hint_at(place, *it, &h)) {
		++*it;
		if (h.value || prefix.len == 0 || strncmp(h.word, prefix.p, prefix.len) == 0) {
			*out = h;
			return true;
		}
	}
	return false;
}
