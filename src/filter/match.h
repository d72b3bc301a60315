/* SPDX-License-Identifier: BSD-2-Clause */
/* match.h - membership in a list, item by item; within this library only. */
#ifndef FILTER_MATCH_H
#define FILTER_MATCH_H

#include "criteria.h"

bool match_num_list(const struct num_list *l, unsigned v);
/* Absent, or nothing but "*". */
bool match_num_wild(const struct num_list *l);

#endif
