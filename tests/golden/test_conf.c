/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_conf DIR [FILE ...] - each DIR/x.conf gives exactly x.ok, its canonical print,
 * or x.err, its error.  What was printed must print the same again.  Each FILE must
 * be accepted.  With -u the expectations are written instead.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/conf_property.h"

static bool update;
static unsigned played;

static int
text_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return -1;
	do {
		uint8_t *room = buf_room(out, 65536);

		n = room ? fread(room, 1, 65536, f) : 0;
		out->len += n;
	} while (n > 0);
	fclose(f);
	return 0;
}

/* The path with another ending than .conf. */
static char *
sibling(const char *path, const char *ending)
{
	char *s;

	if (asprintf(&s, "%.*s%s", (int)(strlen(path) - strlen(".conf")), path, ending) < 0)
		abort();
	return s;
}

static int
expectation_write(const char *path, const char *unwanted, const struct buf *got)
{
	FILE *f = fopen(path, "w");

	unlink(unwanted);
	if (f == NULL) {
		perror(path);
		return 1;
	}
	fwrite(got->p, 1, got->len, f);
	return fclose(f) != 0;
}

/* Whether got is what the file at path holds, and the file at unwanted is not there. */
static int
expectation_compare(const char *path, const char *unwanted, const struct buf *got)
{
	cleanup_buf struct buf want = {0};

	if (access(unwanted, F_OK) == 0 || text_read(path, &want) < 0) {
		printf("%s is not what happened, but:\n%.*s", unwanted, (int)got->len, (char *)got->p);
		return 1;
	}
	if (want.len == got->len && (want.len == 0 || memcmp(want.p, got->p, got->len) == 0))
		return 0;
	printf("%s wants:\n%.*sbut it is:\n%.*s", path, (int)want.len, (char *)want.p, (int)got->len, (char *)got->p);
	return 1;
}

static int
pair_play(const char *dir, const char *name)
{
	cleanup_free char *path = NULL, *ok = NULL, *bad = NULL;
	cleanup_buf struct buf got = {0}, text = {0};
	struct conf_error err;
	struct conf *c;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	ok = sibling(path, ".ok");
	bad = sibling(path, ".err");
	r = conf_load(path, &c, &err);
	if (r == 0) {
		conf_print(c, &got);
		conf_free(c);
	} else {
		conf_error_format(&err, name, &got);
		buf_put(&got, "\n", 1);
	}
	played++;
	if (text_read(path, &text) == 0)
		conf_property_check((char *)text.p, text.len);
	return (update ? expectation_write : expectation_compare)(r ? bad : ok, r ? ok : bad, &got);
}

static int
file_play(const char *path)
{
	cleanup_buf struct buf text = {0};

	played++;
	if (text_read(path, &text) == 0 && conf_property_check((char *)text.p, text.len))
		return 0;
	printf("%s is refused\n", path);
	return 1;
}

int
main(int argc, char **argv)
{
	struct dirent *e;
	int bad = 0, i = 1;
	DIR *d;

	update = i < argc && strcmp(argv[i], "-u") == 0;
	i += update;
	d = i < argc ? opendir(argv[i]) : NULL;
	while (d && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0)
			bad += pair_play(argv[i], e->d_name);
	}
	if (d)
		closedir(d);
	for (i++; i < argc; i++)
		bad += file_play(argv[i]);
	printf("%u files, %d not as expected\n", played, bad);
	return bad || played == 0;
}
