// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The udp dataplane: one object, so that its programs share their maps. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "udp/tunnel.h"

#include "include/deliver.h"
#include "include/encap.h"
#include "include/endpoint_send.h"
#include "include/judge.h"
#include "include/unreachable.h"

#include "udp/kernel_peer.h"
#include "udp/gather.h"
#include "udp/receive.h"
#include "udp/send.c"
#include "udp/resend.c"
#include "udp/receive.c"
#include "udp/deliver.c"
#include "udp/endpoint.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
