#!/usr/bin/env bash
# Drives a browser over a report page: tests/run_page_test.sh BUILD_DIR. Exit 77: cannot run here.
# playwright-core is fetched by npm from the lock file into BUILD_DIR, never into the tree.
set -euo pipefail
build=$(cd "$1" && pwd)
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/analysis" && pwd)

for tool in node npm chromium; do
  if ! command -v "$tool" > /dev/null; then
    echo "SKIPPED: $tool is not installed"
    exit 77
  fi
done
work="$build/page_test"
mkdir -p "$work/demo"
cp "$source_dir"/package.json "$source_dir"/package-lock.json "$source_dir"/*.mjs "$work"/
cd "$work"
if ! npm ci --no-audit --no-fund --loglevel=error > npm.log 2>&1; then
  cat npm.log
  echo "SKIPPED: npm could not fetch playwright-core"
  exit 77
fi
BREAKEVEN_DEMO_FOLDER="$work/demo" "$build/bin/test_analysis" --gtest_filter='*Demo*' > /dev/null
for page in "$work"/demo/*.html; do
  echo "$page"
  node page_test.mjs "$page" "$work/$(basename "$page" .html)"
done
