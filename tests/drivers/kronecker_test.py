#!/usr/bin/env python3
"""The Kronecker problems on input files: answers against numpy, what is read of the right side, refusals."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 2, 3)
QUICK = ["--repetitions", "1", "--warmup", "0", "--format", "json"]


def philox_uniform(seed, stream, i, j):
    """Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011) at the counter (i, j, stream): 53 bits in [0, 1)."""
    mask = 0xFFFFFFFF
    counter, key = [i & mask, i >> 32, j, stream], [seed & mask, seed >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(second >> 32) ^ counter[1] ^ key[0], second & mask, (first >> 32) ^ counter[3] ^ key[1], first & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return ((counter[0] << 32 | counter[1]) >> 11) * 2.0**-53


def drawn_rows(a, factor, draws, draw):
    """Rows that method and draw say: by leverage score, one after the other."""
    masses = numpy.cumsum(numpy.square(numpy.linalg.qr(a)[0]).sum(axis=1))
    targets = [philox_uniform(draw, 200, l, factor) * masses[-1] for l in range(draws)]
    return numpy.searchsorted(masses, targets, side="right")


class Kronecker(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)
        random = numpy.random.default_rng(7)
        self.a1, self.a2 = random.standard_normal((60, 3)), random.standard_normal((45, 2))
        self.b = self.a1 @ random.standard_normal((3, 2)) @ self.a2.T + 0.5 * random.standard_normal((60, 45))

    def write(self, name, **datasets):
        path = self.folder / name
        with h5py.File(path, "w") as file:
            for dataset, values in datasets.items():
                file[dataset] = values
        return path

    def regression(self, path, methods, *options):
        return ["regression", "--problem", "kronecker_regression", "--input", path, "--methods", methods, *QUICK,
                *options]

    def test_exact_answers_are_those_of_numpy_and_read_all_of_b(self):
        path = self.write("whole.h5", a1=self.a1, a2=self.a2, b=self.b)
        expected = numpy.linalg.pinv(self.a1) @ self.b @ numpy.linalg.pinv(self.a2).T
        launches = [(ranks, *self.regression(path, "qr_factors", "--save-solution", "--out", self.folder / str(ranks)))
                    for ranks in RANKS]
        for ranks, ended in zip(RANKS, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            (row,) = ended.rows
            self.assertEqual((row["n"], row["n2"], row["d"], row["d2"]), (60, 45, 3, 2), msg=ended)
            self.assertEqual(row["entries_read"], 60 * 45, msg=ended)
            with h5py.File(self.folder / str(ranks) / "solutions" / f"{row['hash']}.h5") as file:
                numpy.testing.assert_allclose(file["x"][()], expected, rtol=1e-11, atol=1e-12)

    def test_samplers_read_the_entries_they_draw_and_no_others(self):
        """Pairs drawn twice are read once; a row of B from the first to the last of its columns that was drawn."""
        path = self.write("sampled.h5", a1=self.a1, a2=self.a2, b=self.b)
        samples, k, draw = 900, 20, 3
        pairs = list(zip(*(drawn_rows(a, factor, samples, draw) for factor, a in enumerate((self.a1, self.a2)))))
        self.assertLess(len(set(pairs)), samples)
        i, j = (drawn_rows(a, factor, k, draw) for factor, a in enumerate((self.a1, self.a2)))
        expected = {"qr_factors": 60 * 45, "leverage_pairs": len(set(pairs)),
                    "product_sketch": len(set(i)) * int(j.max() - j.min() + 1)}
        counts = ["--samples", str(samples), "--rows", str(k), "--draw", str(draw)]
        launches = [(ranks, *self.regression(path, ",".join(expected), *counts)) for ranks in RANKS]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, programs.OK)
            self.assertEqual({row["method"]: row["entries_read"] for row in ended.rows}, expected, msg=ended)
            for row in ended.rows:
                self.assertAlmostEqual(row["share_read"], row["entries_read"] / (60 * 45), delta=1e-12)

    def test_a_right_side_of_zeros_has_the_answer_zero(self):
        path = self.write("zeros.h5", a1=self.a1, a2=self.a2, b=numpy.zeros((60, 45)))
        launches = [(ranks, *self.regression(path, "qr_factors,leverage_pairs,product_sketch,quantum",
                                             "--save-solution", "--out", self.folder / f"zeros{ranks}"))
                    for ranks in (1, 3)]
        for ranks, ended in zip((1, 3), programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.rows), 4, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["error"], row["residual"], row["forward_error"]), (0, 0, 0), msg=ended)
                with h5py.File(self.folder / f"zeros{ranks}" / "solutions" / f"{row['hash']}.h5") as file:
                    self.assertFalse(numpy.any(file["x"][()]), msg=ended)

    def test_files_that_do_not_fit(self):
        broken, hole = self.a2.copy(), self.b.copy()
        broken[4, 1], hole[17, 30], hole[50, 1] = numpy.inf, numpy.nan, numpy.inf
        gap, dependent = self.a2.copy(), self.a1.copy()
        gap[:, 1], dependent[:, 2] = 0, dependent[:, 0]
        cases = [
            (self.write("zeros.h5", a1=self.a1, a2=gap, b=self.b), "",
             "dataset /a2 holds nothing but zeros in column 1; the problem needs a factor of full rank"),
            (self.write("rank.h5", a1=dependent, a2=self.a2, b=self.b), "", "/a1 has linearly dependent columns"),
            (self.write("nob.h5", a1=self.a1, a2=self.a2), "", "has no dataset 'b'; it holds a1, a2"),
            (self.write("b.h5", a1=self.a1, a2=self.a2, b=self.b.T.copy()), "", "/b"),
            (self.write("inf.h5", a1=self.a1, a2=broken, b=self.b), "", "dataset /a2 holds infinity at row 4, column 1"),
            (self.write("nan.h5", a1=self.a1, a2=self.a2, b=hole), "", "dataset /b holds NaN at row 17, column 30"),
            (self.write("fine.h5", a1=self.a1, a2=self.a2, b=self.b), "--d 4", "d must be 3 as in the input file, got 4"),
            (self.folder / "fine.h5", "--n2 46", "n2 must be at most 45, the rows of /a2 of", "got 46"),
        ]
        self.rejected_on((1, 3), [(["--problem", "kronecker_regression", "--input", path, "--methods", "qr_factors",
                                    *options.split()], *parts) for path, options, *parts in cases], "regression")
        self.rejected_on((1, 3), [(["--problem", "kronecker_spectral", "--input", path], *parts)
                                  for path, _, *parts in cases[:2]], "regression")

    def test_tolerances_out_of_bounds(self):
        self.rejected_on((1, 3), [(f"--problem {problem} --methods {method} --tolerance={value}",
                                   f"tolerance must lie in (0, 1), got {value}")
                                  for problem in ("kronecker_spectral", "kronecker_regression")
                                  for method in ("leverage_pairs", "product_sketch", "quantum")
                                  for value in ("0", "1", "-0.5")], "regression")


if __name__ == "__main__":
    programs.main()
