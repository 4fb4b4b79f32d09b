# shellcheck shell=bash
# Sourced by the other scripts. Open MPI refuses to start as root unless told twice; root is told only where it is root,
# which is inside containers and CI.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
