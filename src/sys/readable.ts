/** Descriptors that Node has no name for, in its event loop. */
import { koffi } from './libc.ts';

/** How long nobody looks after a call: what trickles in is read together, and wakes the loop less often. */
export interface Rests {
  readonly leastMs: number;
  /** Each rest is twice as long as the one before, up to this one, while a little comes in each of them. */
  readonly mostMs: number;
  /** As much is no longer a little: a queue may run over meanwhile. */
  readonly muchIs: number;
}

/**
 * Calls back whenever there is something to read, again and again while there is, until disposed.
 * @param act may return how much it has read, in whatever `rests` counts it
 * @param failed is told what `act` throws, after which it is not called any more: in the loop, nobody would hear of it
 */
export function whenReadable(
  fd: number,
  act: () => unknown,
  failed: (error: unknown) => void,
  rests: Rests | null = null,
): Disposable {
  let timer: NodeJS.Timeout | null = null;
  let restMs = 0;
  let restedAt = Number.NEGATIVE_INFINITY;
  const onReadable = () => {
    let read: unknown;
    try {
      read = act();
    } catch (error) {
      poll.stop();
      failed(error);
      return;
    }
    if (rests === null) return;
    poll.stop();
    const isLittle = typeof read === 'number' && read < rests.muchIs;
    const trickles = isLittle && performance.now() - restedAt < restMs;
    restMs = trickles ? Math.min(2 * restMs, rests.mostMs) : rests.leastMs;
    timer = setTimeout(() => {
      restedAt = performance.now();
      poll.start({ readable: true }, onReadable);
    }, restMs);
  };
  const poll = koffi.node.poll(fd, { readable: true }, onReadable);
  return {
    [Symbol.dispose]() {
      if (timer !== null) clearTimeout(timer);
      poll.close();
    },
  };
}
