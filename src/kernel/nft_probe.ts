/** Whether the host's nftables can do what is asked for. */
import { TartanError } from '../errors.ts';
import type { NftWish } from './contract.ts';
import { runNft } from './iproute.ts';

/** What is asked of it: by whom, how that is tried, and what else can be done. */
const WISHES = {
  masquerade: {
    option: '--ip-masq',
    trial: 'type nat hook postrouting priority srcnat; masquerade fully-random;',
    needs: 'nftables and its masquerade (CONFIG_NFT_MASQ)',
    otherwise: 'leave --ip-masq out, and masquerade by rules of your own',
  },
  apart: {
    option: '--networks',
    trial:
      'type filter hook forward priority filter; ip saddr { 192.0.2.0/24, 198.51.100.0/24 } drop;',
    needs: 'nftables (CONFIG_NF_TABLES_IPV4)',
    otherwise:
      'start one `tartan run --network` for each, which keeps nothing from passing between them',
  },
} as const satisfies Record<NftWish, object>;

/** Why it cannot be had here; null: nothing that can be told beforehand. */
export async function probeNft(wish: NftWish): Promise<TartanError | null> {
  const { option, trial, needs, otherwise } = WISHES[wish];
  try {
    // Checked alone: the kernel takes it all and lets go of it.
    await runNft(`table ip probe { chain probe { ${trial} }; }`, { isTrial: true });
    return null;
  } catch (cause) {
    if (!(cause instanceof TartanError)) throw cause;
    const { code, message, hint } = cause;
    return new TartanError(
      'MISSING',
      `${option}: ${message}`,
      code === 'MISSING' ? hint : `It takes a kernel with ${needs}. Or ${otherwise}.`,
      { cause },
    );
  }
}
