/** The TUN device of user mode. */
import { open } from 'node:fs/promises';
import { messageOf, TartanError } from '../errors.ts';
import { CLONE_DEVICE } from '../sys/tun.ts';

/** Opening it has the kernel load its module, where the file is there. */
export async function probeTun(): Promise<TartanError | null> {
  try {
    await (await open(CLONE_DEVICE, 'r+')).close();
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
