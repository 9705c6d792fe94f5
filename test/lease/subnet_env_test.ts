import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSubnetEnv, parseSubnetEnv } from '../../src/lease/subnet_env.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { aPrefix } from '../arbitraries.ts';

const NETWORK = parsePrefix('10.5.0.0/16');
const SUBNET = parsePrefix('10.5.52.0/24');
const BYTES = `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.52.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`;

test('the file is byte for byte as flannel writes it', () => {
  const env = { network: NETWORK, subnet: SUBNET, mtu: 1450, ipMasq: false };
  assert.equal(formatSubnetEnv(env), BYTES);
  assert.match(formatSubnetEnv({ ...env, ipMasq: true }), /^FLANNEL_IPMASQ=true$/m);
});

test('network and subnet survive being written and read', () => {
  const subnet = aPrefix.filter(({ length }) => length <= 30);
  fc.assert(
    fc.property(aPrefix, subnet, fc.nat(65_535), fc.boolean(), (network, subnet, mtu, ipMasq) =>
      assert.deepEqual(parseSubnetEnv(formatSubnetEnv({ network, subnet, mtu, ipMasq })), {
        network,
        subnet,
      }),
    ),
  );
});

test('quotes, blanks, comments, export and line ends of another system do no harm', () => {
  const text =
    '# made by hand\r\n\r\n  export FLANNEL_NETWORK="10.5.0.0/16" \r\nFLANNEL_SUBNET=\'10.5.52.1/24\'\r\nODD LINE\n=';
  assert.deepEqual(parseSubnetEnv(text), { network: NETWORK, subnet: SUBNET });
});

test('the last value of a key counts, as in a shell', () => {
  const text = `FLANNEL_SUBNET=10.5.1.1/24\n${BYTES}`;
  assert.deepEqual(parseSubnetEnv(text).subnet, SUBNET);
});

test('what cannot be read is null', () => {
  const nothing = { network: null, subnet: null };
  assert.deepEqual(parseSubnetEnv(''), nothing);
  assert.deepEqual(parseSubnetEnv('FLANNEL_SUBNET=10.5.52.1\nFLANNEL_NETWORK='), nothing);
  assert.deepEqual(parseSubnetEnv('FLANNEL_SUBNET="10.5.52.1/24\n'), nothing);
  assert.deepEqual(parseSubnetEnv('FLANNEL_SUBNET=x\nFLANNEL_NETWORK=10.5.0.0/16'), {
    network: NETWORK,
    subnet: null,
  });
  fc.assert(fc.property(fc.string(), (text) => void parseSubnetEnv(text)));
});
