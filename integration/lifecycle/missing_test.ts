import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CHECKOUT, type Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import {
  assertJsonError,
  assertTwoLines,
  hostsOf,
  initConfig,
  lacks,
  type Refusal,
  storedLeases,
} from './support.ts';

let lab: Lab;
let a: Host;
let untouched: Fingerprint;
beforeEach(async () => {
  lab = await createLab({ name: 'lifemissing', hosts: 1, pods: 0 });
  [a] = hostsOf(lab);
  await initConfig(lab);
  untouched = fingerprint(a);
});
afterEach(() => lab.destroy());

/** A command that cannot work leaves nothing behind but perhaps its lock, and takes no lease. */
async function assertUnchanged(): Promise<void> {
  const { files, ...rest } = fingerprint(a);
  const { files: filesBefore, ...before } = untouched;
  assert.deepEqual(rest, before);
  assert.deepEqual(files, filesBefore);
  assert.deepEqual(await storedLeases(lab), []);
}

/** Runs a shell line that ends with a tartan command, as people see it and as JSON. */
async function assertShellRefuses(
  line: string,
  refusal: Refusal,
  checkout = TARTAN,
): Promise<void> {
  const run = (flags: string) =>
    a.shell(line.replace('tartan join', `${checkout} join ${flags}`), { mayFail: true });
  assertTwoLines(await run(''), refusal);
  assertJsonError(await run('--json'), refusal);
}

describe('privilege', () => {
  const refusal = (missing: string): Refusal => ({
    exit: 1,
    code: 'PERMISSION',
    message: new RegExp(`not enough privilege: ${missing} missing`),
    hint: /root.*capabilities/,
  });

  it('not root', { skip: lacks('setpriv') }, async () => {
    const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --';
    await assertShellRefuses(`${nobody} tartan join`, refusal('CAP_NET_ADMIN'));
    await assertUnchanged();
  });

  it('root without a capability', { skip: lacks('capsh') }, async () => {
    await assertShellRefuses(
      `capsh --drop=cap_net_admin -- -c 'tartan join'`,
      refusal('CAP_NET_ADMIN'),
    );
    await assertUnchanged();
  });
});

describe('what is missing', () => {
  it('FOU, for udp in kernel mode', async () => {
    await initConfig(lab, { Network: '10.5.0.0/16', Backend: { Type: 'udp' } });
    untouched = fingerprint(a);
    const { stdout: ip } = await a.shell('command -v ip');
    const without = `${folderOf(lab.name)}/without`;
    mkdirSync(without);
    // As where the kernel has none.
    const script = `#!/bin/sh
case "$*" in *fou*) echo 'RTNETLINK answers: No such file or directory' >&2; exit 255 ;; esac
exec ${ip.trim()} "$@"
`;
    writeFileSync(`${without}/ip`, script, { mode: 0o755 });
    await assertShellRefuses(`PATH=${without}:$PATH FLANNELD_DATAPLANE=kernel tartan join`, {
      exit: 1,
      code: 'MISSING',
      message: /by itself, without fou: .*No such file/,
      hint: /modprobe fou.*--dataplane bpf.*--dataplane user/,
    });
    rmSync(without, { recursive: true });
    await assertUnchanged();
  });

  it('nft, for --ip-masq', async () => {
    const broken = `${folderOf(lab.name)}/broken`;
    mkdirSync(broken);
    writeFileSync(`${broken}/nft`, '#!/bin/sh\necho "Error: not supported" >&2; exit 1\n', {
      mode: 0o755,
    });
    await assertShellRefuses(`PATH=${broken}:$PATH tartan join --ip-masq`, {
      exit: 1,
      code: 'MISSING',
      message: /--ip-masq: nft .*not supported/,
      hint: /CONFIG_NFT_MASQ/,
    });
    rmSync(broken, { recursive: true });
    await assertUnchanged();
  });

  it('libbpf', { skip: lacks('unshare') }, async () => {
    const { stdout } = await a.shell('ldconfig -p | sed -n "s/.*libbpf.so.1 .* => //p"');
    const [library] = stdout.trim().split('\n');
    assert(library, 'libbpf.so.1 is known to the linker');
    // Debian's ip needs it too, and is to find it all the same.
    const kept = `${folderOf(lab.name)}/kept`;
    mkdirSync(kept);
    copyFileSync(library, `${kept}/libbpf.so.1`);
    for (const tool of ['ip', 'bridge']) {
      const { stdout: path } = await a.shell(`command -v ${tool}`);
      const script = `#!/bin/sh\nLD_LIBRARY_PATH=${kept} exec ${path.trim()} "$@"\n`;
      writeFileSync(`${kept}/${tool}`, script, { mode: 0o755 });
    }
    await assertShellRefuses(
      `PATH=${kept}:$PATH unshare -m sh -c 'mount --bind /dev/null ${library} && exec tartan join'`,
      {
        exit: 1,
        code: 'MISSING',
        message: /cannot load libbpf: .*libbpf\.so\.1/,
        hint: /libbpf1/,
      },
    );
    await assertUnchanged();
  });

  it('the object that has not been built', async () => {
    const copy = copyCheckout(['bin', 'cmd', 'src', 'package.json']);
    await assertShellRefuses(
      'tartan join',
      {
        exit: 1,
        code: 'MISSING',
        message: /not been built: there is no build\/bpf\/vxlan\.o/,
        hint: /make bpf.*clang/,
      },
      `${copy}/bin/tartan`,
    );
    await assertUnchanged();
  });

  it('clang', { skip: lacks('make') }, async () => {
    const copy = copyCheckout(['Makefile', 'bpf']);
    const bin = `${copy}/few`;
    mkdirSync(bin);
    for (const tool of ['make', 'sh', 'bash', 'uname', 'mkdir', 'sed', 'awk', 'echo']) {
      const { stdout } = await a.shell(`command -v ${tool}`);
      symlinkSync(stdout.startsWith('/') ? stdout.trim() : `/bin/${tool}`, `${bin}/${tool}`);
    }
    const { code, stderr } = await a.shell(`PATH=${bin} ${bin}/make -C ${copy} bpf`, {
      mayFail: true,
    });
    assert.notEqual(code, 0);
    assert.match(stderr, /clang is missing: make setup/);
    assert(!existsSync(`${copy}/build/bpf/vxlan.o`));
  });

  it('iproute2', async () => {
    const bin = `${folderOf(lab.name)}/few`;
    mkdirSync(bin);
    for (const tool of ['sh', 'readlink', 'uname']) {
      const { stdout } = await a.shell(`command -v ${tool}`);
      symlinkSync(stdout.trim(), `${bin}/${tool}`);
    }
    const hide = 'for folder in /usr/sbin /sbin; do mount -t tmpfs tmpfs $folder; done';
    await assertShellRefuses(`unshare -m sh -c '${hide}; PATH=${bin} exec tartan join'`, {
      exit: 1,
      code: 'MISSING',
      message: /the command ip is missing: .*PATH.*\/usr\/sbin/,
      hint: /iproute2/,
    });
    await assertUnchanged();

    // A PATH without it is no reason to fail, where it lies where Debian has it.
    const { code, stderr } = await a.shell(`PATH=${bin} ${TARTAN} join`, { mayFail: true });
    assert.equal(code, 0, stderr);
    await a.tartan(['teardown']);
  });

  /** Parts of the checkout in a folder of its own. */
  function copyCheckout(parts: readonly string[]): string {
    const copy = `${folderOf(lab.name)}/checkout`;
    for (const part of parts) cpSync(`${CHECKOUT}/${part}`, `${copy}/${part}`, { recursive: true });
    symlinkSync(`${CHECKOUT}/node_modules`, `${copy}/node_modules`);
    return copy;
  }
});
