#!/usr/bin/env python3
"""--input and --save-solution against attention computed here, in float64, from the same file."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 2, 3)
DEGREE = 16  # at scores of at most 1 the polynomial's error, 1 / 17!, is below float64's roundings
LARGEST_BOUND = {"f32": 1e-3, "f64": 1e-11}  # of what a method may certify here: else comparing by it says nothing


def attention(q, k, v, scale, causal):
    """softmax(scale q k^T) v over the last two dimensions, the plain definition."""
    scores = scale * q @ numpy.swapaxes(k, -1, -2)
    if causal:
        scores = numpy.where(numpy.tri(q.shape[-2], dtype=bool), scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


class Solutions(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def write(self, shape, value_columns, stored):
        """An input of that shape; returns what is in it, as float64."""
        random = numpy.random.default_rng(7)
        arrays = {}
        for name, columns in (("q", shape[-1]), ("k", shape[-1]), ("v", value_columns)):
            values = random.uniform(-1, 1, (*shape[:-1], columns))
            if numpy.issubdtype(stored, numpy.integer):
                values = numpy.round(values)  # -1, 0, 1
            arrays[name] = values.astype(stored)
        with h5py.File(self.folder / "input.h5", "w") as file:
            for name, values in arrays.items():
                file[name] = values
        return {name: values.astype(numpy.float64) for name, values in arrays.items()}

    def check(self, shape, value_columns, stored, *options, rank_counts=RANKS):
        """Both methods on all rank counts: /o as it should be, for every row, and told by its attributes."""
        data = self.write(shape, value_columns, stored)
        launches = [(ranks, "attention", "--input", self.folder / "input.h5", "--methods", "ring,polynomial",
                     "--degree", DEGREE, "--scale", "1/d", "--repetitions", "1", "--warmup", "0", "--out",
                     self.folder / str(ranks), "--save-solution", "--format", "json", *options)
                    for ranks in rank_counts]
        for ranks, ended in zip(rank_counts, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            solutions = self.folder / str(ranks) / "solutions"
            self.assertEqual({path.stem for path in solutions.iterdir()}, {row["hash"] for row in ended.rows},
                             msg=ended)
            for row in ended.rows:
                with self.subTest(ranks=ranks, **{key: row[key] for key in ("method", "n", "dtype", "causal")}):
                    with h5py.File(solutions / f"{row['hash']}.h5") as file:
                        self.check_solution(ended, row, file, data)
        return [(row["n"], row["dtype"], row["causal"]) for row in ended.rows if row["method"] == "ring"]

    def check_solution(self, ended, row, file, data):
        n, dtype = row["n"], row["dtype"]
        q, k, v = (data[name][..., :n, :] for name in "qkv")
        expected = attention(q, k, v, 1 / q.shape[-1], row["causal"])
        self.assertEqual(list(file), ["o"], msg=ended)
        o = file["o"]
        self.assertEqual(o.dtype, numpy.float32 if dtype == "f32" else numpy.float64)
        self.assertEqual(o.shape, expected.shape)
        self.assertEqual(row["promise"], "certified", msg=ended)
        self.assertLess(row["promise_bound"], LARGEST_BOUND[dtype], msg=ended)
        numpy.testing.assert_allclose(o[...], expected, rtol=0, atol=row["promise_bound"])  # |v| <= 1
        told = {name: value.decode() if isinstance(value, bytes) else value for name, value in file.attrs.items()}
        for name in ("hash", "family", "problem", "method", "dtype", "n", "d", "d_value", "heads", "batch", "scale",
                     "data", "input", "input_sha256"):
            self.assertEqual(told[name], row[name], msg=f"attribute {name}\n{ended}")
        self.assertEqual(bool(told["causal"]), row["causal"])
        self.assertEqual((row["data"], row["input"]), ("file", "input.h5"))

    def test_batch_and_heads(self):
        """Both precisions from a file of doubles; causal, where ring's ranks hold two chunks each (zigzag)."""
        kinds = self.check((2, 3, 17, 3), 5, numpy.float64, "--dtype", "f32,f64", "--causal", "false,true")
        self.assertEqual(sorted(kinds), [(17, dtype, causal) for dtype in ("f32", "f64") for causal in (False, True)])

    def test_matrices_and_their_first_rows(self):
        """Also fewer rows than ranks."""
        kinds = self.check((29, 3), 4, numpy.float64, "--n", "2,19,29", "--causal", "true,false", "--centre-keys")
        self.assertEqual(sorted(kinds), [(n, "f64", causal) for n in (2, 19, 29) for causal in (False, True)])

    def test_single_precision_file(self):
        self.check((29, 3), 3, numpy.float32, "--dtype", "f32", rank_counts=(3,))

    def test_integers(self):
        self.check((29, 3), 3, numpy.int16, rank_counts=(3,))


if __name__ == "__main__":
    programs.main()
