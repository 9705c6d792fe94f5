#!/bin/bash
# In a guest: runs test files, one process each, until none is left to take. Guests that run side by side share the
# files: whoever moves one out of the folder has it.
#
#   run/todo/NUMBER       a path of a test file
#   run/results/NUMBER    what its tests did, JSON lines (lab/vm/reporter.ts)
#   run/ended/NUMBER      exit status and seconds
run=/run/vm/tests
mine=/run/vm/$guest
node=$(scripts/node -p process.execPath)
quiet=--disable-warning=ExperimentalWarning

scripts/vm/fork_server.sh /run/fork_server &
until [ -S /run/fork_server ]; do
  kill -0 $! || exit
  sleep 0.1
done
export TARTAN_LAB_FORK_SERVER=/run/fork_server

for entry in "$run"/todo/*; do
  number=${entry##*/}
  mv "$entry" "$mine/taken" 2>/dev/null || continue
  file=$(cat "$mine/taken")
  echo "== $file"
  start=$EPOCHREALTIME
  timeout --kill-after=5 600 "$node" "$quiet" --test --test-isolation=none --test-timeout=300000 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./lab/vm/reporter.ts --test-reporter-destination="$run/results/$number" "$file"
  status=$?
  awk -v status=$status -v from="$start" -v to="$EPOCHREALTIME" \
    'BEGIN { printf "%d %.1f\n", status, to - from }' >"$run/ended/$number"
done
