#!/bin/bash
# Runs every *_test.ts below a folder, as many files at once as there are CPUs, and says at the end what ran and what was
# skipped, and why. With CI=true a skipped test is a failure: there, nothing may be missing.
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
alone='^integration/(bench|security|vm)/|^integration/(chaos|demo|lifecycle/host_storm|kernel/peers|kernel/[a-z_]*flood)_test\.ts$'

limit=60000
if [ "$kind" = integration ]; then
  [ "$(id -u)" = 0 ] || { echo "integration tests make network namespaces: they need root" >&2; exit 1; }
  limit=300000
fi

# A test file takes half a second to be compiled, and most of what it imports the others import too.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/build/compile-cache}

# What this machine's own kernel need not have: there a skip for want of it is a failure (integration/kernel/requirements.ts).
elsewhere='make test-kernel tests it on one that has'

# Title, and how many files at once; then the files.
run() {
  local title=$1 at_once=$2 tap=build/test/${1//[ ,]/_}.tap
  shift 2
  [ $# -gt 0 ] || return 0
  echo "== $title tests ($# files, $at_once at once)"
  scripts/node --import ./lab/own_prefix.ts --test "--test-timeout=$limit" "--test-concurrency=$at_once" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" "$@" || status=1
  echo "== $title tests: result"
  grep -E '^# (tests|pass|fail|cancelled|skipped|todo) ' "$tap"
  grep -E '# (SKIP|TODO)' "$tap" | sed -E 's/^ *(not )?ok [0-9]+ - /  skipped: /'
  if [ "${CI:-}" = true ] && grep -E '# SKIP' "$tap" | grep -qvF "$elsewhere"; then
    echo "skipped tests count as failures here (CI=true)" >&2
    status=1
  fi
}

mkdir -p build/test
mapfile -t together < <(find "$folder" -name '*_test.ts' | grep -vE "$alone" | sort)
mapfile -t single < <(find "$folder" -name '*_test.ts' | grep -E "$alone" | sort)
run "$kind" "$(nproc)" "${together[@]}"
run "$kind, one at a time," 1 "${single[@]}"
exit $status
