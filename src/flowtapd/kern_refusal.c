/* SPDX-License-Identifier: BSD-2-Clause */
#include "kern_refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "log.h"

#define BEGIN "-- BEGIN PROG LOAD LOG --\n"
#define END "-- END PROG LOAD LOG --"
#define ADDRESS_DIGITS 12 /* hexadecimal ones, from which on a number is an address */

/* libbpf has no argument for its listener: the last refusal of this process. */
static struct kern_refusal heard;

/* Lines that stand behind the reason. */
static bool
is_statistics(const char *line)
{
	static const char *const words[] = {"processed ", "verification time ", "stack depth ", "insns processed "};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strncmp(line, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static size_t
address_length(const char *s)
{
	size_t n = 2;

	if (s[0] != '0' || s[1] != 'x')
		return 0;
	while (isxdigit((unsigned char)s[n]))
		n++;
	return n >= ADDRESS_DIGITS + 2 ? n : 0;
}

/* What may be shown of a line of n bytes. */
static void
line_copy(char out[static KERN_REFUSAL_LINE], const char *s, size_t n)
{
	size_t at = 0, skip;

	for (size_t i = 0; i < n && at < KERN_REFUSAL_LINE - 4; i += skip ? skip : 1) {
		skip = address_length(s + i);
		if (skip) {
			memcpy(out + at, "0x", 2);
			at += 2;
		} else {
			out[at++] = isprint((unsigned char)s[i]) ? s[i] : ' ';
		}
	}
	out[at] = '\0';
}

/* The name in "libbpf: prog 'NAME': ". */
static void
prog_copy(struct kern_refusal *out, const char *text, const char *log)
{
	const char *name = strchr(text, '\'');
	size_t n = 0;

	while (name && ++name < log && *name != '\'' && n < sizeof out->prog - 1 && isprint((unsigned char)*name))
		out->prog[n++] = *name;
	if (n == 0)
		out->prog[n++] = '?';
	out->prog[n] = '\0';
}

bool
kern_refusal_read(const char *text, struct kern_refusal *out)
{
	const char *log = strstr(text, BEGIN), *end, *line, *at;
	struct kern_refusal r = {0};

	if (log == NULL)
		return false;
	prog_copy(&r, text, log);
	log += strlen(BEGIN);
	end = log + strlen(log);
	for (const char *e = strstr(log, END); e; e = strstr(e + 1, END))
		end = e;
	/* From the last line back; r.line is filled from its end. */
	for (at = end; at > log && r.n < KERN_REFUSAL_LINES; at = line) {
		for (line = at - 1; line > log && line[-1] != '\n'; line--)
			;
		if (*line != '\n' && !is_statistics(line))
			line_copy(r.line[KERN_REFUSAL_LINES - ++r.n], line, (size_t)(at - line - (at[-1] == '\n')));
	}
	memmove(r.line[0], r.line[KERN_REFUSAL_LINES - r.n], r.n * sizeof *r.line);
	*out = r;
	return true;
}

void
kern_refusal_hear(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	kern_refusal_read(text, &heard);
	free(text);
}

void
kern_refusal_tell(void)
{
	struct utsname u;

	if (heard.prog[0] == '\0')
		return;
	log_warnx("Linux %s refuses the program %s:", uname(&u) < 0 ? "?" : u.release, heard.prog);
	for (unsigned i = 0; i < heard.n; i++)
		log_warnx("  %s", heard.line[i]);
	heard = (struct kern_refusal){0};
}
