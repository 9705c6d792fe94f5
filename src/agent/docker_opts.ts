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
  const changed = await writeAtomically(dockerEnv, text, MODE);
  return { file: dockerEnv, bip, mtu, leavesMasquerade, changed };
}
