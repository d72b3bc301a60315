/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd_type.h"

#include <stdint.h>

static bool
any_ok(struct slice s)
{
	return s.len > 0;
}

/* Also "". */
static bool
text_ok(struct slice s)
{
	(void)s;
	return true;
}

static bool
number_ok(struct slice s)
{
	uint64_t v;

	return slice_u64(s, UINT32_MAX, &v) == 0;
}

static bool
count_ok(struct slice s)
{
	uint64_t v;

	return slice_u64(s, UINT32_MAX, &v) == 0 && v > 0;
}

static bool
minutes_ok(struct slice s)
{
	uint64_t v;

	return slice_u64(s, 65535, &v) == 0 && v > 0;
}

static bool
rollback_ok(struct slice s)
{
	uint64_t v;

	return slice_u64(s, 49, &v) == 0;
}

static const struct cmd_type types[] = {
    {"ACTION", "A command of configuration mode", any_ok},
    {"AGENCY", "Name of an agency", any_ok},
    {"BYTES", "Bytes of a question", number_ok},
    {"COUNT", "How many, from 1 on", count_ok},
    {"INTERFACE", "Name of an interface", any_ok, true},
    {"NAME", "Name of a file", any_ok},
    {"FROM", "Address or interface to ask from", any_ok, true},
    {"TABLE", "Name or number of a routing table", any_ok},
    {"COMMAND", "An operational command", any_ok},
    {"FILE", "Name of a file, or - for standard input", any_ok},
    {"FINGERPRINT", "Of the order's text, as it is on the paper", any_ok},
    {"HOST", "Name or address of a host", any_ok},
    {"HASH", "A line's number, a colon and its hash", any_ok},
    {"KEY", "Public key, 64 hexadecimal digits", any_ok},
    {"LINE", "Number of a line", number_ok},
    {"MINUTES", "Minutes, 1 to 65535", minutes_ok},
    {"N", "Number, 0 to 49; 0 is the active configuration", rollback_ok},
    {"NUMBER", "A number", number_ok},
    {"OPTIONS", "Options, and a file: see flowtap(8)", any_ok},
    {"OUTPUT", "Name of a file", any_ok},
    {"PATH", "Words of a statement", any_ok},
    {"NAMES", "Words of a statement, names as patterns", any_ok},
    {"PATTERN", "A regular expression, in quotation marks if it has blanks", any_ok},
    {"REFERENCE", "Reference of a warrant", any_ok},
    {"SECONDS", "Seconds, 1 to 65535", minutes_ok},
    {"SIGNATURE", "Name of the file that ssh-keygen -Y sign made", any_ok},
    {"STATEMENT", "Words of a statement", any_ok},
    {"TARGET", "What it is to be called, such as agency lea9", any_ok},
    {"TIME", "hh:mm[:ss], or \"yyyy-mm-dd hh:mm[:ss]\"", any_ok},
    {"TOPIC", "A word of a command or a statement", any_ok},
    {"WHICH", "Number of an earlier configuration, 0 to 49; options before it: see flowtap(8)", any_ok},
    {"TEXT", "A text, in quotation marks if it has blanks", text_ok},
};

const struct cmd_type *
cmd_type_find(struct slice name)
{
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(types) && !slice_eq(name, types[i].name))
		i++;
	return &types[i];
}
