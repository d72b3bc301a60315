/* SPDX-License-Identifier: BSD-2-Clause */
/* nl_address.h - what rtnetlink says of an address. */
#ifndef FLOWTAPD_NL_ADDRESS_H
#define FLOWTAPD_NL_ADDRESS_H

#include <stddef.h>

#include "abi.h"

/* Of a message with its header, aligned as one: the address of this router that a RTM_NEWADDR tells.  Pure.  1: *out is
 * it; 0: it tells none. */
int nl_address(const void *message, size_t len, struct tap_local *out);

#endif
