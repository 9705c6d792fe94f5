/** Descriptors that Node has no name for, in its event loop. */
import { koffi } from './libc.ts';

/**
 * Calls back whenever there is something to read, again and again while there is, until disposed.
 * @param failed is told what `act` throws, after which it is not called any more: in the loop, nobody would hear of it
 * @param restMs so long after each call nobody looks: what trickles in is read together, and wakes the loop less often
 */
export function whenReadable(
  fd: number,
  act: () => void,
  failed: (error: unknown) => void,
  restMs = 0,
): Disposable {
  let timer: NodeJS.Timeout | null = null;
  const onReadable = () => {
    try {
      act();
    } catch (error) {
      poll.stop();
      failed(error);
      return;
    }
    if (restMs === 0) return;
    poll.stop();
    timer = setTimeout(() => poll.start({ readable: true }, onReadable), restMs);
  };
  const poll = koffi.node.poll(fd, { readable: true }, onReadable);
  return {
    [Symbol.dispose]() {
      if (timer !== null) clearTimeout(timer);
      poll.close();
    },
  };
}
