/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as it comes from a process with an agency's user number.  What is accepted has one encoding; an ADD can be
 * compiled (or has too many terms), stored and read again, put into the data plane, and listed.
 */
#include <errno.h>
#include <string.h>

#include "ipc.h"
#include "store_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
store_and_list(const struct dtcp_req *q)
{
	struct store_row row = {.uid = 1,
			     .id = 1,
			     .ncdest = q->ncdest,
			     .csrc = q->csrc,
			     .csrc_port = q->csrc_port,
			     .ttl = q->ttl,
			     .timeouts = q->timeouts,
			     .criteria = q->criteria},
			 back = {0};
	struct ipc_entry entry = {.id = 1,
			     .ncdest = q->ncdest,
			     .csrc = q->csrc,
			     .csrc_port = q->csrc_port,
			     .ttl = q->ttl,
			     .timeouts = q->timeouts,
			     .criteria = q->criteria},
			 told;
	cleanup_buf struct buf b = {0}, e = {0};
	struct rd r;

	memcpy(row.cdest, q->cdest, sizeof row.cdest);
	memcpy(entry.cdest, q->cdest, sizeof entry.cdest);
	store_row_put(&row, &b);
	r = rd_init(b.p, b.len);
	must(b.err == 0 && store_row_get(&back, &r) == 0);
	store_row_free(&back);
	ipc_entry_put(&e, &entry);
	r = rd_init(e.p, e.len);
	must(e.err == 0 && ipc_entry_get(&told, &r) == 0);
	ipc_entry_free(&told);
}

static void
put(const struct dtcp_req *q)
{
	struct ipc_put put = {.uid = 1, .agency = 1, .ndest = q->ncdest}, back;
	cleanup_buf struct buf b = {0};
	struct rd r;
	int rc = filter_compile(&q->criteria, &put.filter);

	if (rc < 0) {
		must(rc == -E2BIG || rc == -ENOMEM);
		return;
	}
	for (unsigned i = 0; i < q->ncdest; i++)
		put.dest[i] = (struct ipc_dest){q->csrc, q->cdest[i].addr, q->csrc_port, q->cdest[i].port, q->ttl};
	ipc_put_put(&b, &put);
	ipc_put_free(&put);
	r = rd_init(b.p, b.len);
	must(b.err == 0 && ipc_put_get(&back, &r) == 0);
	ipc_put_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf once = {0}, twice = {0};
	struct rd r = rd_init(data, len);
	struct dtcp_req q, again;
	int rc = dtcp_req_decode(&q, &r);

	if (rc < 0) {
		must(rc == -EBADMSG || rc == -ENOMEM);
		return 0;
	}
	dtcp_req_encode(&q, &once);
	r = rd_init(once.p, once.len);
	must(once.err == 0 && dtcp_req_decode(&again, &r) == 0 && rd_end(&r) == 0);
	dtcp_req_encode(&again, &twice);
	must(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	if (q.method == DTCP_ADD) {
		store_and_list(&q);
		put(&q);
	}
	dtcp_req_free(&q);
	dtcp_req_free(&again);
	return 0;
}
