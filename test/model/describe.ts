/** Calls and answers in a line, for people. */
import { formatPrefix } from '../../src/net/prefix.ts';
import type { Answer, Call } from './store.ts';

export function describeCall(call: Call): string {
  const [target] = call.args;
  if (typeof target !== 'object' || target === null || 'text' in target) return call.method;
  const subnet = formatPrefix('subnet' in target ? target.subnet : target);
  const expected = 'subnet' in target ? ` as of revision ${target.revision}` : '';
  return `${call.method} ${subnet}${expected}`;
}

export function describeAnswer(answer: Answer): string {
  if (answer === null) return 'nothing';
  if (typeof answer === 'boolean') return answer ? 'done' : 'refused';
  if ('leases' in answer) {
    const leases = answer.leases.map(
      ({ subnet, attributes }) => `${formatPrefix(subnet)} of ${attributes.publicIp}`,
    );
    return `revision ${answer.revision}: ${leases.join(', ') || 'no leases'}`;
  }
  if (!('subnet' in answer)) return 'the config';
  const { revision, expiresAt, attributes } = answer;
  const end = expiresAt instanceof Date ? `hour ${expiresAt.getTime() / 3_600_000}` : expiresAt;
  return `revision ${revision}, of ${attributes.publicIp}, until ${end}`;
}
