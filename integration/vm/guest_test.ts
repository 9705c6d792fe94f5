import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CHECKOUT } from '../../lab/host.ts';
import { start } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { GuestError, runInGuest } from '../../lab/vm/guest.ts';
import { makeRunFolder } from '../../lab/vm/share.ts';
import { missing } from './requirements.ts';

/** What a module is needed for, made in a namespace. */
const DEVICES = [
  'vxlan external vnifilter nolearning dstport 8472',
  'veth',
  'bridge',
  'dummy',
  'wireguard',
  'ipip remote 192.0.2.1 local 192.0.2.2',
  'xfrm if_id 7',
];

describe('a guest', { skip: missing(), concurrency: 2 }, () => {
  it('runs another kernel, as root in the checkout, and passes output and status through', async () => {
    const { code, stdout, stderr } = await inGuest(
      'uname -r; pwd; id -u; printf "%s" "no end of line"; echo trouble >/dev/stderr; exit 42',
    );
    assert.equal(code, 42);
    const [kernel, ...rest] = stdout.split('\n');
    assert.notEqual(kernel, release());
    assert.deepEqual(rest, [CHECKOUT, '0', 'no end of line']);
    assert.equal(stderr, 'trouble\n');
  });

  it('keeps what it writes to itself, except in the share', async () => {
    await using run = makeRunFolder();
    const files = [`${CHECKOUT}/README.md`, `${CHECKOUT}/written`, '/tmp/written', '/run/written'];
    const before = readFileSync(`${CHECKOUT}/README.md`, 'utf8');
    const command = files.map((file) => `echo x >${file} && `).join('');
    const { code } = await inGuest(`${command} echo kept >/run/vm/kept`, { run });
    assert.equal(code, 0);
    assert.equal(readFileSync(`${CHECKOUT}/README.md`, 'utf8'), before);
    assert.deepEqual(files.filter(existsSync), [files[0]]);
    assert.equal(readFileSync(`${run.share}/kept`, 'utf8'), 'kept\n');
  });

  it('loads modules on demand, from within namespaces', async () => {
    const lines = DEVICES.map((kind, at) => `ip -n x link add dev${at} type ${kind}`);
    const command = [
      'set -e; ip netns add x;',
      ...lines,
      'nsenter --net=/run/netns/x nft -f - <<EOF',
      'table ip t { chain c { type nat hook postrouting priority 100; ct state new masquerade; }; }',
      'EOF',
      'tc -n x qdisc add dev dev0 clsact',
      'tc -n x filter add dev dev0 egress matchall action gact drop',
      'ip -n x xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel \\',
      "  aead 'rfc4106(gcm(aes))' 0x0123456789012345678901234567890123456789 128",
    ].join('\n');
    const { code, stderr } = await inGuest(command);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  it('is killed when it hangs', async () => {
    const from = performance.now();
    await assert.rejects(inGuest('echo waiting; sleep 1000', { limitSeconds: 8 }), (error) => {
      assert(error instanceof GuestError);
      assert.match(error.message, /^guest test: killed after 8 s/);
      return true;
    });
    assert(performance.now() - from < 12_000);
  });

  it('that panics ends at once, and shows what the kernel said', async () => {
    await assert.rejects(inGuest('echo c >/proc/sysrq-trigger; sleep 1000'), (error) => {
      assert(error instanceof GuestError);
      assert.match(error.message, /^guest test: died/);
      assert.match(error.message, /Kernel panic - not syncing: sysrq triggered crash/);
      return true;
    });
  });

  it('ends when its command does, whatever that has left running', async () => {
    const { code, stdout } = await inGuest('echo done; sleep 1000 & disown');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'done\n' });
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`leaves nothing after ${signal}`, async () => {
      using master = startMaster();
      await master.isUp();
      const result = await master.stop(signal);
      assert.equal(result.code, code);
      assert.deepEqual(master.left(), { folders: [], processes: [] });
    });
  }

  it('does not outlive its master, though that is killed', async () => {
    using master = startMaster();
    await master.isUp();
    await master.stop('SIGKILL');
    await waitFor('qemu has ended', () => master.left().processes.length === 0);
  });
});

async function inGuest(
  command: string,
  options: { run?: ReturnType<typeof makeRunFolder>; limitSeconds?: number } = {},
) {
  await using own = makeRunFolder();
  const said = { stdout: '', stderr: '' };
  const { code } = await runInGuest(options.run ?? own, {
    ...{ name: 'test', command, limitSeconds: options.limitSeconds ?? 60 },
    onStdout: (text) => {
      said.stdout += text;
    },
    onStderr: (text) => {
      said.stderr += text;
    },
  });
  return { code, ...said };
}

/** `make vm` with a command that never ends, and all that it makes in a folder of its own. */
function startMaster() {
  const TMPDIR = mkdtempSync(join(tmpdir(), 'vmtest-'));
  const running = start([`${CHECKOUT}/scripts/node`, `${CHECKOUT}/lab/vm/main.ts`], {
    env: { TMPDIR, CMD: 'echo up; sleep 1000' },
  });
  return {
    isUp: () => waitFor('the guest is up', () => running.stdout() === 'up\n', { limitSeconds: 30 }),
    stop: (signal: NodeJS.Signals) => running.stop(signal),
    left: () => ({ folders: readdirSync(TMPDIR), processes: processesWith(TMPDIR) }),
    [Symbol.dispose]: () => rmSync(TMPDIR, { recursive: true }),
  };
}

/** Processes that have a text on their command line. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}
