/* SPDX-License-Identifier: BSD-2-Clause */
/* base.h - the four cleanup macros, slices and small arithmetic used everywhere.
 * No policy, no protocol. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Owning locals are tagged; everything untagged is borrowed. */
#define cleanup_free __attribute__((cleanup(base_free_p)))
#define cleanup_fd __attribute__((cleanup(base_close_p)))
#define cleanup_buf __attribute__((cleanup(buf_free)))
/* The value of an owning pointer or descriptor, which is emptied: ownership moves. */
#define TAKE_PTR(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(p) take_ = (p);                                                                             \
		(p) = NULL;                                                                                            \
		take_;                                                                                                 \
	})
#define TAKE_FD(fd)                                                                                                    \
	({                                                                                                             \
		int take_ = (fd);                                                                                      \
		(fd) = -1;                                                                                             \
		take_;                                                                                                 \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void
base_free_p(void *p)
{
	free(*(void **)p);
}

static inline void
base_close_p(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Borrowed bytes, not terminated. */
struct slice {
	const char *p;
	size_t len;
};

/* Without its NUL. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

bool slice_eq(struct slice s, const char *word);        /* exact */
bool slice_eq_nocase(struct slice s, const char *word); /* ASCII case ignored */
struct slice slice_trim(struct slice s);                /* blanks and tabs at both ends */

/* Decimal digits only.  0; -EINVAL for anything else or an empty slice; -ERANGE over max. */
int slice_u64(struct slice s, uint64_t max, uint64_t *out);

#endif
