#!/usr/bin/env bash
# From a fresh clone to a report in one command: installs what is missing (Debian), builds, imports real data, runs
# data/studies/quickstart.toml on all cores, writes results/quickstart/report.html. Run again, it goes on where it
# stopped. The run itself takes under three minutes on two cores, the first build a few more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/mpi_environment.sh

breakeven=build/release/bin/breakeven
images=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
input=inputs/fashion_patches.h5

announce() {
  printf '\n[%d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$1"
}

announce "Packages"
scripts/install_dependencies.sh --build --run

announce "Build (build/release)"
mkdir -p build
cmake --preset release > build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
cmake --build --preset release --parallel "$(nproc)"

announce "Data: patches of Fashion-MNIST ($input)"
if [ -e "$input" ]; then
  echo "already there"
elif [ -e "$images" ]; then
  mkdir -p inputs
  "$breakeven" import idx "$images" --as q,k,v --patch 4 --normalise 255 --out "$input"
else
  cat >&2 << TEXT
The images are not on this machine: $images
On Debian they come with the package dataset-fashion-mnist. Elsewhere, put train-images-idx3-ubyte.gz of Fashion-MNIST
anywhere and run
  $breakeven import idx FOLDER/train-images-idx3-ubyte.gz --as q,k,v --patch 4 --normalise 255 --out $input
then this script again. A study on synthetic data alone needs no file: $breakeven run data/studies/bounded_entries.toml
TEXT
  exit 1
fi

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
