/* SPDX-License-Identifier: BSD-2-Clause */
/* login.h - what sshd tells of a login: who it is from, and how it was proved.  Pure. */
#ifndef FLOWTAP_DTCP_LOGIN_H
#define FLOWTAP_DTCP_LOGIN_H

#include "ip.h"

#define LOGIN_TEXT_MAX 65536 /* bytes that are read of SSH_USER_AUTH's file */

/* SSH_CONNECTION, "client-address client-port server-address server-port"; NULL: not set.  Family 0: unknown. */
struct ip_addr login_address(const char *env);
/* The file that SSH_USER_AUTH names has a line for each method that succeeded: the last of them, a key by its
 * fingerprint.  out: printable ASCII, cut to size - 1; "" unknown. */
void login_proof(struct slice file, char *out, size_t size);
/* A connection's file (connection.h): whose it is, from where (family 0: unknown), and the proof as above.  -EINVAL: it
 * is none. */
int login_seen(struct slice file, uint32_t *uid, struct ip_addr *peer, char *auth, size_t size);

#endif
