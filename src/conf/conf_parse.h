/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_parse.h - text to tree: braces, or lines of set; each statement and value against its schema row. */
#ifndef CONF_CONF_PARSE_H
#define CONF_CONF_PARSE_H

#include "conf_tree.h"

#define CONF_DEPTH_MAX 64

/* conf_parse by one who lacks the rights in hidden (conf_perm.h): a word that he may not know is unknown. */
int conf_parse_known(struct slice text, uint32_t hidden, struct conf **out, struct conf_error *err);
int conf_parse_tree_known(struct slice text, uint32_t hidden, struct conf_tree **out, struct conf_error *err);
/* The same of text in which statements may be marked (CONF_TAG_...): by delete:, also a name without its value, and by
 * replace:.  What is marked by delete: is no statement: conf_tags.h takes it out. */
#define CONF_TAG_DELETE 1u
#define CONF_TAG_REPLACE 2u
int conf_parse_tree_tagged(
    struct slice text, unsigned tags, uint32_t hidden, struct conf_tree **out, struct conf_error *err);
/* 0; -EINVAL or -ENOMEM with *err. */
int conf_parse_tree(struct slice text, struct conf_tree **out, struct conf_error *err);

#endif
