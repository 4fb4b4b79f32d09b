#!/usr/bin/env python3
"""A node dies under a job of slurm/scaling.sbatch on two nodes: the job comes back on two that live."""

import cluster
from cluster import MPIRUN, InterruptedJob, command


class NodeFailure(InterruptedJob):
    def lose_node(self, job, of_batch_script):
        """Kills a node of two once three groups are finished; the job must come back on two others."""
        job.wait_for_shards(3)
        facts = job.facts()
        nodes = command("scontrol", "show", "hostnames", facts["NodeList"]).split()
        self.assertEqual(len(nodes), 2, msg=job)
        lost = facts["BatchHost"] if of_batch_script else next(n for n in nodes if n != facts["BatchHost"])
        self.addCleanup(cluster.on_cluster, "boot", lost)
        cluster.on_cluster("kill", lost)
        before = self.shorten(job)
        self.assertGreaterEqual(len(before), 3, msg=job)
        facts = self.check_completed(job, before)
        self.assertNotIn(lost, command("scontrol", "show", "hostnames", facts["NodeList"]).split())

    def test_node_failure_under_srun(self):
        """Slurm notices and puts the job back; the node is the one that runs the batch script."""
        self.lose_node(self.start("srun", 2, "--time=10"), of_batch_script=True)

    def test_node_failure_under_mpirun(self):
        """mpirun notices long before Slurm does; the template asks the nodes, which keeps the job until one of the two
        puts it back. Else it would have failed."""
        job = self.start("mpirun", 2, "--time=10", launcher=MPIRUN)
        self.lose_node(job, of_batch_script=False)
        self.assertRegex(job.log.read_text(),
                         r"failed: attention/forward on 2 ranks, launch 0 ended with exit \d+: .*be-n\d")


if __name__ == "__main__":
    cluster.main()
