#!/bin/bash
# Runs every *_test.ts below a folder, as many files at once as there are CPUs, and says at the end what ran and what was
# skipped, and why. With CI=true a skipped test is a failure: there, nothing may be missing.
#
# A few integration tests that fail beside others are run once more, alone: what passes then waited for a busy machine
# longer than it would. It is no failure of this run, and named at its end with what it said, as a fault to be mended.
#
#   scripts/test.sh unit test
#   scripts/test.sh integration integration
set -uo pipefail
cd "$(dirname "$0")/.."
kind=$1 folder=$2
status=0
# The runner ends in order when it is interrupted; what would come after it need not begin.
trap 'exit 130' INT
trap 'exit 143' TERM

# These measure time, want every CPU, or read the kernel's log, which is one for all namespaces: each has the machine alone.
alone='^integration/(bench|security|vm)/|^integration/(chaos|demo|lifecycle/host_storm|kernel/peers|kernel/[a-z_]*flood|store/crowd_served)_test\.ts$'

limit=60000
if [ "$kind" = integration ]; then
  [ "$(id -u)" = 0 ] || { echo "integration tests make network namespaces: they need root" >&2; exit 1; }
  limit=300000
fi

# A test file takes half a second to be compiled, and most of what it imports the others import too.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/build/compile-cache}

# What this machine's own kernel need not have: there a skip for want of it is a failure (integration/kernel/requirements.ts).
elsewhere='make test-kernel tests it on one that has'

# More than these are no accident.
most_again=3

# Title, and how many files at once; then the files. Returns 1 if a test fails; what does is in $failures.
run() {
  local title=$1 at_once=$2 tap=build/test/${1//[ ,]/_}.tap result=0
  failures=build/test/${1//[ ,]/_}.failures
  shift 2
  : >"$failures"
  [ $# -gt 0 ] || return 0
  echo "== $title tests ($# files, $at_once at once)"
  # The third reporter is one listener more than Node expects.
  scripts/node --disable-warning=MaxListenersExceededWarning --import ./lab/own_prefix.ts --test "--test-timeout=$limit" "--test-concurrency=$at_once" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" \
    --test-reporter=./scripts/failures.ts --test-reporter-destination="$failures" "$@" || result=1
  echo "== $title tests: result"
  grep -E '^# (tests|pass|fail|cancelled|skipped|todo) ' "$tap"
  grep -E '# (SKIP|TODO)' "$tap" | sed -E 's/^ *(not )?ok [0-9]+ - /  skipped: /'
  if [ "${CI:-}" = true ] && grep -E '# SKIP' "$tap" | grep -qvF "$elsewhere"; then
    echo "skipped tests count as failures here (CI=true)" >&2
    status=1
  fi
  return $result
}

# The files of the tests that have failed.
failed_files() { sed -n 's/^\([^ \t].*\)\t.*/\1/p' "$failures" | sort -u; }

mkdir -p build/test
mapfile -t together < <(find "$folder" -name '*_test.ts' | grep -vE "$alone" | sort)
mapfile -t single < <(find "$folder" -name '*_test.ts' | grep -E "$alone" | sort)
at_end=build/test/$kind.at_end
: >"$at_end"
if ! run "$kind" "$(nproc)" "${together[@]}"; then
  mapfile -t again < <(failed_files)
  beside=$failures
  if [ "$kind" = integration ] && [ ${#again[@]} -gt 0 ] && [ ${#again[@]} -le $most_again ] &&
    run "$kind, once more and alone," 1 "${again[@]}"; then
    { echo "== failed beside others and passed alone, to be mended:" && cat "$beside"; } >>"$at_end"
  else
    { echo "== failed:" && cat "$beside"; } >>"$at_end"
    status=1
  fi
fi
if ! run "$kind, one at a time," 1 "${single[@]}"; then
  { echo "== failed:" && cat "$failures"; } >>"$at_end"
  status=1
fi
cat "$at_end"
exit $status
