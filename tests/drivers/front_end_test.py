#!/usr/bin/env python3
"""breakeven import, run, merge, report: from a data file to a page, on a study of a few seconds."""

import gzip
import json
import pathlib
import shlex
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

import programs

programs.require("h5py", "numpy")
import h5py
import numpy
from programs import FAILURE, MPI_FLAGS, MPIEXEC, OK, ProgramTest

STUDY = """
name = "tiny"
label = "quick"
launches = 2
ranks = 2

[[sweep]]
problem = "attention/forward"
methods = ["ring", "polynomial"]
n = "16..256*4"
d = 4
degree = [1, 2]
bound = 0.5
scale = "1/d"
repetitions = 3
warmup = 0
"""
CASES = 3 * 3  # sizes x (ring, polynomial of two degrees)
LAUNCHER = shlex.join([MPIEXEC, "-n", "{ranks}", *MPI_FLAGS]).replace("'{ranks}'", "{ranks}")


class InFolder(ProgramTest):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def breakeven(self, *arguments):
        return programs.run(1, "breakeven", *arguments, folder=self.folder)

    def study(self, text=STUDY):
        (self.folder / "study.toml").write_text(text)
        return "study.toml"

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path


class Import(InFolder):
    PIXELS = numpy.arange(3 * 8 * 4, dtype=numpy.uint8).reshape(3, 8, 4)  # three images, two patches each

    def idx(self, name):
        content = struct.pack(">IIII", 0x803, *self.PIXELS.shape) + self.PIXELS.tobytes()
        (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return name

    def test_patches_become_rows_and_the_rows_an_input(self):
        expected = self.PIXELS.reshape(6, 16) / 255  # patches as wide as the image: the bytes in order
        for name in ("images", "images.gz"):
            ended = self.breakeven("import", "idx", self.idx(name), "--as", "q,k,v", "--patch", "4", "--out",
                                   f"{name}.h5")
            self.assert_exit(ended, OK)
            self.assertIn("3 images of 8 x 4 pixels -> 6 rows of 16 entries", ended.stdout)
            with h5py.File(self.folder / f"{name}.h5") as file:
                self.assertEqual(sorted(file), ["k", "q", "v"])
                self.assertEqual(file["q"], file["k"])  # one dataset under three names
                numpy.testing.assert_allclose(file["q"][...], expected, rtol=1e-6)
        launch = programs.run(2, "attention", "--input", "images.h5", "--methods", "ring,polynomial", "--tolerance",
                              "1e-3", "--repetitions", "1", "--dtype", "f32", "--format", "json", folder=self.folder)
        self.assert_exit(launch, OK)
        for row in launch.rows:
            self.assertEqual((row["n"], row["d"], row["data"], row["input"]), (6, 16, "file", "images.h5"), msg=launch)
            self.assertAlmostEqual(row["bound"], 95 / 255, places=6, msg=launch)  # the largest pixel

    def test_bad_requests(self):
        name = self.idx("images")
        (self.folder / "short").write_bytes((self.folder / name).read_bytes()[:-1])
        (self.folder / "taken.h5").write_text("mine")
        cases = [([name, "--patch", "3"], "patch"), ([name, "--patch", "0"], "patch"),
                 ([name, "--normalise", "0"], "normalise"), ([name, "--as", "q,q"], "q"), (["short"], "short"),
                 (["missing"], "missing")]
        for arguments, part in cases:
            with self.subTest(arguments=arguments):
                self.assert_rejected(self.breakeven("import", "idx", *arguments, "--out", "new.h5"), part)
                self.assertFalse((self.folder / "new.h5").exists())
        self.assert_rejected(self.breakeven("import", "idx", name, "--out", "taken.h5"), "taken.h5")
        self.assertEqual((self.folder / "taken.h5").read_text(), "mine")

    TABLE = numpy.random.default_rng(1).uniform(-1, 1, (12, 4))

    def dataset(self, name, dataset="q"):
        with h5py.File(self.folder / name) as file:
            return file[dataset][...]

    def test_a_table_becomes_an_input(self):
        numpy.savetxt(self.folder / "table.csv", self.TABLE, delimiter=";", header="a;b;c;d", comments="", fmt="%.17g")
        ended = self.breakeven("import", "csv", "table.csv", "--columns", "d,1..2", "--out", "table.h5")
        self.assert_exit(ended, OK)
        self.assertIn("table.h5: 12 lines of 4 fields, a header -> 12 rows of 3 entries", ended.stdout)
        numpy.testing.assert_array_equal(self.dataset("table.h5"), self.TABLE[:, [3, 0, 1]])
        launch = programs.run(2, "attention", "--input", "table.h5", "--methods", "ring", "--repetitions", "1",
                              "--format", "json", folder=self.folder)
        self.assert_exit(launch, OK)
        self.assertEqual([(row["n"], row["d"]) for row in launch.rows], [(12, 3)], msg=launch)

    def test_what_numpy_saves_becomes_an_input(self):
        arrays = {"c": self.TABLE, "fortran": numpy.asfortranarray(self.TABLE), "single": self.TABLE.astype("f4"),
                  "big": self.TABLE.astype(">f8"), "whole": (1000 * self.TABLE).astype("i2"), "flags": self.TABLE > 0,
                  "stack": self.TABLE.reshape(2, 1, 3, 8), "vector": self.TABLE[0],
                  "turned": self.TABLE.reshape(2, 3, 8).transpose(2, 0, 1)}
        for name, array in arrays.items():
            with self.subTest(name=name):
                numpy.save(self.folder / f"{name}.npy", array)
                packed = self.folder / f"{name}.npy.gz"
                packed.write_bytes(gzip.compress((self.folder / f"{name}.npy").read_bytes()))
                self.assert_exit(self.breakeven("import", "npy", f"{name}.npy", "--out", f"{name}.h5"), OK)
                self.assert_exit(self.breakeven("import", "npy", packed.name, "--out", f"{name}_gz.h5"), OK)
                found = self.dataset(f"{name}.h5")
                self.assertEqual(found.dtype, "f4" if name == "single" else "f8")
                numpy.testing.assert_array_equal(found, array)
                numpy.testing.assert_array_equal(self.dataset(f"{name}_gz.h5"), array)
        ended = self.breakeven("import", "npy", "stack.npy", "--as", "k", "--max-rows", "2", "--dtype", "f32",
                               "--normalise", "2", "--out", "part.h5")
        self.assert_exit(ended, OK)
        self.assertIn("float64 array of 2 x 1 x 3 x 8 -> 2 matrices of 2 rows of 8 entries", ended.stdout)
        numpy.testing.assert_allclose(self.dataset("part.h5", "k"), arrays["stack"][:, :, :2] / 2, rtol=1e-6)

    WORDS = pathlib.Path(__file__).resolve().parent.parent / "results" / "import" / "word_vectors.json"

    def test_word_vectors_become_codes_and_keep_their_words(self):
        packed = self.folder / "words.json.gz"
        packed.write_bytes(gzip.compress(self.WORDS.read_bytes()))
        self.assert_exit(self.breakeven("import", "words", self.WORDS, "--as", "v", "--out", "vectors.h5"), OK)
        for name, source in ("plain", self.WORDS), ("gz", packed):
            ended = self.breakeven("import", "words", source, "--as", "a,b", "--signs", "2Ki", "--out", f"{name}.h5")
            self.assert_exit(ended, OK)
            self.assertIn("100 words of 12 numbers -> 100 rows of 2048 signs, words in /a_words", ended.stdout)
        known = json.loads(self.WORDS.read_text())
        vectors = numpy.array([known["vectors"][word][:12] for word in known["words"]])
        numpy.testing.assert_allclose(self.dataset("vectors.h5", "v"), vectors, rtol=1e-6)
        with h5py.File(self.folder / "plain.h5") as file:
            self.assertEqual(list(file["a_words"].asstr()), known["words"])
            self.assertEqual((file["a"].dtype, file["a"].attrs["n_bits"], file["a"].attrs["bit_order"]),
                             ("u1", 2048, "little"))
            bits = numpy.unpackbits(file["b"][...], axis=1, bitorder="little")
        numpy.testing.assert_array_equal(self.dataset("gz.h5", "a"), self.dataset("plain.h5", "a"))
        centred = vectors - vectors.mean(axis=0)
        unit = centred / numpy.linalg.norm(centred, axis=1, keepdims=True)
        share = numpy.arccos(numpy.clip(unit @ unit.T, -1, 1)) / numpy.pi
        differing = (bits[:, None, :] != bits[None, :, :]).mean(axis=2)
        # 4,950 pairs: five standard deviations of 2048 coins are exceeded by one in 350 such sets, six by none
        self.assertLess(numpy.abs(differing - share).max(), 6 * 0.5 / numpy.sqrt(2048))

    def test_bad_word_vectors(self):
        (self.folder / "cut.json").write_bytes(self.WORDS.read_bytes()[:5000])
        (self.folder / "list.json").write_text("[1, 2]")
        for arguments, part in [((self.WORDS, "--signs", "134217728"), "signs must be at most"),
                                ((self.WORDS, "--signs", "8", "--centre", "maybe"), "centre must be yes or no"),
                                ((self.WORDS, "--signs", "8", "--dtype", "f32"), "dtype must not be given with signs"),
                                (("cut.json",), "cut.json: byte 5000: "), (("list.json",), "is no JSON object")]:
            with self.subTest(arguments=arguments):
                self.assert_rejected(self.breakeven("import", "words", *arguments, "--out", "new.h5"), part)
                self.assertFalse((self.folder / "new.h5").exists())

    def test_bad_tables_and_arrays(self):
        (self.folder / "gap.csv").write_text("a,b\n1,2\n3,\n")
        numpy.save(self.folder / "text.npy", numpy.array(["a"]))
        numpy.save(self.folder / "objects.npy", numpy.array([{}], dtype=object), allow_pickle=True)
        numpy.save(self.folder / "nan.npy", numpy.array([[1, numpy.nan]]))
        for arguments, part in [(["csv", "gap.csv"], "gap.csv: line 3, field 2 ('b') is empty"),
                                (["csv", "gap.csv", "--columns", "c"], "columns must be"),
                                (["csv", "gap.csv", "--separator", "1"], "separator must be"),
                                (["csv", "gap.csv", "--header", "maybe"], "header must be"),
                                (["npy", "text.npy"], "holds type '<U1'"), (["npy", "objects.npy"], "holds type '|O'"),
                                (["npy", "nan.npy"], "the entry at [0, 1] is nan"),
                                (["npy", "gap.csv"], "gap.csv: is not an NPY file"),
                                (["npy", "nan.npy", "--dtype", "f16"], "dtype must be")]:
            with self.subTest(arguments=arguments):
                self.assert_rejected(self.breakeven("import", *arguments, "--out", "new.h5"), part)
                self.assertFalse((self.folder / "new.h5").exists())


class Run(InFolder):
    def run_study(self, *options, launcher=LAUNCHER, calibrate=False):
        if not calibrate:
            options = ("--no-calibration", *options)
        return self.breakeven("run", self.study(), "--launcher", launcher, "--out", "out", *options)

    def cases(self):
        with h5py.File(self.folder / "out" / "study.h5") as file:
            return {name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
                    for name, column in file["cases"].items()}

    def test_from_study_to_page(self):
        ended = self.run_study(calibrate=True)
        self.assert_exit(ended, OK)
        self.check_table(ended)
        self.check_calibration(ended)
        self.check_merged_file()
        self.check_merge_is_idempotent()
        self.check_readers()
        self.check_report()
        again = self.run_study(calibrate=True)
        self.assert_exit(again, OK)
        self.check_table(again)
        self.assertNotIn("calibrating", again.stderr, msg=again)

    def check_table(self, ended):
        heading = [line for line in ended.stdout.splitlines() if "break-even n" in line]
        self.assertEqual(len(heading), 1, msg=ended)
        self.assertIn(f"study.h5: {CASES} cases, 2 launches, from {2 * CASES} shards", ended.stdout, msg=ended)
        body = ended.stdout[ended.stdout.index(heading[0]):]
        for degree in (1, 2):
            self.assert_matches(ended, rf"\npolynomial\b.*\bdegree={degree}\b", body)

    def check_calibration(self, ended):
        self.assertEqual(ended.stderr.count("calibrating: what 2 ranks of this machine reach at best"), 1, msg=ended)
        with h5py.File(self.folder / "out" / "study.h5") as file:
            table = file["calibration/ceilings"]
            self.assertEqual(set(table["ranks"][:]), {2})
            self.assertIn("read_bandwidth", table["quantity"].asstr()[:])

    def check_merged_file(self):
        cases = self.cases()
        self.assertEqual(len(cases["hash"]), CASES)
        self.assertEqual(set(cases["launches"]), {2})
        self.assertEqual(set(cases["ranks"]), {2})
        self.assertEqual(set(cases["status"]), {"ok"})
        self.assertEqual(set(cases["n"]), {16, 64, 256})
        with h5py.File(self.folder / "out" / "study.h5") as file:
            self.assertEqual((file.attrs["study"], int(file.attrs["complete"])), ("tiny", 1))
            launches = numpy.unique(numpy.stack([file["samples/case"][:], file["samples/launch"][:]]), axis=1)
            self.assertEqual(launches.shape[1], 2 * CASES)  # every case in both launches
            # the median over launches of the launch medians: here of two
            case, launch = file["samples/case"][:], file["samples/launch"][:]
            time = numpy.where(file["samples/warmup"][:] == 1, numpy.nan, file["samples/completion_s"][:])
            for i in range(CASES):
                medians = [numpy.nanmedian(time[(case == i) & (launch == l)]) for l in (0, 1)]
                self.assertAlmostEqual(cases["time_median"][i], numpy.median(medians), delta=1e-12)

    def check_merge_is_idempotent(self):
        before = self.cases()
        ended = self.breakeven("merge", "out")
        self.assert_exit(ended, OK)
        after = self.cases()
        self.assertEqual(list(before), list(after))
        for name, column in before.items():
            numpy.testing.assert_array_equal(column, after[name], err_msg=name)

    def check_readers(self):
        """The readers of docs/results_format.md on a file that was not made for them."""
        script = programs.REPOSITORY / "tests" / "results" / "readers_test.py"
        done = subprocess.run([sys.executable, script, self.folder / "out" / "study.h5"], capture_output=True,
                              text=True, timeout=programs.LIMIT_S, check=False)
        if done.returncode != 77:  # a reader is not installed: the test of that name says which
            self.assertEqual(done.returncode, 0, msg=done.stdout + done.stderr)

    def check_report(self):
        ended = self.breakeven("report", "out/study.h5", "--out", "report.html")
        self.assert_exit(ended, OK)
        self.assertIn("break-even n", ended.stdout)
        page = (self.folder / "report.html").read_text(encoding="utf-8")
        self.assertTrue(page.lstrip().lower().startswith("<!doctype html>"))
        self.assertIn("tiny", page)
        for part in ("Ceilings of the machine", "ceiling_share", "bound_by", "arithmetic"):
            self.assertIn(part, page)
        self.assertNotIn("<script src=", page)  # one self-contained file
        to_nowhere = self.breakeven("report", "out/study.h5", "--out", "no/folder/report.html")
        self.assert_exit(to_nowhere, FAILURE)
        self.assert_one_message(to_nowhere, "no/folder/report.html")

    def test_mistakes_in_the_study_are_named_with_line_and_column(self):
        cases = [(STUDY.replace("degree =", "degre ="), "study.toml:12:1: ", "unknown key 'degre'",
                  "did you mean 'degree'?"),
                 (STUDY.replace("launches", "launchs"), "study.toml:4:1: ", "did you mean 'launches'?"),
                 (STUDY.replace('"ring"', '"rign"'), "study.toml:9:", "rign"),
                 (STUDY.replace("n = \"16..256*4\"", "n = -1"), "study.toml:10:", "n must be", "-1"),
                 (STUDY.replace("ranks = 2", "ranks = 0"), "study.toml:5:9: ", "ranks"),
                 (STUDY.replace("ranks = 2", "ranks = "), "study.toml:5:"),
                 (STUDY + "input = \"none.h5\"\n", "none.h5")]
        for text, *parts in cases:
            with self.subTest(parts=parts):
                (self.folder / "study.toml").write_text(text)
                ended = self.breakeven("run", "study.toml", "--launcher", LAUNCHER, "--out", "out")
                self.assert_rejected(ended, *parts)
                self.assertFalse((self.folder / "out").exists())

    def test_a_calibration_that_fails_costs_the_study_nothing_else(self):
        launcher = self.program("launcher", f"""#!/bin/sh
ranks=$1; shift
case $1 in */calibrate) echo "no ceilings today" >&2; exit 1;; esac
exec {shlex.join([MPIEXEC, *MPI_FLAGS])} -n "$ranks" "$@"
""")
        ended = self.run_study(launcher=f"{launcher} {{ranks}}", calibrate=True)
        self.assert_exit(ended, OK)
        self.assertIn("no ceilings today", ended.stderr, msg=ended)
        self.assertEqual(len(self.cases()["hash"]), CASES)

    def test_a_launcher_that_does_not_say_ranks(self):
        self.assert_rejected(self.run_study(launcher="mpiexec -n 2"), "launcher must say {ranks}", "mpiexec -n 2")
        self.assert_rejected(self.run_study(launcher="no-such-launcher -n {ranks}"), "cannot start 'no-such-launcher'")

    def test_a_launch_that_is_killed(self):
        """The first launch dies; the second is run all the same, and what there is is merged."""
        launcher = self.program("launcher", f"""#!/bin/sh
ranks=$1; shift
if mkdir "{self.folder}/seen" 2> /dev/null; then
  echo "something happened" >&2
  kill -KILL $$
fi
exec {shlex.join([MPIEXEC, *MPI_FLAGS])} -n "$ranks" "$@"
""")
        ended = self.run_study(launcher=f"{launcher} {{ranks}}")
        self.assert_exit(ended, FAILURE)
        self.assert_matches(ended, r"failed: attention/forward on 2 ranks, launch [01] ended with exit 137",
                            ended.stderr)
        self.assertIn("something happened", ended.stderr, msg=ended)
        self.assertIn(f"study.h5: {CASES} cases, 1 launches, from {CASES} shards", ended.stdout, msg=ended)
        self.assertEqual(set(self.cases()["launches"]), {1})

        completed = self.run_study()
        self.assert_exit(completed, OK)
        self.assertEqual(set(self.cases()["launches"]), {2})

    def test_every_launch_is_killed(self):
        launcher = self.program("launcher", "#!/bin/sh\nkill -KILL $$\n")
        ended = self.run_study(launcher=f"{launcher} {{ranks}}")
        self.assert_exit(ended, FAILURE)
        self.assertEqual(ended.stderr.count("failed: attention/forward on 2 ranks, launch "), 2, msg=ended)

    def test_a_world_of_another_size_is_noticed(self):
        """As when the launcher belongs to another MPI: every rank sees itself alone."""
        launcher = self.program("launcher", "#!/bin/sh\nshift\nexec \"$@\"\n")
        ended = self.run_study(launcher=f"{launcher} {{ranks}}")
        self.assert_exit(ended, FAILURE)
        self.assert_one_message(ended, "2 ranks were launched but the driver sees 1")


if __name__ == "__main__":
    programs.main()
