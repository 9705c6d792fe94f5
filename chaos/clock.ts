/**
 * Preloaded (`--import`) into a command: its wall clock is as many seconds ahead of the machine's as the file
 * TARTAN_CHAOS_CLOCK says, and jumps when that is written anew. Other clocks go on, as they do where somebody sets the time.
 */
import { readFileSync } from 'node:fs';

const path = process.env.TARTAN_CHAOS_CLOCK;

/** So soon a running process notices a step. */
const LOOK_MS = 50;

const TrueDate = Date;
let offsetMs = 0;

function look(): void {
  if (path === undefined) return;
  try {
    offsetMs = Number(readFileSync(path, 'utf8')) * 1000 || 0;
  } catch {
    offsetMs = 0;
  }
}

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + offsetMs] : args, newTarget),
  get: (target, name) =>
    name === 'now' ? () => target.now() + offsetMs : Reflect.get(target, name),
});

look();
setInterval(look, LOOK_MS).unref();
