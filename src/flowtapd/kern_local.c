/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: kern_local_ */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern_internal.h"

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tap_local));
}

/* The next key is fetched first, since the one in hand may go. */
static int
sweep(int fd, const struct tap_local *v, size_t n)
{
	struct tap_local key, next;
	int r = 0, more = bpf_map_get_next_key(fd, NULL, &key);

	while (more == 0) {
		more = bpf_map_get_next_key(fd, &key, &next);
		if ((n == 0 || bsearch(&key, v, n, sizeof *v, compare) == NULL) && bpf_map_delete_elem(fd, &key) < 0 &&
		    errno != ENOENT)
			r = kern_first(r, -errno);
		key = next;
	}
	return r;
}

int
kern_local_set(struct kern *k, const struct tap_local *v, size_t n)
{
	const int fd = k->map[KERN_MAP_LOCAL];
	const uint32_t is = 1;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &v[i], &is, BPF_ANY) < 0)
			r = kern_first(r, errno == E2BIG ? -ENOSPC : -errno);
	return kern_first(r, sweep(fd, v, n));
}
