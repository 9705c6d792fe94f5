/** Descriptors that Node has no name for, in its event loop. */
import { koffi } from './libc.ts';

/**
 * Calls back whenever there is something to read, again and again while there is, until disposed.
 * @param failed is told what `act` throws, after which it is not called any more: in the loop, nobody would hear of it
 */
export function whenReadable(
  fd: number,
  act: () => void,
  failed: (error: unknown) => void,
): Disposable {
  const poll = koffi.node.poll(fd, { readable: true }, () => {
    try {
      act();
    } catch (error) {
      poll.stop();
      failed(error);
    }
  });
  return { [Symbol.dispose]: () => poll.close() };
}
