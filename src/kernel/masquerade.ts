/** Whether the host can masquerade. */
import { TartanError } from '../errors.ts';
import { runNft } from './iproute.ts';

/** Checked alone: the kernel takes it all and lets go of it. */
const TRIAL =
  'table ip probe { chain probe { type nat hook postrouting priority srcnat; masquerade fully-random; }; }';

/** Why nothing can be masqueraded here; null: nothing that can be told beforehand. */
export async function probeMasquerade(): Promise<TartanError | null> {
  try {
    await runNft(TRIAL, { isTrial: true });
    return null;
  } catch (cause) {
    if (!(cause instanceof TartanError)) throw cause;
    const { code, message, hint } = cause;
    return new TartanError(
      'MISSING',
      `--ip-masq: ${message}`,
      code === 'MISSING'
        ? hint
        : 'It takes a kernel with nftables and its masquerade (CONFIG_NFT_MASQ). Or leave --ip-masq out, and masquerade by rules of your own.',
      { cause },
    );
  }
}
