/* SPDX-License-Identifier: BSD-2-Clause */
/* optsay.h - what every program does alike with its options: a refusal is one line, and --help, --version and --json
 * count wherever they stand. */
#ifndef BASE_OPTSAY_H
#define BASE_OPTSAY_H

#include <getopt.h>

#include "base.h"

/* Whether the option that getopt_long calls value is given anywhere before "--", also behind a mistake.  argv stays as
 * it is, and getopt's next call begins anew; shorts without a leading + or -. */
bool optsay_is_given(int argc, char **argv, const char *shorts, const struct option *longs, int value);

/* When getopt_long (with opterr 0) has answered '?': why, as "unknown option --frob".  Returns buf. */
const char *optsay_fault(char **argv, const char *shorts, const struct option *longs, char *buf, size_t size);

#endif
