/**
 * How many times as long as elsewhere a lab waits for commands and conditions. An emulated machine is slow, and a limit
 * that is fit to notice a hang on a real one is not fit for it.
 */
export const PATIENCE = readPatience(process.env.TARTAN_LAB_PATIENCE);

/** How much to send where so much is sent elsewhere, to see that all of it arrives. */
export function bulkMegabytes(elsewhere: number): number {
  return Math.ceil(elsewhere / PATIENCE ** 2);
}

/** Of what is alike, and cheap elsewhere: one of so many is tried. Odd, for what differs in its lowest bits. */
export const STRIDE = PATIENCE === 1 ? 1 : 19;

/** How many to try of what is alike, where so many are tried elsewhere. */
export function fewer(elsewhere: number): number {
  return Math.ceil(elsewhere / STRIDE);
}

/** All of a list of settings to test in, or, where all is slow, the first ones: those that tell most. */
export function mostTelling<T>(all: readonly T[], whereSlow = 1): readonly T[] {
  return PATIENCE === 1 ? all : all.slice(0, whereSlow);
}

/** All of a list, or, where all is slow, the first of each kind: those of one kind take the same path. */
export function oneOfEach<T>(all: readonly T[], kindOf: (one: T) => unknown): readonly T[] {
  if (PATIENCE === 1) return all;
  const first = new Map(all.toReversed().map((one) => [kindOf(one), one]));
  return all.filter((one) => first.get(kindOf(one)) === one);
}

function readPatience(text: string | undefined): number {
  if (!text) return 1;
  if (!/^[1-9]\d?$/.test(text)) throw new Error(`TARTAN_LAB_PATIENCE=${text}: must be 1 to 99`);
  return Number(text);
}
