import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makePinFolder, removePin } from '../../src/bpf/bpffs.ts';
import {
  finishGeneration,
  linkName,
  listGeneration,
  listGenerations,
  listLinks,
  listOwners,
  pinsOf,
  programOfLink,
  removeEmptyFolders,
  removeGeneration,
  removeUnfinished,
} from '../../src/bpf/pins.ts';
import { TartanError } from '../../src/errors.ts';

/** Folders are folders: what is special about bpffs is what can be pinned there. */
function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-pins-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function write(folder: string, ...names: string[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), '');
}

test('each network has a folder, each generation one in it', () => {
  const pins = pinsOf('/sys/fs/bpf', 'blue');
  assert.equal(pins.root, '/sys/fs/bpf/tartan/blue');
  assert.equal(pins.generation('vxlan-0123-255'), '/sys/fs/bpf/tartan/blue/vxlan-0123-255');
  assert.equal(pins.unfinished('vxlan-0123-255'), '/sys/fs/bpf/tartan/blue/new-vxlan-0123-255');
  assert.equal(pins.link('vxlan_send-7'), '/sys/fs/bpf/tartan/blue/links/vxlan_send-7');
});

test('a link is named after program and device, and one of an earlier version after the program', () => {
  assert.equal(linkName('vxlan_send', 7), 'vxlan_send-7');
  assert.equal(programOfLink('vxlan_send-7'), 'vxlan_send');
  assert.equal(programOfLink('vxlan_send'), 'vxlan_send');
});

test('where nothing is pinned, nothing is listed and nothing is to be removed', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  assert.deepEqual(listGenerations(pins), []);
  assert.deepEqual(listLinks(pins), []);
  removeUnfinished(pins);
  removePin(pins.link('vxlan_send-7'));
  removeEmptyFolders(pins);
});

test('a generation counts when all of it is pinned', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  write(pins.unfinished('a'), 'peers');
  write(join(pins.root, 'links'), 'vxlan_send-7');
  assert.deepEqual(listGenerations(pins), []);
  finishGeneration(pins, 'a');
  assert.deepEqual(listGenerations(pins), ['a']);
  assert.deepEqual(listLinks(pins), ['vxlan_send-7']);
});

test('what a run that was cut short left is removed, and nothing else', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  write(pins.generation('a'), 'peers');
  write(pins.unfinished('b'), 'peers', 'counters');
  removeUnfinished(pins);
  assert.deepEqual(readdirSync(pins.root), ['a']);
});

test('the last generation takes the folders with it, another network keeps its own', (t) => {
  const bpffs = makeFolder(t);
  const [blue, red] = [pinsOf(bpffs, 'blue'), pinsOf(bpffs, 'red')];
  write(blue.generation('a'), 'peers', 'counters');
  mkdirSync(join(blue.root, 'links'));
  write(red.generation('a'), 'peers');
  removeGeneration(blue, 'a');
  removeEmptyFolders(blue);
  assert.deepEqual(readdirSync(join(bpffs, 'tartan')), ['red']);
  removeGeneration(red, 'a');
  removeEmptyFolders(red);
  assert.deepEqual(readdirSync(bpffs), []);
});

test('folders that hold something stay', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  write(join(pins.root, 'links'), 'vxlan_send-7');
  removeEmptyFolders(pins);
  assert.deepEqual(listLinks(pins), ['vxlan_send-7']);
});

for (const slash of ['', '/', '/missing']) {
  test(`a folder that is no BPF file system is refused, and left as it was (${slash || 'plain'})`, (t) => {
    const folder = makeFolder(t);
    const bpffs = `${folder}${slash}`;
    assert.throws(
      () => makePinFolder(bpffs, join(bpffs, 'tartan', 'blue')),
      (error) =>
        error instanceof TartanError &&
        error.code === 'MISSING' &&
        error.message.includes(bpffs) &&
        error.hint.includes('mount -t bpf'),
    );
    assert.deepEqual(readdirSync(folder), []);
  });
}

test('whose pins they are is written beside them, and is no generation', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  assert.deepEqual(listOwners(pins), []);
  write(join(pins.root, 'netns-4026531840'));
  write(pins.generation('a'), 'peers');
  assert.deepEqual(listOwners(pins), [4026531840]);
  assert.deepEqual(listGenerations(pins), ['a']);
});

test('the note whose pins they are goes when nothing else is left, not before', (t) => {
  const bpffs = makeFolder(t);
  const pins = pinsOf(bpffs, 'blue');
  write(join(pins.root, 'netns-4026531840'));
  write(pins.generation('a'), 'peers');
  removeEmptyFolders(pins);
  assert.deepEqual(listOwners(pins), [4026531840]);
  removeGeneration(pins, 'a');
  removeEmptyFolders(pins);
  assert.deepEqual(readdirSync(bpffs), []);
});

test('a generation that lost a pin makes place for the one that is loaded anew', (t) => {
  const pins = pinsOf(makeFolder(t), 'blue');
  write(pins.generation('a'), 'peers');
  write(pins.unfinished('a'), 'peers', 'counters');
  finishGeneration(pins, 'a');
  assert.deepEqual(listGeneration(pins, 'a').sort(), ['counters', 'peers']);
  assert.deepEqual(listGenerations(pins), ['a']);
});
