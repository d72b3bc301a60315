/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* maps.h - the maps.  Sizes of 1 are placeholders: user space sets them before it loads. */
#ifndef FLOWTAP_MAPS_H
#define FLOWTAP_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* Verdicts, the same number for tcx and clsact. */
#define TAP_NEXT (-1) /* go on, with other programs and then the kernel */
#define TAP_DROP 2
#define TAP_STOLEN 4 /* of a queueing discipline's filter only: gone, and counted by nobody */

#define TAP_MAP_ARRAY(name, value_type, entries, flags)                                                                \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

#define TAP_MAP_HASH(name, map_type, key_type, value_type, entries, flags)                                             \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

TAP_MAP_ARRAY(ft_ctl, struct tap_ctl, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_bloom, __u64, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_slot4, struct tap_slots, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_slot6, struct tap_slots, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_term4, struct tap_term4, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_term6, struct tap_term6, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_crit, struct tap_crit, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_count, struct tap_count, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_ended, __u64, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_agency, struct tap_agency, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_dest, struct tap_dest, 1, BPF_F_MMAPABLE);
TAP_MAP_ARRAY(ft_ids, struct tap_ids, TAP_IDS, 0);
TAP_MAP_ARRAY(ft_trace, struct tap_trace, 1, BPF_F_MMAPABLE);
TAP_MAP_HASH(ft_own, BPF_MAP_TYPE_HASH, struct tap_own, __u32, 1, BPF_F_NO_PREALLOC);
TAP_MAP_HASH(ft_local, BPF_MAP_TYPE_HASH, struct tap_local, __u32, TAP_LOCAL_MAX, BPF_F_NO_PREALLOC);
TAP_MAP_HASH(ft_port, BPF_MAP_TYPE_HASH, __u32, struct tap_port, 1024, 0);
TAP_MAP_HASH(ft_frag, BPF_MAP_TYPE_LRU_HASH, struct tap_frag_key, struct tap_frag, 32768, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TAP_C_MAX);
	__type(key, __u32);
	__type(value, __u64);
} ft_stats SEC(".maps");

const volatile struct tap_test tap_test = {};

#endif
