#!/usr/bin/env python3
"""SIGUSR1 and SIGTERM during a timed repetition: it ends, nothing of its group is kept, 75, and running again completes.

The method `lingers` of tests/support/faulty_methods.hpp takes a second from n = 32 on and writes down when, if it is
told where.
"""

import pathlib
import signal
import time

import studies
import programs
from programs import BIN, INTERRUPTED, OK, USAGE, ProgramTest, Started

SWEEP = ["--methods", "lingers", "--n", "16,32", "--repetitions", "3", "--warmup", "0", "--format", "json"]
STUDY = """
name = "signals"
label = "quick"
launches = 1
ranks = 2

[[sweep]]
problem = "attention/forward"
methods = ["ring"]
n = [16, 32]
repetitions = 3
warmup = 0
"""
VERIFIED = ["begin", "end"]  # the one untimed run
IN_HAND = VERIFIED + ["begin"]
ENDED = IN_HAND + ["end"]


class DuringARepetition(ProgramTest):
    def setUp(self):
        folder = studies.memory_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.marks_file = self.folder / "marks"
        self.environment = {"BREAKEVEN_TEST_MARKS": str(self.marks_file)}

    def marks(self):
        return self.marks_file.read_text().split() if self.marks_file.exists() else []

    def wait_until_in_hand(self, started):
        deadline = time.monotonic() + programs.LIMIT_S
        while len(self.marks()) < len(IN_HAND):
            self.assertTrue(started.is_running() and time.monotonic() < deadline, msg="no timed repetition began")
            time.sleep(0.005)
        self.assertEqual(self.marks(), IN_HAND)

    def check_stopped(self, stopped, launch_folder):
        self.assert_exit(stopped, INTERRUPTED)
        self.assertEqual(self.marks(), ENDED, msg=f"the repetition in hand ends and none follows\n{stopped}")
        self.assertEqual(len(studies.shards_of(launch_folder)), 1, msg=stopped)
        self.assertEqual(studies.temporaries(self.folder), [])

    def check_resumed(self, resumed, finished, launch_folder):
        self.assert_exit(resumed, OK)
        self.assertEqual(len(studies.shards_of(launch_folder)), 2, msg=resumed)
        self.assertEqual({path: studies.identity(path) for path in finished}, finished, msg=resumed)

    def driver(self, ranks, send):
        command = (ranks, "faulty_attention", *SWEEP, "--out", "out")
        started = programs.start(*command, folder=self.folder, environment=self.environment)
        self.wait_until_in_hand(started)
        send(started)
        stopped = started.wait()
        self.check_stopped(stopped, self.folder / "out")
        self.assertEqual([row["n"] for row in stopped.rows], [16], msg=stopped)
        self.assertEqual(len(stopped.messages), 1, msg=stopped)
        finished = {path: studies.identity(path) for path in studies.shards_of(self.folder / "out")}
        resumed = programs.run(*command, folder=self.folder)
        self.check_resumed(resumed, finished, self.folder / "out")
        self.assertEqual([row["n"] for row in resumed.rows], [32], msg=resumed)

    def test_term_of_a_driver(self):
        self.driver(1, lambda started: started.send(signal.SIGTERM))

    def test_usr1_of_a_driver(self):
        self.driver(1, lambda started: started.send(signal.SIGUSR1))

    def test_usr1_through_the_launcher(self):
        self.driver(2, lambda started: started.send(signal.SIGUSR1))

    def test_term_of_one_rank_alone(self):
        """What one rank was told all agree upon."""
        def send(started):
            ranks = [p.pid for p in studies.session_of(started.pid) if p.name.startswith("faulty_attentio")]
            self.assertEqual(len(ranks), 2)
            studies.kill(max(ranks), signal.SIGTERM)
        self.driver(2, send)

    def front_end(self, signal_number):
        (self.folder / "study.toml").write_text(STUDY)
        launcher = studies.launcher(self.folder, BIN / "faulty_attention", ("--methods=ring", "--methods=lingers"))
        command = [BIN / "breakeven", "run", "study.toml", "--no-calibration", "--launcher", launcher, "--out", "out"]
        started = Started(command, folder=self.folder, environment=self.environment)
        self.wait_until_in_hand(started)
        self.second_run_is_refused(command)
        started.send(signal_number)
        stopped = started.wait()
        self.check_stopped(stopped, self.folder / "out")
        self.assertIn("study.h5: 1 cases, 1 launches, from 1 shards", stopped.stdout, msg=stopped)
        finished = {path: studies.identity(path) for path in studies.shards_of(self.folder / "out")}
        resumed = Started(command, folder=self.folder).wait()
        self.check_resumed(resumed, finished, self.folder / "out")
        self.assertIn("study.h5: 2 cases, 1 launches, from 2 shards", resumed.stdout, msg=resumed)

    def second_run_is_refused(self, command, reason=r"another run is at work in out \(process .*\); wait for its end$"):
        """Two at once would disturb each other's times."""
        second = Started(command, folder=self.folder).wait()
        self.assert_exit(second, USAGE)
        self.assert_matches(second, rf"(?m)^(breakeven|failed): .*out: .*{reason}", second.stderr)

    def test_usr1_of_the_front_end(self):
        self.front_end(signal.SIGUSR1)

    def test_term_of_the_front_end(self):
        self.front_end(signal.SIGTERM)

    def test_a_killed_front_end_leaves_no_launch_behind(self):
        """The ranks end as on a signal, and what they measure is free again when they have."""
        (self.folder / "study.toml").write_text(STUDY)
        launcher = studies.launcher(self.folder, BIN / "faulty_attention", ("--methods=ring", "--methods=lingers"))
        command = [BIN / "breakeven", "run", "study.toml", "--no-calibration", "--launcher", launcher, "--out", "out"]
        started = Started(command, folder=self.folder, environment=self.environment)
        self.wait_until_in_hand(started)
        started.send(signal.SIGKILL)
        started.wait()
        self.second_run_is_refused(command, r"-0\.h5 is being measured by process \d+ on .*; wait for its end$")
        deadline = time.monotonic() + programs.LIMIT_S
        while studies.session_of(started.pid):
            self.assertLess(time.monotonic(), deadline, msg=f"still there: {studies.session_of(started.pid)}")
            time.sleep(0.02)
        self.assertEqual(self.marks(), ENDED)
        resumed = Started(command, folder=self.folder).wait()
        self.assert_exit(resumed, OK)
        self.assertEqual(len(studies.shards_of(self.folder / "out")), 2, msg=resumed)

    def test_a_launcher_that_hangs_when_all_else_is_gone_keeps_nobody_out(self):
        (self.folder / "study.toml").write_text(STUDY)
        command = [BIN / "breakeven", "run", "study.toml", "--no-calibration", "--out", "out", "--launcher"]
        hangs = self.folder / "hangs.sh"
        hangs.write_text("#!/bin/sh\ntrap '' USR1 TERM\ntouch hung\nwhile true; do sleep 1; done\n")
        hangs.chmod(0o755)
        started = Started([*command, f"{hangs} {{ranks}}"], folder=self.folder)
        self.addCleanup(studies.kill_session, started.pid)
        deadline = time.monotonic() + programs.LIMIT_S
        while not (self.folder / "hung").exists():
            self.assertLess(time.monotonic(), deadline, msg=started)
            time.sleep(0.02)
        started.send(signal.SIGKILL)
        started.wait()
        self.assertIn("hangs.sh", [process.name for process in studies.session_of(started.pid)])
        self.assert_exit(Started([*command, studies.launcher(self.folder)], folder=self.folder).wait(), OK)
        self.assertIn("hangs.sh", [process.name for process in studies.session_of(started.pid)])


if __name__ == "__main__":
    programs.main()
