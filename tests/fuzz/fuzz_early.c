/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a record of the ring that early.bpf.c writes; the number of ports is 16. */
#include <stdlib.h>

#include "early.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rx_packet pkt;
	unsigned index;

	/* What comes out lies within the record. */
	if (early_record(data, len, 16, &index, &pkt) == 0 &&
	    (index >= 16 || pkt.p < data || pkt.len > len || pkt.p + pkt.len > data + len))
		abort();
	return 0;
}
