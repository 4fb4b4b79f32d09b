"""What the tests under faults share: processes of one session, shards told apart from half of them, and cases compared."""

import collections
import hashlib
import os
import pathlib
import shlex
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "drivers"))

import programs

programs.require("h5py", "numpy")
import h5py
import numpy
from programs import MPI_FLAGS, MPIEXEC

CHECKSUM_MARK = b"\nbreakeven sha256 "
CHECKSUM_LINE = len(CHECKSUM_MARK) + 64 + 1
# What two runs of one study may differ in.
TIMES = {"setup_s", "input_s", "time_median", "time_lo", "time_hi", "peak_flops", "peak_rss", "completion_s", "compute_s",
         "comm_s", "page_faults", "elapsed_s"}


def memory_folder():
    """Where syncing costs nothing: a kill is no power cut, so what is tested is the same."""
    memory = pathlib.Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


Process = collections.namedtuple("Process", "pid name parent state")


def session_of(leader):
    """The living processes of the session that `leader` began, those whose parents are gone among them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        name = text[text.index("(") + 1:text.rindex(")")]
        state, parent, _, session = text[text.rindex(")") + 2:].split()[:4]
        if int(session) == leader and state not in "ZX":
            found.append(Process(int(entry.name), name, int(parent), state))
    return found


def kill_session(leader):
    """Until nothing is left: what one round kills may have started something just before."""
    while session_of(leader):
        for process in session_of(leader):
            kill(process.pid)
        time.sleep(0.02)


def kill(pid, signal_number=signal.SIGKILL):
    try:
        os.kill(pid, signal_number)
        return True
    except ProcessLookupError:
        return False


def launcher(folder, driver=None, replace=None):
    """A launcher text for `breakeven run`: mpiexec, its rows kept in FOLDER/rows-<launch>.jsonl as the driver prints
    them; `driver` and `replace` = (text, other text) change what is started."""
    script = folder / "launcher.sh"
    program = shlex.quote(str(driver)) if driver else '"$driver"'
    arguments = '"${@/' + "/".join(replace) + '}"' if replace else '"$@"'
    script.write_text(f"""#!/bin/bash
ranks=$1 driver=$2
shift 2
launch=$(printf '%s\\n' "$@" | sed -n 's/^--launch=//p')
exec > >(exec tee -a {shlex.quote(str(folder))}/rows-"$launch".jsonl)
exec {shlex.join([MPIEXEC, *MPI_FLAGS])} -n "$ranks" {program} {arguments}
""")
    script.chmod(0o755)
    return f"{script} {{ranks}}"


def shards_of(folder):
    return sorted(path for path in (folder / "shards").glob("*") if not path.name.startswith("."))


def temporaries(folder):
    return sorted(path for path in folder.rglob(".*.tmp"))


def is_whole(path):
    """Whether the bytes fit the checksum line that a shard ends with; asks nobody else."""
    content = path.read_bytes()
    data, line = content[:-CHECKSUM_LINE], content[-CHECKSUM_LINE:]
    return line == CHECKSUM_MARK + hashlib.sha256(data).hexdigest().encode() + b"\n"


def identity(path):
    """Changes when a file is written again, be it with the same content."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()


def cases(path, table="cases"):
    """The columns of /cases, or of another table."""
    with h5py.File(path) as file:
        return {name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
                for name, column in file[table].items()}


def contents(path, groups):
    """The root's attributes and all columns below these groups; of what two runs may differ in there is the shape."""
    found = {}

    def take(_, column):
        if not isinstance(column, h5py.Dataset):
            return
        values = column.asstr()[()] if h5py.check_string_dtype(column.dtype) else column[()]
        is_time = column.name.rpartition("/")[2] in TIMES
        found[column.name] = numpy.array(column.shape) if is_time else numpy.asarray(values)

    with h5py.File(path) as file:
        for name, value in file.attrs.items():
            if name != "created":
                found[f"attribute {name}"] = numpy.asarray(value)
        for group in groups:
            file[group].visititems(take)
    return found


def differences(first, second):
    """Names of the columns in which two tables differ; an unknown value equals itself."""
    names = sorted(set(first) ^ set(second))
    for name in sorted(set(first) & set(second)):
        a, b = first[name], second[name]
        nan = a.dtype.kind == "f" and b.dtype.kind == "f"
        if a.dtype != b.dtype or not numpy.array_equal(a, b, equal_nan=nan):
            names.append(name)
    return names
