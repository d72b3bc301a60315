/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "errors.h"
#include "held.h"
#include "jsonout.h"
#include "terminal.h"

#define PREFIX "flowtap: "

static const char *const words[] = {
    [EXIT_REFUSED] = "refused",
    [EXIT_USAGE] = "usage",
    [EXIT_NOT_AUTHORISED] = "not-authorised",
    [EXIT_NO_OBJECT] = "no-such-object",
    [EXIT_TRANSPORT] = "transport",
};

/* Our own name says nothing to a program. */
static void
put_plain(struct buf *out, struct slice said)
{
	const char *p = said.p, *end = said.p + said.len, *nl;

	for (; p < end; p = nl + 1) {
		const bool named = (size_t)(end - p) > strlen(PREFIX) && strncmp(p, PREFIX, strlen(PREFIX)) == 0;

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		p += named ? strlen(PREFIX) : 0;
		buf_printf(out, "%s%.*s", out->len ? "\n" : "", (int)(nl - p), p);
	}
}

void
errors_held(int code)
{
	cleanup_buf struct buf said = held_end(), text = {0};

	if (said.len == 0)
		return;
	if (code <= EXIT_OK) {
		fwrite(said.p, 1, said.len, stderr);
		return;
	}
	put_plain(&text, (struct slice){(const char *)said.p, said.len});
	buf_put_u8(&text, '\0');
	jsonout_error((size_t)code < ARRAY_LEN(words) ? words[code] : "failed", text.err ? "" : (const char *)text.p);
}

int
errors_usage(bool json, const char *what)
{
	if (json)
		jsonout_error("usage", what);
	else
		term_say(PREFIX "%s; see flowtap --help", what);
	return EXIT_USAGE;
}
