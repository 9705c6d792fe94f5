/** placeholder: the helper for net fills this file in; the interface below is fixed. */
export interface Prefix {
  readonly family: 'ipv4';
  /** The network's address as an unsigned 32-bit number, host bits zero. */
  readonly address: number;
  /** Prefix length in bits, 0 to 32. */
  readonly length: number;
}
