#!/usr/bin/env python3
"""regression/least_squares as a user runs it: files in, answers out, against numpy; refusals; fall-backs told."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 2, 3)
METHODS = "tsqr,refined_gram,cholesky_qr2,normal_equations"
SAMPLING = ("sketch_solve", "sketch_precondition", "leverage", "quantum")
EVERY = ",".join((METHODS, *SAMPLING))
QUICK = ["--repetitions", "1", "--warmup", "0", "--format", "json"]


class LeastSquares(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def write(self, name, **datasets):
        path = self.folder / name
        with h5py.File(path, "w") as file:
            for dataset, values in datasets.items():
                file[dataset] = values
        return path

    def normals(self, *shape, seed=3):
        return numpy.random.default_rng(seed).standard_normal(shape)

    def command(self, path, *options):
        return ["regression", "--problem", "least_squares", "--input", path, "--methods", METHODS, *QUICK, *options]

    def check_answers(self, path, a, b, ridge, *options):
        """Every method's saved /x on every rank count is numpy's answer."""
        d = a.shape[1]
        augmented = numpy.vstack([a, numpy.sqrt(ridge) * numpy.eye(d)])
        right = numpy.vstack([b.reshape(len(a), -1), numpy.zeros((d, b.size // len(a)))])
        expected = numpy.linalg.lstsq(augmented, right, rcond=None)[0]
        launches = [(ranks, *self.command(path, "--save-solution", "--out", self.folder / str(ranks), *options))
                    for ranks in RANKS]
        for ranks, ended in zip(RANKS, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.rows), 4, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["n"], row["d"], row["rhs"]), (len(a), d, expected.shape[1]), msg=ended)
                self.assertIsNone(row["noise"], msg=ended)
                self.assertIsNone(row["condition"], msg=ended)
                with h5py.File(self.folder / str(ranks) / "solutions" / f"{row['hash']}.h5") as file:
                    self.assertEqual(file["x"].shape, expected.shape, msg=ended)
                    numpy.testing.assert_allclose(file["x"][()], expected, rtol=1e-11, atol=1e-12)
        return ended.rows

    def test_a_vector_as_right_side(self):
        a, b = self.normals(30, 4), self.normals(30, seed=4)
        rows = self.check_answers(self.write("vector.h5", a=a, b=b), a, b, 0)
        residual = numpy.linalg.lstsq(a, b, rcond=None)[1][0]
        for row in rows:
            self.assertAlmostEqual(row["residual"], numpy.sqrt(residual) / numpy.linalg.norm(b), delta=1e-13)
            self.assertIsNone(row["test_accuracy"])

    def test_several_right_sides_with_ridge_and_test_rows(self):
        a, labels = self.normals(60, 5), numpy.random.default_rng(1).integers(0, 3, 60)
        b = numpy.eye(3)[labels]
        a_test, b_test = self.normals(25, 5, seed=9), numpy.eye(3)[numpy.arange(25) % 3]
        path = self.write("ridge.h5", a=a, b=b, a_test=a_test, b_test=b_test)
        rows = self.check_answers(path, a, b, 2.0, "--ridge", "2")
        x = numpy.linalg.solve(a.T @ a + 2 * numpy.eye(5), a.T @ b)
        hits = numpy.mean(numpy.argmax(a_test @ x, axis=1) == numpy.arange(25) % 3)
        for row in rows:
            self.assertAlmostEqual(row["test_accuracy"], hits, delta=1e-12)

    def test_the_first_rows(self):
        a, b = self.normals(30, 4), self.normals(30, 2, seed=4)
        self.check_answers(self.write("first.h5", a=a, b=b), a[:11], b[:11], 0, "--n", "11")

    def test_files_that_do_not_fit(self):
        a, b = self.normals(12, 3), self.normals(12, 2, seed=4)
        broken, zeros = a.copy(), a.copy()
        broken[7, 1], broken[11, 0] = numpy.nan, numpy.inf  # on two of three ranks: the first is named
        zeros[:, 2] = 0
        cases = [
            (self.write("rows.h5", a=a, b=b[:11]), "", "/b is 11 x 2 but /a is 12 x 3; rows must be equal"),
            (self.write("wide.h5", a=a.T.copy(), b=b[:3]), "", "n must be at least d = 12", "got 3"),
            (self.write("nan.h5", a=broken, b=b), "", "nan.h5: dataset /a holds NaN at row 7, column 1"),
            (self.write("zeros.h5", a=zeros, b=b), "", "dataset /a holds nothing but zeros in column 2"),
            (self.write("tests.h5", a=a, b=b, a_test=a), "", "/a_test and /b_test go together, there is no /b_test"),
            (self.write("test_nan.h5", a=a, b=b, a_test=broken, b_test=b), "", "dataset /a_test", "row 7, column 1"),
            (self.write("plain.h5", a=a, b=b), "--noise 0.1", "noise must not be given with an input file"),
            (self.folder / "plain.h5", "--rhs 1", "rhs must be 2 as in the input file, got 1"),
        ]
        self.rejected_on((1, 3), [(["--problem", "least_squares", "--input", path, "--methods", "tsqr",
                                    *options.split()], *parts) for path, options, *parts in cases], "regression")
        ended = programs.run(2, *self.command(self.folder / "zeros.h5", "--ridge", "1"))
        self.assert_exit(ended, programs.OK)

    def test_a_right_side_of_zeros_has_the_answer_zero(self):
        path = self.write("zeros.h5", a=self.normals(300, 4), b=numpy.zeros((300, 2)))
        command = ["regression", "--problem", "least_squares", "--input", path, "--methods", EVERY, *QUICK]
        for ended in programs.run_all([(ranks, *command) for ranks in (1, 3)]):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.rows), 8, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["error"], row["residual"], row["forward_error"]), (0, 0, 0), msg=ended)
                if row["method"] in SAMPLING:
                    self.assertEqual((row["promise"], row["message"]), ("probable", ""), msg=ended)

    def test_options_out_of_bounds(self):
        self.rejected_on((1, 3), [("--problem least_squares --methods tsqr " + options, *parts) for options, *parts in [
            ("--n 3 --d 4", "n must be at least d = 4: least squares need as many rows as unknowns, got 3"),
            ("--ridge=-1", "ridge must be finite and at least 0, got -1"),
            ("--data graded --condition 0.5", "condition must be finite and at least 1, got 0.5"),
            ("--rhs 0", "rhs must be at least 1, got 0"),
            ("--n 1Gi --d 1Gi", "the entries of the data, must be at most 2^56"),
        ]], "regression")
        self.rejected_on((1, 3), [(f"--problem least_squares --methods {method} --tolerance={value}",
                                   f"tolerance must lie in (0, 1), got {value}")
                                  for method in SAMPLING for value in ("0", "1", "-0.5")], "regression")

    def test_dependent_columns_are_refused_whatever_the_method_unless_there_is_a_ridge(self):
        a, b = self.normals(400, 4), self.normals(400, seed=4)
        a[:, 3] = a[:, 0] - a[:, 1]
        path = self.write("dependent.h5", a=a, b=b)
        problem = ["--problem", "least_squares", "--input", path]
        words = "the columns of dataset /a are dependent, rank 3 of 4", "give a ridge above 0"
        cases = [([*problem, "--methods", method], *words) for method in EVERY.split(",")]
        cases.append(([*problem, "--methods", "leverage", "--dtype", "f32"], *words))  # as far as f32 tells
        self.rejected_on((1, 3), cases, "regression")
        every = ["regression", *problem, "--methods", EVERY, "--ridge", "0.5", *QUICK]
        for ended in programs.run_all([(ranks, *every) for ranks in (1, 3)]):
            self.assert_exit(ended, programs.OK)
            self.assertEqual([row["status"] for row in ended.rows], ["ok"] * 8, msg=ended)

    def test_a_sketch_that_loses_a_direction_is_shown_and_refuses_nothing(self):
        """A of full rank: CountSketch of fewer than d^2 rows puts two rows that matter into one bucket."""
        command = ["regression", "--problem", "least_squares", "--methods", "tsqr,sketch_solve", "--data", "spike",
                   "--n", "2000", "--d", "32", "--sketch", "count", "--sketch-rows", "128", "--draw", "2", *QUICK]
        for ended in programs.run_all([(ranks, *command) for ranks in (1, 3)]):
            self.assert_exit(ended, programs.OK)
            exact, sketched = ended.rows
            self.assertLess(exact["error"], 1e-20, msg=ended)
            self.assertEqual((sketched["status"], sketched["promise"]), ("ok", "none"), msg=ended)
            self.assertGreater(sketched["error"], 10, msg=ended)
            self.assertEqual(sketched["message"], "the sketch has lost 1 of 32 directions of A", msg=ended)

    def test_a_fall_back_is_told(self):
        command = ["regression", "--problem", "least_squares", "--methods", "refined_gram,cholesky_qr2", "--n", "400",
                   "--d", "8", "--data", "graded", "--condition", "1e4,1e10", *QUICK]
        for ended in programs.run_all([(ranks, *command) for ranks in RANKS]):
            self.assert_exit(ended, programs.OK)
            for row in ended.rows:
                hard = row["condition"] == 1e10
                self.assertIs(row["certified"], True, msg=ended)
                self.assertIs(row["fell_back"], hard, msg=ended)
                self.assertEqual(row["message"].startswith("fell back to tsqr: "), hard, msg=ended)
                self.assertLessEqual(row["backward_error"], row["promise_bound"], msg=ended)


class QuantumSampling(programs.ProgramTest):
    def refused(self, options, ranks, *parts):
        self.rejected_on(ranks, [(f"--problem quantum_sampling --methods {method} {options}", *parts)
                                 for method in ("state_vector", "two_plane")], "regression")

    def test_more_ranks_than_items(self):
        self.refused("--n 2 --marked 1", (3,), "n must be at least the number of ranks, 3, got 2")
        ended = programs.run(3, "regression", "--problem", "quantum_sampling", "--n", "3", "--marked", "1",
                             "--methods", "state_vector,two_plane", *QUICK)
        self.assert_exit(ended, programs.OK)

    def test_a_state_that_does_not_fit_the_memory(self):
        """Amplitudes and outcome, 16 bytes an item, beside a weight of 8; weighted: 2 amplitudes, 2 of the start."""
        for options, methods_gib in [("", 1024), ("--search bbht", 1024), ("--data weighted", 2560)]:
            launches = [(ranks, "regression", "--problem", "quantum_sampling", "--methods", "state_vector",
                         "--n", "64Gi", *options.split()) for ranks in (1, 3)]
            for ended in programs.run_all(launches):
                self.assert_rejected(ended, "quantum_sampling n=68719476736",
                                     f"(data 512 GiB, methods {methods_gib} GiB)", "90 % of the memory available")

    def test_options_out_of_bounds(self):
        self.refused("--n 0", (1, 3), "n must be between 1 and 281474976710656, got 0")
        self.refused("--marked 0", (1, 3), "marked must be between 1 and 65536, got 0")


if __name__ == "__main__":
    programs.main()
