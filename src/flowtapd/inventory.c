/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inventory: a process that does nothing but look at what is in the kernel and
 * say what nobody authorised.  It takes no word from engine or dataplane, so that
 * neither can hide a tap from it.  It may read about every BPF program and link, for
 * which the kernel asks CAP_SYS_ADMIN, and make no other system call that could use it.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "inventory.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"

#define LOOK_MS 1000
#define MAPS_OF_PROG_MAX 64
#define LINKS_MAX 4096
#define LINK_TYPE_TCX 11 /* of Linux 6.6; the ABI fixes it */

/* What was told, or seen once: a link is ours a moment before it has its pin. */
struct sighting {
	uint32_t id;
	bool prog, told;
	unsigned rounds, last; /* how often; in which round */
};

struct inventory {
	struct loop *loop;
	struct chan *parent, *engine;
	struct loop_timer *timer;
	struct inventory_told ours;
	struct sighting seen[LINKS_MAX];
	uint32_t nseen;
	unsigned round;
};

static bool
has(const struct inventory_ids *l, uint32_t id)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i] == id)
			return true;
	return false;
}

/* ---- what is found ---- */

static struct sighting *
sight(struct inventory *v, bool prog, uint32_t id)
{
	struct sighting *s;

	for (uint32_t i = 0; i < v->nseen; i++) {
		s = &v->seen[i];
		if (s->prog != prog || s->id != id)
			continue;
		if (s->last != v->round)
			s->rounds++;
		s->last = v->round;
		return s;
	}
	if (v->nseen == LINKS_MAX)
		return NULL;
	s = &v->seen[v->nseen++];
	*s = (struct sighting){.id = id, .prog = prog, .rounds = 1, .last = v->round};
	return s;
}

static void
tell(struct inventory *v, struct sighting *s, unsigned rounds, const char *text)
{
	cleanup_buf struct buf b = {0};

	if (s == NULL || s->told || s->rounds < rounds)
		return;
	s->told = true;
	buf_put_str(&b, text);
	if (b.err || chan_send(v->engine, IPC_I_ALARM, 0, b.p, b.len) < 0)
		loop_stop(v->loop, 1);
}

/* What is no longer there may come again, and is told again. */
static void
forget(struct inventory *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->nseen; i++)
		if (v->seen[i].last == v->round)
			v->seen[n++] = v->seen[i];
	v->nseen = n;
}

/* ---- programs that use our tables ---- */

static void
look_prog(struct inventory *v, uint32_t id)
{
	uint32_t map[MAPS_OF_PROG_MAX];
	struct bpf_prog_info info = {.map_ids = (uintptr_t)map, .nr_map_ids = MAPS_OF_PROG_MAX};
	uint32_t len = sizeof info;
	cleanup_fd int fd = bpf_prog_get_fd_by_id(id);
	char text[160];

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_OF_PROG_MAX; i++) {
		if (!has(&v->ours.map, map[i]))
			continue;
		snprintf(text, sizeof text,
		    "a program that nobody authorised uses our tables: %.16s, id %u, loaded by user %u", info.name, id,
		    info.created_by_uid);
		tell(v, sight(v, true, id), 2, text); /* a predecessor's may be on its way out */
		return;
	}
}

static void
look_progs(struct inventory *v)
{
	uint32_t id = 0;

	while (bpf_prog_get_next_id(id, &id) == 0)
		if (!has(&v->ours.prog, id))
			look_prog(v, id);
}

/* ---- links of our programs that have no place among our pins ---- */

struct link {
	uint32_t id, prog, ifindex;
};

static int
link_read(int fd, struct link *out)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof info;
	uint32_t ifindex;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	/* Where struct bpf_link_info has tcx.ifindex, which older headers lack. */
	memcpy(&ifindex, (const char *)&info + 16, sizeof ifindex);
	*out = (struct link){info.id, info.prog_id, info.type == LINK_TYPE_TCX ? ifindex : 0};
	return 0;
}

/* Whether the pin of that name is of this very link. */
static bool
pin_is(const struct inventory *v, const char *name, uint32_t id)
{
	char path[512];
	struct link l;

	snprintf(path, sizeof path, "%s/%s", v->ours.pins, name);
	cleanup_fd int fd = bpf_obj_get(path);
	return fd >= 0 && link_read(fd, &l) == 0 && l.id == id;
}

static bool
pinned(const struct inventory *v, const struct link *l)
{
	char name[32];

	snprintf(name, sizeof name, "links/%u", l->ifindex);
	if (has(&v->ours.link, l->id) || pin_is(v, name, l->id))
		return true;
	snprintf(name, sizeof name, "ports/%u", l->ifindex);
	return pin_is(v, name, l->id);
}

static void
look_link(struct inventory *v, uint32_t id)
{
	cleanup_fd int fd = bpf_link_get_fd_by_id(id);
	struct link l;
	char text[160];

	if (fd < 0 || link_read(fd, &l) < 0 || !has(&v->ours.prog, l.prog) || pinned(v, &l))
		return;
	snprintf(text, sizeof text, "our program is attached where nobody authorised it: interface %u, link %u",
	    l.ifindex, id);
	tell(v, sight(v, false, id), 2, text);
}

static void
on_timer(void *arg)
{
	struct inventory *v = arg;
	uint32_t id = 0;

	v->round++;
	look_progs(v);
	while (bpf_link_get_next_id(id, &id) == 0)
		look_link(v, id);
	forget(v);
	loop_timer_set(v->timer, LOOK_MS);
}

/* ---- start ---- */

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct inventory *v = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(v->loop, 0);
	return 0;
}

static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	(void)arg;
	(void)type;
	(void)id;
	(void)body;
	(void)len;
	return -EPROTO; /* it has nothing to say to us */
}

static void
on_end(void *arg, int err)
{
	struct inventory *v = arg;

	(void)err;
	loop_stop(v->loop, 1);
}

static void
put_ids(struct buf *b, const struct inventory_ids *l)
{
	buf_put_u32(b, l->n);
	for (uint32_t i = 0; i < l->n; i++)
		buf_put_u32(b, l->v[i]);
}

static void
get_ids(struct rd *r, struct inventory_ids *out)
{
	out->n = rd_u32(r);
	if (out->n > INVENTORY_IDS)
		r->err = -EBADMSG;
	for (uint32_t i = 0; r->err == 0 && i < out->n; i++)
		out->v[i] = rd_u32(r);
}

void
inventory_told_put(struct buf *b, const struct inventory_told *t)
{
	put_ids(b, &t->map);
	put_ids(b, &t->prog);
	put_ids(b, &t->link);
	buf_put_str(b, t->pins);
}

/* What is ours, from the parent, who made it. */
static int
told(struct inventory *v)
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(DAEMON_FD_PARENT, 65536, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	get_ids(&r, &v->ours.map);
	get_ids(&r, &v->ours.prog);
	get_ids(&r, &v->ours.link);
	rd_cstr(&r, v->ours.pins, sizeof v->ours.pins);
	return type == IPC_P_INVENTORY ? rd_end(&r) : -EBADMSG;
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

int
inventory_run(int verbose)
{
	static struct inventory v;
	int r;

	log_init("flowtapd: inventory", verbose);
	if ((r = sandbox_basics()) < 0 || (r = told(&v)) < 0)
		fatal(r, "cannot begin");
	if ((r = loop_new(&v.loop)) < 0 || (r = role_confine_inventory(v.ours.pins)) < 0 ||
	    (r = chan_new(v.loop, DAEMON_FD_PARENT, 4096, &parent_ops, &v, &v.parent)) < 0 ||
	    (r = chan_new(v.loop, DAEMON_FD_PEER, 4096, &engine_ops, &v, &v.engine)) < 0 ||
	    (r = loop_timer_new(v.loop, on_timer, &v, &v.timer)) < 0)
		fatal(r, "cannot start");
	loop_timer_set(v.timer, LOOK_MS);
	r = loop_run(v.loop);
	return r < 0 ? 1 : r;
}
