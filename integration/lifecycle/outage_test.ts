/** The store is away for a while: `OUTAGE_SECONDS=600` for ten minutes. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cuts, createCuts } from '../../chaos/cuts.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab } from '../../lab/lab.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { type Pinging, startPinging } from '../../lab/pinging.ts';
import { readPodNetwork } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { waitForPing } from '../../lab/traffic.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import { grantAnew, lacks, peersInKernel, storedLeases } from './support.ts';
import { startWatch } from './watching.ts';

const OUTAGE_SECONDS = readSeconds(process.env.OUTAGE_SECONDS || '8');

/** A lease so short runs out during the outage, and not before. */
const SHORT_SECONDS = OUTAGE_SECONDS < 60 ? 5 : 15;

/** What is due after so long is due in the middle of it, whatever part of it is left to chance. */
const DUE_SECONDS = Math.ceil(OUTAGE_SECONDS / 2) + 1;

const MARGIN_SECONDS = 3600;

const CUT_OFF = 'not to be reached';

/**
 * Of a cut so long every connection dies, for what it sends to see whether anybody is there has had no answer: all is told
 * anew. A shorter one it may outlive: then the changes come by it, and no list.
 */
const NOTICED_SECONDS = 25;

/** Of a host that joins during the cut. */
const NEWCOMER = { subnet: '10.5.250.0/24', address: '192.168.77.99' };

/** The pauses between tries have grown to 30 s. */
const RETRIED = { limitSeconds: 45 };

describe(`etcd away for ${OUTAGE_SECONDS} s`, {
  skip: lacks('etcd', 'etcdctl', 'nft'),
  timeout: 2 * (OUTAGE_SECONDS + 120) * 1000,
}, () => {
  let lab: Lab;
  let cuts: Cuts;
  beforeEach(async () => {
    lab = await createLab({ name: 'outage', hosts: 3, store: 'etcd' });
    await joinAll(lab);
    cuts = await createCuts(lab);
  });
  afterEach(() => lab.destroy());

  const subnetOf = (host: Host) => readPodNetwork(host).gateway.replace('.1/', '.0/');

  /** From every pod to every other. */
  async function pingAll(): Promise<Pinging[]> {
    const pods = lab.hosts.flatMap((host) => host.pods);
    const pairs = pods.flatMap((from) => pods.flatMap((to) => (from === to ? [] : [[from, to]])));
    await Promise.all(pairs.map(([from, to]) => from && to && waitForPing(from, to.address)));
    return pairs.flatMap(([from, to]) => (from && to ? [startPinging(from, to.address)] : []));
  }

  const putNewcomer = () =>
    lab.etcd?.ctl(['put', `/coreos.com/network/subnets/${NEWCOMER.subnet.replace('/', '-')}`], {
      input: `{"PublicIP":"${NEWCOMER.address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}`,
    });

  const outages = {
    /** A server that starts anew gives all leases their whole time again. */
    'killed and started again': {
      begin: () => lab.etcd?.stop('SIGKILL'),
      end: () => lab.etcd?.start(),
    },
    /** Goes on meanwhile, and leases end; nobody answers who asks. */
    [CUT_OFF]: {
      begin: () => forAll(cuts.cut),
      end: () => forAll(cuts.mend),
    },
  };
  const forAll = (change: Cuts['cut']) =>
    Promise.all(lab.hosts.map(({ address }) => change(address, lab.topology.service.address)));

  for (const [how, { begin, end }] of Object.entries(outages)) {
    it(`${how}: no packet lost, peers kept whose leases ran out, renewals go on`, async () => {
      const [a, b, c] = lab.hosts as [Host, Host, Host];
      const [subnetA, subnetB, subnetC] = [a, b, c].map(subnetOf) as [string, string, string];
      const pinging = await pingAll();
      await grantAnew(lab, subnetA, MARGIN_SECONDS + DUE_SECONDS);
      await using watchA = await startWatch(a, ['--reconcile-interval', '2']);
      await using watchB = await startWatch(b);
      // Nobody renews this one.
      const isCutOff = how === CUT_OFF;
      const grant = await grantAnew(lab, subnetC, isCutOff ? 3600 : SHORT_SECONDS);
      await begin();
      if (isCutOff) {
        // As etcd itself does when a lease's time is over.
        await lab.etcd?.ctl(['lease', 'revoke', grant]);
        await putNewcomer();
      }
      const newcomers = isCutOff ? { [NEWCOMER.subnet]: NEWCOMER.address } : {};
      const startedAt = performance.now();
      const [fromA, fromB] = [watchA, watchB].map(({ events }) => events().length);

      await delay(OUTAGE_SECONDS * 1000);
      const peers = { [subnetB]: b.address, [subnetC]: c.address };
      assert.deepEqual(peersInKernel(a), peers, 'kept');
      assert.deepEqual(Object.keys(peersInKernel(b)).sort(), [subnetA, subnetC].sort(), 'kept');
      const during = watchA.events().slice(fromA);
      assert.deepEqual(
        during.filter(({ type }) => type !== 'error'),
        [],
      );
      assert(during.length <= 1, `told once: ${JSON.stringify(during)}`);
      const tallies = await Promise.all(pinging.map((each) => each.stop()));
      const awayMs = performance.now() - startedAt;
      await end();

      const [sent, lost] = tallies.reduce(
        ([all, missing], tally) => [all + tally.answered, missing + tally.lost],
        [0, 0],
      );
      console.log(`${how}: ${(awayMs / 1000).toFixed(0)} s, ${sent} pings answered, ${lost} lost`);
      assert.equal(lost, 0, 'pings lost');
      assert(sent > 6 * 10 * OUTAGE_SECONDS, `${sent} pings in all`);

      const backIn = { limitSeconds: 30 };
      for (const [watching, from] of [
        [watchA, fromA],
        [watchB, fromB],
      ] as const) {
        const told = () => watching.events().slice(from);
        const tells = (type: string, subnet: string) =>
          told().some((event) => event.type === type && event.subnet === subnet);
        await waitFor('c is gone: the store has said so', () => tells('removed', subnetC), backIn);
        for (const subnet of Object.keys(newcomers)) {
          await waitFor('who joined meanwhile', () => tells('added', subnet), backIn);
        }
        if (!isCutOff || OUTAGE_SECONDS > NOTICED_SECONDS) {
          await waitFor('told anew', () => told().some(({ type }) => type === 'synced'));
        }
        await waitFor('the end of what failed', () => isOver(told()), RETRIED);
        assert.equal(told().filter(({ type }) => type === 'lost').length, 0);
        assert(told().filter(({ type }) => type === 'error').length <= 1, JSON.stringify(told()));
      }
      assert.deepEqual(peersInKernel(a), { [subnetB]: b.address, ...newcomers });
      assert.deepEqual(peersInKernel(b), { [subnetA]: a.address, ...newcomers });
      await waitFor(
        'a is renewed',
        () =>
          watchA
            .events()
            .slice(fromA)
            .some(({ type }) => type === 'renewed'),
        RETRIED,
      );
      const stored = (await storedLeases(lab)).map(({ subnet }) => subnet).sort();
      assert.deepEqual(stored, [subnetA, subnetB, ...Object.keys(newcomers)].sort());
    });
  }

  it('a renewal that waits for an answer keeps nothing else waiting', async () => {
    const [a] = lab.hosts as [Host];
    await grantAnew(lab, subnetOf(a), MARGIN_SECONDS + 8);
    await using watching = await startWatch(a, ['--reconcile-interval', '3600']);
    await forAll(cuts.cut);
    await delay(9_000);
    assert(!watching.events().some(({ type }) => type === 'renewed'), 'not renewed yet');
    for (let damage = 0; damage < 3; damage += 1) {
      const seen = watching.events().length;
      const startedAt = performance.now();
      await a.exec(['ip', 'link', 'del', 'flannel.1']);
      await watching.event('reconciled', seen);
      const tookMs = performance.now() - startedAt;
      assert(tookMs < 2_000 * PATIENCE, `in step after ${tookMs} ms`);
    }
    await forAll(cuts.mend);
    await waitFor(
      'the renewal',
      () => watching.events().some(({ type }) => type === 'renewed'),
      RETRIED,
    );
  });
});

/** Whether the store has been told to answer again since it was told not to. */
function isOver(told: readonly WatchEvent[]): boolean {
  const types = told.map(({ type }) => type);
  const answered = Math.max(types.lastIndexOf('synced'), types.lastIndexOf('renewed'));
  return answered >= types.lastIndexOf('error');
}

function readSeconds(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new Error(`OUTAGE_SECONDS=${text}: must be 1 to 9999`);
}
