#!/usr/bin/env python3
"""What a driver prints: rows on stdout from one rank, everything else on stderr."""

import csv
import io
import pathlib
import tempfile
import unittest

import programs

programs.require("h5py")
import h5py
from programs import OK, ProgramTest

SMALL = ["--n", "32,64", "--d", "4", "--repetitions", "2", "--warmup", "0"]
METHODS = ["--methods", "ring,polynomial", "--degree", "2"]


class Rows(ProgramTest):
    def test_json_lines_are_rows_of_cases(self):
        """Keys: the columns of /cases in the shard, in their order; null where the file says unknown."""
        with tempfile.TemporaryDirectory() as folder:
            ended = programs.run(3, "attention", *SMALL, *METHODS, "--format", "json", "--out", folder)
            self.assert_exit(ended, OK)
            self.assertEqual([(row["n"], row["method"]) for row in ended.rows],
                             [(32, "ring"), (32, "polynomial"), (64, "ring"), (64, "polynomial")], msg=ended)
            for row in ended.rows:
                path = pathlib.Path(folder) / "shards" / f"{row['hash'][:16]}-0.h5"
                with h5py.File(path) as shard:
                    stored = {name: column[0] for name, column in shard["cases"].items() if name != "case"}
                    unknown = {name for name, column in shard["cases"].items() if name != "case"
                               if "_FillValue" in column.attrs
                               and str(column[0]) == str(column.attrs["_FillValue"])}
                self.assertEqual(list(row), list(stored), msg=ended)
                for name, value in row.items():
                    with self.subTest(method=row["method"], n=row["n"], column=name):
                        self.check_value(value, stored[name], name in unknown)

    def check_value(self, printed, stored, unknown):
        if isinstance(stored, bytes):
            self.assertEqual(printed or "", stored.decode())
        elif unknown or stored == float("inf"):  # JSON has neither
            self.assertIsNone(printed)
        else:
            self.assertEqual(printed, stored)

    def test_unknown_values_are_null(self):
        ended = programs.run(1, "attention", *SMALL, *METHODS, "--format", "json")
        for row in ended.rows:
            self.assertEqual(len(row["hash"]), 64)
            if row["method"] == "polynomial":
                self.assertIsNone(row["tolerance"], msg=ended)  # NaN has no place in JSON
            else:
                self.assertNotIn("degree", row, msg=ended)
                self.assertIsNone(row["denominators_not_positive"], msg=ended)  # ring forms no such normaliser
        self.assertNotIn("NaN", ended.stdout)
        self.assertNotIn("nan", ended.stdout)

    def test_csv_has_one_heading_and_as_many_fields_in_every_line(self):
        """Also where the methods have different columns."""
        ended = programs.run(3, "attention", *SMALL, *METHODS, "--format", "csv")
        self.assert_exit(ended, OK)
        heading, *lines = csv.reader(io.StringIO(ended.stdout))
        self.assertEqual(len(lines), 4, msg=ended)
        self.assertEqual(len(set(heading)), len(heading), msg=ended)
        for line in lines:
            self.assertEqual(len(line), len(heading), msg=ended)
        rows = [dict(zip(heading, line)) for line in lines]
        self.assertEqual([(row["n"], row["method"], row["ranks"], row["status"]) for row in rows],
                         [(n, method, "3", "ok") for n in ("32", "64") for method in ("ring", "polynomial")], msg=ended)
        self.assertEqual([row["maximum"] for row in rows], ["running", ""] * 2, msg=ended)
        self.assertEqual([row["degree"] for row in rows], ["", "2"] * 2, msg=ended)
        self.assertEqual([row["features"] for row in rows], ["", "15"] * 2, msg=ended)  # C(4 + 2, 2)
        for row in rows:
            self.assertGreater(float(row["time_median"]), 0, msg=ended)
            self.assertEqual(row["origin"], "measured", msg=ended)

    def test_table_has_one_heading_and_one_line_a_case(self):
        ended = programs.run(3, "attention", *SMALL, "--methods", "ring,allgather")
        self.assert_exit(ended, OK)
        heading, *lines = ended.stdout.splitlines()
        for word in ("n", "d", "dtype", "ranks", "time", "error", "skill", "status", "method"):
            self.assertIn(word, heading.split(), msg=ended)
        self.assertEqual(len(lines), 4, msg=ended)  # nothing comes from the other ranks
        self.assertEqual([line.split()[0] for line in lines], ["32", "32", "64", "64"], msg=ended)
        self.assertEqual(ended.stderr, "", msg=ended)

    def test_rows_are_printed_once_for_spellings_of_one_case(self):
        ended = programs.run(1, "attention", "--n", "32,32", "--d", "4", "--d-value", "0,4", "--methods", "ring,ring",
                             "--repetitions", "1", "--format", "json")
        self.assert_exit(ended, OK)
        self.assertEqual(len(ended.rows), 1, msg=ended)

    def test_dtype_defaults_to_double(self):
        ended = programs.run(1, "attention", "--n", "16", "--methods", "ring", "--repetitions", "1", "--format", "json")
        self.assertEqual(ended.rows[0]["dtype"], "f64", msg=ended)

    def test_progress_is_for_people(self):
        """Quiet or not, a run of a second prints nothing on a stderr that is no terminal."""
        for options in ([], ["--quiet"]):
            ended = programs.run(1, "attention", "--n", "16", "--methods", "ring", "--repetitions", "1", *options)
            self.assert_exit(ended, OK)
            self.assertEqual(ended.stderr, "", msg=ended)


class Questions(ProgramTest):
    def test_help_of_the_driver(self):
        for ended in programs.run_all([(ranks, "attention", "--help") for ranks in (1, 3)]):
            self.assert_exit(ended, OK)
            self.assertEqual(ended.stdout.count("Exit codes:"), 1, msg=ended)  # once, not once a rank
            for option in ("--problem", "--methods", "--n", "--degree", "--maximum", "--input", "--format",
                           "--timeout"):
                self.assertIn(option, ended.stdout, msg=ended)

    def test_help_shows_the_options_of_the_chosen_methods(self):
        ended = programs.run(1, "attention", "--methods", "ring", "--help")
        self.assertIn("--maximum", ended.stdout)
        self.assertNotIn("--degree", ended.stdout.split("Examples:")[0])

    def test_list(self):
        driver, front_end = programs.run_all([(3, "attention", "--list"), (1, "breakeven", "list")])
        for ended in (driver, front_end):
            self.assert_exit(ended, OK)
            for method, role in (("ring", "exact"), ("allgather", "exact"), ("dense", "reference"),
                                 ("polynomial", "fast")):
                self.assert_matches(ended, rf"\n +attention/forward/{method} +{role}\b", ended.stdout)
            self.assertIn("2302.13214", ended.stdout)
            self.assertEqual(ended.stdout.count("attention/forward/ring"), 1, msg=ended)

    def test_help_of_the_front_end(self):
        for command in ([], ["run"], ["import"], ["import", "idx"], ["import", "csv"],
                        ["import", "npy"], ["merge"], ["report"], ["list"]):
            ended = programs.run(1, "breakeven", *command, "--help")
            self.assert_exit(ended, OK)
            self.assertIn("Usage", ended.stdout, msg=ended)

    def test_front_end_without_or_with_an_unknown_command(self):
        for arguments in ([], ["frobnicate"], ["merge"], ["report", "--frobnicate"], ["import", "csv"]):
            ended = programs.run(1, "breakeven", *arguments)
            self.assert_rejected(ended, "--help")

    def test_front_end_with_files_that_are_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments in (["report", f"{folder}/none.h5"], ["merge", f"{folder}/none"],
                              ["run", f"{folder}/none.toml"],
                              ["import", "idx", f"{folder}/none.gz", "--out", f"{folder}/x"],
                              ["import", "csv", f"{folder}/none.csv", "--out", f"{folder}/x"],
                              ["import", "npy", f"{folder}/none.npy", "--out", f"{folder}/x"]):
                ended = programs.run(1, "breakeven", *arguments)
                self.assert_rejected(ended, f"{folder}/none")


class DryRun(ProgramTest):
    def test_prints_costs_and_runs_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "results"
            ended = programs.run(3, "attention", "--dry-run", "--n", "1Mi", "--d", "16", "--degree", "3", "--methods",
                                 "ring,polynomial", "--out", out)
            self.assert_exit(ended, OK)
            self.assertFalse(out.exists())
        heading, group, ring, polynomial = ended.stdout.splitlines()
        for word in ("data [MiB]", "method [MiB]", "flops", "sent [B]", "messages", "3 ranks"):
            self.assertIn(word, heading, msg=ended)
        self.assertIn("n=1048576", group)
        self.assertIn("ring", ring)
        self.assertIn("polynomial degree=3", polynomial)
        # The busiest rank has 349526 of 2^20 rows: K and V of a ring shift are 16 + 16 doubles a row, twice.
        data, method, flops, sent, messages, *_ = ring.split()
        self.assertEqual((data, messages), ("128.00", "2"), msg=ended)  # 349526 x 48 doubles
        self.assertEqual(int(sent), (349526 + 349525) * 32 * 8, msg=ended)
        self.assertAlmostEqual(float(flops), 2 * 32 * 349526 * 2**20, delta=1e-3 * float(flops), msg=ended)
        self.assertGreater(float(method), 128, msg=ended)

    def test_more_than_any_machine_has(self):
        """A dry run is how to find out: it is not refused."""
        ended = programs.run(1, "attention", "--dry-run", "--n", "1Gi", "--methods", "ring", "--format", "json")
        self.assert_exit(ended, OK)

    def test_bad_requests_are_bad_requests(self):
        self.rejected_on((1, 3), [("--dry-run --n 0", "n must be at least 1, got 0")])


if __name__ == "__main__":
    programs.main()
