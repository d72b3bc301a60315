/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "early.h"
#include "early_abi.h"

int
early_record(const void *rec, size_t size, unsigned nports, unsigned *index, struct rx_packet *out)
{
	struct early_rec head;

	if (size < sizeof head)
		return -EBADMSG;
	memcpy(&head, rec, sizeof head);
	if (head.index >= nports || head.len > size - sizeof head)
		return -EBADMSG;
	*index = head.index;
	*out = (struct rx_packet){(const uint8_t *)rec + sizeof head, head.len, head.mono_ns};
	return 0;
}
