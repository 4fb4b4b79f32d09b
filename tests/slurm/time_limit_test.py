#!/usr/bin/env python3
"""The time limit of a job of slurm/scaling.sbatch: Slurm warns its shell, which stops in good order."""

import cluster
from cluster import InterruptedJob, command


class TimeLimit(InterruptedJob):
    def test_time_limit(self):
        # Slurm looks every 30 s and sends the signal up to 30 s early: 10 to 40 s after the start.
        job = self.start("limit", 1, "--time=1", "--signal=B:USR1@20")
        job.wait_for("RUNNING")
        job.wait_for("PENDING")  # for some seconds, until its old credential has expired
        before = self.shorten(job)
        self.assertGreater(len(before), 0, msg=job)
        log = job.log.read_text()
        self.assertIn("Not finished; back into the queue (restart 1)", log)
        self.assertNotIn("TIME LIMIT", log)  # it stopped by itself
        # Else a slow machine might be interrupted again.
        command("scontrol", "update", f"JobId={job.number}", "TimeLimit=10")
        self.check_completed(job, before)

    def test_signal_before_the_run(self):
        """A time limit shorter than the lead of --signal: the shell is told while it still probes the launcher."""
        job = self.start("early", 1, "--time=5")
        cluster.wait_until(lambda: f"{job.number}.0" in command("squeue", "--steps", "--noheader", "--format=%i"),
                           lambda: f"the probe's step: {job}")
        command("scancel", "--batch", "--signal=USR1", job.number)
        facts = job.wait_for("FAILED")
        self.assertEqual(facts["ExitCode"], "1:0", msg=job)
        self.assertIn("Told to stop before the run began: --time must be", job.log.read_text())
        self.assertEqual(job.finished_shards(), [])


if __name__ == "__main__":
    cluster.main()
