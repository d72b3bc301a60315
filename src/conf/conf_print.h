/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_print.h - parts of a tree as text. */
#ifndef CONF_CONF_PRINT_H
#define CONF_CONF_PRINT_H

#include "conf_tree.h"

void conf_print_tree(const struct conf_tree *t, struct buf *out);                     /* as conf_print */
void conf_print_node(const struct conf_node *n, unsigned depth, struct buf *out);     /* one statement */
void conf_print_children(const struct conf_node *n, unsigned depth, struct buf *out); /* what is between its braces */
void conf_print_word(const struct conf_node *n, uint32_t i, struct buf *out); /* in quotation marks if need be */

#endif
