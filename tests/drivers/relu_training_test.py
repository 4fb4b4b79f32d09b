#!/usr/bin/env python3
"""inner_product/relu_training as a user runs it: a file in, loss and gradients out, against numpy; refusals."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 3)
QUICK = ["--problem", "relu_training", "--repetitions", "1", "--warmup", "0", "--format", "json"]


def data(n, neurons, d, seed=1):
    random = numpy.random.default_rng(seed)
    centres = random.choice([-1.0, 1.0], (4, d))

    def near_centres(rows):
        return centres[random.integers(4, size=rows)] * numpy.where(random.random((rows, d)) < 0.1, -1, 1)

    return {"x": near_centres(n), "v": near_centres(neurons) * numpy.abs(random.standard_normal((neurons, d))),
            "c": random.standard_normal(neurons), "y": random.standard_normal(n)}


def step(x, v, c, y, rho):
    """Loss and gradients by whole matrices."""
    n, d = x.shape
    h = numpy.maximum(0, numpy.where(v < 0, -1, 1) @ x.T / d - rho)
    wrong = c @ h - y
    fired = h > 0
    return wrong @ wrong / (2 * n), (fired * wrong / n * c[:, None]) @ x / d, h @ wrong / n, fired.sum()


class ReluTraining(programs.ProgramTest):
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

    def test_both_steps_give_numpys_loss_and_gradients(self):
        given = data(50, 31, 99)
        loss, gradient_v, gradient_c, fired = step(**given, rho=0.35)
        path = self.write("layer.h5", **given)
        launches = [(ranks, "inner_product", *QUICK, "--methods", "dense,fired_pairs", "--search", "prefix,popcount,lsh",
                     "--rho", "0.35", "--input", path, "--save-solution", "--out", self.folder / str(ranks))
                    for ranks in RANKS]
        for ranks, ended in zip(RANKS, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.rows), 4, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["status"], row["certified"], row["data"]), ("ok", True, "file"), msg=ended)
                self.assertAlmostEqual(row["loss"], loss, places=12, msg=ended)
                self.assertEqual(round(row["fired_share"] * 50 * 31), fired, msg=ended)
                if row["method"] == "fired_pairs":
                    self.assertEqual(row["fired_pairs"], fired, msg=ended)
                with h5py.File(self.folder / str(ranks) / "solutions" / f"{row['hash']}.h5") as file:
                    numpy.testing.assert_allclose(file["gradient_v"][()], gradient_v, rtol=0, atol=1e-14)
                    numpy.testing.assert_allclose(file["gradient_c"][:, 0], gradient_c, rtol=0, atol=1e-13)

    def test_a_sweep_of_the_threshold_in_both_precisions(self):
        ended = programs.run(2, "inner_product", *QUICK, "--methods", "dense,fired_pairs", "--n", "300", "--neurons",
                             "200", "--d", "256", "--rho", "0.1..0.5+0.2", "--dtype", "f32,f64")
        self.assert_exit(ended, programs.OK)
        self.assertEqual(len(ended.rows), 12, msg=ended)
        shares = [row["fired_share"] for row in ended.rows if row["method"] == "fired_pairs" and row["dtype"] == "f64"]
        self.assertEqual(shares, sorted(shares, reverse=True), msg=ended)
        self.assertGreater(shares[0], 2 * shares[-1], msg=ended)

    def test_files_that_do_not_fit(self):
        given = data(12, 5, 20)
        halves = given["x"].copy()
        halves[7, 3] = 0.5
        cases = [(self.write("half.h5", **{**given, "x": halves}), [], "dataset /x holds 0.5 at row 7, column 3"),
                 (self.write("wide.h5", **{**given, "v": given["v"][:, :19]}), [], "/v must be neurons x d"),
                 (self.write("short.h5", **{**given, "y": given["y"][:11]}), [], "/y must be n x 1 = 12 x 1, is 11 x 1"),
                 (self.write("nan.h5", **{**given, "c": given["c"] * numpy.nan}), [], "dataset /c holds NaN at row 0"),
                 (self.write("good.h5", **given), ["--n", "13"], "n must be at most 12"),
                 (self.folder / "good.h5", ["--neurons", "6"], "neurons must be 5 as in the input file, got 6"),
                 (self.folder / "good.h5", ["--alignment", "0.5"], "alignment must not be given with an input file"),
                 (self.folder / "good.h5", ["--rho", "1"], "rho must be at least 0 and below 1, got 1")]
        self.rejected_on(RANKS, [([*QUICK, "--methods", "dense", "--input", path, *options], part)
                                 for path, options, part in cases], program="inner_product")


if __name__ == "__main__":
    programs.main()
