/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of anything: what comes of them has none, is printed and parsed to the same again, and is the same with
 * comments that say where it is from. */
#include <stdlib.h>

#include "conf_edit.h"
#include "conf_groups.h"
#include "conf_parse.h"
#include "../lib/conf_unmarked.h"

static void
expanded_check(const struct conf_tree *t, const struct conf_tree *effect)
{
	struct conf_tree *again, *marked;
	struct conf_error err;

	if (conf_groups_any(effect) || conf_edit_copy(effect, &again) < 0 || conf_edit_equal(effect, again) != 1)
		abort();
	conf_tree_free(again);
	if (conf_groups_expand(t, true, &marked, &err) < 0 || conf_edit_copy(marked, &again) < 0)
		abort();
	conf_tree_free(again);
	if (!conf_unmarked_same(effect, marked))
		abort();
	conf_tree_free(marked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf_tree *t, *effect;
	struct conf_error err;

	if (conf_parse_tree((struct slice){(const char *)data, len}, &t, &err) < 0)
		return 0;
	if (conf_groups_expand(t, false, &effect, &err) == 0) {
		expanded_check(t, effect);
		conf_tree_free(effect);
	} else if (err.expected[0] == '\0')
		abort();
	conf_tree_free(t);
	return 0;
}
