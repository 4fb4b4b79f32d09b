#!/usr/bin/env bash
# Builds the tree with warnings as errors and runs every test: what CI runs, and what to run before a commit.
#
#   scripts/check.sh           everything
#   scripts/check.sh --quick   without the slow part: headers alone, browser, faults, several nodes, fuzzers
#
# Each step prints its name, time and PASS, FAIL or SKIPPED; a step that cannot run says why. With CI=true in the
# environment a skip is a failure. The last line is "N passed, N failed, N skipped", counted in steps.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/mpi_environment.sh

quick=false
for argument in "$@"; do
  case "$argument" in
    --quick) quick=true ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' scripts/check.sh; exit 0 ;;
    *) echo "check.sh: unknown option $argument; --help lists all" >&2; exit 2 ;;
  esac
done

build=build/check
jobs=${BREAKEVEN_JOBS:-$(nproc)}
passed=0 failed=0 skipped=0
logs=$build/check_logs

summary() {
  echo "$passed passed, $failed failed, $skipped skipped"
}

# step NAME COMMAND...: 0 passes, 77 is a skip, anything else fails; the output is shown only where it tells something.
step() {
  local name=$1 start=$SECONDS status=0 log=$logs/$1.log
  shift
  "$@" > "$log" 2>&1 || status=$?
  local elapsed=$((SECONDS - start))
  case $status in
    0) passed=$((passed + 1)); printf '%-14s %5d s  PASS\n' "$name" $elapsed ;;
    77)
      printf '%-14s %5d s  SKIPPED\n' "$name" $elapsed
      grep -h 'SKIPPED: ' "$log" || true
      if [ "${CI:-}" = true ]; then
        echo "  nothing may be skipped where CI=true"
        failed=$((failed + 1))
      else
        skipped=$((skipped + 1))
      fi
      ;;
    *) failed=$((failed + 1)); printf '%-14s %5d s  FAIL\n' "$name" $elapsed; cat "$log" ;;
  esac
  return 0
}

# A step that the others need.
needed_step() {
  local before=$failed
  step "$@"
  if [ $failed -ne "$before" ]; then
    summary
    exit 1
  fi
}

# tests LABEL: the tests of that label; none at all is a failure, a skipped one skips the step.
tests() {
  local report=$PWD/$logs/$1.xml
  rm -f "$report"
  ctest --test-dir $build --label-regex "^$1\$" --output-on-failure --no-tests=error --parallel "$jobs" \
    --output-junit "$report" || return 1
  if ! grep -q 'skipped="0"' "$report"; then
    sed -n 's/.*\(SKIPPED: .*\)/\1/p' "$report"
    return 77
  fi
}

mkdir -p "$logs"
needed_step install scripts/install_dependencies.sh
needed_step configure cmake --preset check
needed_step build cmake --build --preset check --parallel "$jobs"
step format tests format
step layers tests layers
$quick || step headers tests headers
step pure tests pure
step mpi tests mpi
step drivers tests drivers
step readers tests readers
$quick || step faults tests faults
$quick || step page tests page
$quick || step slurm tests slurm
$quick || step hosts tests hosts
$quick || step fuzz tests fuzz

summary
[ $failed -eq 0 ]
