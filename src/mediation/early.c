/* SPDX-License-Identifier: BSD-2-Clause */
#include "early.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "early_abi.h"
#include "early.skel.h"

#define RING_MIN 4096u
#define RING_MAX (1u << 30)

struct early {
	struct early_bpf *skel;
	struct ring_buffer *ring;
	int link[EARLY_LINKS_MAX]; /* of the kernel's, gone with their descriptors */
	unsigned nlink, nports;
	/* of the call of early_take that is going on */
	uint64_t epoch_ns; /* Unix time of the monotonic clock's zero */
	unsigned left, taken;
	void (*cb)(void *arg, unsigned index, const struct rx_packet *pkt);
	void *arg;
};

/* ---- what the program has to know ---- */

static void
self_add_addr(struct early_self *self, const struct ip_addr *a)
{
	if (a->family == 4 && self->naddr4 < EARLY_ADDRS_MAX)
		memcpy(&self->addr4[self->naddr4++], a->b, 4);
	if (a->family == 6 && self->naddr6 < EARLY_ADDRS_MAX)
		memcpy(self->addr6[self->naddr6++], a->b, 16);
}

static void
self_add_local(struct early_self *self, const struct ifaddrs *list)
{
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct ip_addr a = {0};

		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			a.family = 4;
			memcpy(a.b, &((const struct sockaddr_in *)i->ifa_addr)->sin_addr, 4);
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			a.family = 6;
			memcpy(a.b, &((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, 16);
		}
		self_add_addr(self, &a);
	}
}

static int
self_add_link(struct early_self *self, const struct ifaddrs *list, const char *name)
{
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		const struct sockaddr_ll *ll = (const struct sockaddr_ll *)i->ifa_addr;

		if (ll == NULL || ll->sll_family != AF_PACKET || strcmp(i->ifa_name, name) != 0)
			continue;
		if (ll->sll_hatype != ARPHRD_ETHER || self->nlinks == EARLY_LINKS_MAX)
			return -ENODEV;
		memcpy(self->mac[self->nlinks++], ll->sll_addr, 6);
		return 0;
	}
	return -ENODEV;
}

static int
self_fill(struct early_self *self, const struct early_conf *conf, const char **name)
{
	struct ifaddrs *list;
	int r = 0;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (unsigned i = 0; i < conf->naddr; i++)
		self_add_addr(self, &conf->addr[i]);
	if (conf->naddr == 0)
		self_add_local(self, list);
	for (unsigned i = 0; r == 0 && i < conf->nlink; i++) {
		*name = conf->link[i];
		r = self_add_link(self, list, *name);
	}
	freeifaddrs(list);
	return r;
}

/* ---- opening ---- */

static int
on_record(void *arg, void *rec, size_t size)
{
	struct early *e = arg;
	struct rx_packet pkt;
	unsigned index;

	if (early_record(rec, size, e->nports, &index, &pkt) == 0) {
		pkt.stamp_ns += e->epoch_ns;
		e->cb(e->arg, index, &pkt);
		e->taken++;
	}
	return --e->left > 0 ? 0 : -EAGAIN; /* enough for now */
}

static int
program_load(struct early *e, const struct early_conf *conf, const struct early_self *self)
{
	uint32_t ring = RING_MIN;
	int r;

	while (ring < conf->ring && ring < RING_MAX)
		ring *= 2;
	memcpy((void *)&e->skel->rodata->early_self, self, sizeof *self);
	for (unsigned i = 0; i < conf->ports->n; i++)
		e->skel->bss->early_port[conf->ports->v[i]].index = i + 1;
	if ((r = bpf_map__set_max_entries(e->skel->maps.early_ring, ring)) < 0 || (r = early_bpf__load(e->skel)) < 0)
		return r;
	e->ring = ring_buffer__new(bpf_map__fd(e->skel->maps.early_ring), on_record, e, NULL);
	return e->ring ? 0 : -errno;
}

/* In the driver, or where that can't, behind it: slower, but still before the stack. */
static int
link_attach(const struct early *e, int ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	int prog = bpf_program__fd(e->skel->progs.early_take), fd = bpf_link_create(prog, ifindex, BPF_XDP, NULL);

	if (fd < 0 && fd != -EBUSY && fd != -EPERM)
		fd = bpf_link_create(prog, ifindex, BPF_XDP, &generic);
	return fd;
}

static int
program_attach(struct early *e, const struct early_conf *conf, const char **name)
{
	for (; e->nlink < conf->nlink; e->nlink++) {
		int ifindex = (int)if_nametoindex(*name = conf->link[e->nlink]), fd;

		if (ifindex == 0)
			return -ENODEV;
		if ((fd = link_attach(e, ifindex)) < 0)
			return fd;
		e->link[e->nlink] = fd;
	}
	return 0;
}

static int
print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int
early_open(const struct early_conf *conf, struct early **out, const char **name)
{
	struct early_self self = {0};
	struct early *e = calloc(1, sizeof *e);
	int r;

	if (e == NULL)
		return -ENOMEM;
	e->nports = conf->ports->n;
	libbpf_set_print(print_nothing);
	if ((r = self_fill(&self, conf, name)) == 0) {
		*name = NULL;
		r = (e->skel = early_bpf__open()) ? program_load(e, conf, &self) : -errno;
	}
	if (r == 0)
		r = program_attach(e, conf, name);
	if (r < 0) {
		early_free(e);
		return r;
	}
	*out = e;
	return 0;
}

void
early_free(struct early *e)
{
	if (e == NULL)
		return;
	for (unsigned i = 0; i < e->nlink; i++)
		close(e->link[i]);
	ring_buffer__free(e->ring);
	early_bpf__destroy(e->skel);
	free(e);
}

/* ---- taking ---- */

int
early_fd(const struct early *e)
{
	return bpf_map__fd(e->skel->maps.early_ring);
}

static uint64_t
clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

unsigned
early_take(struct early *e, unsigned max, void (*cb)(void *arg, unsigned index, const struct rx_packet *pkt), void *arg)
{
	if (max == 0)
		return 0;
	e->epoch_ns = clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC);
	e->left = max;
	e->taken = 0;
	e->cb = cb;
	e->arg = arg;
	ring_buffer__consume(e->ring);
	return e->taken;
}

uint64_t
early_lost(const struct early *e, uint16_t port)
{
	return __atomic_load_n(&e->skel->bss->early_port[port].lost, __ATOMIC_RELAXED);
}
