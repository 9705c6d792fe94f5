import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { requireOwnPort } from '../../src/agent/other_networks.ts';
import { statePath, writeState } from '../../src/agent/state_file.ts';
import { parseConfig } from '../../src/lease/config.ts';

const backendOf = (options: object) =>
  parseConfig(JSON.stringify({ Network: '10.5.0.0/16', Backend: options })).backend;

describe('the UDP port of another network', () => {
  let stateDir: string;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'tartan-test-'));
    await remember('blue', 'udp', 8285);
    await remember('green', 'vxlan', 8472);
    await remember('old', 'udp');
  });
  after(() => rm(stateDir, { recursive: true }));

  const remember = (network: string, backend: string, port?: number) =>
    writeState(statePath(stateDir, network), {
      ...{ networkNamespace: 1, backend, interface: 'eth0', ...(port && { port }) },
      ...{ subnet: '10.6.1.0/24', publicIp: '192.168.64.3', vtepMac: null },
      ...{ bpffs: '/sys/fs/bpf', store: 'file:/net.db', subnetFile: `/run/${network}.env` },
    });
  const require = (options: object, underlay = 'eth0') =>
    requireOwnPort({ stateDir, network: 'default' }, backendOf(options), underlay);

  for (const [options, name, port] of [
    [{ Type: 'udp' }, 'blue', 8285],
    [{ Type: 'vxlan', Port: 8285 }, 'blue', 8285],
    [{ Type: 'udp', Port: 8472 }, 'green', 8472],
  ] as const) {
    it(`${JSON.stringify(options)} is refused, and both are named`, async () => {
      await assert.rejects(require(options), {
        code: 'CONFIG_INVALID',
        message: new RegExp(`UDP port ${port} is taken on eth0: this host's network "${name}"`),
        hint: /Backend\.Port/,
      });
    });
  }

  for (const [what, options, underlay] of [
    ['a port of its own', { Type: 'udp', Port: 8286 }],
    ['another interface', { Type: 'udp' }, 'eth1'],
    ['vxlan beside vxlan, which VNIs tell apart', { Type: 'vxlan', VNI: 2 }],
    ['no tunnel', { Type: 'host-gw' }],
  ] as const) {
    it(`${what} is let be`, () => require(options, underlay));
  }

  it('its own is no other', () =>
    requireOwnPort({ stateDir, network: 'blue' }, backendOf({ Type: 'udp' }), 'eth0'));
});
