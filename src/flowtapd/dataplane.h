/* SPDX-License-Identifier: BSD-2-Clause */
/* dataplane.h - what the files of the dataplane process share. */
#ifndef FLOWTAPD_DATAPLANE_H
#define FLOWTAPD_DATAPLANE_H

#include <jansson.h>

#include "daemon.h"
#include "iface.h"
#include "local.h"
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
	struct local *own_addresses;
	struct loop_timer *tick, *collect;
	struct conf *conf, *next;
	struct mnl_socket *routes;
	struct ip_addr local;           /* found to be ours a moment ago */
	uint64_t test_stats[TAP_C_MAX]; /* when the self-test began */
	bool synced;                    /* the engine has said all that the store holds */
};

/* Answers a request: IPC_D_DONE with 0 or -errno. */
int dataplane_done(struct dataplane *d, uint32_t id, int err);

/* dataplane_show.c: what is shown to the operator */
int dataplane_status(struct dataplane *d, uint32_t id, struct rd *r); /* IPC_D_STATUS */
int dataplane_dests(struct dataplane *d, uint32_t id, struct rd *r);  /* IPC_D_DESTS */
/* Those between two readings, by reason. */
json_t *dataplane_losses_json(const uint64_t *before, const uint64_t *now);

/* dataplane_selftest.c: IPC_D_TEST_BEGIN, IPC_D_TEST_END */
int dataplane_selftest_begin(struct dataplane *d, uint32_t id, struct rd *r);
int dataplane_selftest_end(struct dataplane *d, uint32_t id, struct rd *r);

#endif
