/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: nl_dump nl_wait */
#include "nl_dump.h"

#include <errno.h>
#include <poll.h>

#define NL_BUF 65536
#define ATTEMPTS 5
#define ANSWER_MS 2000

/* An answer may be missing for good: the kernel forgets the rest of a dump for which it found no memory. */
ssize_t
nl_wait(const struct mnl_socket *nl, void *buf, size_t len)
{
	struct pollfd p = {.fd = mnl_socket_get_fd(nl), .events = POLLIN};
	int n = poll(&p, 1, ANSWER_MS);

	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? mnl_socket_recvfrom(nl, buf, len) : -1;
}

/* mnl_cb_run would stop at the first message of a dump that changed meanwhile, and leave the end of it unread. */
int
nl_dump_read(const struct nl_dump *d, const void *bytes, size_t len, uint32_t seq, bool *changed)
{
	const struct nlmsghdr *h = bytes;
	int left = (int)len;

	for (; left > 0 && nl_whole(h, (size_t)left); h = mnl_nlmsg_next(h, &left)) {
		const bool ours = h->nlmsg_seq == seq;

		if (ours && h->nlmsg_flags & NLM_F_DUMP_INTR)
			*changed = true;
		if (ours && h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (ours && h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_len < mnl_nlmsg_size(sizeof *e))
				return -EBADMSG;
			return e->error < 0 ? e->error : 1;
		}
		if (h->nlmsg_type >= NLMSG_MIN_TYPE)
			d->each(d->arg, h);
	}
	return 0;
}

static int
attempt(const struct nl_dump *d, struct nlmsghdr *request, bool *changed)
{
	char buf[NL_BUF];
	ssize_t n;
	int r = 0;

	d->begin(d->arg);
	*changed = false;
	if (mnl_socket_sendto(d->nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (r == 0) {
		n = nl_wait(d->nl, buf, sizeof buf);
		if (n < 0 && errno != ENOBUFS && errno != EINTR && errno != EAGAIN)
			return -errno;
		/* News was lost; it may be of what we were told before. */
		if (n < 0 && errno == ENOBUFS)
			*changed = true;
		if (n > 0)
			r = nl_dump_read(d, buf, (size_t)n, request->nlmsg_seq, changed);
	}
	return r < 0 ? r : 0;
}

int
nl_dump(const struct nl_dump *d, struct nlmsghdr *request)
{
	static uint32_t seq;
	bool changed = true;
	int r = 0;

	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	for (int i = 0; r == 0 && changed && i < ATTEMPTS; i++) {
		request->nlmsg_seq = ++seq;
		/* A dump that was given up is under way still; reading that it is lets the kernel go on with it. */
		if ((r = attempt(d, request, &changed)) == -EBUSY) {
			changed = true;
			r = 0;
		}
	}
	return r < 0 ? r : changed;
}
