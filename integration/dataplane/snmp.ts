/** The kernel's own counters of a network namespace (RFC 4293 names, as /proc/net/snmp and /proc/net/netstat have them). */
import type { Namespace } from '../../lab/namespace.ts';

/** `Ip.InReceives`, `Udp.InDatagrams`, `IpExt.InCEPkts`, … */
export async function readSnmp(namespace: Namespace): Promise<(name: string) => number> {
  const { stdout } = await namespace.exec(['cat', '/proc/self/net/snmp', '/proc/self/net/netstat']);
  const values = new Map<string, number>();
  const lines = stdout.trim().split('\n');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [group = '', ...names] = lines[at]?.split(' ') ?? [];
    const numbers = lines[at + 1]?.split(' ').slice(1) ?? [];
    for (const [index, name] of names.entries()) {
      values.set(`${group.replace(':', '.')}${name}`, Number(numbers[index]));
    }
  }
  return (name) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the kernel has no counter ${name}`);
    return value;
  };
}
