/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_parse.h - text to tree: braces, or lines of set; each statement and value against its schema row. */
#ifndef CONF_CONF_PARSE_H
#define CONF_CONF_PARSE_H

#include "conf_tree.h"

#define CONF_DEPTH_MAX 64

/* 0; -EINVAL or -ENOMEM with *err. */
int conf_parse_tree(struct slice text, struct conf_tree **out, struct conf_error *err);

#endif
