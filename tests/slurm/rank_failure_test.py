#!/usr/bin/env python3
"""A rank dies under a job of slurm/scaling.sbatch: the others must not wait for it until the time limit."""

import os
import pathlib
import signal

import cluster
from cluster import InterruptedJob


def ranks_of(job, program):
    """The pids of a job's ranks; all nodes share this machine's processes."""
    pids = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name, variables = (process / "comm").read_text().strip(), (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended
        if name == program and f"SLURM_JOB_ID={job.number}".encode() in variables.split(b"\0"):
            pids.append(int(process.name))
    return sorted(pids)


class RankFailure(InterruptedJob):
    def test_rank_failure_under_srun(self):
        job = self.start("srun", 2, "--time=10")
        job.wait_for_shards(1)
        ranks = ranks_of(job, "attention")
        self.assertEqual(len(ranks), 2, msg=job)
        os.kill(ranks[1], signal.SIGKILL)
        facts = job.wait_for("FAILED")
        self.assertEqual((facts["ExitCode"], facts["Restarts"]), ("1:0", "0"), msg=job)
        self.assertRegex(job.log.read_text(),
                         r"failed: attention/forward on 2 ranks, launch 0 ended with exit \d+: rank \d on be-n\d: Killed")
        self.assertGreaterEqual(len(job.finished_shards()), 1, msg=job)


if __name__ == "__main__":
    cluster.main()
