import { existsSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { bpffsOf, checkLabName, folderOf, LABS, namespaceOf, namespacesOf } from './names.ts';
import { PATIENCE } from './patience.ts';
import { buildersOf, processesIn } from './proc.ts';
import { run } from './process.ts';
import { waitFor } from './ready.ts';
import { TARTAN, tartanIn } from './tartan.ts';

const underway = new Map<string, Promise<void>>();

/**
 * Removes all that a lab's name leads to: processes in its namespaces, mounts, namespaces, files. Works after a crash
 * at any point, and when there is nothing.
 */
export async function destroyLab(lab: string): Promise<void> {
  checkLabName(lab);
  const running = underway.get(lab) ?? destroy(lab).finally(() => underway.delete(lab));
  underway.set(lab, running);
  await running;
}

async function destroy(lab: string): Promise<void> {
  // Where all is slow, all of it goes with the namespaces.
  if (PATIENCE === 1) await tearDownHosts(lab);
  // More than one round only where a killed creator's last command was still at work during the first.
  await waitFor(`lab ${lab} is gone`, () => removeAll(lab), { evenIfInterrupted: true });
}

/** Whether nothing is left; throws naming what is. */
async function removeAll(lab: string): Promise<true> {
  await endProcesses(lab);
  for (const mountPoint of mountsUnder(folderOf(lab))) await attempt(['umount', mountPoint]);
  const dels = namespacesOf(lab).map((name) => `netns del ${name}\n`);
  await attempt(['ip', '-force', '-batch', '-'], dels.join(''));
  const left = [...namespacesOf(lab), ...mountsUnder(folderOf(lab))];
  if (left.length > 0) throw new Error(`cannot be removed: ${left.join(', ')}`);
  rmSync(folderOf(lab), { recursive: true, force: true });
  removeIfEmpty(LABS);
  return true;
}

async function attempt(argv: readonly string[], input = ''): Promise<void> {
  await run(argv, { evenIfInterrupted: true, mayFail: true, input });
}

/** Asks tartan itself first. What fails here goes with the namespace. */
async function tearDownHosts(lab: string): Promise<void> {
  if (!existsSync(TARTAN)) return;
  const hosts = namespacesOf(lab)
    .map((namespace) => namespace.slice(namespaceOf(lab, '').length))
    .filter((name) => existsSync(`${folderOf(lab)}/${name}/state`));
  await Promise.all(
    hosts.map((name) => {
      const folder = `${folderOf(lab)}/${name}`;
      const env = {
        FLANNELD_STORE: `file:${folderOf(lab)}/store.db`,
        FLANNELD_BPFFS: `${bpffsOf(lab)}/${name}`,
        FLANNELD_STATE_DIR: `${folder}/state`,
        FLANNELD_SUBNET_FILE: `${folder}/subnet.env`,
      };
      return tartanIn(namespaceOf(lab, name), env).run(['teardown', '--keep-lease'], {
        evenIfInterrupted: true,
        mayFail: true,
        limitSeconds: 10,
      });
    }),
  );
}

/** SIGTERM, and SIGKILL for those that are still there after 2 s. */
async function endProcesses(lab: string): Promise<void> {
  const remaining = () => [...processesIn(namespacesOf(lab)), ...buildersOf(lab)];
  for (const [signal, limitSeconds] of [
    ['SIGTERM', 2],
    ['SIGKILL', 5],
  ] as const) {
    for (const pid of remaining()) kill(pid, signal);
    const gone = await waitFor(
      `processes of lab ${lab} have ended`,
      () => remaining().length === 0,
      {
        limitSeconds,
        evenIfInterrupted: true,
      },
    ).catch(() => false);
    if (gone) return;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/** Innermost first. */
function mountsUnder(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountPoint) => mountPoint.startsWith(`${folder}/`))
    .reverse();
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Other labs are there.
  }
}
