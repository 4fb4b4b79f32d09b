#!/usr/bin/env python3
"""Spoilt shards through report and merge, spoilt input files through the drivers: a clear line or the right contents,
never a crash and never an endless wait.

    mutations_test.py [NUMBER]     so many edits of the structure drawn from all, those below, and changes of bytes
    mutations_test.py all          every edit of every dataset, attribute and group
"""

import collections
import concurrent.futures
import itertools
import pathlib
import random
import re
import shutil
import sys
import unittest

import studies
import programs
import structural_mutations
from mutations import (UNREADABLE, Mutation, declares, edited, instead, into_a_pipe, link, nested, of_bytes, of_length,
                       replaced)
from programs import CHECK_FAILED, OK, USAGE, ProgramTest
from studies import CHECKSUM_LINE, h5py, numpy

NUMBER = 150  # of edits; None: all
SEED = 1
LIMIT_S = 90
AT_ONCE = 3


def unverified(mutation):
    """The same on a shard without its checksum line: HDF5 then meets what the mutation did."""
    def spoil(path):
        path.write_bytes(path.read_bytes()[:-CHECKSUM_LINE])
        mutation.spoil(path)

    return Mutation(f"unverified, {mutation.name}", spoil, mutation.outcome)


def set_attribute(name, value, outcome, where="/"):
    return edited(f"attribute {name} of {where} = {str(value)[:40]!r}", outcome,
                  lambda file: file[where].attrs.__setitem__(name, value))


def without(path, outcome):
    return edited(f"without {path}", outcome, lambda file: file.__delitem__(path))


def without_attribute(name, outcome, where="/"):
    return edited(f"without the attribute {name} of {where}", outcome,
                  lambda file: file[where].attrs.__delitem__(name))


def detach_scales(file):
    for name in ("n", "time_median", "hash"):
        del file["cases"][name].attrs["DIMENSION_LIST"]


def edits_of_shards(ranks):
    """What h5py can do to a shard; `ranks` is its group below /ranks."""
    elapsed, rank, launch = f"{ranks}/elapsed_s", f"{ranks}/rank", f"{ranks}/launch"
    needed = ("cases/case", "cases/hash", "samples/sample", "samples/case", "samples/completion_s", "samples/order",
              elapsed, rank, launch, f"{ranks}/host", f"{ranks}/repetitions")
    yield from (without(name, "refused") for name in needed)
    yield from (without(name, "refused") for name in ("cases", "samples", "ranks", "provenance", "environment"))
    yield from (without(name, "accepted") for name in ("cases/time_median", "cases/message", "provenance/command"))
    yield from (without_attribute(name, "refused") for name in ("format", "format_version", "complete"))
    yield from (without_attribute(name, "harmless") for name in ("created", "how_to_read", "Conventions"))
    yield from (without_attribute(name, "accepted", "cases/n") for name in ("units", "long_name", "kind"))
    for value in ("", "other", 1, [1.5, 2.5], "breakeven-results\n\x1b[31m"):
        yield set_attribute("format", value, "refused")
    for value in ("", "1", "2.0.0", "0.9.9", "99999999999999999999.0", "1\n", "-1.0"):
        yield set_attribute("format_version", value, "refused")
    yield set_attribute("format_version", "1.99.0", "harmless")
    yield set_attribute("how_to_read", "x" * 60000, "harmless")
    yield from (instead("cases/hash", f"is {what}", "refused", put) for what, put in UNREADABLE.items())
    yield from (instead("cases/case", f"is {what}", "refused", put)
                for what, put in UNREADABLE.items() if "huge" in what or "link" in what)
    yield instead("cases/hash", "is a link to itself", "refused", link(h5py.SoftLink("/cases/hash")))
    yield instead(elapsed, "is huge", "refused", declares((1, 1, 2**50), chunks=(1, 1, 1)))
    yield instead("samples/sample", "is huge", "refused", declares((2**60,), chunks=(1024,)))
    for text in ("", "not hexadecimal", "ABCDEF0123456789", "../../../../etc", "0" * 16 + "\x1b[2J"):
        yield replaced("cases/hash", f"{text!r}", "refused", lambda old, text=text: [text])
    for how in ({"chunks": (1,), "compression": "gzip"}, {"chunks": (1,), "shuffle": True, "fletcher32": True},
                {"dtype": ">f8"}):
        for name in ("cases/time_median", "samples/completion_s", elapsed):
            if "chunks" in how and name == elapsed:
                how = {**how, "chunks": (1, 1, 1)}
            yield replaced(name, f"stored as {how}", "harmless", lambda old: old, **how)
    yield replaced("cases/n", "as i4", "harmless", lambda old: old, dtype="i4")
    yield replaced("cases/n", "as f4", "accepted", lambda old: old, dtype="f4")
    yield replaced("cases/n", "negative", "accepted", lambda old: -old)
    yield replaced("cases/time_median", "NaN", "accepted", lambda old: old * numpy.nan)
    yield replaced("samples/completion_s", "NaN", "accepted", lambda old: old * numpy.nan)
    yield replaced("samples/completion_s", "negative", "accepted", lambda old: -old)
    yield replaced("samples/case", "-1", "refused", lambda old: old - 1)
    yield replaced("samples/case", "beyond", "refused", lambda old: old + 2**40)
    for value in (-1, 99, 2**62):
        yield replaced(f"{ranks}/repetitions", str(value), "refused", lambda old, value=value: old * 0 + value)
    yield replaced("cases/oversubscribed", "7", "refused", lambda old: old * 0 + 7)
    for shape in ((1, 1), (2,), (0,), ()):
        yield replaced("cases/n", f"of shape {shape}", "refused", lambda old, s=shape: numpy.zeros(s, "i8"))
    yield replaced(elapsed, "transposed", "refused", lambda old: old.swapaxes(0, 1))
    yield replaced(rank, "longer", "refused", lambda old: numpy.arange(9))
    yield edited("scales swapped", "refused", lambda file: (file.move(rank, "x"), file.move(launch, rank),
                                                            file.move(f"{ranks}/repetition", launch)))
    yield edited("scales detached", "harmless", detach_scales)
    yield edited("a thousand groups deep", "harmless", nested)
    yield edited("a group inside itself", "harmless", lambda file: file["cases"].__setitem__("loop", file["cases"]))
    yield edited("more of everything", "harmless", lambda file: file.create_dataset("later/version", data=[1, 2, 3]))


def chosen(edits, number):
    """So many of (kind, mutation): each edit once, on an object that chance chooses, then each a second time, ..."""
    if number is None:
        return list(edits)
    edits = list(edits)
    random.Random(SEED).shuffle(edits)
    rounds, ordered = collections.Counter(), []
    for kind, mutation in edits:
        edit = re.sub(r"\(.*\)", "", mutation.name.rpartition(": ")[2])
        ordered.append((rounds[edit], len(ordered), kind, mutation))
        rounds[edit] += 1
    return [(kind, mutation) for _, _, kind, mutation in sorted(ordered, key=lambda entry: entry[:2])[:number]]


def mutations_of_shards(number, good):
    """(which shard, mutation): of a case or of the ceilings."""
    numbers, rest = random.Random(SEED), (number or 200) // 3
    made = [of_bytes("bytes", "refused", numbers) for _ in range(rest // 4)]
    made += [of_length(numbers) for _ in range(rest // 4)]
    made += [unverified(of_bytes("bytes", "either", numbers)) for _ in range(rest // 2)]
    made += edits_of_shards(f"ranks/{good['case'].name[:16]}")
    systematic = [("case", mutation) for mutation in structural_mutations.of_shard(good["case"])]
    systematic += [("ceilings", mutation) for mutation in structural_mutations.of_shard(good["ceilings"])
                   if "/calibration" in mutation.name]
    return [("case", mutation) for mutation in made] + chosen(systematic, number)


def edits_of_inputs():
    """What h5py can do to q, k, v of 24 x 4."""
    yield from (instead("q", f"is {what}", "refused", put) for what, put in UNREADABLE.items())
    yield without("v", "refused")
    yield instead("k", "is a link to itself", "refused", link(h5py.SoftLink("/k")))
    yield edited("two links in a circle", "refused", lambda file: (
        file.__delitem__("q"), file.__setitem__("q", h5py.SoftLink("/r")), file.__setitem__("r", h5py.SoftLink("/q"))))
    yield edited("a link through a pipe", "refused", lambda file: (
        into_a_pipe(file, file, "away"), file.__delitem__("q"), file.__setitem__("q", h5py.SoftLink("/away/q"))))
    for value in (numpy.nan, numpy.inf, -numpy.inf):
        yield replaced("k", str(value), "refused", lambda old, value=value: numpy.where(old == old[7, 2], value, old))
    for shape in ((96,), (1, 24, 4), (4, 24), (0, 4), (24, 0), (2, 12, 4), (1, 1, 1, 24, 4), (23, 4), (24, 5)):
        yield replaced("q", f"of shape {shape}", "refused", lambda old, s=shape: numpy.resize(old, s))
    yield replaced("q", "larger than any number", "either", lambda old: old * 1e300)
    for how in ({"chunks": (5, 3)}, {"chunks": (8, 2), "compression": "gzip"}, {"shuffle": True, "fletcher32": True},
                {"dtype": ">f8"}, {"maxshape": (None, 4)}, {"dtype": "f8", "chunks": (1, 1), "compression": 9}):
        yield replaced("k", f"stored as {how}", "harmless", lambda old: old, **how)
    for kind in ("f2", "f4", "i1", "u8", ">i2"):
        yield replaced("k", f"of type {kind}", "accepted", lambda old: numpy.abs(old), dtype=kind)
    yield replaced("k", "lzf, which is not built in", "refused", lambda old: old * 0, compression="lzf")
    yield edited("a link inside the file", "harmless", lambda file: (
        file.move("q", "data/q"), file.__setitem__("q", h5py.SoftLink("/data/q"))))
    yield edited("a thousand groups deep", "harmless", nested)
    yield edited("a group inside itself", "harmless", lambda file: file.__setitem__("loop", file["/"]))
    yield edited("further datasets that cannot be read", "harmless", lambda file: [
        put(file, file, what) for what, put in UNREADABLE.items()])
    yield edited("attributes", "harmless", lambda file: file["q"].attrs.__setitem__("note", "x" * 60000))


def mutations_of_inputs(number, good):
    """(which file, mutation): values one after the other, packed in chunks, with the groups of newer files; matrices of
    another driver; packed signs."""
    numbers, rest = random.Random(SEED + 1), (number or 200) // 3
    made = [("plain", of_length(numbers)) for _ in range(rest // 8)]
    made += [("packed", of_length(numbers)) for _ in range(rest // 8)]
    for i in range(rest - len(made)):
        kind = ("plain", "packed", "newer")[i % 3]
        last = 2000 if kind == "plain" else None  # its values come after that
        made.append((kind, of_bytes("bytes", "either", numbers, last=last)))
    made += [("plain", mutation) for mutation in edits_of_inputs()]
    systematic = [(kind, mutation) for kind in ("plain", "matrices", "signs")
                  for mutation in structural_mutations.of_input(good[kind])]
    return made + chosen(systematic, number)


class Spoilt(ProgramTest):
    def setUp(self):
        folder = studies.memory_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.counts = {"refused": 0, "read": 0}

    def one_line(self, ended, text, path):
        """A person can read it: one line, the file, a reason, and nothing that would steer a terminal."""
        self.assertTrue(text.isprintable(), msg=f"{text!r}\n{ended}")
        self.assertRegex(text, re.escape(str(path)) + r"(: |/).{8,300}$", msg=ended)

    def outcome(self, mutation, refused, ended):
        self.counts["refused" if refused else "read"] += 1
        if mutation.outcome != "either":
            self.assertEqual("refused" if refused else "read", "refused" if mutation.outcome == "refused" else "read",
                             msg=ended)

    def all(self, mutations):
        """Every one of them; the pool keeps the processors busy, h5py works in this thread alone."""
        mutations, done = iter(mutations), 0
        while batch := list(itertools.islice(mutations, 300)):  # as many as the memory may hold
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                running = [(kind, mutation, pool.submit(self.spoil(number, kind, mutation)))
                           for number, (kind, mutation) in enumerate(batch)]
                for kind, mutation, result in running:
                    with self.subTest(kind=kind, mutation=mutation.name):
                        self.check(mutation, kind, *result.result())
            self.end_of_batch(range(len(batch)))
            done += len(batch)
            if done % 3000 == 0:
                print(f"{done} mutations, {self.counts}", file=sys.stderr, flush=True)
        print(f"{done} mutations, {self.counts}", file=sys.stderr)


class Shards(Spoilt):
    def setUp(self):
        super().setUp()
        made = programs.run(1, "attention", "--methods", "ring,polynomial", "--degree", "2", "--n", "16", "--d", "4",
                            "--repetitions", "2", "--warmup", "1", "--out", self.folder / "made")
        self.assert_exit(made, OK)
        self.good, other = studies.shards_of(self.folder / "made")
        self.assert_exit(programs.run(1, "calibrate", "--quiet", "--out", self.folder / "made"), OK)
        ceilings = self.folder / "made" / "shards" / "calibration-1-0.h5"
        self.others = {"case": other, "ceilings": ceilings}
        programs.run(1, "breakeven", "merge", self.folder / "made")
        study = self.folder / "made" / "study.h5"
        self.expected = {"case": self.by_hash(studies.cases(study)),
                         "ceilings": studies.cases(study, "calibration/ceilings")}
        self.columns_of_good = set(studies.cases(self.good)) - {"case", "n"}
        self.refused = {}

    def by_hash(self, columns):
        order = numpy.argsort(columns["hash"])
        return {name: column[order] for name, column in columns.items() if name != "case"}

    def spoil(self, number, kind, mutation):
        """A spoilt shard and what report makes of it; if that reads it, then merge too, beside a good one."""
        out = self.folder / str(number)
        (out / "shards").mkdir(parents=True)
        path = out / "shards" / self.others[kind].name
        shutil.copy(self.others[kind], path)
        mutation.spoil(path)

        def run():
            reported = programs.run(1, "breakeven", "report", path, limit_s=LIMIT_S)
            if reported.exit_code != OK:
                return path, reported, None
            shutil.copy(self.good, out / "shards")
            return path, reported, programs.run(1, "breakeven", "merge", out, limit_s=LIMIT_S)
        return run

    def check(self, mutation, kind, path, reported, merged):
        self.assertIn(reported.exit_code, (OK, USAGE), msg=reported)
        refused = reported.exit_code == USAGE
        self.outcome(mutation, refused, reported)
        if refused:
            self.assertEqual(len(reported.messages), 1, msg=reported)
            self.one_line(reported, reported.messages[0], path)
            self.refused[path] = reported.messages[0]
            return
        study = path.parent.parent / "study.h5"
        cases = self.check_good_one(merged, study)
        different = studies.differences(self.expected[kind], cases if kind == "case" else
                                        studies.cases(study, "calibration/ceilings"))
        if mutation.outcome == "harmless":
            self.assertEqual((merged.stderr, different), ("", []), msg=merged)
        elif mutation.touches is not None and "skipped" not in merged.stderr:  # what else it holds is as before
            further = set(different) - set(mutation.touches)
            self.assertEqual(further & set(self.expected[kind]), set(), msg=merged)

    def check_good_one(self, merged, study):
        """The good shard's values are in the study whatever its neighbours are."""
        self.assert_exit(merged, OK)
        cases, expected = self.by_hash(studies.cases(study)), self.expected["case"]
        row, expected_row = (next(i for i, text in enumerate(columns["hash"]) if text[:16] == self.good.name[:16])
                             for columns in (cases, expected))
        for name in self.columns_of_good & set(cases):
            numpy.testing.assert_array_equal(cases[name][row], expected[name][expected_row], err_msg=name)
        return cases

    def end_of_batch(self, numbers):
        self.check_all_refused_at_once()
        self.refused.clear()
        for folder in map(str, (*numbers, "all")):
            shutil.rmtree(self.folder / folder)

    @staticmethod
    def reason(line):
        """The line, unless HDF5 died or never ended: what it does then is not always the same."""
        died = r": (is damaged: (HDF5 crashes|reading it does not end)|cannot be read \(.*bad global heap).*"
        return re.sub(died, "", line)

    def check_all_refused_at_once(self):
        """A merge names each of them, for the same reason, and takes the good one."""
        out = self.folder / "all"
        (out / "shards").mkdir(parents=True)
        shutil.copy(self.good, out / "shards")
        expected = {}
        for path, message in self.refused.items():
            new = out / "shards" / f"{path.parent.parent.name}.h5"
            shutil.move(path, new)
            expected[f"skipped {message.replace(str(path), str(new))}"] = new
        merged = programs.run(1, "breakeven", "merge", out, limit_s=3 * LIMIT_S)
        skipped = [line for line in merged.stderr.splitlines() if line.startswith("skipped ")]
        self.assertEqual(sorted(map(self.reason, skipped)), sorted(map(self.reason, expected)), msg=merged)
        self.check_good_one(merged, out / "study.h5")

    def test_merge_and_report(self):
        self.all(mutations_of_shards(NUMBER, self.others))


class Inputs(Spoilt):
    # A launch of one rank without a launcher starts a daemon of Open MPI unless told not to.
    ENVIRONMENT = {"OMPI_MCA_ess_singleton_isolated": "1"}

    PROGRAMS = {"matrices": ("regression", "--problem", "least_squares", "--methods", "tsqr"),
                "signs": ("inner_product", "--problem", "heavy_pairs", "--methods", "popcount", "--rho", "0.3")}
    ATTENTION = ("attention", "--methods", "ring")
    VARYING = {"hash", "input", "input_sha256", "input_s", "peak_flops", *studies.TIMES}

    def write(self, name, datasets="qkv", make=lambda values: values.uniform(-1, 1, (24, 4)), **how):
        values = numpy.random.default_rng(SEED)
        with h5py.File(self.folder / f"{name}.h5", "w", libver="latest" if name == "newer" else "earliest",
                       track_order=name == "newer") as file:
            for dataset in datasets:
                file.create_dataset(dataset, data=make(values), **how)
                if name == "signs":
                    file[dataset].attrs["n_bits"] = 76

    def run_on(self, kind, path):
        return programs.run(1, *self.PROGRAMS.get(kind, self.ATTENTION), "--input", path, "--repetitions", "1",
                            "--warmup", "0", "--format", "json", environment=self.ENVIRONMENT, limit_s=LIMIT_S)

    def setUp(self):
        super().setUp()
        self.write("plain")
        self.write("packed", chunks=(8, 2), compression="gzip", shuffle=True)
        self.write("newer")
        self.write("matrices", "ab")
        self.write("signs", "ab", lambda values: numpy.packbits(values.choice([True, False], (20, 76)), axis=1,
                                                                bitorder="little"))
        self.good = {kind: self.folder / f"{kind}.h5" for kind in ("plain", "packed", "newer", "matrices", "signs")}
        self.expected = {}
        for kind, path in self.good.items():
            ended = self.run_on(kind, path)
            self.assert_exit(ended, OK)
            self.expected[kind] = self.told(ended)

    def told(self, ended):
        return {name: value for name, value in ended.rows[0].items() if name not in self.VARYING}

    def spoil(self, number, kind, mutation):
        path = self.folder / f"{number}.h5"
        shutil.copy(self.good[kind], path)
        mutation.spoil(path)
        return lambda: (path, self.run_on(kind, path))

    def end_of_batch(self, numbers):
        for number in numbers:
            (self.folder / f"{number}.h5").unlink()

    def check(self, mutation, kind, path, ended):
        self.assertIn(ended.exit_code, (OK, USAGE, CHECK_FAILED), msg=ended)
        refused = ended.exit_code == USAGE
        self.outcome(mutation, refused, ended)
        if refused:
            self.assertEqual(ended.stdout, "", msg=ended)
            self.assertEqual(len(ended.messages), 1, msg=ended)
            # a size or a value that does not fit is a matter of options and datasets, not of the file's name
            if not re.match(r"(n|n-b|d|d-value|heads|batch|rhs) must be |dataset /\w ", ended.messages[0]):
                self.one_line(ended, ended.messages[0], path)
            return
        self.assertEqual([row["input"] for row in ended.rows], [path.name], msg=ended)
        if mutation.outcome == "harmless":
            self.assertEqual(self.told(ended), self.expected[kind], msg=ended)

    def test_drivers(self):
        self.all(mutations_of_inputs(NUMBER, self.good))


if __name__ == "__main__":
    if len(sys.argv) > 1 and (sys.argv[1].isdigit() or sys.argv[1] == "all"):
        NUMBER = None if sys.argv[1] == "all" else int(sys.argv[1])
        del sys.argv[1]
    programs.main()
