/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "progress.h"
#include "terminal.h"

#define FIRST_MS 1000
#define EVERY_MS 200
#define BAR 30

void
progress_init(struct progress *p, bool wanted)
{
	*p = (struct progress){.on = wanted && term_is_screen(STDERR_FILENO), .start_ns = clock_mono_ns()};
}

void
progress_format(struct buf *out, uint64_t done, uint64_t part, uint64_t whole, uint64_t elapsed_ms)
{
	uint64_t rate = elapsed_ms ? done * 1000 / elapsed_ms : 0, eta_s;

	if (whole && part <= whole) {
		unsigned filled = (unsigned)(part * BAR / whole);

		buf_printf(out, "[");
		for (unsigned i = 0; i < BAR; i++)
			buf_put_u8(out, i < filled ? '#' : '.');
		buf_printf(out, "] %3u%%  ", (unsigned)(part * 100 / whole));
	}
	buf_printf(out, "%" PRIu64 " done, %" PRIu64 "/s", done, rate);
	if (whole && part > 0 && part <= whole) {
		eta_s = elapsed_ms * (whole - part) / part / 1000;
		buf_printf(out, ", %" PRIu64 ":%02u left", eta_s / 60, (unsigned)(eta_s % 60));
	}
}

void
progress_show(struct progress *p, uint64_t done, uint64_t part, uint64_t whole)
{
	uint64_t now = p->on ? clock_mono_ns() : 0;
	cleanup_buf struct buf b = {0};
	unsigned columns, rows;

	if (!p->on || now - p->start_ns < FIRST_MS * UINT64_C(1000000) ||
	    now - p->drawn_ns < EVERY_MS * UINT64_C(1000000))
		return;
	p->drawn_ns = now;
	if (!term_is_foreground(STDERR_FILENO))
		return;
	progress_format(&b, done, part, whole, (now - p->start_ns) / 1000000);
	buf_put_u8(&b, '\0');
	term_size(STDERR_FILENO, &columns, &rows);
	/* Over the end of the line before, in case it was longer; never as far as the last column, where it would wrap.
	 */
	if (b.err == 0)
		fprintf(stderr, "\r%-*.*s", (int)columns - 1, (int)columns - 1, (const char *)b.p);
	p->drawn = true;
}

void
progress_clear(struct progress *p)
{
	unsigned columns, rows;

	term_size(STDERR_FILENO, &columns, &rows);
	if (p->drawn && term_is_foreground(STDERR_FILENO))
		fprintf(stderr, "\r%*s\r", (int)columns - 1, "");
	p->drawn = false;
}
