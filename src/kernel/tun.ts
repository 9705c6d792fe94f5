/** The TUN device of user mode. */
import { open } from 'node:fs/promises';
import { messageOf, TartanError } from '../errors.ts';
import { CLONE_DEVICE } from '../sys/tun.ts';
import { loadModule } from './modules.ts';

/** Without udev the file is there only once the module is loaded. */
export async function probeTun(): Promise<TartanError | null> {
  try {
    await tryTun().catch(() => loadModule('tun').then(tryTun));
    return null;
  } catch (cause) {
    return new TartanError(
      'MISSING',
      `user mode takes a TUN device: ${messageOf(cause)}`,
      `Load its module (\`modprobe tun\`), or give the container ${CLONE_DEVICE}.`,
      { cause },
    );
  }
}

async function tryTun(): Promise<void> {
  await (await open(CLONE_DEVICE, 'r+')).close();
}
