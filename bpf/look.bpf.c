// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * look.bpf.c - every program and every link of the kernel, for flowtapd's inventory.
 *
 * Going through them with bpf(2) takes CAP_SYS_ADMIN; an iterator takes nothing of whoever reads it.
 * The kernel's own types are found by their names when the program is loaded.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "look_abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KERNEL __attribute__((preserve_access_index))

/* ---- the kernel's types, as far as they are read ---- */

typedef struct {
	__u32 val;
} KERNEL kuid_t;

struct user_struct {
	kuid_t uid;
} KERNEL;

struct bpf_map {
	__u32 id;
} KERNEL;

struct bpf_prog_aux {
	__u32 id;
	__u32 used_map_cnt;
	struct bpf_map **used_maps;
	struct user_struct *user;
	char name[16];
} KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} KERNEL;

#define LINK_TYPE_TCX 11 /* of Linux 6.6; the ABI fixes it */

struct bpf_link {
	__u32 id;
	enum bpf_link_type type;
	struct bpf_prog *prog;
} KERNEL;

struct net_device {
	int ifindex;
} KERNEL;

struct tcx_link {
	struct bpf_link link;
	struct net_device *dev;
} KERNEL;

struct bpf_iter_meta {
	struct seq_file *seq;
} KERNEL;

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog; /* NULL after the last one */
} KERNEL;

struct bpf_iter__bpf_link {
	struct bpf_iter_meta *meta;
	struct bpf_link *link; /* NULL after the last one */
} KERNEL;

/* ---- programs ---- */

SEC("iter/bpf_prog")
int
look_progs(struct bpf_iter__bpf_prog *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_prog *prog = ctx->prog;
	struct bpf_prog_aux *aux;
	struct bpf_map **maps;
	struct look_prog out = {};

	if (!prog)
		return 0;
	aux = prog->aux;
	maps = BPF_CORE_READ(aux, used_maps);
	out.id = aux->id;
	out.uid = BPF_CORE_READ(aux, user, uid.val);
	out.nmap = aux->used_map_cnt;
	if (out.nmap > LOOK_MAPS)
		out.nmap = LOOK_MAPS;
	bpf_core_read(out.name, sizeof out.name, &aux->name);
	bpf_seq_write(seq, &out, sizeof out);
	for (__u32 i = 0; i < LOOK_MAPS && i < out.nmap; i++) {
		struct bpf_map *map = 0;
		__u32 id = 0;

		if (bpf_probe_read_kernel(&map, sizeof map, maps + i) == 0)
			id = BPF_CORE_READ(map, id);
		bpf_seq_write(seq, &id, sizeof id);
	}
	return 0;
}

/* ---- links ---- */

static __always_inline void
link_start(struct bpf_link *link, struct look_link *out)
{
	out->id = link->id;
	out->prog = BPF_CORE_READ(link, prog, aux, id);
}

SEC("iter/bpf_link")
int
look_links(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;
	struct look_link out = {};

	if (!link)
		return 0;
	link_start(link, &out);
	if ((__u32)link->type == LINK_TYPE_TCX)
		out.ifindex = (__u32)BPF_CORE_READ((struct tcx_link *)link, dev, ifindex);
	bpf_seq_write(ctx->meta->seq, &out, sizeof out);
	return 0;
}

/* For kernels without tcx: a program of its own, because libbpf looks for a type that the kernel does not have in all
 * its modules as well, which takes CAP_SYS_ADMIN. */
SEC("iter/bpf_link")
int
look_links_old(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;
	struct look_link out = {};

	if (!link)
		return 0;
	link_start(link, &out);
	bpf_seq_write(ctx->meta->seq, &out, sizeof out);
	return 0;
}
