#!/usr/bin/env python3
"""regression/softmax_relu on input files: the answer's gradient against numpy, dense and sparse storage, refusals."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

ONE_AND_THREE = (1, 3)
QUICK = ["--repetitions", "1", "--warmup", "0", "--format", "json"]


def softmax_pull(z, a2, b):
    """q, the gradient of 1/2 |ReLU(A2 f) - b|^2 by z, f = softmax(z); a file has the columns of A2 as rows."""
    f = numpy.exp(z - z.max())
    f /= f.sum()
    u = a2.T @ f
    pulled = a2 @ ((numpy.maximum(u, 0) - b) * (u > 0))
    return f * (pulled - f @ pulled)


def gradient(a1, a2, w, b, x):
    """Of the whole loss, with 1/2 |W A1 x|^2."""
    z = a1 @ x
    return a1.T @ (softmax_pull(z, a2, b) + w**2 * z)


class SoftmaxRelu(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)
        random = numpy.random.default_rng(7)
        a1, a2 = random.standard_normal((60, 3)), random.uniform(1, 2, (60, 5))
        a1[random.uniform(size=a1.shape) < 0.3] = 0  # sparse storage has something to leave out
        a2[random.uniform(size=a2.shape) < 0.6] = 0
        self.data = {"a1": a1, "a2": a2, "w": random.uniform(0.5, 1.5, 60), "b": random.uniform(5, 9, 5)}

    def write(self, name, **changes):
        path = self.folder / name
        with h5py.File(path, "w") as file:
            for dataset, values in {**self.data, **changes}.items():
                file[dataset] = values
        return path

    def with_entry(self, dataset, place, value):
        changed = self.data[dataset].copy()
        changed[place] = value
        return {dataset: changed}

    def rejected(self, cases, method="newton"):
        """cases: (input, options as one line, parts of the message...)."""
        self.rejected_on(ONE_AND_THREE, [(["--problem", "softmax_relu", "--input", path, "--methods", method,
                                           *options.split()], *parts) for path, options, *parts in cases], "regression")

    def check_answers(self, path, n, *options):
        """The saved /x of both methods is where numpy's gradient vanishes, however A1 and A2 are stored."""
        launches = [(ranks, "regression", "--problem", "softmax_relu", "--input", path, "--methods", "newton,newton_cg",
                     "--tolerance", "1e-10", "--sparse", "false,true", "--save-solution", "--out",
                     self.folder / f"{n}_{ranks}", *QUICK, *options) for ranks in ONE_AND_THREE]
        data = [self.data[name][:n] for name in ("a1", "a2", "w")] + [self.data["b"]]
        start = numpy.linalg.norm(gradient(*data, numpy.zeros(3)))  # with a file the start is 0
        for ranks, ended in zip(ONE_AND_THREE, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual([row["sparse"] for row in ended.rows].count(True), 2, msg=ended)
            self.assertEqual(len(ended.rows), 4, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["n"], row["m"], row["d"]), (n, 5, 3), msg=ended)
                self.assertTrue(row["certified"], msg=ended)
                with h5py.File(self.folder / f"{n}_{ranks}" / "solutions" / f"{row['hash']}.h5") as file:
                    x = file["x"][()]
                self.assertEqual(x.shape, (3, 1), msg=ended)
                # Asked for: 1e-10; sums of 60 terms round far below that.
                self.assertLessEqual(numpy.linalg.norm(gradient(*data, x[:, 0])), 2e-10 * start, msg=ended)

    def test_the_answer_of_a_file(self):
        self.check_answers(self.write("whole.h5"), 60)

    def test_the_first_rows(self):
        self.check_answers(self.write("first.h5"), 23, "--n", "23")

    def test_a_weight_of_zero_proves_nothing_of_the_hessian(self):
        heavy = 1e3 * self.data["w"]  # so that x is near 0
        zero = heavy.copy()
        # Where q is negative, so is w^2 + q; a positive q would prove the Hessian definite without a weight.
        zero[numpy.argmin(softmax_pull(numpy.zeros(60), self.data["a2"], self.data["b"]))] = 0
        paths = self.write("heavy.h5", w=heavy), self.write("zero.h5", w=zero)
        launches = [(ranks, "regression", "--problem", "softmax_relu", "--input", path, "--methods", "newton", *QUICK)
                    for path in paths for ranks in ONE_AND_THREE]
        for (_, _, _, _, _, path, *_), ended in zip(launches, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            (row,) = ended.rows
            self.assertEqual(row["promise"], "certified", msg=ended)
            if path == paths[0]:
                self.assertGreaterEqual(row["weight_condition"], 1, msg=ended)
                self.assertEqual(row["message"], "", msg=ended)
            else:
                self.assertEqual(row["weight_condition"], 0, msg=ended)
                self.assertIn("do not prove the Hessian positive definite: it may be indefinite", row["message"],
                              msg=ended)

    def test_weights_of_zero_warn_even_where_the_hessian_is_proven_definite(self):
        zero = 1e3 * self.data["w"]
        # A positive q beside it: the diagonal w^2 + q stays positive, so the method has nothing to tell.
        zero[numpy.argmax(softmax_pull(numpy.zeros(60), self.data["a2"], self.data["b"]))] = 0
        path = self.write("some.h5", w=zero)
        launches = [(ranks, "regression", "--problem", "softmax_relu", "--input", path, "--methods", "newton,newton_cg",
                     *QUICK) for ranks in ONE_AND_THREE]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(ended.stderr.count("1 of 60 weights are 0: the Hessian may be indefinite"), 1, msg=ended)

    def test_the_nearest_kink_and_the_hessian_at_the_answer(self):
        path = self.write("answer.h5")
        launches = [(ranks, "regression", "--problem", "softmax_relu", "--input", path, "--methods",
                     "gradient_descent", "--start-distance", "1", "--tolerance", "0.9", "--save-solution", "--out",
                     self.folder / f"answer_{ranks}", *QUICK) for ranks in ONE_AND_THREE]  # ends far from x*
        a1, a2, w, b = (self.data[name] for name in ("a1", "a2", "w", "b"))
        for ranks, ended in zip(ONE_AND_THREE, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            (row,) = ended.rows
            with h5py.File(self.folder / f"answer_{ranks}" / "solutions" / f"{row['hash']}.h5") as file:
                x = file["x"][:, 0]
            f = numpy.exp(a1 @ x - (a1 @ x).max())
            u = a2.T @ (f / f.sum())
            self.assertAlmostEqual(row["min_u"] / numpy.abs(u).min(), 1, delta=1e-12, msg=ended)
            step = 1e-5  # differences of gradients err by its square and by rounding over it
            hessian = numpy.array([gradient(a1, a2, w, b, x + step * e) - gradient(a1, a2, w, b, x - step * e)
                                   for e in numpy.eye(3)]) / (2 * step)
            eigenvalues = numpy.linalg.eigvalsh(hessian)
            self.assertAlmostEqual(row["lambda_min"], eigenvalues[0], delta=1e-7 * abs(eigenvalues).max(), msg=ended)

    def test_the_lipschitz_ratio_of_the_hessian_and_its_bound(self):
        a1, a2, w, b = (self.data[name] for name in ("a1", "a2", "w", "b"))
        path = self.write("lipschitz.h5")  # A2 has no negative entry: one cell
        launches = [(ranks, "regression", "--problem", "softmax_relu", "--input", path, "--methods", "newton",
                     "--tolerance", "1e-10", "--save-solution", "--out", self.folder / f"lipschitz_{ranks}", *QUICK)
                    for ranks in ONE_AND_THREE]

        def hessian(x, step=1e-5):
            return numpy.array([gradient(a1, a2, w, b, x + step * e) - gradient(a1, a2, w, b, x - step * e)
                                for e in numpy.eye(3)]) / (2 * step)

        for ranks, ended in zip(ONE_AND_THREE, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            (row,) = ended.rows
            with h5py.File(self.folder / f"lipschitz_{ranks}" / "solutions" / f"{row['hash']}.h5") as file:
                x = file["x"][:, 0]
            y = x / 2  # with a file the start is 0
            ratio = numpy.linalg.norm(hessian(y) - hessian(x), 2) / numpy.linalg.norm(y - x)
            # Differences of gradients err by 1e-8 of them, the Hessians' by as much of the larger.
            self.assertAlmostEqual(row["lipschitz_ratio"] / ratio, 1, delta=1e-4, msg=ended)
            of_a2 = numpy.sqrt(numpy.abs(a2).sum(0).max() * numpy.abs(a2).sum(1).max())
            bound = (numpy.linalg.norm(a1, 2) ** 2 * numpy.linalg.norm(a1, axis=1).max()
                     * (18 * of_a2**2 + 26 * of_a2 * (of_a2 + numpy.linalg.norm(b))))
            self.assertAlmostEqual(row["lipschitz_bound"] / bound, 1, delta=1e-10, msg=ended)
            self.assertLess(row["lipschitz_ratio"], row["lipschitz_bound"], msg=ended)

    def test_shapes_that_do_not_fit(self):
        a1, a2, w, b = (self.data[name] for name in ("a1", "a2", "w", "b"))
        self.rejected([
            (self.write("a1.h5", a1=a1[None]), "", "a1.h5: /a1 must be n x d and /a2 n x m, both matrices"),
            (self.write("stacked.h5", a2=a2[None]), "", "/a1 must be n x d and /a2 n x m, both matrices"),
            (self.write("a2.h5", a2=a2[:59]), "", "/a2 must be n x m, a row for each row of /a1 = 60 x 5, is 59 x 5"),
            (self.write("w.h5", w=w[:58]), "", "w.h5: /w must be n, the rows of /a1, = 60 x 1, is 58 x 1"),
            (self.write("wide.h5", w=numpy.stack([w, w], 1)), "", "/w must be n, the rows of /a1, = 60 x 1, is 60 x 2"),
            (self.write("b.h5", b=b[:4]), "", "b.h5: /b must be m, the columns of /a2, = 5 x 1, is 4 x 1"),
        ])
        nothing = self.folder / "no_w.h5"
        with h5py.File(nothing, "w") as file:
            for dataset in ("a1", "a2", "b"):
                file[dataset] = self.data[dataset]
        self.rejected([(nothing, "", "has no dataset 'w'; it holds a1, a2, b")])

    def test_values_that_are_no_numbers(self):
        cases = []
        for dataset, place, text in [("a1", (41, 2), "row 41, column 2"), ("a2", (17, 4), "row 17, column 4"),
                                     ("w", 59, "row 59, column 0"), ("b", 3, "row 3, column 0")]:
            for value, name in [(numpy.nan, "NaN"), (numpy.inf, "infinity"), (-numpy.inf, "-infinity")]:
                path = self.write(f"{dataset}{name}.h5", **self.with_entry(dataset, place, value))
                cases.append((path, "--sparse true" if name == "NaN" else "",
                              f"{dataset}{name}.h5: dataset /{dataset} holds {name} at {text}"))
        self.rejected(cases)

    def test_the_first_of_several_is_told(self):
        """In the order a1, a2, w, b; a1's stands on the last of three ranks, the others on the first."""
        path = self.write("several.h5", **self.with_entry("b", 0, numpy.nan), **self.with_entry("w", 0, numpy.nan),
                          **self.with_entry("a2", (0, 0), numpy.nan), **self.with_entry("a1", (58, 1), numpy.inf))
        self.rejected([(path, "", "dataset /a1 holds infinity at row 58, column 1")])

    def test_a_column_of_zeros(self):
        self.rejected([(self.write("zeros.h5", **self.with_entry("a1", (slice(None), 1), 0)), options,
                        "dataset /a1 holds only zeros in column 1, so no x is determined")
                       for options in ("", "--sparse true")])
        one_entry = self.with_entry("a1", (slice(None), 1), 0)
        one_entry["a1"][59, 1] = 1
        ended = programs.run(3, "regression", "--problem", "softmax_relu", "--input", self.write("one.h5", **one_entry),
                             "--methods", "newton", *QUICK)
        self.assert_exit(ended, programs.OK)

    def test_options_beside_a_file(self):
        path = self.write("fine.h5")
        self.rejected([(path, *case) for case in [
            ("--signs mixed", "signs must not be given with an input file, got mixed"),
            ("--density 0.5", "density must not be given with an input file, got 0.5"),
            ("--nonzeros 3", "nonzeros must not be given with an input file, got 3"),
            ("--dominance 2", "dominance must not be given with an input file, got 2"),
            ("--data gaussian", "data must not be given with an input file, got 'gaussian'"),
            ("--d 4", "d must be 3 as in the input file, got 4"),
            ("--m 6", "m must be 5 as in the input file, got 6"),
            ("--n 61", "n must be at most 60, the rows of /a1 of", "got 61"),
            ("--n 2", "n must be at least d = 3, else W A1 has no full column rank, got 2"),
        ]])

    def test_options_out_of_bounds(self):
        self.rejected_on(ONE_AND_THREE, [("--problem softmax_relu --methods newton " + options, *parts)
                                         for options, *parts in [
            ("--m 0", "m must be at least 1, got 0"),
            ("--d 0", "d must be at least 1, got 0"),
            ("--n 31", "n must be at least d = 32, else W A1 has no full column rank, got 31"),
            ("--density 0", "density must be above 0 and at most 1, got 0"),
            ("--density 1.5", "density must be above 0 and at most 1, got 1.5"),
            ("--nonzeros 33", "nonzeros must be between 0 (dense) and m = 32, got 33"),
            ("--dominance 0", "dominance must be positive and finite, got 0"),
            ("--n 1Gi --d 1Gi", "the entries of data and Hessian, must be at most 2^56"),
            ("--tolerance 0", "tolerance must", "got 0"),
            ("--max-iterations 0", "max-iterations must", "got 0"),
        ]], "regression")


if __name__ == "__main__":
    programs.main()
