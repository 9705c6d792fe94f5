/** A machine's two clocks, in ms. */
export interface Clocks {
  /** Since the epoch. Whoever sets the clock makes it jump. */
  now(): number;
  /** Since some start. Never jumps; stands still while the machine sleeps. */
  elapsed(): number;
}

/** What they showed at one moment. */
export interface Moment {
  readonly wall: number;
  readonly steady: number;
}

export function readClocks({ now, elapsed }: Clocks): Moment {
  return { wall: now(), steady: elapsed() };
}
