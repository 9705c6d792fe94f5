/** `make lab-shell HOST=a`: a shell where a host (or a pod) is; with CMD, one command line. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { labNameFromEnvironment } from './environment.ts';
import { runMain } from './interrupt.ts';
import { openLab } from './lab.ts';
import { folderOf, namespaceOf, namespacePath } from './names.ts';

await runMain(async () => {
  const lab = openLab(labNameFromEnvironment(process.env));
  const name = process.env.HOST || 'a';
  const pod = lab.hosts.flatMap((host) => host.pods).find((candidate) => candidate.name === name);
  const env = pod ? {} : lab.host(name).env;

  const shell = process.env.CMD
    ? ['bash', '-c', process.env.CMD]
    : ['bash', '--rcfile', promptFile(lab.name, name)];
  // Not through make's own variables: HOST and LAB would be taken for the shell's.
  const { HOST, CMD, MAKEFLAGS, MFLAGS, MAKELEVEL, ...rest } = process.env;
  const { status, error } = spawnSync(
    'nsenter',
    [`--net=${namespacePath(namespaceOf(lab.name, name))}`, '--', ...shell],
    { stdio: 'inherit', env: { ...rest, ...env } },
  );
  if (error) throw error;
  process.exitCode = status ?? 1;
});

/** bash reads the user's own file and then puts lab and host before the prompt. */
function promptFile(lab: string, host: string): string {
  const file = `${folderOf(lab)}/bashrc-${host}`;
  writeFileSync(file, `[ ! -f ~/.bashrc ] || . ~/.bashrc\nPS1='(${lab} ${host}) \\w\\$ '\n`);
  return file;
}
