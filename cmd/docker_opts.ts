#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { resolve } from 'node:path';
import { writeDockerOpts } from '../src/agent/docker_opts.ts';
import { runCommand } from './process.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('docker-opts', argv, ({ options }) => {
    const {
      individual,
      combined,
      'combined-key': combinedKey,
      'omit-ip-masq': omitIpMasq,
    } = options;
    const places = {
      subnetFile: resolve(options['subnet-file']),
      dockerEnv: resolve(options['docker-env']),
    };
    const request = { individual, combined, combinedKey, omitIpMasq };
    return writeDockerOpts(places, request, process.env);
  });
}

if (import.meta.main) await main(process.argv.slice(2));
