/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "rx.h"

#define DATAGRAM_MAX 65535
/* An odd number of cache lines, so that slots do not all fall into the same sets. */
#define SLOT_SIZE ((1024 + 1) * 64)
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct timespec))

_Static_assert(DATAGRAM_MAX <= SLOT_SIZE, "a slot holds any datagram");

struct rx_batch {
	uint8_t *mem; /* RX_BATCH slots; only touched pages exist */
	struct mmsghdr msg[RX_BATCH];
	struct iovec iov[RX_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[RX_BATCH][CONTROL_SIZE];
};

/* Beyond net.core.rmem_max where we may. */
static void
rcvbuf_set(int fd, size_t *rcvbuf)
{
	int want = *rcvbuf < INT32_MAX / 2 ? (int)*rcvbuf : INT32_MAX / 2, got = 0;
	socklen_t len = sizeof got;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof want);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0)
		*rcvbuf = (size_t)got / 2; /* the kernel doubles it for its own use */
}

static int
rx_bind(int fd, const struct ip_addr *addr, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htobe16(port)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htobe16(port)};

	memcpy(&sin.sin_addr, addr->b, sizeof sin.sin_addr);
	memcpy(&sin6.sin6_addr, addr->b, sizeof sin6.sin6_addr);
	return addr->family == 4 ? bind(fd, (struct sockaddr *)&sin, sizeof sin)
				 : bind(fd, (struct sockaddr *)&sin6, sizeof sin6);
}

int
rx_open(const struct ip_addr *addr, uint16_t port, size_t *rcvbuf, int *fd)
{
	const int on = 1, family = addr->family == 4 ? AF_INET : AF_INET6;
	cleanup_fd int s = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return -errno;
	if (family == AF_INET6 && setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -errno;
	if (setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
		return -errno;
	rcvbuf_set(s, rcvbuf);
	if (rx_bind(s, addr, port) < 0)
		return -errno;
	*fd = TAKE_FD(s);
	return 0;
}

int
rx_lost(int fd, uint32_t *lost)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof info;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return -errno;
	if (len < (SK_MEMINFO_DROPS + 1) * sizeof info[0])
		return -EOPNOTSUPP;
	*lost = info[SK_MEMINFO_DROPS];
	return 0;
}

int
rx_batch_new(struct rx_batch **out)
{
	struct rx_batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return -ENOMEM;
	b->mem = mmap(NULL, (size_t)RX_BATCH * SLOT_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->mem == MAP_FAILED) {
		free(b);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < RX_BATCH; i++) {
		b->iov[i] = (struct iovec){b->mem + (size_t)i * SLOT_SIZE, DATAGRAM_MAX};
		b->msg[i].msg_hdr.msg_iov = &b->iov[i];
		b->msg[i].msg_hdr.msg_iovlen = 1;
		b->msg[i].msg_hdr.msg_control = b->control[i];
	}
	*out = b;
	return 0;
}

void
rx_batch_free(struct rx_batch *b)
{
	if (b == NULL)
		return;
	munmap(b->mem, (size_t)RX_BATCH * SLOT_SIZE);
	free(b);
}

int
rx_batch_read(struct rx_batch *b, int fd, unsigned max)
{
	int n;

	if (max > RX_BATCH)
		max = RX_BATCH;
	for (unsigned i = 0; i < max; i++)
		b->msg[i].msg_hdr.msg_controllen = CONTROL_SIZE;
	n = recvmmsg(fd, b->msg, max, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

static uint64_t
packet_stamp(const struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec ts;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
		return (uint64_t)clock_wall_ms() * 1000000;
	memcpy(&ts, CMSG_DATA(c), sizeof ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct rx_packet
rx_batch_packet(const struct rx_batch *b, unsigned i)
{
	return (struct rx_packet){b->iov[i].iov_base, b->msg[i].msg_len, packet_stamp(&b->msg[i].msg_hdr)};
}
