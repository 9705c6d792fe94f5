// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The vxlan dataplane: one object, so that its programs share their maps. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "vxlan/tunnel.h"

#include "include/direct.h"
#include "include/encap.h"
#include "include/endpoint_send.h"
#include "include/note.h"
#include "include/peers.h"
#include "include/unreachable.h"

#include "vxlan/judge.h"
#include "vxlan/send.c"
#include "vxlan/receive.c"
#include "vxlan/check.c"
#include "vxlan/endpoint.c"
#include "vxlan/strip.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
