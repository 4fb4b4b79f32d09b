#!/usr/bin/env python3
"""Bad requests: exit 2 on every rank count, one line that names option, bound and value, nothing run."""

import pathlib
import platform
import tempfile
import unittest

import programs
from programs import ProgramTest

ONE_AND_THREE = (1, 3)


class BadRequests(ProgramTest):
    def test_sizes_below_one(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--n 0", "n must be at least 1, got 0"),
            ("--n=-1", "n must be a whole number of at least 0, got '-1'"),  # -1 inside is "not given"
            ("--n 64,0", "n must be at least 1, got 0"),  # anywhere in a sweep, before the first case runs
            ("--d 0", "d must be at least 1, got 0"),
            ("--d-value=-8", "d-value must be a whole number of at least 0, got '-8'"),
            ("--heads 0", "heads must be at least 1, got 0"),
            ("--batch 0", "batch must be at least 1, got 0"),
        ])

    def test_scale_and_bound(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--scale 1/x", "scale must be 1/d, 1/sqrt(d) or a positive number, got '1/x'"),
            ("--scale 0", "scale must be", "got '0'"),
            ("--scale nan", "scale must be", "got 'nan'"),
            ("--bound 0", "bound must be positive and finite, got 0"),
            ("--bound=-2", "bound must be positive and finite, got -2"),
        ])

    def test_degree_and_tolerance(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--degree=-1", "degree must be a whole number of at least 0, got '-1'"),
            ("--degree 2 --tolerance 1e-3", "degree 2", "tolerance 0.001", "exclude"),
            ("--tolerance 0", "tolerance must be positive, got 0"),
            ("--tolerance=-1", "tolerance must be positive, got -1"),
        ])

    def test_number_of_features(self):
        formula = "t = C(d + degree, degree)"
        self.rejected_on(ONE_AND_THREE, [
            ("--d 16 --degree 8", formula, "degree 8", "d = 16", "t = 735471", "max-features = 65536"),
            ("--d 1Ki --degree 40", formula, "degree 40", "d = 1024", "t = more than 2^63"),
            ("--d 8 --degree 3 --max-features 164", formula, "t = 165", "max-features = 164"),
            ("--max-features 0", "max-features must be at least 1, got 0"),
        ])

    def test_score_bound_that_overflows_without_a_maximum(self):
        self.rejected_on(ONE_AND_THREE, [
            # scale d B^2 = sqrt(64) 10^2
            ("--methods ring --maximum none --d 64 --bound 10 --dtype f32",
             "maximum none needs a score bound", "at most 79.4", "in f32", "got 800"),
            ("--methods ring --maximum none --d 64 --bound 10 --dtype f64", "at most 700", "in f64", "got 800"),
        ])

    def test_methods_that_do_not_take_the_sizes(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--methods dense --n 16385", "n must be at most 16384 for dense, got 16385"),
            ("--data planted --n 64 --d 7", "planted data need an even d, got 7"),
            ("--data planted --n 63", "planted data need an even n, got 63"),
        ])

    def test_more_memory_than_there_is(self):
        """The numbers are printed: how much is needed, of it data and methods, and how much there is."""
        launches = [(ranks, "attention", "--methods", "ring", "--n", "64Gi") for ranks in ONE_AND_THREE]
        for ended in programs.run_all(launches):
            self.assert_rejected(ended, "n=68719476736", "(data 12288 GiB, methods ", "90 % of the memory available")
            self.assert_matches(ended, r"needs [\d.]+ GiB on host \S+ .* is [\d.]+ GiB$", ended.messages[0])

    def test_sizes_whose_product_cannot_be_counted(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--n 4Gi --heads 4Gi --batch 4Gi", "batch heads n (2 d + d-value)", "at most 2^56"),
            (["--n", str(2**62)], "at most 2^56"),
            ("--n 2 --d 1Gi --degree 1 --max-features 100G", "degree 1", "t = 1073741825", "at most 2^56"),
        ])


class UnknownNames(ProgramTest):
    def test_a_near_name_is_proposed(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--methds ring", "unknown option --methds; did you mean --methods?"),
            ("--methods rings", "methods must be one of ", "got 'rings'; did you mean 'ring'?"),
            ("--problem forwrad", "problem must be one of forward, got 'forwrad'; did you mean 'forward'?"),
            ("--data unifrom", "data must be one of ", "got 'unifrom'; did you mean 'uniform'?"),
            ("--coefficients tailor", "coefficients must be one of ", "got 'tailor'; did you mean 'taylor'?"),
        ])

    def test_all_names_are_listed_where_none_is_near(self):
        self.rejected_on(ONE_AND_THREE, [
            ("--methods transformer", "methods must be one of ", "ring", "polynomial", "got 'transformer'"),
            ("--frobnicate 3", "unknown option --frobnicate; --help lists all"),
            ("ring", "unknown option ring"),
            ("--methods ring --degree 3", "unknown option --degree"),  # no chosen method declares it
        ])


class HowToMeasure(ProgramTest):
    def test_counts_and_budget(self):
        self.rejected_on((1,), [
            ("--repetitions 0", "repetitions must be at least 1, got 0"),
            ("--repetitions 2.5", "repetitions must be a whole number, got '2.5'"),
            ("--warmup=-1", "warmup must be at least 0, got -1"),
            ("--budget 0", "budget must be positive, got 0"),
            ("--timeout=-1", "timeout must be at least 0, got -1"),
            ("--launch=-1", "launch must be at least 0, got -1"),
            ("--seed=-1", "seed must be a whole number of at least 0, got '-1'"),
            ("--dtype f16", "dtype must be f32 or f64, got 'f16'"),
            ("--format xml", "format must be table, json or csv, got 'xml'"),
        ])

    def test_lists(self):
        self.rejected_on((1,), [
            ("--n 4Ki..", "n must be a range written a..b*factor or a..b+step, got '4Ki..'"),
            ("--n 1,,2", "n must be a list without empty items, got '1,,2'"),
            ("--n 1..1Gi+1", "n must be a range of at most 100000 values"),
            ("--n 12x", "n must be a number", "got '12x'"),
            ("--causal perhaps", "causal must be true or false, got 'perhaps'"),
        ])

    def test_where_results_go(self):
        with tempfile.TemporaryDirectory() as folder:
            occupied = pathlib.Path(folder) / "file"
            occupied.write_text("not a folder")
            self.rejected_on(ONE_AND_THREE, [
                ("--save-solution", "save-solution needs --out DIR"),
                (["--out", occupied / "results"], "out: cannot create ", str(occupied)),
            ])
            self.assertEqual(occupied.read_text(), "not a folder")


class WhereItRuns(ProgramTest):
    @unittest.skipUnless(platform.machine() == "x86_64", "names kernels of x86")
    def test_ranks_that_would_compute_differently(self):
        """As on nodes of two kinds: decisions that each rank takes for itself would differ, and somebody wait for ever."""
        driver = [programs.BIN / "attention", "--methods", "ring", "--n", "16"]
        parts = [["-n", "1", *programs.MPI_FLAGS, "env", f"OPENBLAS_CORETYPE={kernel}", *driver]
                 for kernel in ("Haswell", "Nehalem", "Haswell")]
        ended = programs.Started([programs.MPIEXEC, *parts[0], ":", *parts[1], ":", *parts[2]]).wait(programs.LIMIT_S)
        self.assert_rejected(ended, "all ranks must compute alike", "rank 1 has", "BLAS Nehalem", "--constraint")


if __name__ == "__main__":
    programs.main()
