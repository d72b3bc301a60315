/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "dialog.h"

#define OUT_ENOUGH 65536          /* bytes ready to go: no need to make more */
#define LIST_TOTAL_MAX (1u << 28) /* entries of one LIST; 32 MiB of marks */

TAILQ_HEAD(req_list, dialog_req);

struct dialog {
	struct link *link;
	const struct dialog_opts *o;
	const struct dialog_ops *ops;
	void *arg;
	struct dtcp_framer framer;
	struct req_list outstanding, unused;
	struct dialog_req *slot; /* window of them */
	unsigned noutstanding;
	uint64_t asked;
	bool all_asked;
	int wait_fd;       /* where the next request will come from; -1: not waiting for one */
	uint64_t alive_ns; /* last sign of life, or when there was last nothing to wait for */
	bool heard;        /* a reply came since the last silence */
};

int
dialog_new(struct link *l, const struct dialog_opts *o, const struct dialog_ops *ops, void *arg, struct dialog **out)
{
	struct dialog *d = calloc(1, sizeof *d);
	unsigned window = o->window < DIALOG_WINDOW_MAX ? o->window : DIALOG_WINDOW_MAX;

	if (d == NULL || (d->slot = calloc(window, sizeof *d->slot)) == NULL) {
		free(d);
		return -ENOMEM;
	}
	d->link = l;
	d->o = o;
	d->ops = ops;
	d->arg = arg;
	d->wait_fd = -1;
	dtcp_framer_init(&d->framer, DTCP_REPLY_MAX, false);
	TAILQ_INIT(&d->outstanding);
	TAILQ_INIT(&d->unused);
	for (unsigned i = 0; i < window; i++)
		TAILQ_INSERT_TAIL(&d->unused, &d->slot[i], entry);
	*out = d;
	return 0;
}

/* The request is over: its slot is free again. */
static void
req_end(struct dialog *d, struct dialog_req *rq)
{
	TAILQ_REMOVE(&d->outstanding, rq, entry);
	TAILQ_INSERT_HEAD(&d->unused, rq, entry);
	free(rq->seen);
	rq->seen = NULL;
	d->noutstanding--;
}

void
dialog_free(struct dialog *d)
{
	if (d == NULL)
		return;
	while (!TAILQ_EMPTY(&d->outstanding))
		req_end(d, TAILQ_FIRST(&d->outstanding));
	free(d->slot);
	free(d);
}

unsigned
dialog_outstanding(const struct dialog *d)
{
	return d->noutstanding;
}

/* ---- asking ---- */

/* Makes requests until the window is full, the pipe has enough or there are no more. */
static int
ask(struct dialog *d)
{
	struct buf *out = link_out(d->link);

	d->wait_fd = -1;
	while (!d->all_asked && !TAILQ_EMPTY(&d->unused) && out->len < OUT_ENOUGH) {
		struct dialog_req *rq = TAILQ_FIRST(&d->unused);
		int r;

		*rq = (struct dialog_req){.entry = rq->entry, .number = d->asked + 1};
		r = d->ops->next(d->arg, out, rq, &d->wait_fd);
		if (r == -EAGAIN)
			return 0;
		d->wait_fd = -1;
		if (r < 0)
			return r;
		if (r == 0) {
			d->all_asked = true;
			return 0;
		}
		if (d->noutstanding == 0)
			d->alive_ns = clock_mono_ns();
		TAILQ_REMOVE(&d->unused, rq, entry);
		TAILQ_INSERT_TAIL(&d->outstanding, rq, entry);
		d->noutstanding++;
		d->asked++;
	}
	return out->err;
}

/* ---- hearing ---- */

/* The request a reply belongs to: the first outstanding one with its Seq (a file may use
 * one number twice), else, if either side has none, the first. */
static struct dialog_req *
req_find(const struct dialog *d, const struct dtcp_reply *r)
{
	struct dialog_req *rq;

	TAILQ_FOREACH (rq, &d->outstanding, entry)
		if (!r->have_seq || !rq->info.have_seq || rq->info.seq == r->seq)
			return rq;
	return NULL;
}

/* Notifications carry no Seq and answer nothing. */
static bool
is_notification(const struct dtcp_reply *r)
{
	static const unsigned codes[] = {130, 131, 390, 580, 598, 599, 680};

	for (unsigned i = 0; i < ARRAY_LEN(codes); i++)
		if (r->code == codes[i])
			return !r->have_seq;
	return false;
}

/* Marks entry num (from 1) as come. */
static int
list_mark(struct dialog_req *rq, uint64_t num)
{
	size_t byte = (size_t)((num - 1) / 8);
	uint8_t bit = (uint8_t)(1u << (num - 1) % 8);

	if (num > LIST_TOTAL_MAX)
		return -EBADMSG;
	if (byte >= rq->seen_bytes) {
		size_t bytes = (byte + 1) * 2;
		uint8_t *p = realloc(rq->seen, bytes);

		if (p == NULL)
			return -ENOMEM;
		memset(p + rq->seen_bytes, 0, bytes - rq->seen_bytes);
		rq->seen = p;
		rq->seen_bytes = bytes;
	}
	rq->got += !(rq->seen[byte] & bit);
	rq->seen[byte] |= bit;
	return 0;
}

/* 1: with this part the reply is whole, 0: more parts follow (C03 6.1), -errno. */
static int
list_take(struct dialog_req *rq, const struct dtcp_reply *r)
{
	int err;

	if (r->code != DTCP_OK || r->nentries == 0)
		return 1;
	for (uint32_t i = 0; i < r->nentries; i++) {
		if (r->entry[i].num == 0) /* not numbered, so not in parts */
			return 1;
		if ((err = list_mark(rq, r->entry[i].num)) < 0)
			return err;
	}
	if (r->count)
		rq->total = r->count;
	return rq->total && rq->got >= rq->total;
}

static int
reply_take(struct dialog *d, const struct dtcp_reply *r)
{
	struct dialog_req *rq = is_notification(r) ? NULL : req_find(d, r);
	int last, result;

	d->heard = true;
	d->alive_ns = clock_mono_ns();
	if (rq == NULL) {
		d->ops->stray(d->arg, r);
		return 0;
	}
	if ((last = list_take(rq, r)) < 0)
		return last;
	result = d->ops->reply(d->arg, rq, r, last);
	if (last)
		req_end(d, rq);
	return result;
}

static int
message_take(struct dialog *d, const uint8_t *p, size_t len)
{
	struct dtcp_reply reply;
	int r;

	if ((r = dtcp_verify(p, len, d->o->key)) < 0 || (r = dtcp_parse_reply(p, len, &reply)) < 0)
		return r;
	r = reply_take(d, &reply);
	dtcp_reply_free(&reply);
	return r;
}

/* Everything whole that was received. */
static int
hear(struct dialog *d)
{
	struct buf *in = link_in(d->link);
	size_t start = 0, skip = 0, len = 0;
	int r;

	while (start < in->len && (r = dtcp_frame(&d->framer, in->p + start, in->len - start, &skip, &len)) != 0) {
		if (r < 0)
			return -EBADMSG;
		if ((r = message_take(d, in->p + start + skip, len)) != 0)
			return r;
		start += skip + len;
	}
	buf_drop(in, start);
	return in->err;
}

/* ---- waiting ---- */

/* Nothing came for too long.  If something did before, what is outstanding was passed over
 * in silence and the rest goes on. */
static int
silence(struct dialog *d)
{
	struct dialog_req *rq;
	int r;

	if (!d->heard)
		return -ETIMEDOUT;
	d->heard = false;
	while ((rq = TAILQ_FIRST(&d->outstanding)) != NULL) {
		r = d->ops->silent(d->arg, rq);
		req_end(d, rq);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Milliseconds until silence means something; -1: we wait for no reply. */
static int
patience_ms(const struct dialog *d)
{
	int limit = link_is_up(d->link) ? d->o->timeout_ms : d->o->login_ms;
	uint64_t waited;

	if (d->noutstanding == 0)
		return -1;
	waited = (clock_mono_ns() - d->alive_ns) / 1000000;
	return waited >= (uint64_t)limit ? 0 : limit - (int)waited;
}

static int
wait_step(struct dialog *d)
{
	bool was_up = link_is_up(d->link);
	size_t had = link_in(d->link)->len;
	int ms = patience_ms(d), r;

	if (ms == 0)
		return silence(d);
	d->ops->idle(d->arg);
	if ((r = link_wait(d->link, ms, d->wait_fd)) < 0)
		return r;
	if ((!was_up && link_is_up(d->link)) || link_in(d->link)->len > had)
		d->alive_ns = clock_mono_ns();
	return hear(d);
}

int
dialog_run(struct dialog *d)
{
	int r;

	d->alive_ns = clock_mono_ns();
	for (;;) {
		if ((r = ask(d)) != 0)
			return r;
		if (d->all_asked && d->noutstanding == 0)
			return 0;
		if ((r = wait_step(d)) != 0)
			return r;
	}
}
