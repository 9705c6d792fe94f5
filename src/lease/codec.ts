/**
 * Leases as flannel spells them in the store: a key for the subnet, a JSON value for the attributes. The value is
 * what Go's encoding/json makes of flannel's LeaseAttrs: field order matters, `PublicIPv6` is always there,
 * `BackendType` and `BackendData` only where they are not empty.
 */
import { messageOf, TartanError } from '../errors.ts';
import { formatIpv4, isIpv4, parseIpv4 } from '../net/ipv4.ts';
import { isMac, normalizeMac } from '../net/mac.ts';
import { type Prefix, prefixOf } from '../net/prefix.ts';
import { fieldsOf, type JsonFields } from './json_fields.ts';
import type { LeaseAttributes, VxlanData } from './lease.ts';

/** VNIs have 24 bits (RFC 7348, section 5). */
const MAX_VNI = 0xff_ffff;
/** What flannel's vxlan used before it published a VNI: its default. */
const UNPUBLISHED_VNI = 1;

const SUBNET_KEY = /^([0-9.]+)-(0|[1-9][0-9]?)$/;
/** What an IPv4 subnet is read from at all: also at the head of a dual-stack key, `10.5.52.0-24&fd00:12:13::-56`. */
const LOOSE_SUBNET_KEY = /^([0-9.]+)-(0|[1-9][0-9]?)(&|$)/;

/** The last part of a lease's key: `10.5.52.0-24`. */
export function encodeSubnetKey(subnet: Prefix): string {
  return `${formatIpv4(subnet.address)}-${subnet.length}`;
}

/**
 * Reads the last part of a lease's key.
 * @returns null unless it is spelled exactly as {@link encodeSubnetKey} does: one subnet, one key
 */
export function decodeSubnetKey(key: string): Prefix | null {
  const subnet = readSubnet(SUBNET_KEY, key);
  return subnet !== null && encodeSubnetKey(subnet) === key ? subnet : null;
}

/**
 * The IPv4 subnet that a key lays claim to although we cannot use it (host bits set, dual stack): whoever wrote it may
 * use the subnet, so it is not handed out.
 */
export function claimedSubnet(key: string): Prefix | null {
  return readSubnet(LOOSE_SUBNET_KEY, key);
}

function readSubnet(pattern: RegExp, key: string): Prefix | null {
  const [, address = '', length = ''] = pattern.exec(key) ?? [];
  if (!isIpv4(address) || Number(length) > 32) return null;
  return prefixOf(parseIpv4(address), Number(length));
}

/** The value of a lease, byte for byte as flannel writes it. */
export function encodeAttributes(attributes: LeaseAttributes): string {
  return JSON.stringify({
    PublicIP: attributes.publicIp,
    PublicIPv6: attributes.publicIpv6,
    BackendType: attributes.backendType === '' ? undefined : attributes.backendType,
    BackendData: attributes.vxlan && {
      VNI: attributes.vxlan.vni,
      VtepMAC: attributes.vxlan.vtepMac,
    },
  });
}

/**
 * Reads the value of a lease as Go's decoder would: keys in any case, unknown ones ignored. Old values without
 * `PublicIPv6` or `VNI` are accepted.
 * @throws TartanError `STORE_FAILED` with what is wrong with it
 */
export function decodeAttributes(text: string): LeaseAttributes {
  const fields = fieldsOf(parseJson(text));
  if (fields === null) throw unusable(text, 'not an object');

  const publicIp = fields.get('publicip');
  if (typeof publicIp !== 'string' || !isIpv4(publicIp) || parseIpv4(publicIp) === 0) {
    throw unusable(text, `PublicIP ${quote(publicIp)} is not the IPv4 address of a host`);
  }
  const publicIpv6 = fields.get('publicipv6') ?? null;
  if (publicIpv6 !== null && typeof publicIpv6 !== 'string') {
    throw unusable(text, `PublicIPv6 ${quote(publicIpv6)} is not text`);
  }
  const backendType = fields.get('backendtype') ?? '';
  if (typeof backendType !== 'string') {
    throw unusable(text, `BackendType ${quote(backendType)} is not text`);
  }

  const attributes = { publicIp, publicIpv6, backendType };
  if (backendType !== 'vxlan') return attributes;
  return { ...attributes, vxlan: decodeVxlanData(text, fieldsOf(fields.get('backenddata'))) };
}

function decodeVxlanData(text: string, fields: JsonFields | null): VxlanData {
  if (fields === null) throw unusable(text, 'BackendData is not an object');
  const vtepMac = fields.get('vtepmac');
  if (typeof vtepMac !== 'string' || !isMac(vtepMac)) {
    throw unusable(text, `VtepMAC ${quote(vtepMac)} is not a MAC address`);
  }
  const vni = fields.get('vni') ?? UNPUBLISHED_VNI;
  if (!Number.isInteger(vni) || Number(vni) < 0 || Number(vni) > MAX_VNI) {
    throw unusable(text, `VNI ${quote(vni)} is not a number from 0 to ${MAX_VNI}`);
  }
  return { vni: Number(vni), vtepMac: normalizeMac(vtepMac) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(text, `not JSON (${messageOf(cause)})`);
  }
}

function unusable(text: string, reason: string): TartanError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new TartanError(
    'STORE_FAILED',
    `a lease's value is unusable: ${reason}, in ${JSON.stringify(shown)}`,
    'Find out who wrote it, and remove the key if nobody needs it.',
  );
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? '(absent)';
}
