/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kern_internal.h"
#include "kern_refusal.h"
#include "log.h"
#include "tap.skel.h"

static int __attribute__((format(printf, 2, 0))) print_debug(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	va_list again;

	if (level == LIBBPF_DEBUG)
		return 0;
	va_copy(again, ap);
	kern_refusal_hear(fmt, again);
	va_end(again);
	vsnprintf(line, sizeof line, fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("%s", line);
	return 0;
}

int
kern_new(const char *run_dir, struct kern **out)
{
	struct kern *k = calloc(1, sizeof *k);
	int r;

	if (k == NULL)
		return -ENOMEM;
	k->prog = k->out = -1;
	for (int i = 0; i < KERN_MAP_N; i++)
		k->map[i] = -1;
	for (int i = 0; i < KERN_PLACES; i++)
		k->place[i] = -1;
	if ((r = kern_path(k->dir, run_dir, NULL, "bpf")) < 0) {
		free(k);
		return r;
	}
	libbpf_set_print(print_debug);
	*out = k;
	return 0;
}

static void
close_fds(struct kern *k)
{
	if (k->prog >= 0)
		close(k->prog);
	if (k->out >= 0)
		close(k->out);
	for (int i = 0; i < KERN_MAP_N; i++)
		if (k->map[i] >= 0)
			close(k->map[i]);
}

void
kern_free(struct kern *k)
{
	if (k == NULL)
		return;
	for (int i = 0; i < KERN_MAP_MAPPED; i++)
		if (k->area[i].p)
			munmap(k->area[i].p, k->area[i].len);
	if (k->skel)
		tap_bpf__destroy(k->skel);
	else
		close_fds(k);
	for (int i = 0; i < KERN_PLACES; i++)
		if (k->place[i] >= 0)
			close(k->place[i]);
	free(k->cpu_values);
	free(k->attached.v);
	free(k->ports.v);
	free(k);
}

const char *
kern_pin_dir(const struct kern *k)
{
	return k->dir;
}

const char *
kern_attach_name(const struct kern *k)
{
	return k->clsact ? "clsact" : "tcx";
}

bool
kern_set_has(const struct kern_set *s, int ifindex)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i] == ifindex)
			return true;
	return false;
}

int
kern_set_add(struct kern_set *s, int ifindex)
{
	int *v;

	if (kern_set_has(s, ifindex))
		return 0;
	if ((v = realloc(s->v, (s->n + 1) * sizeof *v)) == NULL)
		return -ENOMEM;
	s->v = v;
	v[s->n++] = ifindex;
	return 0;
}

void
kern_set_remove(struct kern_set *s, int ifindex)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i] != ifindex)
			s->v[n++] = s->v[i];
	s->n = n;
}

int
kern_path(char out[static KERN_PATH_MAX], const char *dir, const char *sub, const char *name)
{
	int n = snprintf(out, KERN_PATH_MAX, "%s/%s%s%s", dir, sub ? sub : "", sub ? "/" : "", name);

	return n < 0 || n >= KERN_PATH_MAX ? -ENAMETOOLONG : 0;
}

int
kern_each(const char *dir, const char *sub, int (*cb)(void *arg, const char *name), void *arg)
{
	char path[KERN_PATH_MAX];
	struct dirent *e;
	DIR *d;
	int r = kern_path(path, dir, NULL, sub);

	if (r < 0)
		return r;
	if ((d = opendir(path)) == NULL)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			r = kern_first(r, cb(arg, e->d_name));
	closedir(d);
	return r;
}

int
kern_area_map(int fd, struct kern_area *out)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof info;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
	void *p;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	size = ((size_t)info.value_size + 7) / 8 * 8 * info.max_entries;
	size = (size + page - 1) / page * page;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = (struct kern_area){.p = p, .len = size, .entries = info.max_entries};
	return 0;
}
