/** What the ways between two pods are measured over. */
export interface Cell {
  /** `veth`: 64 KB segments pass whole. `wire`: frames of the MTU's size, as on network cards without tunnel offloads. */
  readonly wire: 'veth' | 'wire';
  readonly mtu: 1500 | 9000;
  /** `flat`: two hosts on one cable. `routed`: a router between them. */
  readonly underlay: 'flat' | 'routed';
}

/** `wire/1500/flat` */
export function nameOf({ wire, mtu, underlay }: Cell): string {
  return `${wire}/${mtu}/${underlay}`;
}

const ALL: readonly Cell[] = (['veth', 'wire'] as const).flatMap((wire) =>
  ([1500, 9000] as const).flatMap((mtu) =>
    (['flat', 'routed'] as const).map((underlay) => ({ wire, mtu, underlay })),
  ),
);

/** Those that goals are set for: about ten minutes with all else. */
const USUAL = ['veth/1500/flat', 'wire/1500/flat', 'wire/9000/flat'];

/**
 * The cells of a matrix.
 * @param only patterns, `veth/1500/flat` with an asterisk for any part, out of all cells; empty: all of the matrix
 * @throws Error naming a pattern that fits none
 */
export function selectCells(matrix: 'usual' | 'full', only: readonly string[]): Cell[] {
  if (only.length === 0)
    return ALL.filter((cell) => matrix === 'full' || USUAL.includes(nameOf(cell)));
  for (const pattern of only) {
    if (!ALL.some((cell) => fits(cell, pattern))) {
      throw new Error(
        `ONLY=${pattern} fits no cell: there are ${ALL.map(nameOf).join(', ')}; * stands for any`,
      );
    }
  }
  return ALL.filter((cell) => only.some((pattern) => fits(cell, pattern)));
}

function fits(cell: Cell, pattern: string): boolean {
  const wanted = pattern.split('/');
  const parts = nameOf(cell).split('/');
  return wanted.length === 3 && parts.every((part, i) => wanted[i] === '*' || wanted[i] === part);
}
