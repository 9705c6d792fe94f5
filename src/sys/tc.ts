/** Traffic control: clsact qdiscs and BPF filters on them, by rtnetlink(7) as <linux/pkt_cls.h> has it. */
import type { Hook } from './bpf_links.ts';
import { SystemError } from './libc.ts';
import {
  attribute,
  attributesOf,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  request,
  text,
  textOf,
  u32,
} from './netlink_request.ts';

/** <linux/rtnetlink.h> */
const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;

/** <linux/pkt_cls.h> */
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
const TCA_BPF_FLAG_ACT_DIRECT = 1;

/** <linux/pkt_sched.h>: `TC_H_CLSACT`, its handle, and `TC_H_MIN_INGRESS` and `TC_H_MIN_EGRESS` below it. */
const CLSACT = 0xffff_fff1;
const CLSACT_HANDLE = 0xffff_0000;
const PARENTS: Record<Hook, number> = { ingress: 0xffff_fff2, egress: 0xffff_fff3 };

/** `ETH_P_ALL` in network byte order, as it stands in `tcm_info`. */
const EVERY_PROTOCOL = 0x0300;

/** `struct tcmsg`. */
const TCMSG_SIZE = 20;

/** A hook of one device. */
export interface TcHook {
  readonly ifindex: number;
  readonly hook: Hook;
}

/** Where a filter stands among others: they run by priority, the lowest first. */
export interface FilterSlot {
  readonly priority: number;
  readonly handle: number;
}

export interface Filter extends FilterSlot {
  /** `bpf`, `flower`, … */
  readonly kind: string;
  /** What its maker called it; empty for other kinds. */
  readonly name: string;
  /** 0 for other kinds. */
  readonly programId: number;
}

function header(ifindex: number, handle: number, parent: number, info = 0): Buffer {
  const message = Buffer.alloc(TCMSG_SIZE);
  message.writeInt32LE(ifindex, 4);
  message.writeUInt32LE(handle, 8);
  message.writeUInt32LE(parent, 12);
  message.writeUInt32LE(info, 16);
  return message;
}

/** The devices that have a clsact qdisc, or an ingress one, which takes filters of that side too. */
export function listClsact(): { readonly ifindex: number; readonly kind: 'clsact' | 'ingress' }[] {
  const body = header(0, 0, 0);
  return request('tc qdisc show', { type: RTM_GETQDISC, flags: NLM_F_DUMP, body }).flatMap(
    (answer) => {
      const kind = kindOf(answer);
      const ifindex = answer.readInt32LE(4);
      return kind === 'clsact' || kind === 'ingress' ? [{ ifindex, kind }] : [];
    },
  );
}

/** False: there is one already, or an ingress qdisc in its place. */
export function createClsact(ifindex: number): boolean {
  const body = Buffer.concat([
    header(ifindex, CLSACT_HANDLE, CLSACT),
    attribute(TCA_KIND, text('clsact')),
  ]);
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return unless('EEXIST', () =>
    request('tc qdisc add clsact', { type: RTM_NEWQDISC, flags, body }),
  );
}

/** With all its filters, whoever made them. */
export function deleteClsact(ifindex: number): void {
  const body = header(ifindex, CLSACT_HANDLE, CLSACT);
  request('tc qdisc delete clsact', { type: RTM_DELQDISC, flags: 0, body });
}

/** Every filter on a hook; none where there is no qdisc. */
export function listFilters({ ifindex, hook }: TcHook): Filter[] {
  const body = header(ifindex, 0, PARENTS[hook]);
  return request('tc filter show', { type: RTM_GETTFILTER, flags: NLM_F_DUMP, body }).flatMap(
    (answer) => {
      const handle = answer.readUInt32LE(8);
      const options = attributesOf(answer.subarray(TCMSG_SIZE)).get(TCA_OPTIONS);
      // Each priority is listed by itself as well.
      if (handle === 0 || options === undefined) return [];
      const kind = kindOf(answer);
      const found = kind === 'bpf' ? attributesOf(options) : new Map<number, Buffer>();
      return [
        {
          kind,
          handle,
          priority: answer.readUInt32LE(16) >>> 16,
          name: textOf(found.get(TCA_BPF_NAME)) ?? '',
          programId: found.get(TCA_BPF_ID)?.readUInt32LE() ?? 0,
        },
      ];
    },
  );
}

/**
 * Puts a program on a hook whose verdict is the packet's (direct action). A filter in that slot gets the new program in
 * place, without a packet in between that sees none.
 */
export function putFilter(
  { ifindex, hook }: TcHook,
  { priority, handle }: FilterSlot,
  program: { readonly fd: number; readonly name: string },
): void {
  const body = Buffer.concat([
    header(ifindex, handle, PARENTS[hook], infoOf(priority)),
    attribute(TCA_KIND, text('bpf')),
    attribute(TCA_OPTIONS, [
      attribute(TCA_BPF_FD, u32(program.fd)),
      attribute(TCA_BPF_NAME, text(program.name)),
      attribute(TCA_BPF_FLAGS, u32(TCA_BPF_FLAG_ACT_DIRECT)),
    ]),
  ]);
  request('tc filter replace', { type: RTM_NEWTFILTER, flags: NLM_F_CREATE, body });
}

/** False: there is none. */
export function deleteFilter({ ifindex, hook }: TcHook, { priority, handle }: FilterSlot): boolean {
  const body = Buffer.concat([
    header(ifindex, handle, PARENTS[hook], infoOf(priority)),
    attribute(TCA_KIND, text('bpf')),
  ]);
  return unless('ENOENT', () =>
    request('tc filter delete', { type: RTM_DELTFILTER, flags: 0, body }),
  );
}

function infoOf(priority: number): number {
  return ((priority << 16) | EVERY_PROTOCOL) >>> 0;
}

function kindOf(answer: Buffer): string {
  return textOf(attributesOf(answer.subarray(TCMSG_SIZE)).get(TCA_KIND)) ?? '';
}

function unless(errno: string, action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno) return false;
    throw error;
  }
}
