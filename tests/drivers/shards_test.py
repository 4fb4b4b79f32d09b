#!/usr/bin/env python3
"""Shards: written whole, reused when finished, left out when a launch is stopped."""

import os
import pathlib
import shutil
import signal
import tempfile
import unittest

import programs

programs.require("h5py")
import h5py
from programs import INTERRUPTED, OK, USAGE, ProgramTest

TWO_GROUPS = ["--methods", "ring,polynomial", "--n", "32,64", "--d", "4", "--degree", "2", "--repetitions", "2",
              "--warmup", "1", "--format", "json"]


class Shards(ProgramTest):
    """Each test begins with a copy of the folder that one launch left."""

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        cls.first_out = pathlib.Path(cls._folder.name) / "first"
        cls.first = programs.run(2, "attention", *TWO_GROUPS, "--out", cls.first_out)

    def setUp(self):
        self.assert_exit(self.first, OK)
        self.out = pathlib.Path(self._folder.name) / self.id()
        shutil.copytree(self.first_out, self.out)

    def shards(self):
        return sorted((self.out / "shards").iterdir())

    def run_on_two(self, *options):
        return programs.run(2, "attention", *TWO_GROUPS, "--out", self.out, *options)

    def test_one_shard_a_case_and_launch(self):
        first = self.first
        self.assertEqual(len(first.rows), 4, msg=first)
        self.assertEqual([path.name for path in self.shards()],
                         sorted(f"{row['hash'][:16]}-0.h5" for row in first.rows))
        for row in first.rows:
            with self.subTest(method=row["method"], n=row["n"]):
                with h5py.File(self.out / "shards" / f"{row['hash'][:16]}-0.h5") as shard:
                    self.assertEqual(int(shard.attrs["complete"]), 1)
                    self.assertEqual(shard["cases/hash"].asstr()[0], row["hash"])
                    self.assertEqual(shard["cases/n"][0], row["n"])
                    self.assertEqual(list(shard["samples/warmup"][:]), [1, 0, 0])
                    ranks = shard["ranks"][row["hash"][:16]]
                    self.assertEqual(ranks["elapsed_s"].shape, (1, 2, 2))  # launch, repetition, rank
                    self.assertEqual(list(ranks["setup_s"][:]), list(shard["cases/setup_s"][:]))
                    command = shard["provenance/command"].asstr()[()]
                    self.assertTrue(command.startswith("attention --methods ring,polynomial --n 32,64"), msg=command)
                    slowest = ranks["elapsed_s"][0].max(axis=1)
                    self.assertEqual(list(slowest), list(shard["samples/completion_s"][1:]))
        other_launch = self.run_on_two("--launch", "3")
        self.assert_exit(other_launch, OK)
        self.assertEqual(len(other_launch.rows), 4, msg=other_launch)
        self.assertEqual(sum(path.name.endswith("-3.h5") for path in self.shards()), 4)
        self.assertEqual({row["hash"] for row in other_launch.rows}, {row["hash"] for row in first.rows})

    def test_finished_groups_are_not_measured_twice(self):
        before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in self.shards()}
        again = self.run_on_two()
        self.assert_exit(again, OK)
        self.assertEqual(again.stdout, "", msg=again)
        self.assertIn("2 of 2 groups were already finished", again.stderr, msg=again)
        self.assertEqual({path: (path.stat().st_mtime_ns, path.read_bytes()) for path in self.shards()}, before)
        quiet = self.run_on_two("--quiet")
        self.assert_exit(quiet, OK)
        self.assertEqual(quiet.stderr, "", msg=quiet)

    def test_another_seed_or_rank_count_is_another_case(self):
        two_seeds = self.run_on_two("--seed", "1,2")  # 1 is the default
        self.assert_exit(two_seeds, OK)
        self.assertEqual([row["seed"] for row in two_seeds.rows], [2, 2, 2, 2], msg=two_seeds)
        self.assertIn("2 of 4 groups were already finished", two_seeds.stderr, msg=two_seeds)
        other_ranks = programs.run(1, "attention", *TWO_GROUPS, "--out", self.out)
        self.assertEqual(len(other_ranks.rows), 4, msg=other_ranks)

    def test_a_broken_shard_is_measured_again(self):
        victim = self.shards()[0]
        victim.write_bytes(victim.read_bytes()[:-100])
        again = self.run_on_two()
        self.assert_exit(again, OK)
        self.assertEqual(len(again.rows), 2, msg=again)  # its group, both methods
        self.assertIn(victim.stem[:16], [row["hash"][:16] for row in again.rows])
        self.assert_one_message(again, f"warning: {victim}: is truncated", "; measured again")
        with h5py.File(victim) as shard:
            self.assertEqual(int(shard.attrs["complete"]), 1)

    def test_so_is_one_of_which_a_value_cannot_be_read(self):
        """It is ours all the same, whatever words HDF5 has for it."""
        victim = self.shards()[0]
        with h5py.File(victim, "r+") as shard:
            del shard["cases/bytes"]
            column = shard["cases"].create_dataset("bytes", (1,), "f8", chunks=(1,), fletcher32=True)
            column.id.write_direct_chunk((0,), bytes(8) + b"\1\2\3\4")  # a checksum that does not fit
        again = self.run_on_two()
        self.assert_exit(again, OK)
        self.assert_one_message(again, f"warning: {victim}: cannot be read (/cases/bytes)", "; measured again")

    def newer(self, path):
        with h5py.File(path, "r+") as shard:
            shard.attrs["format_version"] = "2.0.0"

    def test_what_is_not_ours_to_replace_stays(self):
        victim = self.shards()[0]
        whole = victim.read_bytes()
        for spoil, reason in ((self.newer, "written by format 2.0.0, this program reads 1.x"),
                              (lambda path: path.write_text("notes of last week\n"), "is not an HDF5 file")):
            victim.write_bytes(whole)
            spoil(victim)
            before = victim.read_bytes()
            with self.subTest(reason=reason):
                refused = self.run_on_two()
                self.assert_exit(refused, USAGE)
                self.assert_one_message(refused, f"{victim}: {reason}", "move it away")
                self.assertEqual(refused.stdout, "", msg=refused)
                self.assertEqual(victim.read_bytes(), before)

    def test_nor_is_it_replaced_where_all_other_shards_are_missing(self):
        for victim in self.shards():
            for path in self.shards():
                path.unlink()
            victim.write_text("notes of last week\n")
            with self.subTest(victim=victim.name):
                refused = self.run_on_two()
                self.assert_exit(refused, USAGE)
                self.assert_one_message(refused, f"{victim}: is not an HDF5 file", "move it away")
                self.assertEqual(victim.read_text(), "notes of last week\n")
                self.assertEqual((refused.stdout, self.shards()), ("", [victim]), msg="nothing is measured before")

    def test_shards_of_other_code_are_reused_only_if_asked(self):
        for path in self.shards():
            with h5py.File(path, "r+") as shard:
                shard.attrs["writer_git"] = "0123456789abcdef"
        reused = self.run_on_two("--reuse-older")
        self.assert_exit(reused, OK)
        self.assertEqual(reused.stdout, "", msg=reused)
        self.assertIn("2 of 2 groups were already finished", reused.stderr, msg=reused)
        measured = self.run_on_two()
        self.assertEqual(len(measured.rows), 4, msg=measured)
        with h5py.File(self.shards()[0]) as shard:
            self.assertNotEqual(shard.attrs["writer_git"], "0123456789abcdef")


class Interruption(ProgramTest):
    """The repetition in hand ends, the unfinished group leaves nothing, running again completes."""

    # The first group has small cases, the second takes seconds: no interval is known before six repetitions.
    GROUPS = ["--methods", "ring", "--n", "32,8Ki", "--d", "16", "--warmup", "0", "--format", "json"]

    def stop_and_resume(self, ranks, signal_number):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            started = programs.start(ranks, "attention", *self.GROUPS, "--repetitions", "1M", "--budget", "2",
                                     "--out", out)
            started.wait_for_line(1)  # the row of the first group
            started.send(signal_number)
            stopped = started.wait()
            self.assert_exit(stopped, INTERRUPTED)
            self.assertEqual([row["n"] for row in stopped.rows], [32], msg=stopped)
            self.assertEqual(len(stopped.messages), 1, msg=stopped)
            names = sorted(path.name for path in (out / "shards").iterdir())
            self.assertEqual(names, sorted(f"{row['hash'][:16]}-0.h5" for row in stopped.rows), msg=stopped)

            resumed = programs.run(ranks, "attention", *self.GROUPS, "--repetitions", "1", "--out", out)
            self.assert_exit(resumed, OK)
            self.assertEqual([row["n"] for row in resumed.rows], [8192], msg=resumed)
            self.assertIn("1 of 2 groups were already finished", resumed.stderr, msg=resumed)
            self.assertEqual(len(list((out / "shards").iterdir())), 2)

    def test_usr1_through_the_launcher(self):
        self.stop_and_resume(2, signal.SIGUSR1)

    def test_term(self):
        self.stop_and_resume(1, signal.SIGTERM)


class TwoAtOnce(ProgramTest):
    """Of two launches that are to measure one case the later ends before it measures anything; others share the folder."""

    # The first group is soon finished; the others take minutes, and the last is not reached before the launch is killed.
    LONG = ["--methods", "ring", "--n", "32,8Ki..12Ki+64", "--d", "16", "--warmup", "0", "--repetitions", "1M",
            "--format", "json"]
    SHORT = ["--d", "16", "--warmup", "0", "--repetitions", "1", "--budget", "1", "--format", "json"]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / "out"
        self.first = programs.start(2, "attention", *self.LONG, "--out", self.out)
        self.addCleanup(self.kill_first)
        self.first.wait_for_line(1)

    def kill_first(self):
        """The ranks, in process groups of their own but in one session; the launcher then removes what they shared."""
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != self.first.pid == os.getsid(int(entry.name)):
                    os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended meanwhile
        try:
            if self.first.is_running():
                self.first.wait(10)
        except AssertionError:
            pass  # as launchers sometimes hang; it is killed now

    def run_on_two(self, *options):
        return programs.run(2, "attention", *self.SHORT, *options, "--out", self.out)

    def test_the_same_case(self):
        for options in (("--methods", "ring", "--n", "32,12Ki"), ("--methods", "ring", "--n", "12Ki"),
                        ("--methods", "allgather,ring", "--n", "64,12Ki")):
            with self.subTest(options=options):
                refused = self.run_on_two(*options)
                self.assert_exit(refused, USAGE)
                self.assert_one_message(refused, "out: ", "-0.h5 is being measured by process ", "wait for its end")
                self.assertEqual(refused.stdout, "", msg=refused)
        self.assertTrue(self.first.is_running())

    def test_other_cases_and_other_launches(self):
        for options, rows in ((("--methods", "allgather", "--n", "12Ki"), 1), (("--methods", "ring", "--n", "64"), 1),
                              (("--methods", "ring", "--n", "64,12Ki", "--launch", "1"), 2),
                              (("--methods", "ring", "--n", "32"), 0)):  # finished: there is nothing to measure
            with self.subTest(options=options):
                beside = self.run_on_two(*options)
                self.assert_exit(beside, OK)
                self.assertEqual(len(beside.rows), rows, msg=beside)
        self.assertTrue(self.first.is_running())

    def test_a_killed_launch_holds_nothing(self):
        self.kill_first()
        again = self.run_on_two("--methods", "ring", "--n", "32,12Ki")
        self.assert_exit(again, OK)
        self.assertEqual([row["n"] for row in again.rows], [12288], msg=again)


if __name__ == "__main__":
    programs.main()
