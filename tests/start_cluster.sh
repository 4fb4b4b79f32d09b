#!/usr/bin/env bash
# start_cluster.sh STATE N [OPTION...]: a fresh cluster for the tests, by scripts/cluster.sh; one that a killed test left
# behind is ended first. Exit 77 with the reason where there can be none.
set -euo pipefail
cluster=$(dirname "${BASH_SOURCE[0]}")/../scripts/cluster.sh
state=$1
shift
if [ "$(id -u)" -ne 0 ]; then
  echo "SKIPPED: a cluster needs root, since it is made of network namespaces"
  exit 77
fi
"$cluster" down --state "$state"
status=0
"$cluster" up "$@" --state "$state" 2>&1 || status=$?
if [ $status -eq 77 ]; then echo "SKIPPED: no cluster on this machine"; fi
exit $status
