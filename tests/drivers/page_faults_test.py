#!/usr/bin/env python3
"""Every method takes its memory in set-up: a repetition that touches fresh pages measures the system, not the method."""

import pathlib
import statistics
import tempfile
import unittest

import programs

programs.require("h5py")
import h5py

RANKS = 2  # with one the library folds nothing
# Large enough that a matrix taken anew is above what is forgiven: from 256 pages a rank.
SIZES = {
    "attention/forward": "--n 2048 --d 32",
    "regression/least_squares": "--n 8192 --d 512",
    "regression/quantum_sampling": "--n 65536",
    "regression/kronecker_spectral": "--n 1024 --d 8",
    "regression/kronecker_regression": "--n 1024 --d 8",
    "regression/softmax_relu": "--n 2048 --d 512 --dominance 10",
    "inner_product/heavy_pairs": "--n 8192 --d 1024 --rho 0.7 --planted 64",
    "inner_product/relu_training": "--n 2048 --neurons 2048 --d 512",
}
FORGIVEN = 48  # pages a rank: what the heap gives from elsewhere when other methods ran in between


class PageFaults(programs.ProgramTest):
    def methods_listed(self):
        """{problem: names}, from the program's own list."""
        ended = programs.run(1, "breakeven", "list")
        self.assert_exit(ended, programs.OK)
        listed = {}
        for line in ended.stdout.splitlines():
            if line.startswith("  ") and line.split()[0].count("/") == 2:
                problem, _, method = line.split()[0].rpartition("/")
                listed.setdefault(problem, set()).add(method)
        return listed

    def test_none_inside_a_run_once_each_method_has_run_before(self):
        listed = self.methods_listed()
        self.assertEqual(sorted(listed), sorted(SIZES), "a problem without sizes here")
        with tempfile.TemporaryDirectory() as folder:
            launches = [(RANKS, problem.split("/")[0], "--problem", problem.split("/")[1], "--methods",
                         ",".join(sorted(listed[problem])), *SIZES[problem].split(), "--repetitions", "5", "--warmup",
                         "2", "--budget", "60", "--format", "json", "--out", pathlib.Path(folder) / str(k))
                        for k, problem in enumerate(SIZES)]
            for k, (problem, ended) in enumerate(zip(SIZES, programs.run_all(launches, limit_s=240))):
                self.assert_exit(ended, programs.OK)
                self.assertEqual({row["method"] for row in ended.rows}, listed[problem], msg=ended)
                for path in (pathlib.Path(folder) / str(k) / "shards").glob("*.h5"):
                    with h5py.File(path) as file:
                        method = file["cases/method"][0].decode()
                        timed = file["samples/warmup"][()] == 0
                        faults = file["samples/page_faults"][()][timed].tolist()
                    with self.subTest(problem=problem, method=method):
                        self.assertEqual(len(faults), 5, msg=ended)
                        self.assertLessEqual(statistics.median(faults), FORGIVEN * RANKS, msg=faults)


if __name__ == "__main__":
    programs.main()
