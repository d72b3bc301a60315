/* SPDX-License-Identifier: BSD-2-Clause */
/* A patch of anything: what is applied leaves a tree that is printed and parsed to the same again. */
#include <stdlib.h>

#include "conf_edit.h"
#include "conf_parse.h"
#include "conf_patch.h"
#include "conf_print.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char text[] = "services { flow-tap { agency a { user u; maximum-sessions 2; } inactive: agency b; "
				   "tapped-interfaces [ e0 e1 ]; } } chassis { b c { d; } }";
	struct conf_tree *t, *again;
	struct conf_error err;

	if (conf_parse_tree((struct slice){text, sizeof text - 1}, &t, &err) < 0)
		abort();
	if (conf_patch_apply(t, (struct slice){(const char *)data, len}, 0, &err) == 0) {
		if (conf_edit_copy(t, &again) < 0 || conf_edit_equal(t, again) != 1)
			abort();
		conf_tree_free(again);
	}
	conf_tree_free(t);
	return 0;
}
