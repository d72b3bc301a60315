/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_set.h - statements that do not go into one field.  0 or -ENOMEM. */
#ifndef CONF_CONF_SET_H
#define CONF_CONF_SET_H

#include "conf_tree.h"

int conf_set_tapped(struct conf *c, const struct conf_node *n);
int conf_set_instance(struct conf *c, const struct conf_node *n);
int conf_set_class(struct conf *c, const struct conf_node *n);
int conf_set_cos(struct conf *c, const struct conf_node *n);
int conf_set_source(struct conf *c, const struct conf_node *n);
int conf_set_agency(struct conf *c, const struct conf_node *n);
int conf_set_officer(struct conf *c, const struct conf_node *n);
int conf_set_family(struct conf *c, const struct conf_node *n);

/* The word that names the agency's system user: of its `user' statement, else its key. */
const struct conf_word *conf_set_agency_user(const struct conf_node *n);

#endif
