/* SPDX-License-Identifier: BSD-2-Clause */
#include "id_text.h"

static void
flush(struct id_text *t)
{
	const char *comma = t->text.len ? "," : "";

	if (t->lo == 0)
		return;
	if (t->text.len > ID_TEXT_MAX)
		return; /* how many there were is told anyway */
	if (t->lo == t->hi)
		buf_printf(&t->text, "%s%u", comma, t->lo);
	else
		buf_printf(&t->text, "%s%u-%u", comma, t->lo, t->hi);
	t->lo = 0;
}

void
id_text_add(struct id_text *t, uint32_t id)
{
	if (t->lo != 0 && id == t->hi + 1) {
		t->hi = id;
		return;
	}
	flush(t);
	t->lo = t->hi = id;
}

struct slice
id_text_end(struct id_text *t)
{
	flush(t);
	return (struct slice){(const char *)t->text.p, t->text.len};
}
