#!/bin/sh
# Starts the process whose forks run `tartan` for labs (lab/vm/fork_server.ts). Argument: path of its socket.
cd "$(dirname "$0")/../.." || exit
. scripts/vm/fork_flags.sh
# shellcheck disable=SC2086 # several words
exec scripts/node $fork_flags lab/vm/fork_server.ts "$1"
