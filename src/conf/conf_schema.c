/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_perm.h"
#include "conf_set.h"
#include "conf_value.h"

#define INTO(field) .offset = offsetof(struct conf, field), .size = sizeof(((struct conf *)0)->field)

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

/* In the order in which statements are printed. */
static const struct conf_schema table[] = {
    {0, "version", CONF_LEAF, CONF_NAME, .see = CONF_PERM_EVERYBODY, .change = CONF_PERM_PORTS_CONTROL, .idle = NOTHING,
	.help = "The Junos version that the configuration was written for; kept, without effect"},
    {0, "system", CONF_CONTAINER, .help = "The router's logins, and services for them"},
    {1, "login", CONF_CONTAINER, .see = CONF_PERM_LOGIN, .change = CONF_PERM_LOGIN_CONTROL,
	.help = "Users of this system and what they may do; who is added, changed or removed here is so on the system"},
    {2, "message", CONF_LEAF, CONF_TEXT,
	.help = "What the shell shows to everybody but root who begins it; \\n in it begins a new line"},
    {2, "retry-options", CONF_OPAQUE, .idle = "kept, without effect; sshd_config(5) has MaxAuthTries",
	.help = "How often a login may be tried; kept, without effect"},
    {2, "class", CONF_LIST, CONF_NAME, .help = "A set of permissions that users have in common"},
    {3, "permissions", CONF_LEAF_LIST, CONF_CHOICE, .choice = permission_words,
	.help = "What users of the class may do"},
    {3, "idle-timeout", CONF_LEAF, CONF_NUMBER, 0, 100000, .dflt = "0",
	.help = "Minutes without a key at the prompt after which the shell of a user of the class ends; 0: never"},
    {3, "allow-commands", CONF_LEAF, CONF_REGEX,
	.help =
	    "Commands that users of the class may give beside those of the permissions; where deny-commands matches "
	    "too, the longer match counts, or this one"},
    {3, "deny-commands", CONF_LEAF, CONF_REGEX, .help = "Commands that they may not give whatever the permissions say"},
    {3, "allow-configuration", CONF_LEAF, CONF_REGEX,
	.help = "Statements that users of the class may change although deny-configuration matches, which gives "
		"nothing that the permissions do not"},
    {3, "deny-configuration", CONF_LEAF, CONF_REGEX,
	.help = "Statements that they may not change whatever the permissions say"},
    {2, "user", CONF_LIST, CONF_LOGIN, .help = "A login"},
    {3, "full-name", CONF_LEAF, CONF_GECOS, .help = "The user's name, in the system's user table"},
    {3, "uid", CONF_LEAF, CONF_NUMBER, 100, 64000, .dflt = "the next free one",
	.help = "The user's number, which stays as long as there is the user"},
    {3, "class", CONF_LEAF, CONF_NAME, .help = "The class that gives the user permissions"},
    {3, "authentication", CONF_CONTAINER, .help = "How the user proves to be the user"},
    {4, "encrypted-password", CONF_LEAF, CONF_HASH, .secret = true, .help = "The password as crypt(5) leaves it"},
    {4, "ssh-rsa", CONF_LIST, CONF_KEY, .help = "An RSA public key, as one line of authorized_keys"},
    {4, "ssh-ecdsa", CONF_LIST, CONF_KEY, .help = "An ECDSA public key, as one line of authorized_keys"},
    {4, "ssh-ed25519", CONF_LIST, CONF_KEY, .help = "An Ed25519 public key, as one line of authorized_keys"},
    {1, "services", CONF_CONTAINER, FLOW_TAP_BRANCH, .help = "Services that the router offers to logins"},
    {2, "ssh", CONF_OPAQUE, .idle = "kept, without effect; the machine's own sshd has its own configuration",
	.help = "The router's SSH service as a Junos configuration names it; kept, without effect"},
    {2, "netconf", CONF_OPAQUE, .idle = NOTHING, .help = "As a Junos configuration names it; kept, without effect"},
    {2, "flow-tap-dtcp", CONF_CONTAINER, .help = "DTCP, the protocol in which agencies ask for copies"},
    {3, "ssh", CONF_CONTAINER, .help = "DTCP over SSH"},
    {4, "port", CONF_LEAF, CONF_NUMBER, 1, 65535, .dflt = "32001", INTO(ssh_port), .restart = true,
	.help = "The TCP port of Flowtap's own sshd, whose packets are never copied; flowtap-sshd.socket names it too, "
		"or sshd_config without systemd"},
    {4, "legacy-algorithms", CONF_CONTAINER, INTO(ssh_legacy),
	.danger = "every mediation device may use SHA-1 and CBC now; replace those that need it",
	.help = "Offer besides all others what the SSH libraries of old mediation devices need: ssh-rsa signatures, "
		"diffie-hellman-group14-sha1, and aes128-cbc, aes192-cbc and aes256-cbc"},
    {4, "connection-limit", CONF_LEAF, CONF_NUMBER, 1, 250, INTO(connection_limit),
	.help =
	    "Sessions at the same time, of each agency by itself, beside its maximum-sessions; not limited without it"},
    {4, "rate-limit", CONF_LEAF, CONF_NUMBER, 1, 250, INTO(rate_limit),
	.help = "New sessions within any minute, of each agency by itself; not limited without it"},
    {0, "chassis", CONF_OPAQUE, PORTS_BRANCH, .idle = NOTHING,
	.help = "Hardware as a Junos configuration names it; kept, without effect"},
    {0, "class-of-service", CONF_OPAQUE, PORTS_BRANCH, .set = conf_set_cos,
	.help = "Queueing as a Junos configuration names it; kept, with effect where a service makes use of it"},
    {0, "services", CONF_CONTAINER, FLOW_TAP_BRANCH, .help = "Services applied to packets"},
    {1, "dynamic-flow-capture", CONF_CONTAINER, .idle = NOTHING,
	.help = "Junos's other tap, which excludes flow-tap; kept, without effect"},
    {2, "g-max-duplicates", CONF_LEAF, CONF_NUMBER, 1, 64, .help = "Copies of one packet, for all capture groups"},
    {2, "g-duplicates-dropped-periodicity", CONF_LEAF, CONF_NUMBER, 1, 4294967295,
	.help = "Seconds between notifications of copies not made, for all capture groups"},
    {2, "capture-group", CONF_LIST, CONF_NAME, .help = "Control sources and content destinations that belong together"},
    {3, "interfaces", CONF_LEAF_LIST, CONF_JUNOS, .help = "The interfaces of the monitoring services cards"},
    {3, "input-packet-rate-threshold", CONF_LEAF, CONF_NUMBER, 0, 1000000, .help = "Packets a second"},
    {3, "pic-memory-threshold", CONF_OPAQUE, .help = "Per cent of the card's memory"},
    {3, "max-duplicates", CONF_LEAF, CONF_NUMBER, 1, 64, .dflt = "3", .help = "Copies of one packet"},
    {3, "duplicates-dropped-periodicity", CONF_LEAF, CONF_NUMBER, 1, 4294967295, .dflt = "30",
	.help = "Seconds between notifications of copies not made"},
    {3, "control-source", CONF_LIST, CONF_NAME, .help = "Who may send requests"},
    {4, "source-addresses", CONF_LEAF_LIST, CONF_PREFIX, .help = "From where"},
    {4, "service-port", CONF_LEAF, CONF_NUMBER, 1, 65535, .help = "To which UDP port"},
    {4, "shared-key", CONF_LEAF, CONF_TEXT, .secret = true, .help = "The key of its requests"},
    {4, "notification-targets", CONF_OPAQUE, .help = "Where notifications go"},
    {4, "allowed-destinations", CONF_LEAF_LIST, CONF_NAME, .dflt = "all", .help = "Content destinations it may name"},
    {4, "minimum-priority", CONF_LEAF, CONF_NUMBER, 0, 254, .dflt = "0", .help = "Added to what it asks for"},
    {4, "no-syslog", CONF_OPAQUE, .help = "No log of its requests; the record of every use can't be switched off"},
    {3, "content-destination", CONF_LIST, CONF_NAME, .help = "Where copies may be sent"},
    {4, "address", CONF_LEAF, CONF_ADDRESS, .help = "Its address"},
    {4, "ttl", CONF_LEAF, CONF_NUMBER, 0, 255, .dflt = "255", .help = "Of the outer header"},
    {4, "soft-limit-clear", CONF_LEAF, CONF_NUMBER, 0, UINT64_MAX, .help = "Bits a second"},
    {4, "soft-limit", CONF_LEAF, CONF_NUMBER, 0, UINT64_MAX, .help = "Bits a second"},
    {4, "hard-limit-target", CONF_LEAF, CONF_NUMBER, 0, UINT64_MAX, .help = "Bits a second"},
    {4, "hard-limit", CONF_LEAF, CONF_NUMBER, 0, UINT64_MAX, .help = "Bits a second"},
    {1, "radius-flow-tap", CONF_OPAQUE, .idle = NOTHING,
	.help = "Taps that a RADIUS server asks for as a Junos configuration names them; kept, without effect"},
    {1, "flow-tap", CONF_CONTAINER, INTO(flow_tap), .once = "a router has one instance of flow-tap",
	.help = "Lawful interception; without it nothing is tapped"},
    {2, "interface", CONF_LEAF, CONF_JUNOS, .help = "The services interface of a Junos router; kept, without effect"},
    {2, "tunnel-interface", CONF_LEAF, CONF_JUNOS,
	.help = "The tunnel interface of a Junos router, instead of a services interface; kept, without effect"},
    {2, "family", CONF_LIST, CONF_CHOICE, .choice = family_words, .set = conf_set_family, .dflt = "inet and inet6",
	.help = "A family of packets that may be tapped; naming one leaves out the others"},
    {2, "tapped-interfaces", CONF_LEAF_LIST, CONF_DEVICE, .choice = all_word, .set = conf_set_tapped, .dflt = "all",
	.help = "Where packets entering the router are looked at: all, or Linux interfaces by name"},
    {2, "tapped-routing-instances", CONF_LEAF_LIST, CONF_DEVICE, .set = conf_set_instance,
	.help = "The same for all interfaces of these VRF devices, beside the interfaces named"},
    {2, "source-address", CONF_LEAF_LIST, CONF_ADDRESS, .set = conf_set_source,
	.help = "The router's addresses that copies may be sent from; a request that names another as "
		"X-JTap-Cdest-Source-Address "
		"gets the first of its family, without the statement it is refused (901)"},
    {2, "copies", CONF_CONTAINER, .help = "How copies are queued, in this router and on their way"},
    {3, "forwarding-class", CONF_LEAF, CONF_CHOICE, .choice = class_words, .set = conf_set_class, .dflt = "best-effort",
	.help = "A code point and a priority that go together; without it the class is that of the interface or "
		"tunnel-interface named above, by class-of-service interfaces NAME unit N forwarding-class CLASS"},
    {3, "dscp", CONF_LEAF, CONF_NUMBER, 0, 63, .dflt = "0", INTO(copy_dscp),
	.help = "The code point in their outer header, instead of the forwarding class's"},
    {3, "socket-priority", CONF_LEAF, CONF_NUMBER, 0, 15, .dflt = "0", INTO(copy_priority),
	.help = "By which the queue of the interface they leave by sorts them; 0 leaves it to the interface"},
    {2, "audit", CONF_CONTAINER, .help = "The record of every use, which is always kept"},
    {3, "checkpoint-interval", CONF_LEAF, CONF_NUMBER, 1, 3600, .dflt = "60", INTO(checkpoint_s),
	.help = "Seconds after which new lines are signed; 256 of them are at once"},
    {2, "agency", CONF_LIST, CONF_LOGIN, .set = conf_set_agency,
	.help = "An agency that may ask for copies, by its Csource-ID"},
    {3, "description", CONF_LEAF, CONF_TEXT, .help = "A remark, for whoever reads the configuration"},
    {3, "user", CONF_LEAF, CONF_LOGIN, .dflt = "the agency's name",
	.help = "The system user as whom the agency logs in; no two agencies share one"},
    {3, "authority", CONF_LEAF, CONF_CHOICE, .choice = authority_words, .dflt = "warrant",
	.help = "What its criteria need: an approved warrant each, or none because the agency's authority is standing"},
    {3, "content-destination", CONF_LIST, CONF_PREFIX,
	.help = "Where content may be sent; anywhere else is refused like an unknown destination"},
    {4, "port", CONF_LEAF, CONF_PORTS, .dflt = "1-65535", .help = "To which UDP ports there"},
    {3, "maximum-criteria", CONF_LEAF, CONF_NUMBER, 1, 4194304, .dflt = "that of the router",
	.help = "How many criteria it may have at the same time"},
    {3, "maximum-sessions", CONF_LEAF, CONF_NUMBER, 1, 250, .dflt = "32",
	.help = "How many DTCP sessions it may have at the same time"},
    {3, "copy-limit", CONF_CONTAINER,
	.help = "What its copies may be together; copies beyond it are lost and counted as its own loss"},
    {4, "packets-per-second", CONF_LEAF, CONF_NUMBER, 1, 1000000000, .help = "Copies a second"},
    {4, "bytes-per-second", CONF_LEAF, CONF_NUMBER, 1, 4294967295, .help = "Bytes a second, without outer headers"},
    {4, "burst", CONF_LEAF, CONF_NUMBER, 1, 10000, .dflt = "100",
	.help = "How many milliseconds' worth of it may come at once"},
    {2, "maximum-criteria", CONF_LEAF, CONF_NUMBER, 1024, 4194304, .dflt = "131072", INTO(max_criteria),
	.restart = true, .help = "Room for criteria, which costs memory from the start"},
    {2, "attach", CONF_LEAF, CONF_CHOICE, .choice = attach_words, .dflt = "auto", INTO(attach), .restart = true,
	.help = "How programs are attached to tapped interfaces"},
    {2, "metrics", CONF_CONTAINER,
	.help = "Metrics for Prometheus; they are always at metrics.sock in the run directory"},
    {3, "address", CONF_LEAF, CONF_ADDRESS, INTO(metrics_addr), .restart = true,
	.help = "Offer them over HTTP, too, at this address of the router; everybody who reaches it may read them"},
    {3, "port", CONF_LEAF, CONF_NUMBER, 1, 65535, .dflt = "32002", INTO(metrics_port), .restart = true,
	.help = "At which TCP port"},
    {2, "alarm-hook", CONF_LEAF, CONF_PATH, .max = 255, INTO(alarm_hook), .restart = true,
	.help = "A program of root's that is run for each alarm, as the user _flowtap-hook; see flowtapd(8)"},
    {2, "state-directory", CONF_LEAF, CONF_PATH, .max = 255, .dflt = "/var/lib/flowtap", INTO(state_dir),
	.restart = true,
	.help = "What must outlive the daemon: the criteria, and the machine key if it is no credential"},
    {2, "run-directory", CONF_LEAF, CONF_PATH, .max = 90, .dflt = CONF_RUN_DIR, INTO(run_dir), .restart = true,
	.help = "Sockets, and what the kernel keeps while the daemon is away"},
    {0, "interfaces", CONF_OPAQUE, PORTS_BRANCH, .idle = NOTHING,
	.help = "Interfaces as a Junos configuration names them; kept, without effect"},
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

const struct conf_schema *
conf_schema_walk(const struct conf_schema *row)
{
	row = row ? row + 1 : table;
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
	for (row = conf_schema_first(row); row; row = conf_schema_next(row))
		if (conf_schema_is_known(row, place->hidden) && n-- == 0)
			break;
	if (row)
		*out = (struct conf_hint){row->name, false, row->help, row};
	return row != NULL;
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
