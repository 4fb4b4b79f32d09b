#!/usr/bin/env bash
# Fuzzes every parser for so many seconds each, two at a time: tests/fuzz/run.sh SECONDS
# Begins with the inputs of tests/fuzz/corpus and keeps what it learns in build/fuzz/corpus. What breaks a parser is left
# in build/fuzz/findings: mend the parser, add a test, and copy the input to tests/fuzz/corpus. Exit 77: cannot run here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?"usage: tests/fuzz/run.sh SECONDS"}
build=build/fuzz

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' > "$probe/probe.cpp"
if ! clang++ -fsanitize=fuzzer,address "$probe/probe.cpp" -o "$probe/probe" > /dev/null 2>&1; then
  echo "SKIPPED: clang++ with libFuzzer is not installed (Debian: clang, libclang-rt-14-dev)"
  exit 77
fi
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz --parallel 2

# One parser; its output is shown only where it found something.
fuzz() {
  local name=$1 log=$build/$1.log status=0
  mkdir -p "$build/corpus/$name" "$build/findings"
  # A megabyte is the largest study file; a parser that wants 256 times that has believed a size it should not have.
  "$build/bin/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 \
    -artifact_prefix="$build/findings/$name-" -print_final_stats=1 "$build/corpus/$name" "tests/fuzz/corpus/$name" \
    > "$log" 2>&1 || status=$?
  if [ $status -ne 0 ]; then
    tail -40 "$log"
    echo "$name: FOUND something, see above and $build/findings"
    return 1
  fi
  echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, nothing found"
}
export -f fuzz
export build seconds
printf '%s\n' sweep study idx csv npy words | xargs -P 2 -I{} bash -euo pipefail -c 'fuzz "$@"' _ {}
