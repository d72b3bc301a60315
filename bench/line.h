/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.h - a program under a script's control: commands on standard input, one a
 * line, each answered with one line of JSON, {"ok": true, ...} or {"ok": false,
 * "error": "..."}.  After the name of a command come words key=value.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct line_command {
	const char *name;
	int (*run)(void *ctx, char **word, json_t *out); /* 0 or -errno; word ends with NULL */
};

/* Until the input ends. */
void line_serve(const struct line_command *c, size_t n, void *ctx);

/* The value of the key; NULL if it is not there. */
const char *line_text(char **word, const char *key);
/* The same as a number; without the key *out stays as it is.  -EINVAL, -ERANGE */
int line_number(char **word, const char *key, uint64_t max, uint64_t *out);
int line_number32(char **word, const char *key, uint32_t max, uint32_t *out);
void line_put(json_t *out, const char *key, uint64_t value);

#endif
