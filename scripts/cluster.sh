#!/usr/bin/env bash
# A cluster on one machine, to try slurm/scaling.sbatch or runs over several hosts before a real one does. Each node is
# a network, host-name and mount namespace with a slurmd of its own; slurmctld and munge run beside them.
#
#   scripts/cluster.sh up N                   starts N nodes be-n1 ... be-nN and Slurm; prints what to export
#   scripts/cluster.sh up N --without-slurm   starts N hosts be-h1 ... be-hN for mpiexec; prints a launcher
#   scripts/cluster.sh down                   ends what up started, and nothing else; twice does no harm
#   scripts/cluster.sh kill NODE              ends every process of a node at once; boot NODE brings it back
#   scripts/cluster.sh cut NODE               packets to and from it vanish without a word; mend NODE joins it again
#   scripts/cluster.sh run NODE COMMAND...    runs a command line on a node, as ssh does; 255 if it does not answer
#   scripts/cluster.sh pids NODE              the numbers of its processes, as this machine sees them
#
#   --state DIR, after the first word: pids, logs and configuration [build/cluster]. With a folder each, ten clusters of
#   each kind can be up at the same time; none sees the others.
#
# Needs root. All nodes share this machine's cores, memory and files: good for trying, not for timing.
# Exit codes: 0 done, 1 failed, 2 bad request, 77 cannot run here.
set -euo pipefail

fail() {
  echo "cluster.sh: $2" >&2
  exit "$1"
}

# One record a line: "bridge NAME", "folder PATH", "node NAME NAMESPACE ADDRESS PORT", "pid OWNER PID START_TIME".
record() {
  echo "$*" >> "$state/started"
}

records() {
  [ ! -e "$state/started" ] || sed -n "s/^$1 //p" "$state/started"
}

start_time() {  # of a process, in ticks since boot: with it a pid is never mistaken for a later process of that number
  sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20
}

# start OWNER COMMAND...: in the background, recorded; the command must exec, not fork.
start() {
  local owner=$1
  shift
  setsid "$@" < /dev/null >> "$state/log/$owner.out" 2>&1 &
  record pid "$owner" $! "$(start_time $!)"
}

# end_processes OWNER_PATTERN: asks, waits up to five seconds, then kills.
end_processes() {
  local pattern=$1 owner pid started alive signal
  for signal in TERM 0 KILL; do
    for _ in $(seq 50); do
      alive=false
      while read -r owner pid started; do
        # shellcheck disable=SC2053  # a pattern on purpose
        [[ $owner == $pattern ]] && [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] || continue
        [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2> /dev/null)" != Z ] || continue  # dead, pid 1 is slow to reap
        alive=true
        kill -s "$signal" "$pid" 2> /dev/null || true
      done < <(records pid)
      $alive || return 0
      [ $signal = 0 ] || break
      sleep 0.1
    done
  done
}

end_namespace() {  # everything that lives in it, daemons' left-overs too
  local pids
  for _ in $(seq 50); do
    pids=$(ip netns pids "$1" 2> /dev/null) || return 0
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086  # a list
    kill -KILL $pids 2> /dev/null || true
    sleep 0.1
  done
  echo "cluster.sh: something in $1 does not end" >&2
}

holder_of() {  # the process that keeps the namespaces of a node
  local owner pid started found=
  while read -r owner pid started; do
    if [ "$owner" = "$1" ] && [ "$(start_time "$pid")" = "$started" ] && [ -e "/proc/$pid/ns/mnt" ]; then
      found=$pid
    fi
  done < <(records pid)
  [ -n "$found" ] && echo "$found"
}

on_node() {
  local node=$1 holder
  shift
  holder=$(holder_of "$node") || return 255
  nsenter --target "$holder" --net --uts --mount -- "$@"
}

# Host name, /dev/shm and $folder/node are a node's own: MPI ranks take equal host names for one shared memory, and PMIx
# makes files of the same name on every node.
boot_node() {
  local node=$1 folder space
  ! holder_of "$node" > /dev/null || fail 2 "$node is up already"
  folder=$(records folder)
  space=$(records node | sed -n "s/^$node \([^ ]*\).*/\1/p")
  # shellcheck disable=SC2016
  start "$node" nsenter --net="/run/netns/$space" unshare --uts --mount --propagation private sh -c \
    'hostname "$1" && mount -t tmpfs -o size=1g tmpfs /dev/shm && mount -t tmpfs tmpfs "$2" && touch "$2/ready" &&
     exec sleep infinity' sh "$node" "$folder/node"
  for _ in $(seq 50); do
    if on_node "$node" test -e "$folder/node/ready" 2> /dev/null; then
      [ ! -e "$state/slurm.conf" ] || SLURM_CONF=$state/slurm.conf \
        start "$node-slurmd" nsenter --target "$(holder_of "$node")" --net --uts --mount -- slurmd -D -N "$node"
      return 0
    fi
    sleep 0.1
  done
  fail 1 "$node does not start, see $state/log/$node.out"
}

# The first number that no other cluster of this machine has: making the bridge takes it.
take_number() {
  local number
  for number in $(seq 0 9); do
    bridge=be-$kind$number
    network=10.77.$first_network$number
    if [ -z "$(ip -4 addr show to "$network.0/24")" ] && ip link add "$bridge" type bridge 2> /dev/null; then
      record bridge "$bridge"
      slurmctld_port=1681$number
      return 0
    fi
  done
  fail 1 "ten clusters are up already, or their networks 10.77.${first_network}0 to $network are in use"
}

make_network() {
  local i space port
  take_number
  ip addr add "$network.254/24" dev "$bridge"
  ip link set "$bridge" up
  for i in $(seq "$n_nodes"); do
    space=$bridge.$prefix$i
    port=${bridge}v$i
    ip netns add "$space"
    record node "$prefix$i" "$space" "$network.$i" "$port"
    ip link add "$port" type veth peer name eth0 netns "$space"
    ip link set "$port" master "$bridge" up
    ip -n "$space" addr add "$network.$i/24" dev eth0
    ip -n "$space" link set eth0 up
    ip -n "$space" link set lo up
  done
}

# Not below $state: munge trusts no folder that somebody else than root could exchange, and socket paths are short.
make_folder() {
  folder=$(mktemp -d "/run/$bridge.XXXXXX")
  record folder "$folder"
  chmod 755 "$folder"
  mkdir "$folder/node"
}

write_slurm_configuration() {
  local i memory_mib cores
  cores=$(nproc)
  memory_mib=$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024 / n_nodes))
  # Times are as short as they can be: a lost node is noticed in seconds, a requeued job starts again in seconds
  # (cred_expire), and the scheduler looks every two seconds.
  cat > "$state/slurm.conf" << TEXT
ClusterName=breakeven
SlurmctldHost=$(hostname -s)($network.254)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$slurmctld_port
SlurmdPort=16820
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$state/slurmctld
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
ReturnToService=2
MpiDefault=pmix
KillWait=5
SlurmdTimeout=5
MessageTimeout=10
PropagateResourceLimits=NONE
JobCompType=jobcomp/filetxt
JobCompLoc=$state/log/jobs.txt
TEXT
  for i in $(seq "$n_nodes"); do
    echo "NodeName=$prefix$i NodeAddr=$network.$i CPUs=$cores Boards=1 SocketsPerBoard=1 CoresPerSocket=$cores" \
      "ThreadsPerCore=1 RealMemory=$memory_mib"
  done >> "$state/slurm.conf"
  echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 OverSubscribe=NO" >> "$state/slurm.conf"
  echo "PMIxCliTmpDirBase=$folder/node" > "$state/mpi.conf"
}

start_slurm() {
  mkdir "$folder/munge" "$state/slurmctld"
  head -c 1024 /dev/urandom > "$folder/munge/key"
  chmod 400 "$folder/munge/key"
  chown -R munge: "$folder/munge"
  start munged setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --key-file="$folder/munge/key" \
    --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" \
    --seed-file="$folder/munge/seed"
  for _ in $(seq 50); do
    [ ! -S "$folder/munge/socket" ] || break
    sleep 0.1
  done
  SLURM_CONF=$state/slurm.conf start slurmctld slurmctld -D
}

wait_for_idle_nodes() {
  for _ in $(seq 300); do
    [ "$(sinfo -h -N -o %T 2> /dev/null | grep -cx idle)" != "$n_nodes" ] || return 0
    sleep 0.1
  done
  sinfo || true
  fail 1 "the nodes are not ready after 30 s, see $state/log"
}

write_launcher() {  # what mpiexec calls in place of ssh
  printf '#!/bin/sh\nhost=$1\nshift\nexec "%s" run "$host" --state "%s" "$@"\n' "$script" "$state" > "$state/rsh"
  chmod +x "$state/rsh"
  for i in $(seq "$n_nodes"); do echo "$prefix$i slots=$(nproc)"; done > "$state/hostfile"
  echo "mpiexec --mca plm rsh --mca plm_rsh_agent $state/rsh --mca oob_tcp_if_include $network.0/24" \
    "--mca btl tcp,self --mca btl_tcp_if_include $network.0/24 --bind-to none --map-by node" \
    "--hostfile $state/hostfile -n {ranks}" > "$state/launcher"
}

require() {
  local tool
  for tool in "$@"; do
    command -v "$tool" > /dev/null || fail 77 "there is no $tool; scripts/install_dependencies.sh --test installs it"
  done
}

give_up() {
  local status=$?
  echo "cluster.sh: up failed, ending what was started" >&2
  down
  exit $status
}

up() {
  [[ $n_nodes =~ ^[1-9][0-9]?$ ]] || fail 2 "up needs a number of nodes from 1 to 99, got '$n_nodes'"
  require ip nsenter unshare
  ! $slurm || require munged slurmctld slurmd sinfo setpriv
  [ ! -e "$state/started" ] || fail 2 "a cluster is up already; end it with: scripts/cluster.sh down --state $state"
  if [ -n "$(ls -A "$state" 2> /dev/null)" ] && [ ! -e "$state/made_by_cluster_sh" ]; then
    fail 2 "$state holds something else, choose an empty folder"
  fi
  mkdir -p "$state"
  touch "$state/made_by_cluster_sh"
  (set -o noclobber && : > "$state/started") 2> /dev/null || fail 2 "another up is at work in $state"
  trap give_up EXIT
  trap 'exit 1' INT TERM HUP
  rm -rf "$state/log" "$state/slurmctld" "$state/spool" "$state/slurm.conf" "$state/mpi.conf"
  mkdir "$state/log" "$state/spool"
  make_network
  make_folder
  if $slurm; then
    write_slurm_configuration
    start_slurm
  fi
  for i in $(seq "$n_nodes"); do boot_node "$prefix$i"; done
  if $slurm; then
    export SLURM_CONF=$state/slurm.conf
    wait_for_idle_nodes
    echo "export SLURM_CONF=$SLURM_CONF"
  else
    write_launcher
    echo "export BREAKEVEN_LAUNCHER='$(cat "$state/launcher")'"
  fi
  trap - EXIT
}

down() {
  trap '' INT TERM HUP
  [ -e "$state/started" ] || { echo "cluster.sh: nothing is up in $state" >&2; return 0; }
  local name space address port
  end_processes slurmctld
  end_processes '*-slurmd'
  while read -r name space address port; do
    end_namespace "$space"
    ip link del "$port" 2> /dev/null || true
    ip netns del "$space" 2> /dev/null || true
  done < <(records node)
  end_processes '*'
  for name in $(records bridge); do ip link del "$name" 2> /dev/null || true; done
  for name in $(records folder); do rm -rf "$name"; done
  rm -f "$state/started"
}

# The words become one line for the node's shell, as with ssh; a host that is down or out of reach does not answer.
run_on_node() {
  local answer
  # Nothing listens on that port: "refused" is an answer, silence is none.
  answer=$(timeout 3 bash -c ": < /dev/tcp/$address/9" 2>&1 || true)
  if [[ $answer != *refused* ]] || ! holder_of "$node" > /dev/null; then
    echo "ssh: connect to host $node: No answer" >&2  # in ssh's words, for programs that look for them
    exit 255
  fi
  on_node "$node" sh -c "$*"
}

script=$(readlink -f "$0")
action=${1:-}
subject=
case "$action" in
  -h | --help) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "$script"; exit 0 ;;
  down) shift ;;
  up | kill | boot | cut | mend | run | pids) [[ ${2:---} == --* ]] && fail 2 "$action of what? --help"; subject=$2; shift 2 ;;
  *) fail 2 "unknown command '$action'; --help lists all" ;;
esac
slurm=true
state=$(dirname "$script")/../build/cluster
while [ $# -gt 0 ]; do
  case "$1" in
    --without-slurm) slurm=false ;;
    --state) [ $# -ge 2 ] || fail 2 "--state needs a folder"; state=$2; shift ;;
    *) [ "$action" = run ] || fail 2 "unknown option $1; --help lists all"; break ;;
  esac
  shift
done
state=$(realpath -m "$state")
[ "$(id -u)" -eq 0 ] || fail 77 "needs root, since it makes network namespaces"
if $slurm; then prefix=be-n kind=slurm first_network=; else prefix=be-h kind=hosts first_network=1; fi

case "$action" in
  up) n_nodes=$subject; up; exit 0 ;;
  down) down; exit 0 ;;
esac
node=$subject
read -r space address port < <(records node | sed -n "s/^$node //p") ||
  fail 2 "there is no node '$node' in the cluster of $state"
case "$action" in
  kill) end_namespace "$space" ;;
  boot) boot_node "$node" ;;
  cut) ip link set "$port" nomaster ;;
  mend) ip link set "$port" master "$(records bridge)" ;;
  pids) ip netns pids "$space" ;;
  run) run_on_node "$@" ;;
esac
