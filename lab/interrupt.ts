/** What happens to labs, and to the commands that build them, when a signal arrives in the middle. */

const EXIT_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_STATUS;

const cleanups = new Map<string, () => Promise<void>>();
const commands = new Set<Promise<unknown>>();
const controller = new AbortController();
let listening = false;

/** Aborts when the process is interrupted: commands that are not part of the cleanup end then. */
export const interrupted: AbortSignal = controller.signal;

/** Runs `cleanup` if SIGINT or SIGTERM arrives before `forgetCleanup(name)`; the process then ends with 130 or 143. */
export function onInterrupt(name: string, cleanup: () => Promise<void>): void {
  cleanups.set(name, cleanup);
  listen();
}

function listen(): void {
  if (listening) return;
  listening = true;
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

export function forgetCleanup(name: string): void {
  cleanups.delete(name);
}

/** A cleanup begins when the commands that were interrupted have ended: none can build behind its back. */
export function trackCommand(ended: Promise<unknown>): void {
  commands.add(ended);
  const forget = () => commands.delete(ended);
  ended.then(forget, forget);
}

/**
 * For what failed only because of the signal: never settles, so that nobody takes the consequence for an error. The
 * signal's own cleanup ends the process.
 */
export async function waitForTheEnd(): Promise<never> {
  return await new Promise(() => {});
}

/**
 * The body of a command: reports what it throws and sets the exit status.
 */
export async function runMain(body: () => Promise<void>): Promise<void> {
  listen();
  try {
    await body();
  } catch (error) {
    if (interrupted.aborted) return await waitForTheEnd();
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

function onSignal(signal: NodeJS.Signals): void {
  if (interrupted.aborted) {
    console.error('still cleaning up');
    return;
  }
  // Whoever read it, a test runner, may have been ended by the same signal.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  console.error(`\n${signal}: cleaning up`);
  controller.abort(new Error(`interrupted by ${signal}`));
  void cleanUp(EXIT_STATUS[signal as Signal]);
}

async function cleanUp(exitStatus: number): Promise<void> {
  await Promise.allSettled(commands);
  const results = await Promise.allSettled([...cleanups.values()].map((cleanup) => cleanup()));
  for (const result of results) {
    if (result.status === 'rejected') console.error(String(result.reason));
  }
  process.exit(exitStatus);
}
