#!/usr/bin/env python3
"""Input files that are missing, foreign, misshapen or hold a NaN: bad requests, found before any set-up or clock."""

import pathlib
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 3)


def tokens(n, columns, seed=1):
    return numpy.random.default_rng(seed).uniform(-1, 1, (n, columns))


class InputFiles(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def write(self, name, **datasets):
        """q, k and v of 12 x 4 unless given; None leaves one out."""
        path = self.folder / name
        with h5py.File(path, "w") as file:
            for dataset in ("q", "k", "v"):
                values = datasets.pop(dataset, tokens(12, 4))
                if values is not None:
                    file[dataset] = values
            for dataset, values in datasets.items():
                file[dataset] = values
        return path

    def rejected(self, cases):
        """cases: (path, further options, parts of the message...)"""
        self.rejected_on(RANKS, [(["--input", path, "--methods", "ring", *options.split()], *parts)
                                 for path, options, *parts in cases])

    def test_files_that_are_no_input(self):
        text = self.folder / "text.h5"
        text.write_text("q,k,v\n1,2,3\n")
        truncated = self.write("truncated.h5", q=tokens(4096, 4), k=tokens(4096, 4), v=tokens(4096, 4))
        with open(truncated, "r+b") as file:
            file.truncate(100_000)
        self.rejected([
            (self.folder / "missing.h5", "", "missing.h5: no such file"),
            (self.folder, "", "is a folder, not an HDF5 file"),
            (text, "", "text.h5: is not an HDF5 file"),
            (truncated, "", "truncated.h5: is truncated"),
        ])

    def test_datasets_that_do_not_fit(self):
        link = self.write("link.h5", q=None)
        with h5py.File(link, "r+") as file:
            file["q"] = h5py.ExternalLink("elsewhere.h5", "/q")
        self.rejected([
            (self.write("no_q.h5", q=None), "", "no_q.h5", "has no dataset 'q'; it holds k, v"),
            (self.write("vector.h5", q=tokens(12, 1)[:, 0]), "", "/k", "/q is 1 x 1 x 12 x 1", "must be equal"),
            (self.write("cube.h5", q=tokens(12, 4).reshape(1, 12, 4)), "",
             "/q must be n x d or batch x heads x n x d, has 3 dimensions"),
            (self.write("k_rows.h5", k=tokens(13, 4)), "", "/k is 1 x 1 x 13 x 4 but /q is 1 x 1 x 12 x 4"),
            (self.write("k_columns.h5", k=tokens(12, 5)), "", "/k is 1 x 1 x 12 x 5 but /q is 1 x 1 x 12 x 4"),
            (self.write("v_rows.h5", v=tokens(11, 4)), "", "/v is 1 x 1 x 11 x 4 but /q is 1 x 1 x 12 x 4"),
            (self.write("text_q.h5", q=numpy.array([[b"a", b"b"]])), "", "text_q.h5", "q", "holds no numbers"),
            (self.write("scalar.h5", q=1.5), "", "scalar.h5", "q", "is a scalar, not a matrix"),
            (self.write("empty.h5", **{name: numpy.zeros((0, 4)) for name in "qkv"}), "",
             "n must be at least 1, got 0"),
            (link, "", "link.h5", "q"),
        ])

    def test_options_that_contradict_the_file(self):
        path = self.write("plain.h5")
        self.rejected([
            (path, "--n 13", "n must be at most 12, the rows of", "plain.h5", "got 13"),
            (path, "--n=-1", "n must be a whole number of at least 0, got '-1'"),
            (path, "--d 8", "d must be 4 as in the input file, got 8"),
            (path, "--d-value 8", "d-value must be 4 as in the input file, got 8"),
            (path, "--heads 2", "heads must be 1 as in the input file, got 2"),
            (path, "--batch 2", "batch must be 1 as in the input file, got 2"),
            (path, "--data aligned", "data must not be given with an input file, got 'aligned'"),
            (path, "--data uniform", "data must not be given with an input file, got 'uniform'"),
            (path, "--bound 2", "bound must not be given with an input file", "got 2"),
        ])

    def test_score_bound_measured_in_the_file(self):
        """With the file's largest entry as B: scale d B^2 = sqrt(4) B^2, found after reading."""
        large = tokens(12, 4)
        large[7, 2] = -30
        path = self.write("large.h5", k=large)
        self.rejected([
            (path, "--maximum none --dtype f32", "maximum none needs a score bound", "in f32", "got 1800"),
            (path, "--maximum none --dtype f64", "maximum none needs a score bound", "at most 700 in f64", "got 1800"),
        ])

    def spoilt(self, name, places, shape=(12, 4)):
        """A file of that shape with values put at (dataset, index)."""
        arrays = {dataset: tokens(int(numpy.prod(shape[:-1])), shape[-1]).reshape(shape) for dataset in "qkv"}
        for dataset, index, value in places:
            arrays[dataset][index] = value
        return self.write(name, **arrays)

    def test_nan_and_infinity_are_named(self):
        self.rejected([
            (self.spoilt("q_nan.h5", [("q", (5, 3), numpy.nan)]), "",
             "q_nan.h5: dataset /q holds NaN at row 5, column 3"),
            (self.spoilt("k_inf.h5", [("k", (11, 0), numpy.inf)]), "", "dataset /k holds infinity at row 11, column 0"),
            (self.spoilt("v_inf.h5", [("v", (0, 1), -numpy.inf)]), "", "dataset /v holds -infinity at row 0, column 1"),
            # in heads and batch: the slice counts batch x heads
            (self.spoilt("slices.h5", [("k", (1, 0, 2, 3), numpy.nan)], (2, 2, 6, 4)), "",
             "dataset /k holds NaN at slice 2, row 2, column 3"),
            # 1e39 is a number in the file and infinity in the case
            (self.spoilt("wide.h5", [("v", (4, 2), 1e39)]), "--dtype f32",
             "dataset /v holds infinity at row 4, column 2"),
        ])

    def test_the_lowest_index_wins_whoever_holds_it(self):
        """On 3 ranks rows 0-3, 4-7, 8-11; zigzag: rows 0-1 and 10-11, 2-3 and 8-9, 4-5 and 6-7."""
        self.rejected([
            (self.spoilt("two_ranks.h5", [("q", (9, 1), numpy.nan), ("q", (4, 2), numpy.inf)]), "",
             "dataset /q holds infinity at row 4, column 2"),
            (self.spoilt("two_datasets.h5", [("v", (0, 0), numpy.nan), ("k", (11, 3), numpy.inf)]), "",
             "dataset /k holds infinity at row 11, column 3"),
            (self.spoilt("two_columns.h5", [("q", (4, 3), numpy.nan), ("q", (4, 1), numpy.inf)]), "",
             "dataset /q holds infinity at row 4, column 1"),
            (self.spoilt("zigzag.h5", [("k", (10, 0), numpy.nan), ("k", (6, 2), numpy.inf)]), "--causal",
             "dataset /k holds infinity at row 6, column 2"),  # the last rank's, while rank 0 holds row 10
            (self.spoilt("zigzag_first.h5", [("k", (10, 0), numpy.nan), ("k", (11, 2), numpy.inf)]), "--causal",
             "dataset /k holds NaN at row 10, column 0"),
        ])

    def test_rows_beyond_those_asked_for_are_not_looked_at(self):
        path = self.spoilt("later.h5", [("q", (9, 1), numpy.nan)])
        launches = [(ranks, "attention", "--input", path, "--methods", "ring", "--n", "9", "--repetitions", "1",
                     "--format", "json") for ranks in RANKS]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(ended.rows[0]["n"], 9, msg=ended)


class Certificates(programs.ProgramTest):
    """An approximation without certificate is an answer, unless one was required."""

    UNCERTIFIED = ["--methods", "ring,polynomial", "--n", "64", "--d", "4", "--bound", "3", "--degree", "1",
                   "--data", "aligned", "--repetitions", "1", "--format", "json"]

    def rows(self, ended):
        return {row["method"]: row for row in ended.rows}

    def test_uncertified_is_stored_with_the_reason(self):
        for ended in programs.run_all([(ranks, "attention", *self.UNCERTIFIED) for ranks in RANKS]):
            self.assert_exit(ended, programs.OK)
            row = self.rows(ended)["polynomial"]
            self.assertIs(row["certified"], False, msg=ended)
            self.assertEqual((row["status"], row["promise"]), ("ok", "none"), msg=ended)
            # scale |q| |k| = 1/2 * 6 * 6
            self.assert_matches(ended, r"^score radius 18 is not certified at degree 1 \(up to [\d.]+\)",
                                row["message"])
            self.assertGreater(row["denominators_not_positive"], 0, msg=ended)  # 1 + s < 0 for s = -18
            self.assertGreater(row["time_median"], 0, msg=ended)

    def test_require_certificate(self):
        launches = [(ranks, "attention", *self.UNCERTIFIED, "--require-certificate") for ranks in RANKS]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, programs.CHECK_FAILED)
            rows = self.rows(ended)
            self.assertEqual((rows["ring"]["status"], rows["polynomial"]["status"]), ("ok", "failed"), msg=ended)
            self.assert_matches(ended, r"^no certificate \(--require-certificate\): score radius 18 ",
                                rows["polynomial"]["message"])
            self.assertIsNone(rows["polynomial"]["time_median"], msg=ended)

    def test_a_certificate_that_is_there(self):
        arguments = ["--methods", "polynomial", "--n", "64", "--d", "4", "--bound", "0.5", "--tolerance", "1e-3",
                     "--repetitions", "1", "--format", "json", "--require-certificate"]
        for ended in programs.run_all([(ranks, "attention", *arguments) for ranks in RANKS]):
            self.assert_exit(ended, programs.OK)
            row = ended.rows[0]
            self.assertIs(row["certified"], True, msg=ended)
            self.assertEqual(row["promise_metric"], "error_max", msg=ended)
            self.assertLessEqual(row["promise_bound"], 1e-3, msg=ended)
            self.assertLessEqual(row["error_max"], row["promise_bound"], msg=ended)
            self.assertIsNone(row["degree"], msg=ended)  # asked for was a tolerance
            self.assertGreater(row["degree_used"], 0, msg=ended)


if __name__ == "__main__":
    programs.main()
