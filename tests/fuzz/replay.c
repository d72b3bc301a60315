/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over files and folders without libFuzzer, so that every ordinary test run plays the corpora again;
 * and over inputs that are made of them, for so many milliseconds, and MADE_MOST of them, so that no machine is too
 * fast:
 *
 *   replay [-m MILLISECONDS] FILE...
 *   replay -n NUMBER FILE...          that input alone, which a run with -m said that it ended in
 *
 * Which they are follows from their numbers, so the same files give the same inputs.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX (1u << 20)
#define MADE_MOST 10000u
#define MADE_MAX 8192u /* longer ones are played as they are, and nothing is made of them */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seed {
	char *path;
	uint8_t *p;
	size_t len;
};

static struct seed *seed; /* room for a power of two of them */
static unsigned nseed;

/* An allocation of exactly len bytes, so that reading past the end is seen. */
static void
play(const uint8_t *data, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	if (p == NULL)
		abort();
	memcpy(p, data, len);
	LLVMFuzzerTestOneInput(p, len);
	free(p);
}

/* ---- what there is ---- */

static bool
file_take(const char *path)
{
	static uint8_t room[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	struct seed *s;

	if ((nseed & (nseed - 1)) == 0)
		seed = reallocarray(seed, nseed ? 2 * (size_t)nseed : 1, sizeof *seed);
	if (f == NULL || seed == NULL) {
		perror(path);
		return false;
	}
	s = &seed[nseed++];
	*s = (struct seed){.path = strdup(path), .len = fread(room, 1, sizeof room, f)};
	fclose(f);
	if (s->path == NULL || (s->p = malloc(s->len + 1)) == NULL)
		abort();
	memcpy(s->p, room, s->len);
	return true;
}

static bool
take(const char *path)
{
	bool good = true;
	struct dirent *e;
	struct stat st;
	char file[4096];
	DIR *d;

	if (stat(path, &st) < 0) {
		perror(path);
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		return file_take(path);
	if ((d = opendir(path)) == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			snprintf(file, sizeof file, "%s/%s", path, e->d_name);
			good &= file_take(file);
		}
	closedir(d);
	return good;
}

/* Whatever order a folder is read in. */
static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct seed *)a)->path, ((const struct seed *)b)->path);
}

/* ---- what is made of it ---- */

static uint64_t rng;

static uint64_t
below(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return n ? rng % n : 0;
}

static const struct seed *
some_seed(void)
{
	return &seed[below(nseed)];
}

/* n bytes at `at` become the m bytes at q. */
static size_t
put(uint8_t *p, size_t len, size_t at, size_t n, const uint8_t *q, size_t m)
{
	uint8_t copy[MADE_MAX];

	if (m > sizeof copy || len - n + m > MADE_MAX)
		return len;
	if (m)
		memcpy(copy, q, m); /* it may be a part of p */
	memmove(p + at + m, p + at + n, len - at - n);
	if (m)
		memcpy(p + at, copy, m);
	return len - n + m;
}

static size_t
change(uint8_t *p, size_t len)
{
	static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '0', '9', '-', '*', '[', '{', '"', '\\'};
	const size_t at = below(len + 1), n = below(len - at + 1), some = n > 16 ? below(17) : n;
	const struct seed *s = some_seed();
	const size_t from = below(s->len + 1), m = below(s->len - from + 1);

	switch (below(7)) {
	case 0:
		if (at < len)
			p[at] ^= (uint8_t)(1u << below(8));
		return len;
	case 1:
		if (at < len)
			p[at] = odd[below(sizeof odd)];
		return len;
	case 2:
		return put(p, len, at, 0, &odd[below(sizeof odd)], 1);
	case 3:
		return put(p, len, at, some, NULL, 0);
	case 4:
		return put(p, len, at, 0, p + at, some); /* twice */
	case 5:
		return put(p, len, at, n, s->p + from, m); /* a part of another one instead */
	default:
		return put(p, len, at, 0, s->p + from, m > 64 ? below(65) : m);
	}
}

static void
made_play(uint64_t number)
{
	static uint8_t p[MADE_MAX];
	const struct seed *s;
	size_t len;

	rng = (number + 1) * 0x9e3779b97f4a7c15u;
	s = some_seed();
	if ((len = s->len) > MADE_MAX)
		return;
	memcpy(p, s->p, len);
	for (uint64_t n = 1 + below(4); n > 0; n--)
		len = change(p, len);
	play(p, len);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* In a process of its own, of which the number of the last one is left, however it ends. */
static bool
made_run(uint64_t ms)
{
	uint64_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const uint64_t end = now_ms() + ms;
	int status;
	pid_t pid;

	if (at == MAP_FAILED || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		for (; now_ms() < end && *at < MADE_MOST; ++*at)
			made_play(*at);
		exit(0);
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("%llu made\n", (unsigned long long)*at);
		return true;
	}
	printf("it ended in number %llu: -n %llu\n", (unsigned long long)*at, (unsigned long long)*at);
	return false;
}

int
main(int argc, char **argv)
{
	const char *ms = NULL, *number = NULL;
	bool good = true;
	int c;

	while ((c = getopt(argc, argv, "m:n:")) != -1)
		if (c == 'm')
			ms = optarg;
		else if (c == 'n')
			number = optarg;
		else
			return 2;
	for (int i = optind; i < argc; i++)
		good &= take(argv[i]);
	qsort(seed, nseed, sizeof *seed, by_path);
	if (nseed == 0)
		return 1;
	if (number) {
		made_play(strtoull(number, NULL, 10));
		return 0;
	}
	for (unsigned i = 0; i < nseed; i++)
		play(seed[i].p, seed[i].len);
	printf("%u inputs\n", nseed);
	fflush(stdout);
	return !good || (ms && !made_run(strtoull(ms, NULL, 10)));
}
