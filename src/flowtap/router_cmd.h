/* SPDX-License-Identifier: BSD-2-Clause */
/* router_cmd.h - commands about the router itself, by its own programs and files, as the user.  Each is a row's run. */
#ifndef FLOWTAP_ROUTER_CMD_H
#define FLOWTAP_ROUTER_CMD_H

#include "shell.h"

int router_ping(struct shell *sh, const struct cmd_call *call);
int router_traceroute(struct shell *sh, const struct cmd_call *call);
int router_interfaces(struct shell *sh, const struct cmd_call *call);
int router_route(struct shell *sh, const struct cmd_call *call);
int router_arp(struct shell *sh, const struct cmd_call *call);
int router_log(struct shell *sh, const struct cmd_call *call);
int router_uptime(struct shell *sh, const struct cmd_call *call);
int router_users(struct shell *sh, const struct cmd_call *call);

#endif
