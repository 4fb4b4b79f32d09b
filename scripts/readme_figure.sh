#!/usr/bin/env bash
# Makes the figure of README.md, docs/figures/break_even.svg, from a stored run:
#
#   scripts/readme_figure.sh [STUDY.h5]      default: docs/figures/quickstart.h5, the run that README.md names
#
# Draws the page of `breakeven report` in headless Chromium and takes the chart "Time against n" of its first task with
# real data. Needs the release build, node, npm and chromium (scripts/install_dependencies.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

study=${1:-docs/figures/quickstart.h5}
work=build/readme_figure
mkdir -p "$work"
cp tests/analysis/package.json tests/analysis/package-lock.json scripts/readme_figure.mjs "$work"/
build/release/bin/breakeven report "$study" --out "$work/report.html" > "$work/table.txt"
(cd "$work" && npm ci --no-audit --no-fund --loglevel=error && node readme_figure.mjs report.html break_even.svg)
cp "$work/break_even.svg" docs/figures/break_even.svg
echo "docs/figures/break_even.svg"
