/**
 * What each op does to the state that describes a host, with the rules that the kernel holds ops to. Nothing of how the
 * kernel works: only what the plan may rely on.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { ForwardChain } from '../../src/plan/forward.ts';
import type { FouLink } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import { hashFilter } from '../../src/plan/state.ts';
import {
  asMade,
  changeFilter,
  changeLink,
  generationOf,
  type Host,
  hasDevice,
  isAt,
  load,
  ourLink,
  programsOn,
  removeLink,
  setGeneration,
  unload,
  withTable,
  writable,
} from './model_host.ts';
import { changeTable } from './route_model.ts';

export function applyAll(host: Host, ops: readonly Op[]): Host {
  return ops.reduce(apply, host);
}

export function apply(host: Host, op: Op): Host {
  switch (op.op) {
    case 'link.add':
      assert(!hasDevice(host, op.link.name), `${op.link.name} exists`);
      return { ...host, links: [...host.links, asMade(op.link)] };
    case 'link.remove':
      return removeLink(host, op.name);
    case 'link.set':
      return changeLink(host, op.name, (link) => {
        const tuned = op.tuned ? { tuned: op.tuned } : {};
        const changed = { ...link, ...tuned, up: op.up ?? link.up, mtu: op.mtu ?? link.mtu };
        if (op.mac === undefined) return changed;
        assert(changed.kind === 'vxlan', 'would lose its neighbours');
        return { ...changed, mac: op.mac };
      });
    case 'vni.add':
      assert(programsOn(host, op.device) >= 2, 'packets would get in unchecked');
      return changeFilter(host, op.device, (link) => {
        assert.equal(link.vni, null);
        return { ...link, vni: op.vni };
      });
    case 'vni.remove':
      return changeFilter(host, op.device, (link) => {
        assert.equal(link.vni, op.vni);
        return { ...link, vni: null };
      });
    case 'fou.add': {
      const { fou } = op;
      const isFor = ({ port, underlayAddress }: FouLink) =>
        port === fou.port && underlayAddress === fou.address;
      const isKnown = host.links.some((link) => link.kind === 'fou' && isFor(link));
      assert(isKnown, 'nobody would know whose it is');
      return { ...host, fou: added(host.fou ?? [], [fou]) };
    }
    case 'fou.remove':
      return { ...host, fou: removed(host.fou ?? [], [op.fou]) };
    case 'address.add':
      assert(hasDevice(host, op.address.device));
      return { ...host, addresses: added(host.addresses, [op.address]) };
    case 'address.remove':
      return { ...host, addresses: removed(host.addresses, [op.address]) };
    case 'routes.add':
      for (const { device, blackhole } of op.routes) {
        assert(blackhole || ourLink(host, device).up, 'network is down');
      }
      return withTable(host, changeTable(host.table, op));
    case 'routes.replace':
      for (const { device } of op.routes) assert(hasDevice(host, device), `no device ${device}`);
      return withTable(host, changeTable(host.table, op));
    case 'routes.remove':
      return withTable(host, changeTable(host.table, op));
    case 'filter.write':
      return { ...host, filter: hashFilter(op.text) };
    case 'filter.remove':
      assert.notEqual(host.filter, null);
      return { ...host, filter: null };
    case 'forward.accept':
    case 'forward.withdraw': {
      const accepts = op.op === 'forward.accept' ? op.network : null;
      const { forwardChains = [] } = host;
      assert(forwardChains.some((at) => isChain(at, op) && at.accepts !== accepts));
      const change = (at: ForwardChain) => (isChain(at, op) ? { ...at, accepts } : at);
      return { ...host, forwardChains: forwardChains.map(change) };
    }
    case 'neighbors.write':
      for (const { device } of op.neighbors) assert(ourLink(host, device).up, 'would be lost');
      return {
        ...host,
        neighbors: written(host.neighbors, op.neighbors, ({ address }) => address),
      };
    case 'neighbors.remove':
      return { ...host, neighbors: removed(host.neighbors, op.neighbors) };
    case 'fdb.write':
      for (const { device } of op.fdb) assert.equal(ourLink(host, device).kind, 'classic');
      return { ...host, fdb: written(host.fdb, op.fdb, ({ mac }) => mac) };
    case 'fdb.remove':
      return { ...host, fdb: removed(host.fdb, op.fdb) };
    case 'bpf.load':
      return load(host, op);
    case 'traffic.copy':
      generationOf(host, op.from);
      writable(host, op.generation);
      return host;
    case 'bpf.unload':
      return unload(host, op.generation);
    case 'bpf.attach': {
      generationOf(host, op.generation);
      assert(hasDevice(host, op.attachment.device), `no device ${op.attachment.device}`);
      const others = host.attachments.filter((one) => !isAt(op.attachment, one));
      const attachment = { ...op.attachment, generation: op.generation };
      return { ...host, attachments: [...others, attachment] };
    }
    case 'bpf.detach': {
      const there = host.attachments.filter((one) => !isAt(op.attachment, one));
      assert.equal(there.length, host.attachments.length - 1, 'nothing to detach');
      return { ...host, attachments: there };
    }
    case 'settings.write': {
      const { device, underlay } = op.settings;
      for (const name of [device, underlay])
        assert(name === null || hasDevice(host, name), `no device ${name}`);
      const found = generationOf(host, op.generation);
      return setGeneration(host, op.generation, { ...found, settings: op.settings });
    }
    case 'endpoints.write': {
      const endpoints = new Map(writable(host, op.generation).endpoints);
      for (const endpoint of op.endpoints) endpoints.set(endpoint.address, endpoint);
      return setGeneration(host, op.generation, {
        ...generationOf(host, op.generation),
        endpoints,
      });
    }
    case 'endpoints.remove': {
      const endpoints = new Map(writable(host, op.generation).endpoints);
      for (const address of op.addresses) assert(endpoints.delete(address), 'nothing to remove');
      return setGeneration(host, op.generation, {
        ...generationOf(host, op.generation),
        endpoints,
      });
    }
    case 'peers.write': {
      const peers = new Map(writable(host, op.generation).peers);
      for (const peer of op.peers) peers.set(peer.subnet, peer);
      return setGeneration(host, op.generation, { ...generationOf(host, op.generation), peers });
    }
    case 'sources.settle': {
      const { strays: _, ...rest } = generationOf(host, op.generation);
      return setGeneration(host, op.generation, rest);
    }
    case 'peers.remove': {
      const peers = new Map(writable(host, op.generation).peers);
      for (const subnet of op.subnets) assert(peers.delete(subnet), `no peer ${subnet}`);
      return setGeneration(host, op.generation, { ...generationOf(host, op.generation), peers });
    }
  }
}

function isChain(at: ForwardChain, { by, chain }: Pick<ForwardChain, 'by' | 'chain'>): boolean {
  return at.by === by && at.chain === chain;
}

function added<T>(present: readonly T[], more: readonly T[]): T[] {
  for (const item of more) assert(!present.some((one) => isDeepStrictEqual(one, item)), 'exists');
  return [...present, ...more];
}

function removed<T>(present: readonly T[], fewer: readonly T[]): T[] {
  for (const item of fewer)
    assert(
      present.some((one) => isDeepStrictEqual(one, item)),
      'missing',
    );
  return present.filter((one) => !fewer.some((item) => isDeepStrictEqual(one, item)));
}

/** Each in the place of the one for the same address or MAC. */
function written<T extends { device: string }>(
  present: readonly T[],
  more: readonly T[],
  placeOn: (entry: T) => string,
): T[] {
  const isSame = (a: T, b: T) => a.device === b.device && placeOn(a) === placeOn(b);
  return [...present.filter((one) => !more.some((entry) => isSame(one, entry))), ...more];
}
