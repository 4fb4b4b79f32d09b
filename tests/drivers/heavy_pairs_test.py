#!/usr/bin/env python3
"""inner_product/heavy_pairs as a user runs it: files in, pairs out, against numpy; refusals; warnings."""

import pathlib
import re
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy

RANKS = (1, 2, 3)
QUICK = ["--repetitions", "1", "--warmup", "0", "--format", "json"]
SEARCHES = ["--methods", "popcount,prefix,gemm,lsh"]  # aggregate refuses low correlations
EXACT = ["--methods", "popcount,prefix", "--partition", "grid,ring", "--recall", "1"]


def signs(n, d, seed=1):
    return numpy.random.default_rng(seed).choice(numpy.array([-1, 1], dtype=numpy.int8), (n, d))


def heavy(a, b, rho, self_search=False):
    products = a.astype(int) @ b.astype(int).T
    found = numpy.argwhere(products >= rho * a.shape[1] - 1e-6)
    pairs = [(i, j, products[i, j]) for i, j in found if not self_search or i < j]
    return numpy.array(pairs, dtype=int).reshape(-1, 3)


def packed_bytes(a):
    return numpy.packbits(a < 0, axis=1, bitorder="little")


def packed_words(a):
    rows = packed_bytes(a)
    padded = numpy.zeros((len(a), -(-rows.shape[1] // 8) * 8), dtype=numpy.uint8)
    padded[:, :rows.shape[1]] = rows
    return padded.view("<u8")


class HeavyPairs(programs.ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def write(self, name, n_bits=None, **datasets):
        path = self.folder / name
        with h5py.File(path, "w") as file:
            for dataset, values in datasets.items():
                file[dataset] = values
                if n_bits is not None:
                    file[dataset].attrs["n_bits"] = n_bits
        return path

    def check_pairs(self, expected, *options, methods=EXACT):
        """Every method's saved /pairs on every rank count are those expected."""
        launches = [(ranks, "inner_product", *methods, *QUICK, "--save-solution", "--out", self.folder / str(ranks),
                     *options) for ranks in RANKS]
        for ranks, ended in zip(RANKS, programs.run_all(launches)):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.rows), 4, msg=ended)
            for row in ended.rows:
                self.assertEqual((row["dtype"], row["status"]), ("bit", "ok"), msg=ended)
                self.assertEqual((row["hits"], row["missed"], row["precision"]), (len(expected), 0, 1), msg=ended)
                with h5py.File(self.folder / str(ranks) / "solutions" / f"{row['hash']}.h5") as file:
                    self.assertEqual(file["pairs"].dtype, numpy.int64)
                    numpy.testing.assert_array_equal(file["pairs"][()], expected)
        return ended.rows

    def test_numbers_packed_bytes_and_packed_words_are_the_same_data(self):
        a, b = signs(40, 76), signs(29, 76, seed=2)
        b[5] = a[30]
        b[28] = a[0]
        b[28, 70:] *= -1
        expected = heavy(a, b, 0.35)
        self.assertGreater(len(expected), 2)
        for path in (self.write("numbers.h5", a=a, b=b), self.write("floats.h5", a=a.astype(float), b=b.astype(float)),
                     self.write("bytes.h5", n_bits=76, a=packed_bytes(a), b=packed_bytes(b)),
                     self.write("words.h5", n_bits=76, a=packed_words(a), b=packed_words(b).astype(">u8"))):
            rows = self.check_pairs(expected, "--input", path, "--rho", "0.35")
            self.assertEqual((rows[0]["n"], rows[0]["n_b"], rows[0]["d"]), (40, 29, 76))
            self.assertIsNone(rows[0]["planted"])

    def test_the_first_rows(self):
        a, b = signs(40, 64), signs(29, 64, seed=2)
        path = self.write("first.h5", a=a, b=b)
        self.check_pairs(heavy(a[:11], b[:11], 0.3), "--input", path, "--rho", "0.3", "--n", "11")
        self.check_pairs(heavy(a[:35], b[:29], 0.3), "--input", path, "--rho", "0.3", "--n", "35")
        self.check_pairs(heavy(a[:11], b[:3], 0.3), "--input", path, "--rho", "0.3", "--n", "11", "--n-b", "3")

    def test_one_set_in_itself(self):
        a = signs(50, 70)
        a[44] = a[3]
        path = self.write("one.h5", a=a)
        self.check_pairs(heavy(a, a, 0.3, True), "--input", path, "--rho", "0.3", "--self")

    def test_the_report_shows_what_was_found(self):
        a = signs(50, 70)
        a[44], a[31] = a[3], a[12]
        path = self.write("set.h5", a=a)
        out = self.folder / "out"
        ended = programs.run(2, "inner_product", "--input", path, "--self", "--rho", "0.5", "--methods", "popcount",
                             "--save-solution", "--out", out, *QUICK)
        self.assert_exit(ended, programs.OK)
        solution = out / "solutions" / f"{ended.rows[0]['hash']}.h5"
        shard = next((out / "shards").glob(f"{ended.rows[0]['hash'][:16]}*.h5"))
        words = [f"word<{i}>" for i in range(50)]
        with h5py.File(self.folder / "items.h5", "w") as file:
            file["pixels"] = numpy.random.default_rng(3).random((50, 25))
            file.create_dataset("a_words", data=words, dtype=h5py.string_dtype())
        page = self.folder / "page.html"

        def report(*options):
            return programs.run(1, "breakeven", "report", shard, *options)
        for items, shown in (("items.h5", "<b>word&lt;3&gt;</b> <b>word&lt;44&gt;</b><small>1.000</small>"),
                             ("items.h5:pixels", "alt=\"row 12\"")):
            ended = report("--out", page, "--pairs", solution, "--items", self.folder / items)
            self.assert_exit(ended, programs.OK)
            text = page.read_text(encoding="utf-8")
            self.assertIn("2 pairs by popcount, rho = 0.5.", text)
            self.assertIn(shown, text)
        for options, *parts in (
                (("--out", page, "--pairs", solution), "pairs and items belong together"),
                (("--pairs", solution, "--items", self.folder / "items.h5"), "give --out FILE.html too"),
                (("--out", page, "--pairs", solution, "--items", self.folder / "items.h5:none"), "items.h5", "'none'"),
                (("--out", page, "--pairs", path, "--items", self.folder / "items.h5"), "set.h5", "no dataset pairs"),
                (("--out", page, "--pairs", solution, "--items", self.folder / "none.h5"), "none.h5")):
            ended = report(*options)
            self.assert_exit(ended, programs.USAGE)
            self.assert_one_message(ended, *parts)

    def test_no_hit_is_an_answer(self):
        a = signs(9, 512)
        path = self.write("none.h5", a=a, b=signs(9, 512, seed=2))
        self.check_pairs(numpy.zeros((0, 3), dtype=int), "--input", path, "--rho", "0.9")

    def test_planted_pairs_are_found(self):
        launches = [(ranks, "inner_product", "--n", "500", "--d", "1024", "--planted", "50", *QUICK) for ranks in RANKS]
        for ended in programs.run_all(launches):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(ended.messages, [], msg=ended)
            self.assertEqual(ended.rows[0]["method"], "popcount", msg=ended)
            self.assertEqual((ended.rows[0]["hits"], ended.rows[0]["certified"]), (50, True), msg=ended)
            for row in ended.rows:
                self.assertEqual((row["status"], row["precision"], row["background_hits"]), ("ok", 1, 0), msg=ended)
                self.assertGreaterEqual(row["recall_reached"], 0.9, msg=ended)

    def test_files_that_do_not_fit(self):
        a, b = signs(12, 70), signs(12, 70, seed=4)
        zero, nan, both_a, both_b = a.copy(), a.astype(float), a.copy(), b.copy()
        zero[7, 1], nan[11, 69], both_a[11, 3], both_b[0, 0] = 0, numpy.nan, 5, 7
        padded = packed_bytes(a)
        padded[9, 8] |= 0x80
        self.rejected_on((1, 3), [(["--input", path, "--methods", "popcount", *options.split()], *parts)
                                  for path, options, *parts in [
            (self.write("zero.h5", a=zero, b=b), "", "zero.h5: dataset /a holds 0 at row 7, column 1; signs are"),
            (self.write("nan.h5", a=a, b=nan), "", "nan.h5: dataset /b holds NaN at row 11, column 69"),
            (self.write("both.h5", a=both_a, b=both_b), "", "dataset /a holds 5 at row 11, column 3"),
            (self.write("pad.h5", n_bits=70, a=padded, b=packed_bytes(b)), "",
             "pad.h5: dataset /a has bit 71 of row 9 set, beyond its n_bits = 70"),
            (self.write("n_bits.h5", n_bits=80, a=packed_bytes(a), b=packed_bytes(b)), "",
             "/a has n_bits = 80, which is not what 9 columns of 8 bits hold"),
            (self.write("int32.h5", n_bits=70, a=packed_bytes(a).astype("i4"), b=b), "",
             "/a has n_bits, so it must hold bytes or 64-bit integers"),
            (self.write("wide.h5", a=a, b=b[:, :69]), "", "/b has 69 signs a row but /a has 70; they must be equal"),
            (self.write("no_b.h5", a=a), "", "has no dataset 'b'; it holds a"),
            (self.write("cube.h5", a=a.reshape(1, 12, 70), b=b), "", "/a must be a matrix of signs, has 3 dimensions"),
            (self.write("empty.h5", a=a[:0], b=b), "", "n must be at least 1, got 0"),
            (self.write("thin.h5", a=a[:, :0], b=b[:, :0]), "", "d must be at least 1, got 0"),
            (self.write("plain.h5", a=a, b=b), "--n 13", "n must be at most 12, the rows of /a", "got 13"),
            (self.folder / "plain.h5", "--n-b 13", "n-b must be at most 12, the rows of /b", "got 13"),
            (self.folder / "plain.h5", "--d 64", "d must be 70 as in the input file, got 64"),
            (self.folder / "plain.h5", "--planted 3", "planted must not be given with an input file, got 3"),
            (self.folder / "plain.h5", "--background 0.1", "background must not be given with an input file, got 0.1"),
            (self.folder / "plain.h5", "--clusters 4", "clusters must not be given with an input file, got 4"),
            (self.folder / "plain.h5", "--data uniform", "data must not be given with an input file"),
            (self.folder / "plain.h5", "--self --n-b 5", "n-b must be n = 12 where A is searched in itself, got 5"),
        ]], "inner_product")

    def test_options_out_of_bounds(self):
        self.rejected_on((1, 3), [
            ("--rho 0", "rho must be above 0 and below 1, got 0"),
            ("--rho 1", "rho must be above 0 and below 1, got 1"),
            ("--rho nan", "rho"),
            ("--n 0", "n must be at least 1, got 0"),
            ("--d 0", "d must be at least 1, got 0"),
            ("--n 8 --planted 9", "planted must be at most 8: no row is in two planted pairs, got 9"),
            ("--n 9 --planted 5 --self", "planted must be at most 4 = n / 2"),
            ("--max-hits 0", "max-hits must be at least 1, got 0"),
            ("--data biased --background 1", "background must be at least 0 and below 1, got 1"),
            ("--data clustered --clusters 0", "clusters must be at least 1, got 0"),
            ("--recall 0", "recall must be above 0 and at most 1, got 0"),
            ("--prefix-bits 513", "prefix-bits must be at least 0 and at most d = 512, got 513"),
            ("--partition line", "partition must be one of grid ring, got 'line'"),
            ("--dtype f64", "dtype must be bit, the only one of inner_product/heavy_pairs, got 'f64'"),
            ("--dtype f32,f64", "dtype must be bit"),
            ("--n 1Gi --d 1Gi", "the signs of the data, must be at most 2^56"),
        ], "inner_product")

    def test_a_threshold_in_the_background_is_a_warning(self):
        for ended in programs.run_all([(ranks, "inner_product", *SEARCHES, "--n", "300", "--d", "128", "--rho",
                                        "0.25", *QUICK)
                                       for ranks in RANKS]):
            self.assert_exit(ended, programs.OK)
            self.assertEqual(len(ended.messages), 2, msg=ended)
            self.assertIn("warning: ", ended.messages[0], msg=ended)
            self.assertIn("background pairs may exceed the threshold: rho d = 32 is below", ended.messages[0], msg=ended)
            hits = ended.rows[0]["background_hits"]
            self.assertGreater(hits, 0, msg=ended)
            self.assertIn(f"{hits} background pairs exceed the threshold in 300 checked rows", ended.messages[1])

    def test_a_method_that_nobody_asked_for_may_be_left_out(self):
        ended = programs.run(2, "inner_product", "--n", "300", "--d", "512", "--rho", "0.3", "--planted", "3", *QUICK)
        self.assert_exit(ended, programs.OK)
        self.assertEqual([row["method"] for row in ended.rows], ["popcount", "gemm", "prefix", "lsh"], msg=ended)
        told = [message for message in ended.messages if "left out" in message]
        self.assertEqual(len(told), 1, msg=ended)
        self.assertIn("warning: left out: aggregate: group must keep t group^2 below 2^31", told[0], msg=ended)

    def test_more_hits_than_the_cap_fail_the_case(self):
        for ended in programs.run_all([(ranks, "inner_product", *SEARCHES, "--n", "300", "--d", "64", "--rho", "0.01",
                                        "--max-hits", "100", *QUICK) for ranks in RANKS]):
            self.assert_exit(ended, programs.FAILURE)
            for row in ended.rows:
                self.assertEqual(row["status"], "failed", msg=ended)
                self.assertIn("found more than max-hits = 100 hits, at least ", row["message"], msg=ended)

    def test_dry_run_and_list(self):
        ended = programs.run(2, "inner_product", "--n", "128Ki", "--d", "1024", "--dry-run")
        self.assert_exit(ended, programs.OK)
        self.assertIn("inner_product/heavy_pairs n=131072", ended.stdout, msg=ended)
        self.assertIn(" bit\n", ended.stdout, msg=ended)
        rows = re.findall(r"^ *([0-9.]+) +([0-9.]+) .*  (\w+)", ended.stdout, re.MULTILINE)
        self.assertEqual([method for *_, method in rows], ["popcount", "gemm", "prefix", "lsh", "aggregate"], msg=ended)
        for data_mib, method_mib, method in rows:  # of a rank
            self.assertLess(float(data_mib) + float(method_mib), 1.2 * 1024, msg=method)
        self.assertIn("scalar: bit [bit]", programs.run(1, "inner_product", "--help").stdout)


if __name__ == "__main__":
    programs.main()
