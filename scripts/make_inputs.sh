#!/usr/bin/env bash
# Makes the input files of the studies in inputs/ from Fashion-MNIST (Debian: dataset-fashion-mnist). Those that are there
# already are kept: equal sources give equal bytes.
#
#   scripts/make_inputs.sh             all of them
#   scripts/make_inputs.sh patches     fashion_patches.h5: 4 x 4 patches of the training images, for attention
#   scripts/make_inputs.sh labels      fashion_labels.h5: whole images and their labels, for least squares
#
# BREAKEVEN_IMAGES names another folder with the four files of Fashion-MNIST.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

breakeven=build/release/bin/breakeven
images=${BREAKEVEN_IMAGES:-/usr/share/datasets/fashion-mnist}
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(patches labels)

require() {
  [ -e "$1" ] && return
  cat >&2 << TEXT
make_inputs.sh: not on this machine: $1
On Debian it comes with the package dataset-fashion-mnist. Elsewhere, put the files of Fashion-MNIST into a folder and run
  BREAKEVEN_IMAGES=FOLDER scripts/make_inputs.sh
Studies on synthetic data need no file: $breakeven run data/studies/bounded_entries.toml
TEXT
  exit 1
}

make_patches() {
  require "$images/train-images-idx3-ubyte.gz"
  "$breakeven" import idx "$images/train-images-idx3-ubyte.gz" --as q,k,v --patch 4 --normalise 255 --out "$1"
}

# Both halves of a least-squares problem, and the 10,000 other images its answers are tried on.
make_labels() {
  local part=inputs/.fashion_labels.part.h5 file
  for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do require "$images/$file-ubyte.gz"; done
  "$breakeven" import idx "$images/train-images-idx3-ubyte.gz" --as a --patch 28 --normalise 255 --overwrite --out "$part"
  "$breakeven" import labels "$images/train-labels-idx1-ubyte.gz" --as b --append --out "$part"
  "$breakeven" import idx "$images/t10k-images-idx3-ubyte.gz" --as a_test --patch 28 --normalise 255 --append --out "$part"
  "$breakeven" import labels "$images/t10k-labels-idx1-ubyte.gz" --as b_test --append --out "$part"
  mv "$part" "$1"
}

mkdir -p inputs
for name in "${wanted[@]}"; do
  case "$name" in
    patches | labels) ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' scripts/make_inputs.sh; exit 0 ;;
    *) echo "make_inputs.sh: unknown input $name; --help lists all" >&2; exit 2 ;;
  esac
  out=inputs/fashion_$name.h5
  if [ -e "$out" ]; then
    echo "$out: already there"
  else
    "make_$name" "$out"
  fi
done
