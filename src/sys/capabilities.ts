/** linux/capability.h */
export const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n, CAP_BPF: 39n } as const;

/**
 * Whether a process has a capability.
 * @param status the text of /proc/<pid>/status (proc_pid_status(5)); its `CapEff` line is what counts
 */
export function hasCapability(status: string, name: keyof typeof CAPABILITIES): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> CAPABILITIES[name]) & 1n) === 1n;
}
