/* SPDX-License-Identifier: BSD-2-Clause */
/* sanitized.h - SANITIZED: the address sanitizer has taken the heap's functions over, as gcc or clang says it. */
#ifndef BASE_SANITIZED_H
#define BASE_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif

#endif
