import { realpath, stat } from 'node:fs/promises';
import { TartanError } from '../errors.ts';
import { type DockerOptsRequest, dockerOpts, type Variables } from '../lease/docker_opts.ts';
import { readIfPresent, writeAtomically } from './atomic_file.ts';

/** What `docker-opts` prints. Keys may be added, never renamed. */
export interface DockerOptsReport {
  readonly file: string;
  readonly bip: string;
  readonly mtu: number;
  /** Whether Docker is told to leave masquerade to the network. */
  readonly leavesMasquerade: boolean;
  readonly changed: boolean;
}

/** Everybody may read it, as the script leaves it by the usual umask. */
const MODE = 0o644;

/**
 * Writes what Docker's unit takes as its EnvironmentFile. Again changes nothing.
 * @throws TartanError `FILE` if subnet.env is not there or makes no sense: then Docker would choose a subnet of its own
 */
export async function writeDockerOpts(
  { subnetFile, dockerEnv }: { readonly subnetFile: string; readonly dockerEnv: string },
  request: DockerOptsRequest,
  environment: Variables,
): Promise<DockerOptsReport> {
  const subnetEnv = await readIfPresent(subnetFile);
  if (subnetEnv === null) {
    throw new TartanError(
      'FILE',
      `there is no ${subnetFile}`,
      'Run `tartan join` first, or name the file with --subnet-file.',
    );
  }
  const { text, bip, mtu, leavesMasquerade } = dockerOpts(subnetEnv, request, environment);
  const changed = await writeAtomically(await placeOf(dockerEnv), text, MODE);
  return { file: dockerEnv, bip, mtu, leavesMasquerade, changed };
}

/** Where the file lies that a link leads to. What is no file, such as /dev/stdout, must not be put a file in the place of. */
async function placeOf(path: string): Promise<string> {
  const stats = await stat(path).catch(() => null);
  if (stats === null) return path;
  if (stats.isFile()) return realpath(path);
  throw new TartanError(
    'FILE',
    `${path} is no regular file`,
    'Name another one with --docker-env.',
  );
}
