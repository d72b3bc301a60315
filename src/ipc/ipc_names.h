/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_names.h - parent and names, parent and engine: which numbers users and groups have.
 *
 * IPC_P_NAMES asks, IPC_P_NAMED answers with the same frame id, in the order asked, or says why there is no
 * answer.  What looks names up loads code that is not ours, so an answer is read like a stranger's.
 */
#ifndef IPC_IPC_NAMES_H
#define IPC_IPC_NAMES_H

#include "buf.h"

#define IPC_NAME_SIZE 64
#define IPC_NAMES_MAX 65536 /* in one question */

enum ipc_name_kind {
	IPC_NAME_USER = 1, /* by name */
	IPC_NAME_USER_NUMBER,
	IPC_NAME_GROUP, /* by name */
};

struct ipc_name {
	uint8_t kind;             /* enum ipc_name_kind */
	uint32_t number;          /* IPC_NAME_USER_NUMBER, else 0 */
	char name[IPC_NAME_SIZE]; /* the other kinds, else "" */
};

struct ipc_name_found {
	uint32_t err;             /* 0; ENOENT: there is none; another errno: nobody knows */
	uint32_t number;          /* of the user or group; 0 with an err */
	uint32_t group;           /* a user's primary one */
	char name[IPC_NAME_SIZE]; /* cut if it is longer */
};

struct ipc_names {
	uint32_t n;
	struct ipc_name *v; /* owned by the receiver: free() */
};

struct ipc_named {
	uint32_t err;            /* 0, or why nothing could be looked up at all; then n is 0 */
	char why[IPC_NAME_SIZE]; /* the same in words */
	uint32_t n;
	struct ipc_name_found *v; /* owned by the receiver: free() */
};

/* IPC_P_NUMBERS: what the names mean now for the configuration in force. */
struct ipc_numbers {
	uint32_t n;
	uint32_t *uid; /* owned by the receiver: free(); in the order of struct ipc_config's */
};

void ipc_names_put(struct buf *b, const struct ipc_names *m);
int ipc_names_get(struct ipc_names *m, struct rd *r);
void ipc_named_put(struct buf *b, const struct ipc_named *m);
int ipc_named_get(struct ipc_named *m, struct rd *r);
void ipc_numbers_put(struct buf *b, const struct ipc_numbers *m);
int ipc_numbers_get(struct ipc_numbers *m, struct rd *r);

#endif
