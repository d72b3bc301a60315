/* SPDX-License-Identifier: BSD-2-Clause */
/* spec.h - a struct space from text. */
#ifndef BENCH_SPEC_H
#define BENCH_SPEC_H

#include <linux/types.h>
#include <stdint.h>

#include "space.h"

/* "10.0.0.0/8,65536": prefix of 1 to 22 bits and how many addresses.  NULL leaves *s as it is.  0, -EINVAL */
int spec_parse(const char *text, uint32_t kind, struct space *s);

#endif
