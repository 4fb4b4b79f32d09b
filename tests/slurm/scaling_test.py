#!/usr/bin/env python3
"""From sbatch to a page: one study on 1, 2 and 3 nodes, by each of the two launchers of slurm/scaling.sbatch."""

import collections

import cluster
import h5py
import programs
from cluster import MPIRUN, SMOKE, ClusterTest, Job

NODES = (1, 2, 3)
CASES = 4  # of smoke.toml on one rank count: two methods, two n
LAUNCHES, REPETITIONS = 2, 3


class Scaling(ClusterTest):
    def test_by_both_launchers(self):
        outs = {"srun": None, "mpirun": MPIRUN}
        jobs = [Job(self, self.folder / name, SMOKE, nodes, "--time=10", launcher=launcher)
                for nodes in NODES for name, launcher in outs.items()]
        for job in jobs:
            facts = job.wait_for("COMPLETED")
            self.assertEqual(facts["ExitCode"], "0:0", msg=job)
            self.assertEqual(facts["Restarts"], "0", msg=job)
        for name in outs:
            with self.subTest(launcher=name):
                self.check_study(self.folder / name)
                self.check_page(self.folder / name)

    def check_study(self, out):
        cases = self.merged(out)
        self.assertEqual(sorted(cases["ranks"]), sorted(CASES * NODES))
        self.assertEqual(list(cases["nodes"]), list(cases["ranks"]))  # one rank a node
        self.assertEqual(set(cases["status"]), {"ok"})
        self.assertEqual(set(cases["oversubscribed"]), {0})
        self.assertEqual(set(cases["launches"]), {LAUNCHES})
        self.assertEqual(set(cases["repetitions"]), {LAUNCHES * REPETITIONS})
        with h5py.File(out / "study.h5") as file:
            samples = collections.Counter(zip(file["samples/case"][:], file["samples/launch"][:]))
            self.assertEqual(set(samples.values()), {REPETITIONS})
            self.assertEqual(len(samples), len(NODES) * CASES * LAUNCHES)
            for case, ranks in zip(cases["hash"], cases["ranks"]):
                for hosts in file["ranks"][case[:16]]["host"].asstr()[:]:
                    self.assertEqual(len(set(hosts)), ranks)  # every rank on a node of its own
                    self.assertTrue(all(host.startswith("be-n") for host in hosts), msg=hosts)

    def check_page(self, out):
        page = out / "report.html"
        ended = programs.run(1, "breakeven", "report", out / "study.h5", "--out", page)
        self.assert_exit(ended, programs.OK)
        for nodes in NODES:
            self.assert_matches(ended, rf"\npolynomial +uniform/1 +8 +f64 +{nodes} ", ended.stdout)
        self.assertIn("No case was left out.", ended.stdout, msg=ended)
        text = page.read_text(encoding="utf-8")
        self.assertTrue(text.lstrip().lower().startswith("<!doctype html>"))
        self.assertIn("smoke", text)


if __name__ == "__main__":
    cluster.main()
