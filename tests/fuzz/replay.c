/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target over files and folders without libFuzzer, so that every
 * ordinary test run plays the corpora again. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned played;

static int
play_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(INPUT_MAX);
	size_t n;

	if (f == NULL || p == NULL) {
		perror(path);
		return 1;
	}
	n = fread(p, 1, INPUT_MAX, f);
	fclose(f);
	/* An allocation of exactly n bytes, so that reading past the end is seen. */
	p = realloc(p, n ? n : 1);
	if (p == NULL)
		return 1;
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	played++;
	return 0;
}

static int
play(const char *path)
{
	struct dirent *e;
	struct stat st;
	char file[4096];
	int bad = 0;
	DIR *d;

	if (stat(path, &st) < 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return play_file(path);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			snprintf(file, sizeof file, "%s/%s", path, e->d_name);
			bad |= play_file(file);
		}
	if (d)
		closedir(d);
	return bad || d == NULL;
}

int
main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= play(argv[i]);
	printf("%u inputs\n", played);
	return bad || played == 0;
}
