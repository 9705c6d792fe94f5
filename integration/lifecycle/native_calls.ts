/** Calls into the C library and libbpf by which a command changes the machine, and how a step by each is named. */

/** koffi's: reads a number at an address. */
export type Decode = (address: bigint, type: 'uint32_t') => number;

/** <linux/bpf.h> */
const WRITING_BPF_COMMANDS: Readonly<Record<number, string>> = {
  2: 'MAP_UPDATE_ELEM',
  3: 'MAP_DELETE_ELEM',
  6: 'OBJ_PIN',
  26: 'MAP_UPDATE_BATCH',
  28: 'LINK_CREATE',
  29: 'LINK_UPDATE',
  34: 'LINK_DETACH',
};

/** `struct nlmsghdr`: a length, then the type, <linux/rtnetlink.h>. */
const WRITING_MESSAGES: Readonly<Record<number, string>> = {
  16: 'RTM_NEWLINK',
  36: 'RTM_NEWQDISC',
  37: 'RTM_DELQDISC',
  44: 'RTM_NEWTFILTER',
  45: 'RTM_DELTFILTER',
  120: 'RTM_NEWTUNNEL',
  121: 'RTM_DELTUNNEL',
};

/** The flags behind the type: generic netlink's questions, which bear the number of RTM_NEWLINK, create nothing. */
const NLM_F_CREATE = 0x400;

/** <linux/sockios.h>, <linux/ethtool.h>: behind the name in `struct ifreq`, the command is pointed to. */
const SIOCETHTOOL = 0x8946;
const WRITING_OFFLOADS: Readonly<Record<number, string>> = {
  23: 'ETHTOOL_STXCSUM',
  31: 'ETHTOOL_STSO',
  44: 'ETHTOOL_SGRO',
};

function offloadOf([, request, argument]: readonly unknown[], decode: Decode): string | null {
  if (request !== SIOCETHTOOL || !Buffer.isBuffer(argument)) return null;
  const command = decode(argument.readBigUInt64LE(16), 'uint32_t');
  return WRITING_OFFLOADS[command] ?? null;
}

function messageOf([, message]: readonly unknown[]): string | null {
  if (!Buffer.isBuffer(message)) return null;
  const name = WRITING_MESSAGES[message.readUInt16LE(4)] ?? null;
  return name === 'RTM_NEWLINK' && (message.readUInt16LE(6) & NLM_F_CREATE) === 0 ? null : name;
}

/** By the beginning of the C declaration, what a call is named; null: it changes nothing. */
export function countedCalls(
  decode: Decode,
): [string, (args: readonly unknown[]) => string | null][] {
  return [
    ['int flock(', () => 'flock'],
    ['int bpf_object__load(', () => 'bpf_object__load'],
    ['int ioctl(int, unsigned long, void *)', (args) => offloadOf(args, decode)],
    ['long send(', messageOf],
    ['long syscall(', ([, command]) => WRITING_BPF_COMMANDS[Number(command)] ?? null],
  ];
}
