/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's parser, checks and printer; the properties are in conf_property.h. */
#include "../lib/conf_property.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	conf_property_check((const char *)data, len);
	return 0;
}
