#!/bin/bash
# Runs every *_test.ts below a folder, one file after the other where they need namespaces, and says at the end what
# ran and what was skipped, and why. With CI=true a skipped test is a failure: there, nothing may be missing.
#
#   scripts/test.sh unit test
#   scripts/test.sh integration integration
set -uo pipefail
cd "$(dirname "$0")/.."
kind=$1 folder=$2

mapfile -t files < <(find "$folder" -name '*_test.ts' | sort)
[ ${#files[@]} -gt 0 ] || { echo "no tests under $folder/"; exit 0; }
echo "== $kind tests (${#files[@]} files)"

limits=(--test-timeout=60000 "--test-concurrency=$(nproc)")
if [ "$kind" = integration ]; then
  [ "$(id -u)" = 0 ] || { echo "integration tests make network namespaces: they need root" >&2; exit 1; }
  limits=(--test-timeout=300000 --test-concurrency=1)
fi

mkdir -p build/test
tap=build/test/$kind.tap
scripts/node --test "${limits[@]}" \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination=$tap "${files[@]}"
status=$?

echo "== $kind tests: result"
grep -E '^# (tests|pass|fail|cancelled|skipped|todo) ' $tap
grep -E '# (SKIP|TODO)' $tap | sed -E 's/^ *(not )?ok [0-9]+ - /  skipped: /'
# What this machine's own kernel need not have: there a skip for want of it is a failure (integration/kernel/requirements.ts).
elsewhere='make test-kernel tests it on one that has'
if [ "${CI:-}" = true ] && grep -E '# SKIP' $tap | grep -qvF "$elsewhere"; then
  echo "skipped tests count as failures here (CI=true)" >&2
  [ $status -ne 0 ] || status=1
fi
exit $status
