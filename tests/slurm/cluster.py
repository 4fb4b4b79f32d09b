"""Jobs and failures on a cluster that scripts/cluster.sh has started; the test is skipped where none is up.

By hand: scripts/cluster.sh up 6; export SLURM_CONF as it says; BREAKEVEN_CLUSTER=build/cluster
tests/slurm/time_limit_test.py
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "drivers"))
import programs

programs.require("h5py", "numpy")
import h5py

STATE = pathlib.Path(os.environ.get("BREAKEVEN_CLUSTER", programs.REPOSITORY / "build" / "cluster")).resolve()
TEMPLATE = programs.REPOSITORY / "slurm" / "scaling.sbatch"
SMOKE = programs.REPOSITORY / "tests" / "slurm" / "smoke.toml"
LONG = programs.REPOSITORY / "tests" / "slurm" / "long.toml"
MPIRUN = re.search(r'^# launcher="(mpirun .*)"$', TEMPLATE.read_text(), re.MULTILINE)[1]  # the template's other choice
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}
LIMIT_S = 240  # far above what any job here takes, others on the same cores included


def command(*words):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def on_cluster(action, node):
    """scripts/cluster.sh kill, boot, cut, mend or pids."""
    return command(programs.REPOSITORY / "scripts" / "cluster.sh", action, node, "--state", STATE)


def wait_until(condition, what, limit_s=LIMIT_S):
    """Until condition() is true, which it returns; `what()` is told if it never is."""
    end = time.monotonic() + limit_s
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {limit_s} s: {what()}")
        time.sleep(0.2)
    return result


class Job:
    """slurm/scaling.sbatch, submitted as a user submits it; cancelled when the test ends."""

    def __init__(self, test, out, study, nodes, *options, launcher=None):
        self.log = pathlib.Path(f"{out}-{nodes}.log")
        self.shards = out / "shards"
        environment = {**os.environ, "BREAKEVEN_STUDY": str(study), "BREAKEVEN_OUT": str(out),
                       "BREAKEVEN_BIN": str(programs.BIN)}
        if launcher is not None:
            environment["BREAKEVEN_LAUNCHER"] = launcher
        submit = ["sbatch", "--parsable", f"--nodes={nodes}", "--ntasks-per-node=1", f"--output={self.log}", *options,
                  str(TEMPLATE)]
        done = subprocess.run(submit, env=environment, cwd=programs.REPOSITORY, capture_output=True, text=True,
                              timeout=60, check=False)
        test.assertEqual(done.returncode, 0, msg=done.stdout + done.stderr)
        self.number = done.stdout.strip()
        test.addCleanup(command, "scancel", "--quiet", self.number)

    def facts(self):
        """What Slurm knows of the job: JobState, ExitCode, Restarts, BatchHost, NodeList ..."""
        return dict(re.findall(r"(\S+?)=(\S*)", command("scontrol", "--oneliner", "show", "job", self.number)))

    def finished_shards(self):
        """Shards of cases that are whole: a temporary name is not one, nor are the ceilings of the machine."""
        if not self.shards.exists():
            return []
        return sorted(path for path in self.shards.glob("*.h5") if not path.name.startswith("calibration-"))

    def wait_for(self, *states):
        """Until the job is in one of the states; an end that was not asked for is an error."""
        def reached():
            facts = self.facts()
            if facts["JobState"] in ENDED and facts["JobState"] not in states:
                raise AssertionError(f"the job ended otherwise: {self}")
            return facts if facts["JobState"] in states else None
        return wait_until(reached, lambda: f"{states}: {self}")

    def wait_for_shards(self, number):
        def enough():
            if self.facts()["JobState"] in ENDED:
                raise AssertionError(f"the job ended before shard {number}: {self}")
            return len(self.finished_shards()) >= number
        wait_until(enough, lambda: f"{number} shards: {self}")

    def __str__(self):
        log = self.log.read_text() if self.log.exists() else "none"
        return f"{self.facts()}\nlog:\n{log}"


def contents(paths):
    """What tells whether a file was written again."""
    return {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths}


def long_study(groups):
    """The study with something to interrupt, shortened to so many groups."""
    return re.sub(r'seed = ".*"', f'seed = "1..{groups}+1"', LONG.read_text())


class ClusterTest(programs.ProgramTest):
    def setUp(self):
        # Seen by all nodes under the same path, as a shared file system is.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="breakeven_cluster_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def merged(self, out):
        """The cases of all shards, as columns, by the commands of slurm/README.md."""
        merge = programs.run(1, "breakeven", "merge", out)
        self.assert_exit(merge, programs.OK)
        self.assertNotIn("skipped", merge.stderr, msg=merge)  # no shard is broken
        with h5py.File(out / "study.h5") as file:
            self.assertEqual(int(file.attrs["complete"]), 1)
            return {name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
                    for name, column in file["cases"].items()}


class InterruptedJob(ClusterTest):
    """It goes back into the queue, goes on where it stopped and completes; nothing finished is measured again."""

    MORE = 3  # groups left to measure once a job was interrupted; one of them may have been in hand

    def start(self, name, nodes, *options, launcher=None):
        """A job with more work than it gets time for. Its study is a file of its own, which shorten() writes anew."""
        self.study = self.folder / f"{name}.toml"
        self.study.write_text(LONG.read_text())
        return Job(self, self.folder / name, self.study, nodes, *options, launcher=launcher)

    def shorten(self, job):
        """Leaves little to measure for the second start, which reads the study again. Returns the shards there are."""
        before = contents(job.finished_shards())
        self.study.write_text(long_study(len(before) + self.MORE))
        return before

    def check_completed(self, job, before):
        facts = job.wait_for("COMPLETED")
        self.assertEqual((facts["ExitCode"], facts["Restarts"]), ("0:0", "1"), msg=job)
        after = contents(job.finished_shards())
        self.assertEqual({path: after.get(path) for path in before}, before, msg=job)  # neither lost nor redone
        self.assertEqual(len(after), len(before) + self.MORE, msg=job)
        cases = self.merged(job.shards.parent)
        self.assertEqual(set(cases["status"]), {"ok"})
        self.assertEqual(sorted(cases["seed"]), list(range(1, len(after) + 1)))
        return facts


def main():
    if not (STATE / "started").exists():
        print(f"SKIPPED: no cluster is up in {STATE} (scripts/cluster.sh)")
        sys.exit(77)
    programs.main()
