// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* FastPath of host-gw, where every peer is a direct one. The rest of host-gw is routes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "include/direct.h"
#include "include/endpoint_send.h"

#include "host_gw/endpoint.c"
#include "host_gw/receive.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
