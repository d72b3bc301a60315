/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * frag.h - the ports of a datagram in fragments.  Only the first fragment has
 * them; when it matched by them they are remembered, and its later fragments are
 * judged as if they had them too.  Ordinary packets do not come here.
 */
#ifndef FLOWTAP_FRAG_H
#define FLOWTAP_FRAG_H

#include "parse.h"

static __always_inline void
frag_key(const struct packet *p, struct tap_frag_key *k)
{
	__builtin_memset(k, 0, sizeof *k);
	k->family = p->family;
	k->proto = p->frag_proto;
	k->id_be = p->id_be;
	if (p->family == 4) {
		*(__be32 *)k->src = p->src4;
		*(__be32 *)k->dst = p->dst4;
	} else {
		__builtin_memcpy(k->src, p->src6, 16);
		__builtin_memcpy(k->dst, p->dst6, 16);
	}
}

__noinline int
frag_remember(const struct packet *p)
{
	struct tap_frag_key k;
	struct tap_frag v;

	if (!p)
		return 0;
	v = (struct tap_frag){.seen_ns = bpf_ktime_get_ns(),
	    .sport_be = p->sport_be,
	    .dport_be = p->dport_be,
	    .proto = p->proto,
	    .itype = p->itype,
	    .icode = p->icode};
	frag_key(p, &k);
	return (int)bpf_map_update_elem(&ft_frag, &k, &v, BPF_ANY);
}

/* A first fragment begins another datagram: what one with the same number said before it is over. */
__noinline int
frag_forget(const struct packet *p)
{
	struct tap_frag_key k;

	if (!p)
		return 0;
	frag_key(p, &k);
	return (int)bpf_map_delete_elem(&ft_frag, &k);
}

/* Fills in what the first fragment said. */
__noinline int
frag_recall(struct packet *p)
{
	struct tap_frag_key k;
	const struct tap_frag *v;

	if (!p)
		return 0;
	frag_key(p, &k);
	v = bpf_map_lookup_elem(&ft_frag, &k);
	if (!v || bpf_ktime_get_ns() - v->seen_ns > TAP_FRAG_TTL_NS) {
		count_add(TAP_C_INFO_FRAG_UNKNOWN, 1);
		return 0;
	}
	p->proto = v->proto;
	p->sport_be = v->sport_be;
	p->dport_be = v->dport_be;
	p->itype = v->itype;
	p->icode = v->icode;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
		p->flags |= PKT_PORTS;
	else
		p->flags |= PKT_ICMP;
	return 0;
}

#endif
