/** FOU, foo over UDP: a UDP port whose datagrams the kernel takes for IPv4 packets (`ip fou`, protocol 4). */

export interface FouPort {
  /** The only one that it takes what is sent to. */
  readonly address: string;
  /** Host byte order. */
  readonly port: number;
}

/**
 * The name of a chain in our nft table that says whose a FOU port is: the kernel keeps no name for one, and the device
 * that it is for may have been deleted.
 */
export function chainOfFou({ address, port }: FouPort): string {
  return `fou_${address}_${port}`;
}

/** The FOU port that a chain's name tells; null: none. */
export function fouOfChain(chain: string): FouPort | null {
  const [, address, port] = /^fou_([\d.]+)_(\d+)$/.exec(chain) ?? [];
  return address === undefined || port === undefined ? null : { address, port: Number(port) };
}
