/** Processes as /proc shows them: a lab ends what it finds there, whoever started it. */

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { folderOf, namespaceOf, namespacePath } from './names.ts';

/** Processes in any of the namespaces, this one and its ancestors left out. */
export function processesIn(namespaces: readonly string[]): number[] {
  const inodes = new Set(namespaces.map((name) => inodeOf(namespacePath(name))));
  inodes.delete(null);
  const spared = new Set(ancestors());
  return processIds().filter((pid) => !spared.has(pid) && inodes.has(netInodeOf(pid)));
}

/** What a killed creator has set off and what is not in a namespace yet: `ip netns add`, `nsenter`, `mount`. */
export function buildersOf(lab: string): number[] {
  const marks = [namespaceOf(lab, ''), namespacePath(namespaceOf(lab, '')), `${folderOf(lab)}/`];
  return processIds().filter((pid) => {
    const [program = '', ...args] = argumentsOf(pid);
    if (!['ip', 'nsenter', 'mount'].includes(program)) return false;
    return args.some((arg) => marks.some((mark) => arg.replace(/^--net=/, '').startsWith(mark)));
  });
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** Empty: it has ended, or is a thread of the kernel's. */
export function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function netInodeOf(pid: number): number | null {
  try {
    return Number(/^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1] ?? -1);
  } catch {
    return -1;
  }
}

function inodeOf(path: string): number | null {
  try {
    return statSync(path).ino;
  } catch {
    return null;
  }
}

function ancestors(): number[] {
  const chain: number[] = [];
  for (let pid: number | null = process.pid; pid !== null && pid > 1; pid = parentOf(pid))
    chain.push(pid);
  return chain;
}

function parentOf(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : Number(stat[1]);
}

/** Start time of a process in clock ticks since boot: with the pid, it names a process for ever. `null`: it is gone. */
export function startTimeOf(pid: number): string | null {
  return readStat(pid)?.[19] ?? null;
}

/** The fields of /proc/PID/stat after the command's name (proc(5)): state, parent, … */
function readStat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
