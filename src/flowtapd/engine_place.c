/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Agencies that come and go with a commit: their criteria stay stored, and are in the data plane while they are
 * configured.
 *
 * exports: engine_place_ */
#include <errno.h>

#include "engine.h"
#include "log.h"

/* arg: of a criterion that was put, struct store_aside, owned; else NULL. */
static void
on_agency_done(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	cleanup_free struct store_aside *row = arg;
	struct rd r = rd_init(body, len);

	if (type == IPC_D_DONE && rd_u32(&r) == 0)
		return;
	log_warnx("a criterion of an agency that was configured anew is not active");
	if (row == NULL)
		return;
	(void)store_aside_add(e->store, row->agency, row->id, row->uid);
	engine_aside_tell(e);
}

int
engine_place_budget(struct engine *e, const struct agency *a)
{
	cleanup_buf struct buf b = {0};

	engine_budget_put(a, &b);
	return engine_dp_send(e, IPC_D_BUDGET, &b, on_agency_done, NULL);
}

int
engine_place_put(struct engine *e, uint32_t agency, const struct store_row *row)
{
	cleanup_free struct store_aside *of = calloc(1, sizeof *of);
	cleanup_buf struct buf b = {0};
	struct ipc_put put = {0};
	int r;

	if (engine_late_gone(e, row->uid))
		return 0; /* it was deleted, and is stored still */
	if (of == NULL)
		return -ENOMEM;
	*of = (struct store_aside){.uid = row->uid, .id = row->id, .agency = agency};
	if ((r = filter_compile(&row->criteria, &put.filter)) < 0)
		return r == -ENOMEM ? r : store_aside_add(e->store, agency, row->id, row->uid);
	put_from_row(e, &put, agency, row);
	r = engine_grant_resume(e, row, &put);
	ipc_put_put(&b, &put);
	ipc_put_free(&put);
	if (r < 0 || (r = engine_dp_send(e, IPC_D_KEEP, &b, on_agency_done, of)) < 0)
		return r;
	(void)TAKE_PTR(of);
	return 0;
}

static int
row_delete(struct engine *e, const struct store_row *row)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, 1);
	buf_put_u64(&b, row->uid);
	return engine_dp_send(e, IPC_D_DELETE, &b, on_agency_done, NULL);
}

int
engine_place_anew(struct engine *e, uint64_t uid)
{
	char agency[DTCP_NAME_MAX + 1];
	struct store_row row;
	uint32_t no;
	int r = store_find_uid(e->store, uid, agency, &row);

	if (r < 0)
		return r;
	if ((r = store_agency_known(e->store, agency, &no)) == 0 && (r = row_delete(e, &row)) == 0)
		r = engine_place_put(e, no, &row);
	store_row_free(&row);
	return r;
}

struct gone {
	uint64_t uid[ENGINE_PART_MAX];
	size_t n;
};

static int
gone_note(void *arg, uint64_t uid)
{
	struct gone *g = arg;

	g->uid[g->n++] = uid;
	return 0;
}

/* By their numbers in the kernel: whatever of them can't be read, they end. */
static int
agency_stop(struct engine *e, const char *name)
{
	static struct gone g;
	struct store_part part = {.max = ENGINE_PART_MAX};
	int r;

	do {
		g.n = 0;
		if ((r = store_row_uids(e->store, name, &part, gone_note, &g)) < 0)
			return r;
		engine_delete_uids(e, g.uid, g.n);
	} while (part.more);
	return 0;
}

/* Every criterion of each agency of `was` that `conf` does not have. */
int
engine_place_gone(struct engine *e, const struct conf *was, const struct conf *conf)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < was->nagency; i++)
		if (!agency_configured(conf, was->agency[i].name))
			r = agency_stop(e, was->agency[i].name);
	return r;
}
