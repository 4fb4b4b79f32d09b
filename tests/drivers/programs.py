"""Starts the programs under test, each with a time limit: a test that waits for ever tells nothing.

The build passes where they are through the environment: BREAKEVEN_BIN (folder of the executables), BREAKEVEN_MPIEXEC
and BREAKEVEN_MPI_FLAGS. By hand: BREAKEVEN_BIN=build/release/bin python3 tests/drivers/rejections_test.py
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("BREAKEVEN_BIN", "build/release/bin")).resolve()
MPIEXEC = os.environ.get("BREAKEVEN_MPIEXEC", "mpiexec")
MPI_FLAGS = shlex.split(os.environ.get("BREAKEVEN_MPI_FLAGS", "--oversubscribe --bind-to none"))
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

OK, FAILURE, USAGE, CHECK_FAILED, INTERRUPTED = 0, 1, 2, 3, 75
LIMIT_S = 60  # far above what any launch here takes, below the test's own time-out
# A launcher whose job failed sleeps for a second or two while it cleans up: launches side by side cost little.
SIDE_BY_SIDE = 6


class Ended:
    """What a finished program left behind."""

    def __init__(self, command, exit_code, stdout, stderr, seconds):
        self.command, self.exit_code, self.stdout, self.stderr, self.seconds = (
            command, exit_code, stdout, stderr, seconds)

    @property
    def messages(self):
        """The lines that the program itself says on stderr; a launcher adds its own."""
        return [line.removeprefix("breakeven: ") for line in self.stderr.splitlines() if line.startswith("breakeven: ")]

    @property
    def rows(self):
        """The objects of --format json, keys in their order. Anything else on stdout is an error."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __str__(self):
        return (f"{shlex.join(self.command)}\nexit {self.exit_code} after {self.seconds:.1f} s\n"
                f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}")


class Started:
    """A program that runs in a process group of its own, so that nothing of it outlives the test."""

    def __init__(self, command, folder=None, environment=None):
        self.command = [str(word) for word in command]
        # Files, not pipes: what a stray grandchild holds open cannot keep the test waiting.
        self._stdout, self._stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        # A folder for each launch: in a shared one Open MPI fails to start where another launch removes it as it ends.
        self._session = tempfile.mkdtemp(prefix="be")
        self._start = time.monotonic()
        self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self._stdout,
                                         stderr=self._stderr, cwd=folder, start_new_session=True,
                                         env={**os.environ, "OMPI_MCA_orte_tmpdir_base": self._session,
                                              **(environment or {})})

    @property
    def pid(self):
        """Also the number of its session and of its process group."""
        return self._process.pid

    def is_running(self):
        return self._process.poll() is None

    def send(self, signal_number):
        self._process.send_signal(signal_number)

    def wait_for_line(self, number, limit_s=LIMIT_S):
        """Until so many lines stand on stdout. Polls: a file cannot be waited for."""
        while _text(self._stdout).count("\n") < number:
            if self._process.poll() is not None or time.monotonic() - self._start > limit_s:
                self._kill()
                raise AssertionError(f"no line {number} on stdout\n{self._ended()}")
            time.sleep(0.002)

    def wait(self, limit_s=LIMIT_S, before_kill=lambda: None):
        """`before_kill` may look at a program that does not end, while it is still there."""
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            before_kill()
            self._kill()
            raise AssertionError(f"still running after {limit_s} s\n{self._ended()}") from None
        return self._ended()

    def kill_and_tell(self):
        """For a test that gives up: what the program has said."""
        self._kill()
        return self._ended()

    def _kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ended(self):
        ended = Ended(self.command, self._process.returncode, _text(self._stdout), _text(self._stderr),
                      time.monotonic() - self._start)
        self._stdout.close()
        self._stderr.close()
        shutil.rmtree(self._session, ignore_errors=True)
        return ended


def _text(file):
    """What was written so far; the offset is the writer's too, so it is read without moving it."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")


def on_ranks(ranks, program, *arguments):
    """The command that runs a driver on so many ranks; one rank needs no launcher."""
    driver = [str(BIN / program), *map(str, arguments)]
    return driver if ranks == 1 else [MPIEXEC, "-n", str(ranks), *MPI_FLAGS, *driver]


def start(ranks, program, *arguments, **how):
    return Started(on_ranks(ranks, program, *arguments), **how)


def run(ranks, program, *arguments, limit_s=LIMIT_S, **how):
    return start(ranks, program, *arguments, **how).wait(limit_s)


def run_all(launches, limit_s=LIMIT_S):
    """Runs (ranks, program, arguments...) tuples side by side; the results in the same order."""
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(lambda launch: run(*launch, limit_s=limit_s), launches))


class ProgramTest(unittest.TestCase):
    """Assertions whose failure shows the whole of what a program said."""

    maxDiff = None

    def assert_exit(self, ended, exit_code):
        self.assertEqual(ended.exit_code, exit_code, msg=ended)

    def assert_one_message(self, ended, *parts):
        """One line of the program, not one a rank; it holds all parts."""
        self.assertEqual(len(ended.messages), 1, msg=ended)
        for part in parts:
            self.assertIn(part, ended.messages[0], msg=ended)

    def assert_rejected(self, ended, *parts):
        """A bad request: exit 2, one line, nothing on stdout."""
        self.assert_exit(ended, USAGE)
        self.assert_one_message(ended, *parts)
        self.assertEqual(ended.stdout, "", msg=ended)

    def assert_matches(self, ended, pattern, text):
        self.assertRegex(text, re.compile(pattern), msg=ended)

    def rejected_on(self, rank_counts, cases, program="attention"):
        """cases: (arguments as one line or a list, parts of the message...). Each on every rank count."""
        launches = [(ranks, program, *(shlex.split(arguments) if isinstance(arguments, str) else arguments))
                    for arguments, *_ in cases for ranks in rank_counts]
        expected = [parts for _, *parts in cases for _ in rank_counts]
        for launch, parts, ended in zip(launches, expected, run_all(launches)):
            with self.subTest(ranks=launch[0], arguments=shlex.join(map(str, launch[2:]))):
                self.assert_rejected(ended, *parts)


def require(*packages):
    """Ends the test as skipped, with a line that says why, where a reader is not installed."""
    for package in packages:
        try:
            __import__(package)
        except ImportError:
            print(f"SKIPPED: no Python package {package}")
            sys.exit(77)


def main():
    if not (BIN / "attention").exists():
        sys.exit(f"no attention in {BIN}; set BREAKEVEN_BIN")
    unittest.main(verbosity=2)
