#!/usr/bin/env bash
# Installs what breakeven needs from Debian's archive: the one list of packages in this tree.
#
#   scripts/install_dependencies.sh            everything
#   scripts/install_dependencies.sh --build    compiler, MPI, HDF5, libraries
#   scripts/install_dependencies.sh --run      the quickstart's data
#   scripts/install_dependencies.sh --peers    what peers/ compares with; not part of everything
#   scripts/install_dependencies.sh --test     what the tests need beside --build: readers, browser, formatter, Slurm
#   scripts/install_dependencies.sh --print    prints the packages of the chosen groups and installs nothing
#
# Asks nothing, installs only what is missing, needs root only if something is. Elsewhere than on Debian it says what to
# load and fails only if a tool is missing.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache mold git pkg-config
  libopenmpi-dev openmpi-bin            # MPI
  libboost-dev libboost-mpi-dev libboost-serialization-dev  # Boost.MPI, Boost.Math (headers)
  libhdf5-openmpi-dev hdf5-tools        # parallel HDF5
  libeigen3-dev libopenblas-dev libhwy-dev librandom123-dev
  liblbfgs-dev                          # one method of softmax regression
  libgtest-dev libgmock-dev             # the tests are part of the build
  libcli11-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev
  libssl-dev zlib1g-dev                 # SHA-256, gz input
)
run_packages=(
  dataset-fashion-mnist                 # 11 MB of images: the real data of the quickstart
)
test_packages=(
  python3 python3-numpy python3-h5py python3-pandas python3-xarray python3-h5netcdf netcdf-bin  # readers of the result files
  chromium nodejs                       # opens the report
  clang-format
  slurmctld slurmd slurm-client munge iproute2 util-linux  # scripts/cluster.sh: nodes on one machine
  libpmix-dev                           # Slurm looks for libpmix.so by this name
  clang libclang-rt-14-dev              # libFuzzer
)
peer_packages=(
  python3-torch python3-numpy           # peers/attention
  libscalapack-openmpi-dev python3-scipy  # peers/regression
  libfaiss-dev                          # peers/inner_product
)
if ! command -v npm > /dev/null; then   # Node from elsewhere than Debian brings npm with it and conflicts with Debian's
  test_packages+=(npm)
fi

packages=()
print_only=false
for argument in "$@"; do
  case "$argument" in
    --build) packages+=("${build_packages[@]}") ;;
    --run) packages+=("${run_packages[@]}") ;;
    --test) packages+=("${test_packages[@]}") ;;
    --peers) packages+=("${peer_packages[@]}") ;;
    --print) print_only=true ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "$0"; exit 0 ;;
    *) echo "install_dependencies.sh: unknown option $argument; --help lists all" >&2; exit 2 ;;
  esac
done
if [ ${#packages[@]} -eq 0 ]; then
  packages=("${build_packages[@]}" "${run_packages[@]}" "${test_packages[@]}")
fi
if $print_only; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

if ! command -v apt-get > /dev/null || ! command -v dpkg-query > /dev/null; then
  cat >&2 << 'TEXT'
This is no Debian system, so nothing is installed here. On a cluster, load what the build needs, for instance
  module load gcc cmake ninja openmpi hdf5/parallel boost eigen openblas
and for the rest (CLI11, fmt, nlohmann-json, toml++, Highway, Random123, GoogleTest, OpenSSL, zlib) Spack:
  spack install cli11 fmt nlohmann-json tomlplusplus highway random123 googletest openssl zlib-ng
libLBFGS (https://github.com/chokkan/liblbfgs) must be found by pkg-config as liblbfgs.
HDF5 must be built with MPI, Boost with Boost.MPI, both for the MPI in use.
TEXT
  missing_tools=()
  for tool in c++ cmake ninja git pkg-config mpicxx mpiexec; do
    command -v "$tool" > /dev/null || missing_tools+=("$tool")
  done
  if [ ${#missing_tools[@]} -gt 0 ]; then
    echo "Not found: ${missing_tools[*]}" >&2
    exit 1
  fi
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null || true)
  [ "${status:1:1}" = i ] || missing+=("$package")   # second letter: what is, not what is wanted
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "All ${#packages[@]} packages are installed."
  exit 0
fi

install=(apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -ne 0 ]; then
  echo "Missing packages: ${missing[*]}" >&2
  echo "Install them with" >&2
  echo "  sudo apt-get update && sudo ${install[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# An index that knows all packages is good enough; one that is missing or out of date is fetched once.
if ! apt-get install -s --no-install-recommends "${missing[@]}" > /dev/null 2>&1; then
  apt-get -o DPkg::Lock::Timeout=300 update
  "${install[@]}"
elif ! "${install[@]}"; then
  apt-get -o DPkg::Lock::Timeout=300 update
  "${install[@]}"
fi
