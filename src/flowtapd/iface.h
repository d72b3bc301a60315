/* SPDX-License-Identifier: BSD-2-Clause */
/* iface.h - the tapped interfaces: what the configuration wants, what the kernel has
 * (rtnetlink, followed as it changes), and the difference attached or detached. */
#ifndef FLOWTAPD_IFACE_H
#define FLOWTAPD_IFACE_H

#include <jansson.h>

#include "buf.h"
#include "conf.h"
#include "kern.h"
#include "loop.h"

struct iface_set;

/* Opens the netlink socket; to be called before the sandbox. */
int iface_new(struct kern *k, struct iface_set **out);
void iface_free(struct iface_set *s);
/* Reads what there is and follows it from now on.  kern_tables must have been called.  Stops the loop, for a start
 * anew, if the stage device goes. */
int iface_start(struct iface_set *s, struct loop *l);

/*
 * Attaches to what conf wants and is not attached.  A change is refused if an interface that it names, and that was not
 * to be tapped before, cannot be: then what was attached by this call is detached again and *why (borrowed) says
 * "interface NAME: " and the reason. At a start, before the first iface_commit, there is nothing to go back to: what
 * cannot be tapped is logged, told by iface_json, and tried again by iface_look.
 */
int iface_prepare(struct iface_set *s, const struct conf *conf, const char **why);
/* From now on conf (borrowed) decides: detaches what it does not want. */
void iface_commit(struct iface_set *s, const struct conf *conf);
/* Detaches what an uncommitted iface_prepare attached. */
void iface_abort(struct iface_set *s);
/* To be called once a second: attaches again what somebody took away, and what could not be attached before; reads all
 * anew if the kernel had more news than it could tell. */
void iface_look(struct iface_set *s);
/* [{"name", "ifindex", "wanted", "tapped", "taken-away", "why"}] - new reference.  taken-away: by somebody, not long
 * ago; it may be tapped again.  why: it is not tapped.  ifindex 0: the configuration names it, and it is not there. */
json_t *iface_json(const struct iface_set *s);
/* Appends what conf names and is not there, for people: "eth7: there is no such interface; ..."; nothing: all is. */
void iface_missing(const struct iface_set *s, const struct conf *conf, struct buf *out);

#endif
