#!/usr/bin/env python3
"""Methods that are broken on purpose (support/faulty_methods.hpp): each ends as it should, and none hangs."""

import unittest

import programs
from programs import CHECK_FAILED, FAILURE, OK, ProgramTest

RANKS = (1, 3)
SECONDS = 30  # a launch that fails is cleaned up by the launcher within a few
MEASURED = ("time_median", "time_lo", "time_hi", "confidence")


def beside_ring(ranks, method, *options):
    """Two sizes: the sweep goes on after the first failure."""
    return (ranks, "faulty_attention", "--methods", f"ring,{method}", "--n", "64,128", "--repetitions", "3", "--format",
            "json", *options)


class FailsItsCheck(ProgramTest):
    """The method's row says why, the exit code too; the others are measured as ever."""

    def check(self, method, expected_message, exit_code=CHECK_FAILED, timed=False, rank_counts=RANKS):
        launches = [beside_ring(ranks, method) for ranks in rank_counts]
        for ranks, ended in zip(rank_counts, programs.run_all(launches, SECONDS)):
            with self.subTest(ranks=ranks):
                self.assert_exit(ended, exit_code)
                self.assertEqual(ended.messages, [], msg=ended)
                rows = {(row["method"], row["n"]): row for row in ended.rows}
                self.assertEqual(sorted(rows), [(m, n) for m in sorted([method, "ring"]) for n in (64, 128)], msg=ended)
                for n in (64, 128):
                    self.assertEqual(rows["ring", n]["status"], "ok", msg=ended)
                    self.assertGreater(rows["ring", n]["time_median"], 0, msg=ended)
                    faulty = rows[method, n]
                    self.assertEqual(faulty["status"], "failed", msg=ended)
                    self.assert_matches(ended, expected_message[ranks] if isinstance(expected_message, dict)
                                        else expected_message, faulty["message"])
                    if timed:
                        continue
                    self.assertEqual([faulty[name] for name in MEASURED], [None] * len(MEASURED), msg=ended)
                    self.assertEqual(faulty["repetitions"], 0, msg=ended)

    def test_a_wrong_answer(self):
        self.check("wrong", r"^error_max is [\d.e-]+, certified was [\d.e-]+$")

    def test_an_answer_that_drifts_from_run_to_run(self):
        self.check("drifting", "the last timed answer differs from the verified one", timed=True)

    def test_a_schedule_that_forgets_a_message(self):
        self.check("lying_schedule", "all_reduce: schedule declares 0 messages of 0 bytes, counted 1 of 8")

    def test_ranks_that_disagree(self):
        self.check("disagrees", "disagrees: ranks disagree on counts or promise", rank_counts=(3,))

    def test_one_rank_cannot_disagree(self):
        ended = programs.run(*beside_ring(1, "disagrees"))
        self.assert_exit(ended, OK)

    def test_set_up_that_fails_on_the_last_rank(self):
        self.check("fails_in_set_up", {1: "^no room for the plan$", 3: r"^no room for the plan \[rank 2/3, set-up\]$"},
                   exit_code=FAILURE)


class EndsTheJob(ProgramTest):
    """What the ranks cannot agree on ends all of them at once: one line, from the rank it happened on."""

    def check(self, method, text):
        for ranks, ended in zip(RANKS, programs.run_all([beside_ring(r, method) for r in RANKS], SECONDS)):
            with self.subTest(ranks=ranks):
                self.assert_exit(ended, FAILURE)
                lines = [line for line in ended.stderr.splitlines() if text in line]
                self.assertEqual(lines, [f"[rank {ranks - 1}/{ranks}] {text}"], msg=ended)

    def test_throws_in_set_up(self):
        self.check("throws_in_set_up", "could not plan the last block")

    def test_throws_in_run(self):
        self.check("throws_in_run", "index out of range in the last block")

    def test_hangs_until_the_timeout(self):
        launches = [beside_ring(ranks, "hangs", "--timeout", "3") for ranks in RANKS]
        for ranks, ended in zip(RANKS, programs.run_all(launches, SECONDS)):
            with self.subTest(ranks=ranks):
                self.assert_exit(ended, FAILURE)
                self.assert_one_message(ended, "attention/forward n=64 d=8", "verifying hangs", "longer than 3 s",
                                        "--timeout")
                self.assertGreater(ended.seconds, 3, msg=ended)
                self.assertLess(ended.seconds, 15, msg=ended)  # the time-out, start-up and the launcher's clean-up


class AnotherMethodsFailure(ProgramTest):
    def test_several_faults_give_the_gravest_exit_code(self):
        """1 (it could not run) wins over 3 (a check failed), in either order."""
        launches = [(1, "faulty_attention", "--methods", methods, "--n", "64", "--repetitions", "1", "--format", "json")
                    for methods in ("wrong,fails_in_set_up,ring", "fails_in_set_up,wrong,ring")]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, FAILURE)
            self.assertEqual({row["method"]: row["status"] for row in ended.rows},
                             {"ring": "ok", "wrong": "failed", "fails_in_set_up": "failed"}, msg=ended)


if __name__ == "__main__":
    programs.main()
