/**
 * Runs `tartan`, and the tests' own scripts, in forks of a process that has tartan loaded: in an emulated machine, Node
 * takes two of a command's three seconds to begin. Argument: path of the Unix socket.
 */
import { listenAt } from './fork.ts';
import { loadTartan, serveForks } from './serve_forks.ts';

await loadTartan();
await serveForks(listenAt(process.argv[2] as string));
