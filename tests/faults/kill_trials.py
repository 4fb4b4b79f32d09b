#!/usr/bin/env python3
"""SIGKILL at random moments of a running study: no half shard, nothing lost that was printed, nothing measured twice,
and in the end the study that nobody disturbed.

    kill_trials.py [TRIALS [SEED]]     20 trials of seed 1 by default

Each trial kills once, in turn: everything at once, one rank, the launcher, the front end. What a trial leaves is what
the next begins with; a run that ends before its kill completes the study, which is then compared, and a new one begins.
"""

import json
import pathlib
import platform
import random
import shutil
import sys
import time

import studies
from programs import FAILURE, OK, Started, BIN

STUDY = """
name = "kills"
label = "quick"
launches = 2
ranks = 2

[[sweep]]
problem = "attention/forward"
methods = ["ring", "polynomial"]
n = "16..256*2"
d = 4
degree = 2
bound = 0.5
repetitions = 3
warmup = 0
save-solution = true
"""
FUTEX = {"x86_64": 202, "aarch64": 98}  # the system call by which a thread waits for a lock
VARIANTS = ("everything", "a rank", "the launcher", "the front end")
LIMIT_S = 120  # far above what a run takes, on a busy machine too
HUNG_AFTER_S = 15


class Broken(Exception):
    """A promise that a kill has broken."""


def require(condition, message):
    if not condition:
        raise Broken(message)


class Study:
    """One folder of results from the first launch to the comparison."""

    def __init__(self, parent, number):
        self.folder = parent / str(number)
        self.folder.mkdir()
        (self.folder / "study.toml").write_text(STUDY)
        self.launcher = studies.launcher(self.folder)
        self.out = self.folder / "out"

    def start(self):
        return Started([BIN / "breakeven", "run", "study.toml", "--no-calibration", "--launcher", self.launcher, "--out", "out"],
                       folder=self.folder)

    def rows(self):
        """The shard of every row that a driver has printed; a line that a kill has cut is none."""
        for path in self.folder.glob("rows-*.jsonl"):
            launch = path.stem.split("-")[1]
            for line in path.read_text().splitlines(keepends=True):
                try:
                    row = json.loads(line) if line.endswith("\n") else None
                except ValueError:
                    row = None  # what follows the rest of a cut line
                if row:
                    yield f"{row['hash'][:16]}-{launch}.h5"

    def check_shards(self):
        """Whole, and none missing whose row was printed."""
        names = set()
        for path in studies.shards_of(self.out):
            require(studies.is_whole(path), f"{path} is damaged")
            with studies.h5py.File(path) as shard:
                require(int(shard.attrs["complete"]) == 1, f"{path} is not complete")
                require(shard["cases/hash"].asstr()[0][:16] == path.name[:16], f"{path} holds another case")
            names.add(path.name)
        lost = set(self.rows()) - names
        require(not lost, f"printed as finished but not on disk: {sorted(lost)}")
        for path in (self.out / "solutions").glob("[!.]*"):
            with studies.h5py.File(path) as solution:
                require(solution.attrs["hash"] == path.stem, f"{path} holds another case")
        return names

    def merged(self):
        """What was measured, times aside: the study file and the solutions."""
        found = studies.contents(self.out / "study.h5", ["cases", "samples", "ranks"])
        for path in (self.out / "solutions").glob("[!.]*"):
            found.update({f"{path.name} {name}": values for name, values in studies.contents(path, ["/"]).items()})
        return found

    def finished(self, groups):
        """Identities of the shards of groups that are there with all their methods."""
        there = {path.name: path for path in studies.shards_of(self.out)} if self.out.exists() else {}
        return {name: studies.identity(there[name]) for group in groups if group <= set(there) for name in group}


class Undisturbed:
    """The study that nobody kills: its length, its groups, all that it has merged and saved."""

    def __init__(self, parent):
        study = Study(parent, "undisturbed")
        ended = study.start().wait(LIMIT_S)
        require(ended.exit_code == OK, f"the undisturbed run failed\n{ended}")
        study.check_shards()
        self.seconds = ended.seconds
        self.merged = study.merged()
        groups = {}
        for path in studies.shards_of(study.out):
            with studies.h5py.File(path) as shard:
                groups.setdefault((int(shard["cases/n"][0]), path.stem.split("-")[1]), set()).add(path.name)
        self.groups = list(groups.values())
        self.shards = sum(map(len, self.groups))
        require(len(self.groups) == 10 and all(len(group) == 2 for group in self.groups), f"groups: {self.groups}")

    def check(self, study):
        require(study.check_shards() == set().union(*self.groups), "shards of other cases")
        different = studies.differences(self.merged, study.merged())
        require(not different, f"{study.out} differs from the undisturbed one in {different}")
        left = studies.temporaries(study.out)
        require(not left, f"left behind by the dead: {left}")


def victim_of(variant, front_end):
    """The process to kill, None while there is none; the session itself for everything."""
    if variant in ("everything", "the front end"):
        return front_end
    processes = studies.session_of(front_end)
    if variant == "the launcher":
        found = [p.pid for p in processes if p.parent == front_end and p.name == pathlib.Path(studies.MPIEXEC).name
                 or p.name in ("mpirun", "orterun", "prterun")]
    else:
        found = [p.pid for p in processes if p.name == "attention"]
    return found[-1] if found else None


hung_launchers = []  # whom nobody was left to watch


def end_hung_launcher(leader):
    """Open MPI 4.1 with PMIx 4.2 sometimes hangs in PMIx_server_finalize() when all its ranks are gone, its main thread
    waiting for a lock. `breakeven run` ends such a launcher; here it is itself what was killed."""
    processes = studies.session_of(leader)
    if any(process.name == "attention" for process in processes):
        return
    for process in processes:
        try:
            call = pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()[0]
        except OSError:
            continue  # it has ended meanwhile
        if process.name == "mpiexec" and call == str(FUTEX.get(platform.machine())) and studies.kill(process.pid):
            hung_launchers.append(process.pid)


def kill_once(started, variant, moment_s):
    """Whether the kill came in time, whether the study is complete, how long it ran. Nothing of the run is left."""
    front_end, left = started.pid, []
    time.sleep(moment_s)
    while not (victim := victim_of(variant, front_end)) and started.is_running():
        time.sleep(0.01)
    killed = bool(victim) and started.is_running()
    if killed and variant == "everything":
        studies.kill_session(front_end)
    elif killed:
        killed = studies.kill(victim)
    try:
        ended = started.wait(LIMIT_S, before_kill=lambda: left.extend(studies.session_of(front_end)))
    except AssertionError as error:
        raise Broken(f"after a kill of {variant if killed else 'nothing'} (process {victim}): {error}\n{left}") from None
    if killed and variant in ("a rank", "the launcher"):  # the front end goes on with the next launch, and says so
        require(ended.exit_code == FAILURE and "failed: attention/forward" in ended.stderr or ended.exit_code == OK,
                f"after a kill of {variant}:\n{ended}")
    begin = time.monotonic()
    while studies.session_of(front_end):
        if variant == "the front end" and time.monotonic() > begin + HUNG_AFTER_S:
            end_hung_launcher(front_end)
        if time.monotonic() > begin + LIMIT_S:
            left = studies.session_of(front_end)
            studies.kill_session(front_end)
            raise Broken(f"still running after a kill of {variant}: {left}")
        time.sleep(0.02)
    require(killed or ended.exit_code == OK, f"not killed, and yet:\n{ended}")
    return killed, ended.exit_code == OK, ended.seconds


def trials(count, seed, parent):
    random_numbers = random.Random(seed)
    undisturbed = Undisturbed(parent)
    counts = dict.fromkeys(VARIANTS, 0)
    kills = completed = unfinished_groups = 0
    whole_s = undisturbed.seconds
    study = Study(parent, 0)
    while kills < count:
        variant = VARIANTS[kills % len(VARIANTS)]
        before = study.finished(undisturbed.groups)
        missing = 1 - len(before) / undisturbed.shards  # of a study near its end a run does not last long
        share = 0.3 + 0.7 * missing
        killed, complete, seconds = kill_once(study.start(), variant, random_numbers.uniform(0, whole_s * share))
        if not killed:
            whole_s = seconds / share  # the machine's other load has changed
        if study.out.exists():
            names = study.check_shards()
            unfinished_groups += sum(0 < len(group & names) < len(group) for group in undisturbed.groups)
            after = study.finished(undisturbed.groups)
            again = [name for name in before if after.get(name) != before[name]]
            require(not again, f"measured again though finished: {again}")
        kills += killed
        counts[variant] += killed
        if killed and kills % 10 == 0:
            print(f"{kills} kills, {completed} studies completed", file=sys.stderr, flush=True)
        if complete:
            completed += 1
            undisturbed.check(study)
            shutil.rmtree(study.folder)
            study = Study(parent, completed)
    ended = study.start().wait(LIMIT_S)
    require(ended.exit_code == OK, f"the last run does not complete the study\n{ended}")
    undisturbed.check(study)
    print(f"{kills} kills ({', '.join(f'{n} of {name}' for name, n in counts.items())}), {completed + 1} studies "
          f"completed and compared, {unfinished_groups} groups found half renamed, {len(hung_launchers)} launchers left hanging")


def main():
    count, seed = (int(word) for word in (sys.argv[1:] + ["20", "1"][len(sys.argv) - 1:])[:2])
    with studies.memory_folder() as folder:
        try:
            trials(count, seed, pathlib.Path(folder))
        except Broken as broken:
            sys.exit(f"seed {seed}: {broken}")


if __name__ == "__main__":
    main()
