/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern_refusal.h - what the kernel's verifier said of a program that it refused.
 *
 * libbpf hands over the verifier's whole log, which may be megabytes, as one message.  Its last lines say what is
 * wrong.  They tell of instructions, lines of source and registers, never of what is in a map; addresses of the
 * kernel's memory, which may be among them, are left out.
 */
#ifndef FLOWTAPD_KERN_REFUSAL_H
#define FLOWTAPD_KERN_REFUSAL_H

#include <stdarg.h>
#include <stdbool.h>

#define KERN_REFUSAL_LINES 4
#define KERN_REFUSAL_LINE 160

struct kern_refusal {
	char prog[32]; /* "": none was refused */
	char line[KERN_REFUSAL_LINES][KERN_REFUSAL_LINE];
	unsigned n;
};

/* Pure.  Whether the text is libbpf's message with a log; then *out is filled, else it is left alone. */
bool kern_refusal_read(const char *text, struct kern_refusal *out);

/* libbpf's messages come here, by kern.c; formats and keeps the last that is a refusal. */
void kern_refusal_hear(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
/* Logs what was kept, as warnings, and forgets it.  Nothing if there was none. */
void kern_refusal_tell(void);

#endif
