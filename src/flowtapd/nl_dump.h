/* SPDX-License-Identifier: BSD-2-Clause */
/* nl_dump.h - all that the kernel has of a kind, by rtnetlink. */
#ifndef FLOWTAPD_NL_DUMP_H
#define FLOWTAPD_NL_DUMP_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <sys/types.h>

/* Whether a whole message is there, with what it is filled up with: libmnl looks for attributes in that, too, and
 * takes a length of 2^31 and more for one below 0, which fits. */
static inline bool
nl_whole(const struct nlmsghdr *h, size_t left)
{
	return left >= sizeof *h && h->nlmsg_len >= sizeof *h && MNL_ALIGN((size_t)h->nlmsg_len) <= left;
}

/*
 * One answer, of len bytes at most: its length, or -1 and errno; ETIMEDOUT: none came within seconds.  For sockets that
 * nobody else reads: where news may come, and be read elsewhere, the socket is non-blocking, and EAGAIN is no error.
 */
ssize_t nl_wait(const struct mnl_socket *nl, void *buf, size_t len);

struct nl_dump {
	struct mnl_socket *nl;                             /* bound; non-blocking, if it gets news */
	void (*begin)(void *arg);                          /* before each attempt */
	void (*each)(void *arg, const struct nlmsghdr *h); /* a whole message; also news, on a socket that gets them */
	void *arg;
};

/*
 * Asks and reads to the end.  request: of a dump; flags and number are set here.  The kernel says when what it told
 * changed meanwhile: then it is asked again, some times.  0; 1: what it said last may lack something, and the caller
 * has to ask again later; -errno.
 */
int nl_dump(const struct nl_dump *d, struct nlmsghdr *request);

/* What the bytes of one answer are.  Pure.  1: the end; 0: there is more; -errno.  *changed: as the kernel said. */
int nl_dump_read(const struct nl_dump *d, const void *bytes, size_t len, uint32_t seq, bool *changed);

#endif
