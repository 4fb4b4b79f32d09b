#!/usr/bin/env python3
"""Full and read-only disks, foreign files among the shards: one clear line, the right exit code, nothing lost.

Runs itself in a mount namespace of its own, so that its small disks vanish with it whatever happens.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import studies
import programs
from programs import BIN, FAILURE, LIMIT_S, MPI_FLAGS, MPIEXEC, OK, USAGE, ProgramTest, Started

NO_SPACE, READ_ONLY = "No space left on device", "Read-only file system"
ALONE = "BREAKEVEN_TEST_MOUNTS"
SIZES = ["--d", "4", "--repetitions", "1", "--warmup", "0", "--format", "json"]
BOTH = ["--methods", "ring,polynomial", "--degree", "2", *SIZES]
RING = ["--methods", "ring", *SIZES]
STUDY = """
name = "disks"
label = "quick"
launches = 2
ranks = 1

[[sweep]]
problem = "attention/forward"
methods = ["ring", "polynomial"]
n = "16..64*2"
d = 4
degree = 2
repetitions = 1
warmup = 0
"""


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True, timeout=LIMIT_S)


class Disks(ProgramTest):
    def setUp(self):
        folder = studies.memory_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def disk(self, name, size):
        path = self.folder / name
        path.mkdir()
        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        return path

    def read_only(self, path):
        mount("--bind", path, path)
        mount("-o", "remount,bind,ro", path)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)

    def attention(self, ranks, *options, methods=BOTH):
        return programs.run(ranks, "attention", *methods, *options)

    def breakeven(self, *arguments):
        return programs.run(1, "breakeven", *arguments, folder=self.folder)

    def measured(self, name="measured", n="16,32"):
        """A folder with the shards of two groups."""
        path = self.folder / name
        self.assert_exit(self.attention(1, "--n", n, "--out", path), OK)
        return path

    def check_whole(self, ended, out):
        """Every shard is whole, every printed row has one and no other; no temporary file is left."""
        names = sorted(path.name for path in studies.shards_of(out))
        self.assertEqual(names, sorted(f"{row['hash'][:16]}-0.h5" for row in ended.rows), msg=ended)
        for path in studies.shards_of(out):
            self.assertTrue(studies.is_whole(path), msg=path)
        self.assertEqual(studies.temporaries(out), [], msg=ended)


class FullDisk(Disks):
    def test_shards(self):
        """Some groups fit. With room again the sweep goes on where it stopped."""
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                out = self.disk(f"full{ranks}", "520k")
                sweep = ("--n", "16..512*2", "--out", out)
                ended = self.attention(ranks, *sweep)
                self.assert_exit(ended, FAILURE)
                self.assert_one_message(ended, str(out / "shards"), NO_SPACE)
                self.check_whole(ended, out)
                self.assertIn(len(ended.rows), (2, 4, 6, 8, 10), msg=f"whole groups, not all of six\n{ended}")
                mount("-o", "remount,size=4m", out)
                completed = self.attention(ranks, *sweep)
                self.assert_exit(completed, OK)
                self.assertEqual(len(studies.shards_of(out)), 12)
                self.assertEqual(len(completed.rows), 12 - len(ended.rows), msg=completed)

    def test_a_whole_study(self):
        """The merge fails as the launches did; the study file there was stays."""
        out = self.disk("out", "4m")
        (self.folder / "study.toml").write_text(STUDY)
        command = [BIN / "breakeven", "run", "study.toml", "--no-calibration", "--launcher", f"{MPIEXEC} -n {{ranks}} {' '.join(MPI_FLAGS)}",
                   "--out", "out"]
        self.assert_exit(Started(command, folder=self.folder).wait(), OK)
        before = studies.identity(out / "study.h5")
        gone = studies.shards_of(out)[0]
        gone.unlink()
        (out / "filler").write_bytes(b"\0" * (shutil.disk_usage(out).free - 8192))
        ended = Started(command, folder=self.folder).wait()
        self.assert_exit(ended, FAILURE)
        self.assert_one_message(ended, "study.h5", NO_SPACE)
        self.assert_matches(ended, "failed: attention/forward on 1 rank, launch [01] ended with exit 1", ended.stderr)
        self.assertIn(f"{gone.name}: ", ended.stderr, msg=ended)
        self.assertEqual(studies.identity(out / "study.h5"), before)
        (out / "filler").unlink()
        completed = Started(command, folder=self.folder).wait()
        self.assert_exit(completed, OK)
        self.assertTrue(studies.is_whole(gone))
        self.assertEqual(studies.temporaries(out), [])

    def test_merge(self):
        measured, small = self.measured(), self.disk("small", "64k")
        ended = self.breakeven("merge", measured, "--out", small / "study.h5")
        self.assert_exit(ended, FAILURE)
        self.assert_one_message(ended, f"{small}/study.h5", NO_SPACE)
        self.assertEqual(list(small.iterdir()), [])

    def test_report(self):
        measured, small = self.measured(), self.disk("small", "64k")
        self.assert_exit(self.breakeven("merge", measured), OK)
        (small / "report.html").write_text("the page of last week")
        ended = self.breakeven("report", measured / "study.h5", "--out", small / "report.html")
        self.assert_exit(ended, FAILURE)
        self.assert_one_message(ended, f"{small}/report.html", NO_SPACE)
        self.assertEqual((small / "report.html").read_text(), "the page of last week")
        self.assertEqual([path.name for path in small.iterdir()], ["report.html"])

    def test_standard_output(self):
        measured = self.measured()
        for command in ([BIN / "breakeven", "report", studies.shards_of(measured)[0]], [BIN / "breakeven", "list"],
                        [BIN / "attention", *RING, "--n", "16"]):
            with self.subTest(command=command), open("/dev/full", "wb") as full:
                ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
                self.assertEqual(ended.returncode, FAILURE, msg=ended)
                self.assertIn("cannot write to standard output: " + NO_SPACE, ended.stderr)

    def test_solutions(self):
        """The case whose solution has no room fails, and says so; the others are stored with theirs."""
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                out = self.folder / f"solutions{ranks}"
                (out / "solutions").mkdir(parents=True)
                mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", out / "solutions")
                self.addCleanup(subprocess.run, ["umount", "-l", out / "solutions"], check=True)
                ended = self.attention(ranks, "--n", "64,16Ki", "--save-solution", "--out", out, methods=RING)
                self.assert_exit(ended, FAILURE)
                states = {row["n"]: (row["status"], row["message"]) for row in ended.rows}
                self.assertEqual(states[64][0], "ok", msg=ended)
                self.assertEqual(states[16384][0], "failed", msg=ended)
                self.assertIn("has no room for ", states[16384][1], msg=ended)
                self.assertIn(NO_SPACE, states[16384][1], msg=ended)
                self.assertEqual(len(list((out / "solutions").iterdir())), 1, msg=ended)


class ReadOnlyDisk(Disks):
    def test_shards(self):
        """Known before anything is measured."""
        measured = self.measured(n="16")
        (self.folder / "study.toml").write_text(STUDY)
        self.read_only(measured)
        for ranks in (1, 3):
            self.assert_rejected(self.attention(ranks, "--n", "32", "--out", measured), f"{measured}/shards", READ_ONLY)
        self.assert_rejected(self.breakeven("run", "study.toml", "--out", measured), f"{measured}/shards", READ_ONLY)
        self.assert_rejected(self.attention(1, "--n", "32", "--out", measured / "new"), READ_ONLY)

    def test_merge_and_report(self):
        measured = self.measured()
        self.assert_exit(self.breakeven("merge", measured), OK)
        self.read_only(measured)
        for command in (["merge", measured], ["report", measured / "study.h5", "--out", measured / "page.html"]):
            ended = self.breakeven(*command)
            self.assert_exit(ended, FAILURE)
            self.assert_one_message(ended, str(measured), READ_ONLY)
        self.assert_exit(self.breakeven("report", measured / "study.h5"), OK)  # reading needs no lock and no room

    def test_solutions(self):
        out = self.folder / "out"
        (out / "solutions").mkdir(parents=True)
        self.read_only(out / "solutions")
        for ranks in (1, 3):
            ended = self.attention(ranks, "--n", "16", "--save-solution", "--out", out, methods=RING)
            self.assert_exit(ended, FAILURE)
            self.assertIn(READ_ONLY, ended.rows[0]["message"], msg=ended)


class ForeignFiles(Disks):
    def test_among_the_shards(self):
        """Each is named with its reason and left as it is; the rest is merged."""
        measured = self.measured()
        shards = studies.shards_of(measured)
        expected = {}

        def add(name, reason, content=None):
            path = measured / "shards" / name
            if content is not None:
                path.write_bytes(content)
            expected[path] = reason
            return path

        whole = shards[0].read_bytes()
        add("truncated.h5", "is truncated", whole[:len(whole) // 2])
        add("notes.txt", "is not an HDF5 file", b"remember the milk\n")
        add("empty.h5", "is not an HDF5 file", b"")
        with studies.h5py.File(add("foreign.h5", "is an HDF5 file, but not a results file"), "w") as file:
            file["x"] = [1, 2, 3]
        shutil.copy(shards[0], add("future.h5", "written by format 2.0.0, this program reads 1.x"))
        with studies.h5py.File(measured / "shards" / "future.h5", "r+") as file:
            file.attrs["format_version"] = "2.0.0"
        shutil.copy(shards[0], add("unfinished.h5", "is not marked complete"))
        with studies.h5py.File(measured / "shards" / "unfinished.h5", "r+") as file:
            file.attrs["complete"] = studies.numpy.uint8(0)
        shutil.copy(shards[0], add("zz-copy.h5", "is already there"))
        (measured / "shards" / "a-folder").mkdir()
        expected[measured / "shards" / "a-folder"] = "is a folder, not an HDF5 file"
        os.mkfifo(add("pipe.h5", "is not a regular file"))
        os.symlink("nowhere.h5", add("dangling.h5", "no such file"))
        os.symlink("loop.h5", add("loop.h5", "loop.h5: "))
        ended = self.breakeven("merge", measured)
        self.assert_exit(ended, OK)
        self.assertIn("study.h5: 4 cases, 1 launches, from ", ended.stdout, msg=ended)
        skipped = [line for line in ended.stderr.splitlines() if line.startswith("skipped ")]
        self.assertEqual(len(skipped), len(expected), msg=ended)
        for path, reason in expected.items():
            lines = [line for line in skipped if line.startswith(f"skipped {path}: ")]
            self.assertEqual(len(lines), 1, msg=f"{path}\n{ended}")
            self.assertIn(reason, lines[0])
            self.assertTrue(path.exists() or path.is_symlink())
        with studies.h5py.File(measured / "study.h5") as file:
            self.assertEqual(int(file.attrs["complete"]), 0)

    def test_what_the_dead_left_is_removed_by_their_successors(self):
        """And nothing else: not what a living process writes, not what another host wrote today."""
        out = self.folder / "out"
        ended = self.attention(1, "--n", "16", "--out", out)
        host, shard = os.uname().nodename, studies.shards_of(out)[0]
        dead = subprocess.Popen(["true"])
        dead.wait()
        files = {owner: shard.with_name(f".{shard.name}.{owner}.tmp")
                 for owner in (f"{host}.{dead.pid}", f"{host}.{os.getpid()}", "elsewhere.1", "long.ago.1", "1")}
        for path in files.values():
            path.write_bytes(b"half")
        os.utime(files["long.ago.1"], (0, 0))
        shard.unlink()
        again = self.attention(1, "--n", "16", "--out", out)
        self.assert_exit(again, OK)
        self.assertEqual({row["hash"] for row in again.rows}, {row["hash"] for row in ended.rows})
        self.assertEqual({owner for owner, path in files.items() if path.exists()},
                         {f"{host}.{os.getpid()}", "elsewhere.1", "1"})

    def test_two_launches_at_once(self):
        """One measures; the others are refused, or find everything finished."""
        out = self.folder / "both"
        command = (1, "attention", *BOTH, "--n", "16..128*2", "--out", out)
        rows = 0
        for ended in programs.run_all([command] * 4):
            self.assertIn(ended.exit_code, (OK, USAGE), msg=ended)
            rows += len(ended.rows)
            if ended.exit_code == USAGE:
                self.assert_one_message(ended, "-0.h5 is being measured by process ")
        self.assertEqual(rows, 8)
        self.assertEqual(len(studies.shards_of(out)), 8)
        self.assertTrue(all(map(studies.is_whole, studies.shards_of(out))))
        self.assertEqual(studies.temporaries(out), [])
        again = programs.run(*command)
        self.assertIn("4 of 4 groups were already finished", again.stderr, msg=again)


def enter_namespace():
    """As root, or as root of a user namespace where the system lets everybody have one."""
    os.environ[ALONE] = "1"
    for flags in (["--mount"], ["--mount", "--map-root-user"]):
        unshare = ["unshare", *flags, "--propagation", "private"]
        if subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0:
            os.execvp("unshare", [*unshare, sys.executable, __file__, *sys.argv[1:]])
    print("SKIPPED: no mount namespace, hence no small and no read-only disks")
    sys.exit(77)


if __name__ == "__main__":
    if ALONE not in os.environ:
        enter_namespace()
    programs.main()
