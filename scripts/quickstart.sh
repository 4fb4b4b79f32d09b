#!/usr/bin/env bash
# From a fresh clone to a report in one command: installs what is missing (Debian), builds, imports real data, runs
# data/studies/quickstart.toml on all cores, writes results/quickstart/report.html. Run again, it goes on where it
# stopped. The run itself takes under three minutes on two cores, the first build a few more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/mpi_environment.sh

breakeven=build/release/bin/breakeven

announce() {
  printf '\n[%d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$1"
}

announce "Packages"
scripts/install_dependencies.sh --build --run

announce "Build (build/release)"
mkdir -p build
cmake --preset release > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
cmake --build --preset release --parallel "$(nproc)"

announce "Data: patches of Fashion-MNIST"
scripts/make_inputs.sh patches

announce "Run (data/studies/quickstart.toml)"
"$breakeven" run data/studies/quickstart.toml

announce "Report"
"$breakeven" report results/quickstart/study.h5 --out results/quickstart/report.html

announce "Done"
cat << TEXT
  results/quickstart/report.html   the figures: open it in a browser, it needs no network
  results/quickstart/study.h5      all numbers: h5ls -r, pandas or xarray (docs/results_format.md)
  data/studies/quickstart.toml     what was run: change it, run again
TEXT
