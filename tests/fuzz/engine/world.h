/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - an engine, whole, in this process, and all whom it talks to: the other processes of the daemon, agencies'
 * sessions and operators' connections, played by a script of bytes.
 *
 * The engine's code is the daemon's, its event loop and channels too, on real sockets; its database is on the simulated
 * disk of tests/sim.  When it would sleep, the world has its turn.  No clock and no kernel has a part in it, so that a
 * script is the same run each time.
 *
 * Others are honest unless the script says otherwise.  What must hold in any case:
 *  1. The engine goes on, whatever a session, an operator, the metrics, the canary or the hook sends.
 *  2. The data plane and the reader get nothing that they could not read.
 *  3. A session's answers come in the order of its requests, one for each, and an agency is shown its own criteria
 * only.
 *  4. The record is whole: each line follows from the one before it, and the last is the one that the engine has.
 *  5. After the end, however it came, another engine starts with what is stored, and gives the kernel each of the
 *     criteria; with an honest data plane these are those that it had.
 *  6. Then every agency can end all that it has.
 */
#ifndef TESTS_FUZZ_ENGINE_WORLD_H
#define TESTS_FUZZ_ENGINE_WORLD_H

#include "chan.h"
#include "daemon.h"
#include "engine.h"

#define CLIENTS 8
#define CLIENT_ASKED 64
#define ENTRIES 2048
#define PENDING 4096
#define AGENCIES 3
#define AGENCY_UID 2001u /* of the first; the others follow */

enum who { PARENT, DATAPLANE, INVENTORY, METRICS, CANARY, HOOK, READER, PEERS };

/* The world's end of a socket of the engine's. */
struct peer {
	int fd; /* -1: closed */
	struct buf in, out;
};

struct frame {
	uint16_t type;
	uint32_t id;
	size_t len;     /* with its header: to be dropped when it was taken */
	struct rd body; /* borrowed from the peer */
};

/* A session, or an operator's connection. */
struct client {
	struct peer peer;
	bool used, ctl, stalled; /* stalled: it does not read */
	bool odd;                /* it sent what no program of ours sends, or something was not honest with it */
	bool greeted;
	int agency; /* a session's; -1: none */
	uint32_t next_id;
	uint32_t asked[CLIENT_ASKED]; /* ids of requests that wait for their answer, a ring */
	unsigned first, nasked;
};

/* A criterion in the kernel. */
struct entry {
	uint64_t uid;
	uint32_t agency;
	bool ended, confirmed; /* confirmed: by this daemon */
	uint64_t end_ns;       /* CLOCK_BOOTTIME; 0: it has none */
};

/* A question to the data plane or to the reader that was not answered yet. */
struct question {
	uint16_t type;
	uint32_t id;
	struct buf body;
};

struct world {
	const uint8_t *script;
	size_t left;
	struct engine *engine;
	struct peer peer[PEERS];
	struct client client[CLIENTS];
	struct entry entry[ENTRIES];
	int nentry;
	struct question plane[PENDING], reader[PENDING];
	int nplane, nreader;
	bool plane_waits, reader_waits; /* they answer when the script says so */
	bool plane_odd, reader_odd;     /* they have said what is not so */
	bool parent_odd, others_odd;    /* the parent has; the inventory has, whose end is the engine's, too */
	bool last, deleting;            /* the life after the script's; all is deleted in it */
	bool over;                      /* the script has come to its end: all are honest */
	int quiet;                      /* times that have passed since then */
	unsigned refuse;                /* so many PUTs are refused: there is no room */
	uint64_t mono_ns;
	int64_t wall_ms;
	char print[128]; /* the last fingerprint of a warrant that an officer was told */
	/* The parent, in the midst of a commit. */
	struct conf *asked;
	bool asked_check, asked_commits, changed; /* changed: there may be other agencies now */
	unsigned rounds;
};
extern struct world world;

void wrong(const char *what, uint64_t a, uint64_t b) __attribute__((noreturn));

/* world.c */
void world_begin(void); /* once in a process */
void world_new(const uint8_t *script, size_t len);
/* An engine from its start until it ends, and its sockets.  What it returned: OVER, or another number if it gave up. */
#define OVER 77
int world_life(void);
void world_again(void);   /* another one, in which all are honest, until all agencies have deleted all */
uint8_t world_byte(void); /* of the script, 0 behind its end */
/* Gives the engine a connection of a user. */
void client_socket(struct peer *p, uint32_t uid, gid_t gid, bool ctl);

/* peer.c */
bool peer_read(struct peer *p); /* true: something came */
bool peer_frame(struct peer *p, struct frame *f);
void peer_send(struct peer *p, uint16_t type, uint32_t id, const struct buf *body); /* body may be NULL */
void peer_put(struct peer *p, const void *bytes, size_t len);
void peer_flush(struct peer *p);
void peer_close(struct peer *p);

/* others.c: the other processes */
struct conf *others_conf(const char *text, size_t len); /* NULL: it is none */
void others_config_put(struct buf *out, const struct conf *c, const char *by);
/* The text of what is in force, for the next life; conf NULL: as at the beginning. */
void conf_remember(const struct conf *conf);
const char *conf_in_force(size_t *len);
bool others_turn(void); /* true: something happened */
void others_plane_answer(int n);
void others_reader_answer(int n);
void others_forget(void);

/* script.c */
void script_step(void);

/* clients.c */
bool clients_turn(void);
struct client *client_new(bool ctl, uint32_t uid, gid_t gid, int agency);
void client_request(struct client *c, const struct buf *words, const struct buf *other);
extern uint32_t client_deleted; /* how many DELETEs of everything were answered with success */
void clients_delete_all(void);

/* check.c */
void check_record(struct engine *e);
void check_rows(struct engine *e);
void check_deleted(struct engine *e);

#endif
