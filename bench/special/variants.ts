/** Programs compiled without a part of them, in the place of those that `join` has pinned. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Host } from '../../lab/host.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { programNames } from '../../src/bpf/object_file.ts';
import { listGenerations, listLinks, pinsOf } from '../../src/bpf/pins.ts';
import { getPinned } from '../../src/sys/bpf.ts';
import { updateLink } from '../../src/sys/bpf_links.ts';
import { loadObject } from '../../src/sys/libbpf.ts';
import { close } from '../../src/sys/libc.ts';

export const MACROS = ['NO_SOURCE_CHECK', 'NO_COUNTERS', 'NO_CONNTRACK'] as const;
export type Macro = (typeof MACROS)[number];

const ROOT = `${import.meta.dirname}/../..`;

/** Whether the programs know the macro: otherwise there is nothing to measure. */
export function isKnown(macro: Macro): boolean {
  return readdirSync(`${ROOT}/bpf`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[ch]$/.test(file))
    .some((file) => readFileSync(`${ROOT}/bpf/${file}`, 'utf8').includes(`def ${macro}`));
}

/**
 * Loads the variant with the pinned maps and puts its programs into the pinned links, without a packet lost; disposed,
 * it puts those of the generation back.
 */
export function replacePrograms(host: Host, macro: Macro): Disposable {
  const pins = pinsOf(host.bpffs, 'default');
  const [generation] = listGenerations(pins);
  if (generation === undefined) throw new Error(`nothing is pinned under ${pins.root}`);
  const folder = pins.generation(generation);
  const maps = Object.keys(mapLayouts);
  const pinned = new Map(maps.map((map) => [map, getPinned(`${folder}/${map}`)]));
  try {
    const variant = loadObject({
      path: `${ROOT}/build/bench/bpf/vxlan-${macro}.o`,
      maxEntries: {},
      reuse: (map) => pinned.get(map) ?? null,
      maps,
      programs: programNames,
    });
    // The links hold the programs from here on.
    using _variant = { [Symbol.dispose]: () => variant.close() };
    for (const { path, program } of linksOf(host))
      withPinned(path, (link) => updateLink(link, variant.programFd(program)));
  } finally {
    for (const fd of pinned.values()) close(fd);
  }
  return {
    [Symbol.dispose]() {
      for (const { path, program } of linksOf(host)) {
        withPinned(`${folder}/${program}`, (fd) =>
          withPinned(path, (link) => updateLink(link, fd)),
        );
      }
    },
  };
}

/** The pin of a link is called after its program, with or without the device's index. */
function linksOf(host: Host): { path: string; program: string }[] {
  const pins = pinsOf(host.bpffs, 'default');
  return listLinks(pins).flatMap((name) => {
    const program = name.replace(/-\d+$/, '');
    const isOurs = (programNames as readonly string[]).includes(program);
    return isOurs ? [{ path: pins.link(name), program }] : [];
  });
}
