/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-test's criterion: put and taken out again, with what the kernel counted meanwhile.  It
 * never is in the store; one that is left by a process that was killed matches nothing after
 * SELFTEST_LIFE_MS, and the next dataplane takes it out, as all that nobody confirms.
 *
 * exports: dataplane_selftest_ */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "clock.h"
#include "dataplane.h"
#include "selftest.h"

static struct ip_addr
address(uint32_t v4)
{
	struct ip_addr a = {.family = 4};

	for (int i = 0; i < 4; i++)
		a.b[i] = (uint8_t)(v4 >> (24 - 8 * i));
	return a;
}

static int
criterion_put(struct dataplane *d)
{
	struct filter_term term = {.family = 4,
	    .proto_lo = 17,
	    .proto_hi = 17,
	    .src_lo = address(SELFTEST_FROM),
	    .src_hi = address(SELFTEST_FROM),
	    .dst_lo = address(SELFTEST_TO),
	    .dst_hi = address(SELFTEST_TO),
	    .sport_hi = UINT16_MAX,
	    .dport_hi = UINT16_MAX,
	    .itype_hi = UINT8_MAX,
	    .icode_hi = UINT8_MAX};
	const struct tapset_dest dest = {.src = address(SELFTEST_SOURCE),
	    .dst = address(SELFTEST_DEST),
	    .sport = SELFTEST_PORT,
	    .dport = SELFTEST_PORT,
	    .ttl = 1};
	const struct tap_filter filter = {&term, 1};
	uint64_t now = clock_boot_ns();
	const struct tapset_want want = {.filter = &filter,
	    .dest = &dest,
	    .ndest = 1,
	    .agency = SELFTEST_AGENCY,
	    .life = {.end_ns = now + SELFTEST_LIFE_MS * 1000000ull}};

	(void)tapset_remove(d->set, SELFTEST_UID, now); /* of a test whose engine has died */
	return tapset_put(d->set, SELFTEST_UID, &want, now);
}

static bool
is_up(const char *name)
{
	struct ifreq req = {0};
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(req.ifr_name, name, sizeof req.ifr_name - 1);
	return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &req) == 0 && req.ifr_flags & IFF_UP && req.ifr_flags & IFF_RUNNING;
}

static int
answer(struct dataplane *d, uint32_t id, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	int r = text ? chan_send(d->engine, IPC_D_STATE, id, text, strlen(text)) : dataplane_done(d, id, -ENOMEM);

	json_decref(o);
	free(text);
	return r;
}

int
dataplane_selftest_begin(struct dataplane *d, uint32_t id, struct rd *r)
{
	int ifindex = kern_test_ifindex(d->kern);
	bool device = ifindex != 0 && is_up(KERN_TEST_OUT) && is_up(KERN_TEST_IN);
	bool attached = device && kern_attached(d->kern, ifindex);
	const char *stage = kern_stage_look(d->kern, true);
	int error;

	if (rd_end(r) < 0)
		return -EBADMSG;
	(void)kern_stats(d->kern, d->test_stats);
	error = device && attached && !stage ? criterion_put(d) : 0;
	return answer(d, id,
	    json_pack("{s:b,s:b,s:s*,s:i}", "device", (int)device, "attached", (int)attached, "stage", stage, "error",
		-error));
}

/* What the kernel counted; of losses only the router's total is known, others' may be among them. */
int
dataplane_selftest_end(struct dataplane *d, uint32_t id, struct rd *r)
{
	struct tap_count k = {0};
	uint64_t now[TAP_C_MAX];
	json_t *o;
	int rc;

	if (rd_end(r) < 0)
		return -EBADMSG;
	(void)tapset_counts(d->set, SELFTEST_UID, &k);
	(void)tapset_remove(d->set, SELFTEST_UID, clock_boot_ns());
	if ((rc = kern_stats(d->kern, now)) < 0)
		return dataplane_done(d, id, rc);
	o = json_pack("{s:I,s:I,s:I}", "matched", (json_int_t)k.packets, "due", (json_int_t)k.copies_due, "sent",
	    (json_int_t)k.copies_sent);
	json_object_set_new(o, "losses", dataplane_losses_json(d->test_stats, now));
	json_object_set_new(
	    o, "arrived", json_integer((json_int_t)(now[TAP_C_ARRIVED] - d->test_stats[TAP_C_ARRIVED])));
	return answer(d, id, o);
}
