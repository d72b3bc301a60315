/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "engine.h"

static int
by_uid(const void *a, const void *b)
{
	const struct agency *x = *(struct agency *const *)a, *y = *(struct agency *const *)b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

int
agency_build(const struct conf *conf, const uint32_t *uid, struct agency ***out, uint32_t *n)
{
	struct agency **v = calloc(2 * (size_t)conf->nagency + 1, sizeof *v);

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < conf->nagency; i++) {
		v[i] = calloc(1, sizeof **v);
		if (v[i] == NULL) {
			agency_free(v, i);
			return -ENOMEM;
		}
		memcpy(v[i]->name, conf->agency[i].name, sizeof v[i]->name);
		v[i]->uid = uid[i];
		v[i]->conf = &conf->agency[i];
		v[i]->share.extra = SHARE_RECORD_EACH * (uint64_t)(v[i]->conf->max_criteria ? v[i]->conf->max_criteria
											    : conf->max_criteria);
	}
	memcpy(v + conf->nagency, v, conf->nagency * sizeof *v);
	qsort(v, conf->nagency, sizeof *v, by_uid);
	for (uint32_t i = 1; i < conf->nagency; i++)
		if (v[i]->uid != 0 && v[i]->uid == v[i - 1]->uid) {
			agency_free(v, conf->nagency);
			return -EEXIST;
		}
	*out = v;
	*n = conf->nagency;
	return 0;
}

void
agency_free(struct agency **v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free(v[i]->starts);
		free(v[i]);
	}
	free(v);
}

bool
agency_configured(const struct conf *conf, const char *name)
{
	return conf_agency_find(conf, name) != NULL;
}

struct agency *
agency_find(struct agency **v, uint32_t n, uint32_t uid)
{
	const struct agency want = {.uid = uid}, *key = &want;
	struct agency **hit = n && uid ? bsearch(&key, v, n, sizeof *v, by_uid) : NULL;

	return hit ? *hit : NULL;
}

static int
by_name(const void *key, const void *agency)
{
	return strcmp(key, (*(struct agency *const *)agency)->name);
}

struct agency *
agency_named(struct agency **v, uint32_t n, const char *name)
{
	struct agency **hit = n ? bsearch(name, v + n, n, sizeof *v, by_name) : NULL;

	return hit ? *hit : NULL;
}
