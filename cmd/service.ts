/** Between `run` and the service manager that has started it. */
import type { Verdict } from '../src/agent/health.ts';
import type { Log } from '../src/agent/log.ts';
import { messageOf } from '../src/errors.ts';
import { serviceManagerOf } from '../src/sys/service_manager.ts';

export interface Service extends Disposable {
  /** Tells what has changed: that packets can flow now, and what the member is at. */
  update(): void;
  stopping(): void;
}

/** Twice in the time after which the manager ends a process that says nothing, as sd_watchdog_enabled(3) advises. */
const PINGS = 2;

/** Ready is told once, and only when packets can flow; the watchdog hears nothing while a look at the kernel is overdue. */
export function tellServiceManager(
  health: { alive(): Verdict; ready(): Verdict },
  log: Log,
): Service {
  const manager = serviceManagerOf(process.env, process.pid);
  // What this process starts is not to speak for it.
  delete process.env.NOTIFY_SOCKET;
  let isReady = false;
  let told = '';
  let isHeard = true;
  const notify = (state: string) => {
    try {
      manager?.notify(state);
    } catch (error) {
      if (isHeard) log.warn(`the service manager does not hear: ${messageOf(error)}`);
      isHeard = false;
    }
  };
  const ping = () => health.alive().good && notify('WATCHDOG=1');
  const everyMs = manager?.watchdogMs ?? null;
  const timer = everyMs === null ? undefined : setInterval(ping, everyMs / PINGS);
  return {
    update() {
      const { good, text } = health.ready();
      if (good && !isReady) notify('READY=1');
      isReady ||= good;
      if (text !== told) notify(`STATUS=${text.replaceAll('\n', ' ')}`);
      told = text;
    },
    stopping: () => notify('STOPPING=1'),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
