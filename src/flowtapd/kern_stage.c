/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the stage device, and all of ours that is on it, is still there.  To be looked at without a capability; only
 * the parent can mend it.
 *
 * exports: kern_stage_ kern_place_ */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kern_hook.h"
#include "kern_internal.h"
#include "stage.h"

enum kern_way
kern_place_way(enum kern_place place)
{
	return place == KERN_ANSWER ? KERN_INGRESS : KERN_EGRESS;
}

bool
kern_stage_has(const struct kern *k, int ifindex)
{
	const struct tap_ctl *ctl = k->area[KERN_MAP_CTL].p;

	return ifindex == (int)ctl->stage_ifindex || ifindex == (int)ctl->exit_ifindex;
}

static bool
is_up(int ifindex)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	return fd >= 0 && if_indextoname((unsigned)ifindex, req.ifr_name) != NULL &&
	       ioctl(fd, SIOCGIFFLAGS, &req) == 0 && req.ifr_flags & IFF_UP;
}

static bool
is_attached(const struct kern *k, enum kern_place place, int ifindex)
{
	return k->clsact ? kern_hook_clsact_alive(k->place[place], ifindex, kern_place_way(place))
			 : kern_hook_link_alive(k->place[place]);
}

static bool
cuts(const struct tap_ctl *ctl)
{
	const int out = (int)ctl->stage_ifindex;
	int r;

	if (!ctl->stage_cuts)
		return true; /* the kernel can't */
	r = stage_cut_look(out, ctl->stage_queues);
	if (r < 0)
		return r != -ENOENT; /* not told: no reason to start anew */
	for (uint32_t q = 0; q < ctl->stage_queues; q++)
		if (!kern_hook_qdisc_alive(ctl->segment_id, out, stage_cut_parent(q)))
			return false;
	return true;
}

const char *
kern_stage_look(const struct kern *k, bool all)
{
	static const char *const away[KERN_PLACES] = {
	    [KERN_ANSWER] = "our program is not at the ingress of " KERN_STAGE_IN,
	    [KERN_CUT] = "our program is not at the egress of " KERN_STAGE_IN,
	    [KERN_STAGE] = "our program is not at the egress of " KERN_STAGE_OUT};
	const struct tap_ctl *ctl = k->area[KERN_MAP_CTL].p;
	const int out = (int)ctl->stage_ifindex, in = (int)ctl->exit_ifindex;

	if (!is_up(out) || !is_up(in))
		return KERN_STAGE_OUT " and " KERN_STAGE_IN " are not there, or down";
	for (int i = 0; i < KERN_PLACES; i++)
		if (!is_attached(k, i, i == KERN_STAGE ? out : in))
			return away[i];
	return all && !cuts(ctl) ? "what cuts segment trains is not on " KERN_STAGE_OUT : NULL;
}

bool
kern_stage_mend(struct kern *k, uint64_t now_ns)
{
	struct tap_ctl *ctl = k->area[KERN_MAP_CTL].p;
	const uint64_t due = ctl->stage_due_ns > now_ns ? ctl->stage_due_ns : now_ns;

	if (due - now_ns > (KERN_MENDS - 1) * KERN_MEND_NS)
		return false;
	ctl->stage_due_ns = due + KERN_MEND_NS;
	return true;
}
