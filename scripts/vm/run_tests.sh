#!/bin/sh
# In a guest: runs test files, taken from the share, in forks of one process (lab/vm/run_tests.ts).
run=/run/vm
cd "$(dirname "$0")/../.." || exit
. scripts/vm/fork_flags.sh
export TARTAN_LAB_FORK_SERVER=/run/fork_server
# shellcheck disable=SC2086 # several words
exec "$node" $fork_flags --import "$run/stripped/lab/vm/stripped.mjs" \
  lab/vm/run_tests.ts "$run/tests" "$run/$guest"
