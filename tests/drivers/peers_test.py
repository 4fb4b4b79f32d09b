#!/usr/bin/env python3
"""The peers go through the driver as our methods do: verified, timed, printed."""

import os
import pathlib
import subprocess
import tempfile
import tomllib
import unittest

import programs

programs.require("h5py")
import h5py
from programs import FAILURE, OK, ProgramTest

SMALL = ["--n", "5,300,600", "--d", "5,16", "--heads", "2", "--causal", "false,true", "--repetitions", "1", "--warmup", "0",
         "--format", "json"]
PEERS = programs.run(1, "peers/breakeven", "list").stdout
HAS_SCALAPACK = "least_squares/scalapack " in PEERS
HAS_FAISS = "heavy_pairs/faiss_binary " in PEERS
HAS_TORCH = subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True, check=False).returncode == 0


class Peers(ProgramTest):
    def test_openblas_answers_as_the_reference_does(self):
        """Sizes below, at and above a tile of 512 queries and 256 keys; fewer rows than ranks."""
        for ranks in (1, 3, 7):
            ended = programs.run(ranks, "peers/attention", "--methods", "ring,openblas", "--dtype", "f32,f64", *SMALL)
            self.assert_exit(ended, OK)
            self.assertEqual(len(ended.rows), 2 * 3 * 2 * 2 * 2, msg=ended)
            self.assertEqual({row["status"] for row in ended.rows}, {"ok"}, msg=ended)
            self.assertEqual({row["role"] for row in ended.rows}, {"exact", "peer"}, msg=ended)

    def test_torch_answers_too_or_says_why_not(self):
        ended = programs.run(2, "peers/attention", "--methods", "ring,torch", "--n", "300", "--d", "8", "--causal",
                             "false,true", "--repetitions", "1", "--warmup", "0", "--format", "json")
        torch = [row for row in ended.rows if row["method"] == "torch"]
        self.assertEqual(len(torch), 2, msg=ended)
        if HAS_TORCH:
            self.assert_exit(ended, OK)
            self.assertEqual({row["status"] for row in torch}, {"ok"}, msg=ended)
        else:
            self.assert_exit(ended, FAILURE)
            for row in torch:
                self.assertEqual(row["status"], "failed", msg=ended)
                self.assertIn("cannot import torch", row["message"], msg=ended)

    def test_torch_refuses_what_does_not_fit(self):
        self.assert_rejected(programs.run(1, "peers/attention", "--methods", "torch", "--n", "20000"),
                             "n must be at most 16384, got 20000")

    def test_lapack_and_scalapack_answer_as_the_reference_does(self):
        """Tall, nearly square and with several right sides; scalapack wants rows in equal parts."""
        options = ["--n", "66,300", "--d", "5,64", "--rhs", "1,3", "--repetitions", "1", "--warmup", "0", "--format",
                   "json"]
        for ranks in (1, 2, 3):
            distributed = ["scalapack"] if HAS_SCALAPACK else []
            methods = ["tsqr", *(["dgels", "dsyrk_dposv"] if ranks == 1 else []), *distributed]
            ended = programs.run(ranks, "peers/regression", "--problem", "least_squares", "--methods", ",".join(methods),
                                 *options)
            self.assert_exit(ended, OK)
            self.assertEqual(len(ended.rows), len(methods) * 8, msg=ended)
            for row in ended.rows:
                self.assertEqual(row["status"], "ok", msg=ended)
                self.assertLess(row["backward_error"], 1e-13, msg=ended)

    def test_the_studies_of_peers_name_methods_that_are_there(self):
        """Their runs take minutes; a list that has lost a method ends them at once."""
        missing = {"scalapack": not HAS_SCALAPACK, "faiss_binary": not HAS_FAISS, "faiss_flat": not HAS_FAISS}
        for study in sorted((programs.REPOSITORY / "peers").glob("*.toml")):
            for sweep in tomllib.loads(study.read_text())["sweep"]:
                for method in sweep["methods"]:
                    if not missing.get(method):
                        self.assertIn(f"{sweep['problem']}/{method} ", PEERS, msg=study)

    @unittest.skipUnless(HAS_FAISS, "no FAISS")
    def test_faiss_finds_the_pairs_that_our_searches_find(self):
        """An oracle that shares no code with ours; rows that fill neither words nor bytes of FAISS."""
        found = ["popcount", "gemm", "faiss_binary", "faiss_flat"]
        for options in (["--n", "300", "--n-b", "170"], ["--n", "300", "--self"]):
            with self.subTest(options=options), tempfile.TemporaryDirectory() as folder:
                ended = programs.run(1, "peers/inner_product", "--problem", "heavy_pairs", "--methods", ",".join(found),
                                     "--d", "100", "--rho", "0.26", "--planted", "9", *options, "--repetitions", "1",
                                     "--warmup", "0", "--format", "json", "--save-solution", "--out", folder)
                self.assert_exit(ended, OK)
                self.assertEqual(sorted(row["method"] for row in ended.rows), sorted(found), msg=ended)
                pairs = []
                for row in ended.rows:
                    with h5py.File(pathlib.Path(folder) / "solutions" / f"{row['hash']}.h5") as file:
                        pairs.append(file["pairs"][()].tolist())
                self.assertGreater(len(pairs[0]), 50, msg=ended)
                for others in pairs[1:]:
                    self.assertEqual(others, pairs[0], msg=ended)

    @unittest.skipUnless(HAS_TORCH, "no PyTorch")
    def test_warm_torch_takes_no_memory_inside_a_run(self):
        """Otherwise its time would be the system's, and every ratio to it a flattery."""
        kept, fresh = self.page_faults("kept"), self.page_faults("fresh")
        self.assertLess(max(kept), 100, msg=kept)
        self.assertGreater(min(fresh), 4000, msg=f"the counter would not show it: {fresh}")

    def page_faults(self, temporaries):
        """Of each of three runs of a worker with a matrix of 32 MiB, 8192 pages."""
        n, d = 2048, 16
        memory = os.memfd_create("breakeven-test")
        os.ftruncate(memory, 4 * n * d * 8)
        os.set_inheritable(memory, True)  # the worker looks for it as descriptor 3, whatever it is here
        command = ["/usr/bin/python3", programs.REPOSITORY / "peers/torch_worker.py", "f64", "1", n, n, d, d, "0.25", "-1", temporaries]
        with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False,
                              preexec_fn=lambda: os.dup2(memory, 3), env={**os.environ, "OMP_NUM_THREADS": "1"}) as worker:
            def faults_so_far():
                with open(f"/proc/{worker.pid}/stat") as stat:
                    return int(stat.read().rpartition(")")[2].split()[7])
            self.assertEqual(worker.stdout.readline(), "ready\n")
            faults = []
            for _ in range(3):
                before = faults_so_far()
                worker.stdin.write("\n")
                worker.stdin.flush()
                self.assertEqual(worker.stdout.readline(), "done\n")
                faults.append(faults_so_far() - before)
        os.close(memory)
        return faults


if __name__ == "__main__":
    programs.main()
