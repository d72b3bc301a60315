/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.c - commands that nobody types: from a file, a program, or -c, which sshd gives to a login shell.
 *
 * exports: script_ */
#include <string.h>

#include "shell.h"

static void
line_run(struct shell *sh, const char *line, int *code)
{
	int r;

	sh->line_no++;
	if (line[strspn(line, " \t")] == '#' || (r = shell_line(sh, line)) <= 0)
		return;
	if (sh->failed == 0)
		sh->failed = sh->line_no;
	if (*code == EXIT_OK)
		*code = r;
}

/* Nobody is there any more who could commit. */
static int
end(struct shell *sh, int code)
{
	int r = sh->candidate ? configure_leave(sh) : EXIT_OK;

	return code == EXIT_OK ? r : code;
}

int
script_file(struct shell *sh, FILE *f)
{
	cleanup_free char *line = NULL;
	size_t room = 0;
	int code = EXIT_OK;

	sh->script = true;
	while (!sh->quit && getline(&line, &room, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		line_run(sh, line, &code);
	}
	return end(sh, code);
}

/* How long the first command is. */
static size_t
command_len(const char *s)
{
	bool quoted = false;
	size_t n = 0;

	for (; s[n] && (quoted || (s[n] != ';' && s[n] != '\n')); n++)
		if (s[n] == '"')
			quoted = !quoted;
		else if (quoted && s[n] == '\\' && s[n + 1])
			n++;
	return n;
}

int
script_text(struct shell *sh, const char *text)
{
	int code = EXIT_OK;

	sh->script = true;
	for (;;) {
		const size_t n = command_len(text);
		cleanup_free char *line = strndup(text, n);

		if (line == NULL)
			return EXIT_TRANSPORT;
		line_run(sh, line, &code);
		text += n;
		if (*text == '\0' || sh->quit)
			break;
		text++;
	}
	return end(sh, code);
}
