/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_annotate.h"

#include <errno.h>
#include <string.h>

#include "buf.h"

static bool
text_ok(const char *s)
{
	if (strstr(s, "*/"))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int
conf_annotate(struct conf_tree *t, struct conf_path path, const char *text)
{
	cleanup_buf struct buf comment = {0};
	struct conf_target x;
	char *above = NULL;
	int r;

	if (path.n == 0 || conf_edit_find(t, path, &x) < 0)
		return -ENOENT;
	if (!text_ok(text))
		return -EINVAL;
	if (*text)
		buf_printf(&comment, "/* %s */", text);
	if (*text)
		buf_put(&comment, "", 1);
	if (comment.err)
		return comment.err;
	if ((r = conf_tree_add_comments(&above, &comment)) < 0)
		return r;
	free(x.node->above);
	x.node->above = above;
	return 0;
}
