/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes back to the self-test's socket.  The first byte: of which frame it is tried; odd above 2: the input is put
 * into that frame's own copy, so that all but some bytes are right. */
#include <stdlib.h>
#include <string.h>

#include "selftest.h"

#define OUTER 28 /* what a copy has in front of the packet */
#define ETHER 14

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A copy as it has to be. */
static void
copy_make(struct buf *out, const struct buf *frame)
{
	const size_t len = OUTER + frame->len - ETHER;
	uint8_t ip[OUTER] = {0x45, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 0, 67, 192,
	    0, 0, 68, 0, SELFTEST_PORT, 0, SELFTEST_PORT, (uint8_t)((len - 20) >> 8), (uint8_t)(len - 20)};
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	buf_put(out, frame->p, ETHER);
	buf_put(out, ip, sizeof ip);
	buf_put(out, frame->p + ETHER, frame->len - ETHER);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf frame = {0}, copy = {0};
	size_t at;

	if (len < 3)
		return 0;
	selftest_frame(&frame, data[0] % SELFTEST_PACKETS, 0x0102030405060708);
	(void)selftest_kind(&frame, data + 1, len - 1);
	copy_make(&copy, &frame);
	if (frame.err || copy.err || selftest_kind(&frame, copy.p, copy.len) != SELFTEST_COPY ||
	    selftest_kind(&frame, frame.p, frame.len) != SELFTEST_BARE)
		abort();
	/* One byte behind the Ethernet header is another one: it is no copy any more. */
	at = ETHER + (size_t)(data[1] << 8 | data[2]) % (copy.len - ETHER);
	for (size_t i = 3; i < len && at < copy.len; i++, at++)
		copy.p[at] ^= data[i];
	if (selftest_kind(&frame, copy.p, at) == SELFTEST_COPY && at < copy.len)
		abort();
	return 0;
}
