/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_int.h - between the files of this library. */
#ifndef AUDIT_AUDIT_INT_H
#define AUDIT_AUDIT_INT_H

#include "audit.h"

int audit_sign(const uint8_t *seed, const void *p, size_t len, uint8_t sig[static AUDIT_SIG_LEN]);
bool audit_signed(const uint8_t *key, const void *p, size_t len, const uint8_t sig[static AUDIT_SIG_LEN]);

#endif
