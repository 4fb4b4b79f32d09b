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

    def launch(self, ranks, dtype, *options):
        out = self.folder / f"{ranks}{dtype}{''.join(options)}".replace("/", "_")
        return (ranks, "attention", "--input", self.folder / "input.h5", "--methods", "ring,polynomial", "--d",
                self.columns, "--degree", DEGREE, "--scale", "1/d", "--dtype", dtype, "--repetitions", "1", "--warmup",
                "0", "--out", out, "--save-solution", "--format", "json", *options), out

    def check(self, shape, value_columns, stored, dtype, options=(), n=None):
        """Both methods on all rank counts: /o as it should be, for every row, and told by its attributes."""
        self.columns = shape[-1]
        data = self.write(shape, value_columns, stored)
        if n is not None:
            data = {name: values[..., :n, :] for name, values in data.items()}
        causal = "--causal" in options
        expected = attention(data["q"], data["k"], data["v"], 1 / shape[-1], causal)
        launches, folders = zip(*(self.launch(ranks, dtype, *options) for ranks in RANKS))
        for ranks, folder, ended in zip(RANKS, folders, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(list((folder / "solutions").iterdir())), 2, msg=ended)
            for row in ended.rows:
                with self.subTest(ranks=ranks, method=row["method"], dtype=dtype, options=options):
                    with h5py.File(folder / "solutions" / f"{row['hash']}.h5") as file:
                        self.check_solution(ended, row, file, expected, dtype)

    def check_solution(self, ended, row, file, expected, dtype):
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
        self.assertEqual(told["causal"], row["causal"])
        self.assertEqual((row["data"], row["input"]), ("file", "input.h5"))

    def test_matrix(self):
        self.check((29, 3), 3, numpy.float64, "f64")

    def test_causal_in_zigzag_layout(self):
        """The solution stands in global order although ring's ranks hold two chunks each."""
        self.check((29, 3), 5, numpy.float64, "f64", ("--causal",))

    def test_batch_and_heads_in_single_precision_from_a_double_file(self):
        self.check((2, 3, 17, 3), 5, numpy.float64, "f32")

    def test_causal_batch_and_heads(self):
        self.check((2, 3, 17, 3), 5, numpy.float64, "f64", ("--causal", "--centre-keys"))

    def test_single_precision_file(self):
        self.check((29, 3), 3, numpy.float32, "f32")

    def test_integers_and_the_first_rows(self):
        self.check((29, 3), 3, numpy.int16, "f64", ("--n", "19"), n=19)

    def test_fewer_rows_than_ranks(self):
        self.check((2, 3), 3, numpy.float64, "f64")


if __name__ == "__main__":
    programs.main()
