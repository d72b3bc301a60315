/* SPDX-License-Identifier: BSD-2-Clause */
/* dataplane.h - what the files of the dataplane process share. */
#ifndef FLOWTAPD_DATAPLANE_H
#define FLOWTAPD_DATAPLANE_H

#include "daemon.h"
#include "iface.h"
#include "kern.h"
#include "route.h"
#include "tapset.h"

struct mnl_socket;

struct dataplane {
	struct loop *loop;
	struct chan *parent, *engine;
	struct kern *kern;
	struct tapset_tables tables;
	struct tapset *set;
	struct iface_set *ifaces;
	struct loop_timer *tick;
	struct conf *conf, *next;
	struct mnl_socket *routes;
	struct ip_addr local; /* found to be ours a moment ago */
	bool synced;          /* the engine has said all that the store holds */
};

/* Answers a request: IPC_D_DONE with 0 or -errno. */
int dataplane_done(struct dataplane *d, uint32_t id, int err);

/* dataplane_show.c: what is shown to the operator */
int dataplane_status(struct dataplane *d, uint32_t id, struct rd *r); /* IPC_D_STATUS */
int dataplane_dests(struct dataplane *d, uint32_t id, struct rd *r);  /* IPC_D_DESTS */

#endif
