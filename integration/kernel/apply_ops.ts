/** Carries out the ops that standard input holds, as JSON: a process of its own, so that it can be killed. */
import { statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { openKernel } from '../../src/kernel/kernel.ts';
import type { Op } from '../../src/plan/op.ts';
import { NETWORK } from './member.ts';

const bpffs = process.argv[2] ?? '';
const networkNamespace = statSync('/proc/self/ns/net').ino;
const kernel = openKernel({ network: NETWORK, bpffs, networkNamespace });
for (const op of JSON.parse(await text(process.stdin)) as Op[]) await kernel.apply(op);
