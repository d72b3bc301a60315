/* SPDX-License-Identifier: BSD-2-Clause */
/* A user of system login, as the parent tells the accounts of it.
 *
 * exports: account_ */
#include <errno.h>
#include <string.h>

#include "accounts.h"
#include "conf_value.h"

static const struct conf_schema *
row_of(const char *path)
{
	const struct conf_schema *row = NULL;

	for (; *path; path += strcspn(path, " "), path += strspn(path, " "))
		if ((row = conf_schema_find(row, (struct slice){path, strcspn(path, " ")})) == NULL)
			return NULL;
	return row;
}

#define LOGIN "system login user"

static bool
value_ok(const char *path, struct slice s)
{
	const struct conf_schema *row = row_of(path);

	return row && conf_value_ok(row, s);
}

/* Whole lines, each of one key, without options. */
static bool
keys_ok(struct slice keys)
{
	static const char *const kinds[] = {
	    LOGIN " authentication ssh-rsa", LOGIN " authentication ssh-ecdsa", LOGIN " authentication ssh-ed25519"};

	while (keys.len) {
		const char *end = memchr(keys.p, '\n', keys.len);
		const struct slice line = {keys.p, end ? (size_t)(end - keys.p) : 0};
		size_t k = 0;

		while (end && k < ARRAY_LEN(kinds) && !value_ok(kinds[k], line))
			k++;
		if (end == NULL || k == ARRAY_LEN(kinds))
			return false;
		keys = (struct slice){end + 1, keys.len - line.len - 1};
	}
	return true;
}

static bool
uid_ok(uint32_t uid)
{
	const struct conf_schema *row = row_of(LOGIN " uid");

	return uid == 0 || (row && uid >= row->min && uid <= row->max);
}

void
account_put(struct buf *b, const struct account *a)
{
	buf_put_str(b, a->name);
	buf_put_u8(b, a->operation);
	buf_put_u32(b, a->uid);
	buf_put_slice(b, a->full_name);
	buf_put_slice(b, a->hash);
	buf_put_slice(b, a->keys);
}

int
account_get(struct account *a, struct rd *r)
{
	struct account got = {0};
	uint8_t operation;

	rd_cstr(r, got.name, sizeof got.name);
	operation = rd_u8(r);
	got.operation = operation != 0;
	got.uid = rd_u32(r);
	got.full_name = rd_slice(r);
	got.hash = rd_slice(r);
	got.keys = rd_slice(r);
	if (r->err || operation > 1 || !value_ok(LOGIN, (struct slice){got.name, strlen(got.name)}) ||
	    !uid_ok(got.uid) || (got.full_name.len && !value_ok(LOGIN " full-name", got.full_name)) ||
	    !value_ok(LOGIN " authentication encrypted-password", got.hash) || !keys_ok(got.keys))
		return -EBADMSG;
	*a = got;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct account *)a)->name, ((const struct account *)b)->name);
}

int
account_list_get(struct account_list *l, struct rd *r)
{
	l->n = rd_u32(r);
	if (r->err || l->n > (size_t)(r->end - r->p))
		return -EBADMSG;
	if ((l->v = calloc((size_t)l->n + 1, sizeof *l->v)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n; i++) {
		int e = account_get(&l->v[i], r);

		if (e < 0)
			return e;
	}
	qsort(l->v, l->n, sizeof *l->v, by_name);
	for (uint32_t i = 1; i < l->n; i++)
		if (by_name(&l->v[i - 1], &l->v[i]) == 0)
			return -EBADMSG;
	return rd_end(r);
}

bool
account_is_listed(const struct account_list *l, const char *name)
{
	struct account key;

	if (strlen(name) >= sizeof key.name)
		return false;
	strcpy(key.name, name);
	return bsearch(&key, l->v, l->n, sizeof *l->v, by_name) != NULL;
}
