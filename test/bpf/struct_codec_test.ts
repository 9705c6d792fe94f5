import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  endpointLayout,
  lpmKeyLayout,
  peerLayout,
  settingsLayout,
  sourceLayout,
  trafficLayout,
} from '../../src/bpf/layouts.gen.ts';
import { decodeStruct, encodeStruct, type Layout } from '../../src/bpf/struct_codec.ts';
import { aMac } from '../arbitraries.ts';

const layouts: Record<string, Layout> = {
  settings: settingsLayout,
  peer: peerLayout,
  source: sourceLayout,
  lpm_key: lpmKeyLayout,
  endpoint: endpointLayout,
  traffic: trafficLayout,
};

const bytesOf = { u8: 1, u16: 2, be16: 2, u32: 4, be32: 4, u64: 8, mac: 6 } as const;

const aValue = {
  u8: fc.nat({ max: 0xff }),
  u16: fc.nat({ max: 0xffff }),
  be16: fc.nat({ max: 0xffff }),
  u32: fc.nat({ max: 0xffff_ffff }),
  be32: fc.nat({ max: 0xffff_ffff }),
  u64: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  mac: aMac,
} as const;

function aStruct({ fields }: Layout): fc.Arbitrary<Record<string, string | number>> {
  const values = Object.entries(fields).map(([name, { kind }]) => [name, aValue[kind]]);
  return fc.record(Object.fromEntries(values), { noNullPrototype: true });
}

for (const [name, layout] of Object.entries(layouts)) {
  test(`struct ${name} survives encoding, wherever it lies in the buffer`, () => {
    fc.assert(
      fc.property(aStruct(layout), fc.nat({ max: 64 }), (values, at) => {
        const buffer = Buffer.alloc(at + layout.size + 8, 0xee);
        encodeStruct(layout, values, buffer, at);
        assert.deepEqual(decodeStruct(layout, buffer, at), values);
        assert(buffer.subarray(0, at).every((octet) => octet === 0xee));
        assert(buffer.subarray(at + layout.size).every((octet) => octet === 0xee));
        assert.deepEqual(decodeStruct(layout, encodeStruct(layout, values)), values);
      }),
    );
  });

  test(`struct ${name}: its fields are aligned, and leave no byte uncovered`, () => {
    let end = 0;
    for (const [field, { offset, kind }] of Object.entries(layout.fields)) {
      assert.equal(offset, end, field);
      if (kind !== 'mac') assert.equal(offset % bytesOf[kind], 0, field);
      end = offset + bytesOf[kind];
    }
    assert.equal(end, layout.size);
  });
}

test('bytes lie as the programs read them', () => {
  assert.equal(
    encodeStruct(peerLayout, {
      address: 0xc0a8_4003,
      slot: 7,
      mac: 'c6:d2:32:6f:8f:44',
      flags: 1,
      length: 24,
    }).toString('hex'),
    'c0a84003' + '07000000' + 'c6d2326f8f44' + '01' + '18',
  );
  assert.equal(
    encodeStruct(lpmKeyLayout, { length: 22, address: 0x0a05_0800 }).toString('hex'),
    '16000000' + '0a050800',
  );
  const settings = decodeStruct(
    settingsLayout,
    Buffer.from([...Array(settingsLayout.size).keys()]),
  );
  assert.equal(settings.valid, 0x03020100);
  assert.equal(settings.network, 0x04050607);
  assert.equal(settings.port, 0x3435);
  assert.equal(settings.device_mac, '36:37:38:39:3a:3b');
});
