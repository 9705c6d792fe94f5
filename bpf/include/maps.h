/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps. User space sets `max_entries` of those that depend on the network's size before it loads them. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "types.h"

/* How many leases of another length than the network's, or outside SubnetMin to SubnetMax, can stand. */
#define IRREGULAR_PEERS 1024

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct peer);
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, IRREGULAR_PEERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm_key);
	__type(value, struct peer);
} peers_lpm SEC(".maps");

/* By PublicIP, network byte order. All elements are there from the start: so 50,000 are written in a third of the time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256 + IRREGULAR_PEERS);
	__type(key, __be32);
	__type(value, struct source);
} sources SEC(".maps");

/*
 * By the last bits of the pod's address. In a subnet of up to so many addresses every pod has a place of its own, which
 * is found sooner than in a hash.
 */
#define ENDPOINT_PLACES 4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ENDPOINT_PLACES);
	__type(key, __u32);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

/* By a peer's slot: first the array's subnets, then the irregular ones. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256 + IRREGULAR_PEERS);
	__type(key, __u32);
	__type(value, struct traffic);
} peer_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* When this CPU last answered, in ns. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_answer SEC(".maps");
