/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inventory: a process that does nothing but look at what is in the kernel and
 * say what nobody authorised.  It takes no word from engine or dataplane, so that
 * neither can hide a tap from it.  It reads the lists of every BPF program and link that
 * the parent's iterators make (look.h), and has no power at all.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "inventory.h"
#include "log.h"
#include "look.h"
#include "look_list.h"
#include "role.h"
#include "sandbox.h"

#define LOOK_MS 1000
#define LINKS_MAX 4096
#define ROUNDS 2             /* of looks in which what is told was there */
#define ROUNDS_BEFORE_US 120 /* for a program that the first look found: a predecessor's, until ours take its place */

/* What was told, or seen once: a link is ours a moment before it has its pin. */
struct sighting {
	uint32_t id;
	bool prog, told;
	unsigned rounds, last; /* how often; in which round */
	bool before_us;        /* the first look found it */
};

struct inventory {
	struct loop *loop;
	struct chan *parent, *engine;
	struct loop_timer *timer;
	struct inventory_told ours;
	struct sighting seen[LINKS_MAX];
	uint32_t nseen;
	unsigned round;
	struct buf list; /* what look_read gave last */
	struct buf pins; /* uint32_t: the links of all pins, read in the round of this number */
	unsigned pins_round;
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
	*s = (struct sighting){.id = id, .prog = prog, .rounds = 1, .last = v->round, .before_us = v->round == 1};
	return s;
}

static void
tell(struct inventory *v, struct sighting *s, const char *text)
{
	cleanup_buf struct buf b = {0};

	if (s == NULL || s->told || s->rounds < (s->before_us && s->prog ? ROUNDS_BEFORE_US : ROUNDS))
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
look_prog(struct inventory *v, const struct look_prog *p, const uint32_t *map)
{
	char text[160];

	if (has(&v->ours.prog, p->id))
		return;
	for (uint32_t i = 0; i < p->nmap; i++) {
		if (!has(&v->ours.map, map[i]))
			continue;
		snprintf(text, sizeof text,
		    "a program that nobody authorised uses our tables: %.16s, id %u, loaded by user %u", p->name, p->id,
		    p->uid);
		tell(v, sight(v, true, p->id), text);
		return;
	}
}

static int
look_progs(struct inventory *v)
{
	struct rd r = rd_init(v->list.p, v->list.len);
	uint32_t map[LOOK_MAPS];
	struct look_prog p;
	int rc;

	while ((rc = look_list_prog(&r, &p, map)) == 1)
		look_prog(v, &p, map);
	return rc;
}

/* ---- links of our programs that have no place among our pins ---- */

/* The number of the link that has the pin of that name. */
static bool
pin_link(const struct inventory *v, const char *name, uint32_t *id)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof info;
	char path[512];

	snprintf(path, sizeof path, "%s/%s", v->ours.pins, name);
	cleanup_fd int fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return false;
	*id = info.id;
	return true;
}

/* Whether the pin of that name is of this very link. */
static bool
pin_is(const struct inventory *v, const char *name, uint32_t id)
{
	uint32_t found;

	return pin_link(v, name, &found) && found == id;
}

/* Adds what is pinned in one of our folders. */
static void
pins_add(struct inventory *v, const char *folder)
{
	char path[sizeof v->ours.pins + 32];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/%s", v->ours.pins, folder);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		char name[sizeof e->d_name + 32];
		uint32_t id;

		snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
		if (e->d_name[0] != '.' && pin_link(v, name, &id))
			buf_put(&v->pins, &id, sizeof id);
	}
	closedir(d);
}

/* A link outlives its interface until its pin is taken away, and does nothing: where it was nobody knows any more.  One
 * without an interface may also be of a kind that look.bpf.c does not know, which is not among our pins. */
static bool
pinned_somewhere(struct inventory *v, uint32_t link)
{
	if (v->pins_round != v->round) {
		buf_reset(&v->pins);
		pins_add(v, "links");
		pins_add(v, "ports");
		v->pins_round = v->round;
	}
	for (size_t i = 0; i + sizeof link <= v->pins.len; i += sizeof link)
		if (memcmp(v->pins.p + i, &link, sizeof link) == 0)
			return true;
	return false;
}

static bool
pinned(struct inventory *v, const struct look_link *l)
{
	char name[32];

	if (l->ifindex == 0)
		return has(&v->ours.link, l->id) || pinned_somewhere(v, l->id);

	snprintf(name, sizeof name, "links/%u", l->ifindex);
	if (has(&v->ours.link, l->id) || pin_is(v, name, l->id))
		return true;
	snprintf(name, sizeof name, "ports/%u", l->ifindex);
	return pin_is(v, name, l->id);
}

static void
look_link(struct inventory *v, const struct look_link *l)
{
	char text[160];

	/* It has a number from when it is attached to when it is given up. */
	if (l->id == 0 || !has(&v->ours.prog, l->prog) || pinned(v, l))
		return;
	snprintf(text, sizeof text, "our program is attached where nobody authorised it: interface %u, link %u",
	    l->ifindex, l->id);
	tell(v, sight(v, false, l->id), text);
}

static int
look_links(struct inventory *v)
{
	struct rd r = rd_init(v->list.p, v->list.len);
	struct look_link l;
	int rc;

	while ((rc = look_list_link(&r, &l)) == 1)
		look_link(v, &l);
	return rc;
}

/* One that can't look any more ends, and all with it: taps go on in the kernel, but nobody adds one. */
static void
look(struct inventory *v, enum look_list list, int (*each)(struct inventory *))
{
	int r;

	buf_reset(&v->list);
	if ((r = look_read(DAEMON_FD_LOOK + (int)list, &v->list)) == 0 && (r = each(v)) == 0)
		return;
	log_warn(r, "cannot list the kernel's %s", list == LOOK_PROGS ? "programs" : "links");
	loop_stop(v->loop, 1);
}

static void
on_timer(void *arg)
{
	struct inventory *v = arg;

	v->round++;
	look(v, LOOK_PROGS, look_progs);
	look(v, LOOK_LINKS, look_links);
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
	return type == IPC_P_ALIVE ? chan_send(v->parent, IPC_P_ALIVE, 0, NULL, 0) : 0;
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

	daemon_chan_end(err);
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
	    (r = chan_new(v.loop, DAEMON_FD_PARENT, DAEMON_CHAN_SHORT, &parent_ops, &v, &v.parent)) < 0 ||
	    (r = chan_new(v.loop, DAEMON_FD_PEER, DAEMON_CHAN_SHORT, &engine_ops, &v, &v.engine)) < 0 ||
	    (r = loop_timer_new(v.loop, on_timer, &v, &v.timer)) < 0)
		fatal(r, "cannot start");
	loop_timer_set(v.timer, LOOK_MS);
	r = loop_run(v.loop);
	return r < 0 ? 1 : r;
}
