/** Many nodes that join at once: a few processes, a store of its own for each node, and no dataplane. */
import { startWaiting } from './waiting_process.ts';

const MEMBER = `${import.meta.dirname}/crowd_member.ts`;

export interface Joined {
  readonly number: number;
  /** `10.5.7.0/24`; null: it failed. */
  readonly subnet: string | null;
  readonly message: string;
}

export interface CrowdOptions {
  /** As in `store_at.ts`. */
  readonly spec: string;
  readonly nodes: number;
  readonly processes: number;
  /** What the processes are started by: `nsenter …`. */
  readonly enter?: readonly string[];
}

export interface Crowd {
  readonly joined: readonly Joined[];
  /** From the moment in which they were let loose until the last one had its lease, or its error. */
  readonly milliseconds: number;
}

export async function joinAtOnce({
  spec,
  nodes,
  processes,
  enter = [],
}: CrowdOptions): Promise<Crowd> {
  const joined: Joined[] = [];
  const each = Math.ceil(nodes / processes);
  const take = (line: string) => {
    const [, number = '', message = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
    const subnet = message.startsWith('error ') ? null : message;
    joined.push({ number: Number(number), subnet, message });
  };
  const members = await Promise.all(
    Array.from({ length: processes }, (_, index) => {
      const count = Math.min(each, nodes - index * each);
      return startWaiting(
        [
          ...[...enter, process.execPath, '--disable-warning=ExperimentalWarning', MEMBER],
          ...[spec, String(index * each), String(count)],
        ],
        take,
      );
    }),
  );
  const startedAt = performance.now();
  for (const member of members) member.go();
  await Promise.all(members.map((member) => member.ended));
  return { joined, milliseconds: performance.now() - startedAt };
}
