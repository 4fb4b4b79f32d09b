#!/usr/bin/env bash
# clang-format on every C++ file, and shellcheck on every script where it is there. Exit 77: cannot run here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v clang-format > /dev/null; then
  echo "SKIPPED: clang-format is not installed"
  exit 77
fi
major=$(clang-format --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$major" != 14 ]; then   # another version breaks lines differently
  echo "SKIPPED: the tree is formatted with clang-format 14, this one is $major"
  exit 77
fi
mapfile -t files < <(find src drivers tests peers -name '*.cpp' -o -name '*.hpp' | sort)
clang-format --dry-run -Werror "${files[@]}"
echo "${#files[@]} C++ files"
if command -v shellcheck > /dev/null; then
  mapfile -t scripts < <(find scripts tests slurm .ci -name '*.sh' -o -name '*.sbatch' -o -path .ci/run | sort)
  shellcheck --severity=warning "${scripts[@]}"
  echo "${#scripts[@]} scripts"
fi
