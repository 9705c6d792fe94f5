/** The kernel's own counters of a network namespace (RFC 4293 names, as /proc/net/snmp and /proc/net/netstat have them). */
import { readFileSync } from 'node:fs';
import { inNamespace } from '../../lab/in_namespace.ts';
import type { Namespace } from '../../lab/namespace.ts';

/** `Ip.InReceives`, `Udp.InDatagrams`, `IpExt.InCEPkts`, … */
export function readSnmp(namespace: Namespace): (name: string) => number {
  const files = ['snmp', 'netstat'].map((name) => `/proc/thread-self/net/${name}`);
  const text = inNamespace(namespace, () => files.map((file) => readFileSync(file, 'utf8')));
  const values = new Map<string, number>();
  const lines = text.join('').trim().split('\n');
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
