#!/bin/sh
# Starts the process whose forks run `tartan` for labs (lab/vm/fork_server.ts). Argument: path of its socket.
cd "$(dirname "$0")/../.." || exit
# It compiles all it has, and has memory to spare: so its forks need not do either, compile and collect garbage.
# V8 is to have no threads of its own, because a fork does not have them.
exec scripts/node --disable-warning=DEP0123 --single-threaded --disable-sigusr1 --no-lazy --no-flush-bytecode \
  --min-semi-space-size=64 --max-semi-space-size=64 --initial-old-space-size=1024 lab/vm/fork_server.ts "$1"
