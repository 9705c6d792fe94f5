/** The kernel's IPv4 addresses, by rtnetlink(7). */
import { attributesOf, dump } from '../netlink_request.ts';

/** <linux/rtnetlink.h>, <linux/if_addr.h> */
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** `struct ifaddrmsg`: family, prefix length, flags, scope, index. */
const HEADER_BYTES = 8;
const LENGTH_AT = 1;
const INDEX_AT = 4;
const AF_INET = 2;

export interface AddressRecord {
  /** The device's. */
  readonly index: number;
  /** An unsigned 32-bit number. */
  readonly address: number;
  readonly prefixLength: number;
}

/**
 * The IPv4 addresses of this process's network namespace, those of one device in the kernel's order.
 * @throws SystemError
 */
export function readAddressRecords(): AddressRecord[] {
  const body = Buffer.alloc(HEADER_BYTES);
  body.writeUInt8(AF_INET, 0);
  return dump('list addresses', { type: RTM_GETADDR, body }).flatMap((message) => {
    if (message.readUInt8(0) !== AF_INET) return [];
    const attributes = attributesOf(message.subarray(HEADER_BYTES));
    const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    if (address === undefined) return [];
    return {
      index: message.readUInt32LE(INDEX_AT),
      address: address.readUInt32BE(),
      prefixLength: message.readUInt8(LENGTH_AT),
    };
  });
}
