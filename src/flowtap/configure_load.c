/* SPDX-License-Identifier: BSD-2-Clause */
/* configure_load.c - statements from files, and into them.
 *
 * exports: configure_load configure_save */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "conf_level.h"
#include "conf_lex.h"
#include "conf_lines.h"
#include "conf_parse.h"
#include "conf_patch.h"
#include "conf_print.h"
#include "conf_tags.h"
#include "configure.h"
#include "terminal.h"

static int
load_text(struct shell *sh, const char *path, struct buf *out)
{
	const bool terminal = strcmp(path, "terminal") == 0;
	FILE *f = terminal || strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int code;

	if (f == NULL) {
		shell_say("flowtap: %s: %s", path, strerror(errno));
		return EXIT_NO_OBJECT;
	}
	if (terminal && sh->asks)
		dprintf(STDERR_FILENO, "[Type ^D at a new line to end input]\n"); /* with -j stderr is held */
	code = candidate_read(f, out);
	if (f == stdin)
		clearerr(f);
	else
		fclose(f);
	return code;
}

static int
load_wrong(const char *name, const struct conf_error *err)
{
	cleanup_buf struct buf out = {0};

	conf_error_format(err, name, &out);
	shell_say("%.*s", (int)out.len, (char *)out.p);
	return EXIT_USAGE;
}

/* ---- how ---- */

struct load {
	struct slice text;
	struct conf_path level; /* where the text stands; of relative only, else the top */
	uint32_t hidden;
	unsigned tags;     /* CONF_TAG_... */
	unsigned *missing; /* statements marked by delete: that were not there */
};

/* The text as if it stood in the whole, unless it is lines of set. */
static int
load_parse(const struct load *l, struct conf_tree **out, struct conf_error *err)
{
	cleanup_buf struct buf whole = {0};

	if (l->level.n == 0)
		return conf_parse_tree_tagged(l->text, l->tags, l->hidden, out, err);
	conf_level_wrap(l->level, l->text, &whole);
	return whole.err
		   ? whole.err
		   : conf_parse_tree_tagged((struct slice){(char *)whole.p, whole.len}, l->tags, l->hidden, out, err);
}

static int
load_merge(const struct load *l, struct conf_tree **t, struct conf_error *err)
{
	struct conf_tree *from;
	int r = load_parse(l, &from, err);

	if (r < 0)
		return r;
	r = conf_tags_merge(*t, from, l->missing);
	conf_tree_free(from);
	return r < 0 ? r : conf_tree_settle(*t, err);
}

/* What is not in the file is not there afterwards. */
static int
load_override(const struct load *l, struct conf_tree **t, struct conf_error *err)
{
	struct conf_tree *from;
	int r;

	if (l->level.n > 0) {
		(void)conf_edit_delete(*t, l->level);
		return load_merge(l, t, err);
	}
	if ((r = load_parse(l, &from, err)) < 0)
		return r;
	conf_tree_free(*t);
	*t = from;
	return 0;
}

static int
load_patch(const struct load *l, struct conf_tree **t, struct conf_error *err)
{
	return conf_patch_apply(*t, l->text, l->hidden, err);
}

/* Each line with the level behind its first word. */
static void
lines_lower(const struct load *l, struct buf *out)
{
	const char *p = l->text.p, *end = p + l->text.len, *nl;

	for (; p < end; p = nl + 1) {
		size_t verb = 0;

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		while (p + verb < nl && p[verb] >= 'a' && p[verb] <= 'z')
			verb++;
		buf_put(out, p, verb);
		for (size_t i = 0; verb > 0 && i < l->level.n; i++) {
			buf_put(out, " ", 1);
			conf_lex_quote(out, (struct slice){l->level.word[i], strlen(l->level.word[i])});
		}
		buf_put(out, p + verb, (size_t)(nl - p) - verb);
		buf_put(out, "\n", 1);
	}
}

/* Lines of set, delete, activate and deactivate. */
static int
load_set(const struct load *l, struct conf_tree **t, struct conf_error *err)
{
	cleanup_buf struct buf lines = {0};

	if (l->level.n == 0)
		return conf_lines_apply(*t, l->text, l->hidden, err);
	lines_lower(l, &lines);
	return lines.err ? lines.err : conf_lines_apply(*t, (struct slice){(char *)lines.p, lines.len}, l->hidden, err);
}

static const struct {
	const char *word;
	int (*apply)(const struct load *l, struct conf_tree **t, struct conf_error *err);
} modes[] = {{"merge", load_merge}, {"replace", load_merge}, {"override", load_override}, {"update", load_override},
    {"patch", load_patch}, {"set", load_set}};

/* All of it or nothing. */
static int
load_apply(struct shell *sh, const char *name, const struct cmd_call *call, const struct load *l)
{
	struct conf_error err = {0};
	struct conf_tree *copy;
	int r = conf_edit_copy(sh->candidate->tree, &copy);
	size_t i = 0;

	if (r < 0)
		return configure_no_memory(r);
	while (cmd_arg(call, modes[i].word) == NULL)
		i++;
	if ((r = modes[i].apply(l, &copy, &err)) == 0) {
		candidate_replace(sh->candidate, copy);
		return EXIT_OK;
	}
	conf_tree_free(copy);
	return r == -EINVAL ? load_wrong(name, &err) : configure_no_memory(r);
}

int
configure_load(struct shell *sh, const struct cmd_call *call)
{
	const char *file = cmd_arg(call, "FILE"), *name = file ? file : "terminal";
	unsigned missing = 0;
	struct load l = {.hidden = sh->hidden,
	    .tags = cmd_arg(call, "replace") ? CONF_TAG_DELETE | CONF_TAG_REPLACE
		    : cmd_arg(call, "merge") ? CONF_TAG_DELETE
					     : 0,
	    .missing = &missing};
	cleanup_buf struct buf text = {0};
	int code;

	if (cmd_arg(call, "relative"))
		l.level = configure_level(sh);
	if (l.level.n > 0 && cmd_arg(call, "patch")) {
		shell_say("error: a patch names its levels from the top");
		return EXIT_USAGE;
	}
	code = load_text(sh, name, &text);
	l.text = (struct slice){text.p ? (char *)text.p : "", text.len};
	if (code == EXIT_OK)
		code = load_apply(sh, name, call, &l);
	if (code == EXIT_OK && missing)
		shell_say("warning: statements to be deleted that were not there: %u", missing);
	if (code == EXIT_OK)
		puts("load complete");
	return code;
}

/* ---- save ---- */

static size_t
lines_of(const struct buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->p[i] == '\n';
	return n;
}

/* For its owner only if it is new: there may be password hashes in it. */
static int
file_write(const char *path, const struct buf *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (f == NULL)
		return -errno;
	fwrite(text->p, 1, text->len, f);
	r = fflush(f) == 0 && !ferror(f) ? 0 : -errno;
	return fclose(f) == 0 || r < 0 ? r : -errno;
}

int
configure_save(struct shell *sh, const struct cmd_call *call)
{
	const char *file = cmd_arg(call, "OUTPUT");
	cleanup_buf struct buf text = {0};
	struct conf_target x;
	int r;

	if (conf_edit_find(sh->candidate->tree, configure_level(sh), &x) == 0)
		conf_print_children(x.node, 0, &text);
	if (text.err)
		return configure_no_memory(text.err);
	if (file == NULL) {
		term_text((struct slice){(char *)text.p, text.len});
		return EXIT_OK;
	}
	if ((r = file_write(file, &text)) < 0) {
		shell_say("error: %s: %s", file, strerror(-r));
		return EXIT_REFUSED;
	}
	printf("Wrote %zu line%s of configuration to '%s'\n", lines_of(&text), lines_of(&text) == 1 ? "" : "s", file);
	return EXIT_OK;
}
