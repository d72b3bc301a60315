/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_value.h - the value types of the schema: what they accept, in words, and stored. */
#ifndef CONF_CONF_VALUE_H
#define CONF_CONF_VALUE_H

#include "conf_schema.h"

#define CONF_CANONICAL_MAX (IP_STRLEN + 4) /* an address and a prefix length */

#define CONF_LOGIN_MAX 31
#define CONF_DEVICE_MAX 15
#define CONF_GECOS_MAX 100

bool conf_value_ok(const struct conf_schema *row, struct slice s);
/* The one spelling of an accepted value: s, or in buf. */
struct slice conf_value_canonical(const struct conf_schema *row, struct slice s, char buf[static CONF_CANONICAL_MAX]);
/* Whether it is a word that one who lacks the rights in hidden does not know. */
bool conf_value_is_hidden(const struct conf_schema *row, struct slice s, uint32_t hidden);
/* "a number from 1 to 250"; the words of a choice without those that are hidden */
void conf_value_describe_known(const struct conf_schema *row, uint32_t hidden, struct buf *out);
void conf_value_describe(const struct conf_schema *row, struct buf *out);
const char *conf_value_label(enum conf_type type); /* "number"; NULL for CONF_CHOICE */
bool conf_value_is_quoted(enum conf_type type);    /* printed as a string always */
/* Stores an accepted value (NULL: a container that is there) where the row says. */
void conf_value_store(const struct conf_schema *row, const char *s, struct conf *c);

#endif
