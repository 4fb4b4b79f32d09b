#!/usr/bin/env python3
"""calibrate: the ceilings of the machine; and page faults, which would hide them."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import programs

programs.require("h5py")
import h5py
from programs import BIN, FAILURE, LIMIT_S, MPI_FLAGS, MPIEXEC, OK, USAGE, ProgramTest, Started

LOCAL = {"fma_f32", "fma_f64", "product_f32", "product_f64", "read_bandwidth", "triad_bandwidth", "xor_popcount",
         "timer_resolution"}


# Another host name for one program, where the system lets anybody have one.
ELSEWHERE = ["unshare", "--user", "--map-root-user", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"]


def rank_at_work(session, rank):
    """The process of that rank once it has computed for half a second: MPI has then long begun."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            user_ticks, system_ticks = (entry / "stat").read_text().rpartition(")")[2].split()[11:13]
            mine = entry.name.isdigit() and os.getsid(int(entry.name)) == session
        except OSError:
            continue  # no process, or it has ended meanwhile
        named = f"OMPI_COMM_WORLD_RANK={rank}".encode() in variables or f"PMI_RANK={rank}".encode() in variables
        if mine and named and int(user_ticks) + int(system_ticks) > os.sysconf("SC_CLK_TCK") / 2:
            return int(entry.name)
    return None


class Calibrate(ProgramTest):
    def ceilings(self, ranks, on_hosts=None):
        """`on_hosts` turns the program with its options into the command that launches it; by default on this one."""
        with tempfile.TemporaryDirectory() as folder:
            options = ["--out", folder]
            ended = (Started(on_hosts([BIN / "calibrate", *options])).wait() if on_hosts else
                     programs.run(ranks, "calibrate", *options))
            self.assert_exit(ended, OK)
            self.assertEqual(ended.messages, [], msg=ended)
            with h5py.File(pathlib.Path(folder) / "shards" / f"calibration-{ranks}-0.h5") as shard:
                self.assertEqual(len(shard["cases/case"]), 0)
                table = shard["calibration/ceilings"]
                columns = {name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
                           for name, column in table.items()}
        return ended, [dict(zip(columns, row)) for row in zip(*columns.values())]

    def test_one_rank_measures_itself(self):
        ended, ceilings = self.ceilings(1)
        self.assertEqual({row["quantity"] for row in ceilings}, LOCAL)
        for row in ceilings:
            self.assertGreater(row["value"], 0, msg=row)
            self.assertEqual((row["ranks"], row["participants"], row["message_bytes"]), (1, 1, -1), msg=row)
            self.assertIn(row["quantity"], ended.stdout)

    def test_two_ranks_measure_messages_too(self):
        _, ceilings = self.ceilings(2)
        self.assertEqual({row["quantity"] for row in ceilings}, LOCAL | {"message", "all_reduce"})
        for row in ceilings:
            self.assertEqual((row["ranks"], row["participants"]), (2, 2), msg=row)
        sizes = [row["message_bytes"] for row in ceilings if row["quantity"] == "message"]
        self.assertEqual(min(sizes), 8)
        self.assertEqual(max(sizes), 1 << 24)

    def test_messages_within_each_host_and_between_two(self):
        """The first host has one rank: there is no message within it, but one within the other."""
        if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no other host name is allowed here")
        _, ceilings = self.ceilings(3, lambda program: [MPIEXEC, *MPI_FLAGS, "-n", "1", *program, ":", *MPI_FLAGS,
                                                        "-n", "2", *ELSEWHERE, *program])
        here = os.uname().nodename
        messages = [row["host"] for row in ceilings if row["quantity"] == "message"]
        self.assertEqual(messages, ["elsewhere", f"{here} - elsewhere"] * 7)
        self.assertEqual({(row["host"], row["participants"]) for row in ceilings if row["quantity"] in LOCAL},
                         {(here, 1), ("elsewhere", 2)})

    def test_ceilings_are_taken_again_only_for_as_many_ranks_on_as_many_hosts(self):
        if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no other host name is allowed here")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = [BIN / "calibrate", "--out", folder.name, "--reuse", "--quiet"]
        on_one = [MPIEXEC, *MPI_FLAGS, "-n", "2", *program]
        on_two = [MPIEXEC, *MPI_FLAGS, "-n", "1", *program, ":", *MPI_FLAGS, "-n", "1", *ELSEWHERE, *program]
        made = {}
        for command, number, warns in ((on_one, 0, False), (on_two, 1, True), (on_one, 0, False), (on_two, 1, False)):
            ended = Started(command).wait()
            self.assert_exit(ended, OK)
            self.assertEqual(["of other hosts" in line for line in ended.messages], [True] * warns, msg=ended)
            shards = {path.name: path.stat().st_mtime_ns for path in (pathlib.Path(folder.name) / "shards").iterdir()}
            made.setdefault(f"calibration-2-{number}.h5", shards[f"calibration-2-{number}.h5"])
            self.assertEqual(shards, made)

    def test_a_rank_that_stands_still_ends_them_all(self):
        started = programs.start(2, "calibrate", "--quiet", "--timeout", "3")
        begin = time.monotonic()
        while not (victim := rank_at_work(started.pid, 1)):
            if not started.is_running() or time.monotonic() > begin + LIMIT_S:
                self.fail(f"no rank to stop\n{started.kill_and_tell()}")
            time.sleep(0.02)
        os.kill(victim, signal.SIGSTOP)
        ended = started.wait()
        self.assert_exit(ended, FAILURE)
        self.assert_one_message(ended, "measuring ", " took longer than 3 s", "--timeout")

    def test_bad_requests(self):
        self.rejected_on([1, 2], [("--launch -1", "launch must be at least 0, got -1"), ("--no-such", "--no-such"),
                                  ("--timeout 0", "timeout must be more than 0, got 0"),
                                  ("--out /proc/nowhere", "/proc/nowhere")], program="calibrate")

    def test_help(self):
        ended = programs.run(1, "calibrate", "--help")
        self.assert_exit(ended, OK)
        self.assertIn("mpiexec -n 2 calibrate", ended.stdout)


class WhatStandsThere(ProgramTest):
    """A file where the ceilings of a study go."""

    STUDY = """
name = "tiny"
ranks = 1

[[sweep]]
problem = "attention/forward"
methods = "ring"
n = 16
d = 4
repetitions = 1
"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "study.toml").write_text(self.STUDY)
        self.shard = self.folder / "out" / "shards" / "calibration-1-0.h5"
        self.assert_exit(programs.run(1, "calibrate", "--quiet", "--out", "out", folder=self.folder), OK)

    def run_study(self):
        return Started([BIN / "breakeven", "run", "study.toml", "--out", "out", "--launcher",
                        f"{MPIEXEC} -n {{ranks}} {' '.join(MPI_FLAGS)}"], folder=self.folder).wait()

    def test_what_is_damaged_is_measured_again(self):
        self.shard.write_bytes(self.shard.read_bytes()[:-100])
        ended = self.run_study()
        self.assert_exit(ended, OK)
        self.assert_matches(ended, r"(?m)^warning: out/shards/calibration-1-0\.h5: is truncated.*; measured again$", ended.stderr)
        with h5py.File(self.shard) as shard:
            self.assertEqual(int(shard.attrs["complete"]), 1)

    def test_what_is_not_ours_to_replace_stays(self):
        with h5py.File(self.shard, "r+") as shard:
            shard.attrs["format_version"] = "2.0.0"
        before = self.shard.read_bytes()
        for ended in (self.run_study(), programs.run(1, "calibrate", "--out", "out", folder=self.folder)):
            self.assert_exit(ended, USAGE)
            self.assert_one_message(ended, "calibration-1-0.h5: written by format 2.0.0", "move it away")
            self.assertEqual(self.shard.read_bytes(), before)
        self.assertEqual([path.name for path in self.shard.parent.iterdir()], [self.shard.name])


class PageFaults(ProgramTest):
    def test_none_inside_a_timed_repetition(self):
        """Every method, both scalars, causal or not, on states from bytes to megabytes: after the warm-up none. Memory
        allocated inside a run would fault in every repetition; the system may take a page away once."""
        options = ["--methods", "ring,allgather,dense,polynomial", "--n", "512,1024", "--d", "16", "--degree", "1,4",
                   "--dtype", "f32,f64", "--causal", "false,true", "--repetitions", "3", "--warmup", "1"]
        for ranks in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                self.assert_exit(programs.run(ranks, "attention", *options, "--out", folder), OK)
                for path in sorted((pathlib.Path(folder) / "shards").iterdir()):
                    with h5py.File(path) as shard, self.subTest(ranks=ranks, method=shard["cases/method"].asstr()[0]):
                        timed = shard["samples/warmup"][:] == 0
                        self.assertEqual(timed.sum(), 3)
                        faults = sorted(shard["samples/page_faults"][:][timed].tolist())
                        self.assertEqual(faults[:-1], [0, 0], msg=faults)


if __name__ == "__main__":
    programs.main()
