/* SPDX-License-Identifier: BSD-2-Clause */
/* show_router.h - what the router itself has, as a Junos operator knows it.  Pure; of JSON as ip(8) prints it, or of
 * the commands' own.  Each is a show_text (show.h). */
#ifndef FLOWTAP_SHOW_ROUTER_H
#define FLOWTAP_SHOW_ROUTER_H

#include <jansson.h>

#include "buf.h"

void show_router_interfaces(const json_t *links, unsigned width, struct buf *out); /* ip -j address */
/* {"inet": ip -4 -j route, "inet6": ip -6 -j route} */
void show_router_routes(const json_t *tables, unsigned width, struct buf *out);
void show_router_arp(const json_t *neighbours, unsigned width, struct buf *out); /* ip -4 -j neighbour */
/* {"time", "booted", "up-seconds", "load": [...], "protocols-started", "configured", "configured-by"} */
void show_router_uptime(const json_t *o, unsigned width, struct buf *out);
void show_router_users(
    const json_t *o, unsigned width, struct buf *out); /* {"users": [{"user", "tty", "from", "login"}]} */
void show_router_alarms(const json_t *o, unsigned width, struct buf *out); /* {"alarms": [{"time", "kind", "text"}]} */

#endif
