#!/usr/bin/env python3
"""breakeven run over three hosts by TCP: a study that completes; a rank, a host and a link that fail in mid-run. Each
failure ends the job within seconds with a line that names the host; running again completes the study."""

import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slurm"))
import cluster
import h5py
import programs
from cluster import SMOKE, ClusterTest, contents, long_study

HOSTS = ("be-h1", "be-h2", "be-h3")
VICTIM = HOSTS[1]
END_S = 15  # from the failure to the end of breakeven run; Open MPI's own defaults take 480 s for a cut link
MORE = 3  # groups left to measure after a failure


def processes(host):
    """{pid: name} of what runs on a host, without what keeps it up."""
    found = {}
    for pid in cluster.on_cluster("pids", host).split():
        try:
            found[int(pid)] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except FileNotFoundError:
            pass  # ended in between
    return {pid: name for pid, name in found.items() if name != "sleep"}


class ThreeHosts(ClusterTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_what_is_left)  # runs last, on hosts that are whole again
        self.out = self.folder / "out"
        self.study = self.folder / "study.toml"
        self.launcher = (cluster.STATE / "launcher").read_text().strip()

    def end_what_is_left(self):
        """After a failed test; mpiexec follows when its daemons are gone."""
        for host in HOSTS:
            for pid in processes(host):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def start(self, study):
        self.study.write_text(study)
        return programs.Started([programs.BIN / "breakeven", "run", self.study, "--ranks", len(HOSTS), "--launcher",
                                 self.launcher, "--out", self.out])

    def shards(self):
        return sorted((self.out / "shards").glob("*.h5"))

    def test_a_study_over_all_hosts(self):
        self.assert_exit(self.start(SMOKE.read_text()).wait(), programs.OK)
        cases = self.merged(self.out)
        self.assertEqual((set(cases["ranks"]), set(cases["nodes"]), set(cases["status"])), ({3}, {3}, {"ok"}))
        self.assertEqual(set(cases["oversubscribed"]), {0})
        with h5py.File(self.out / "study.h5") as file:
            for case in cases["hash"]:
                for hosts in file["ranks"][case[:16]]["host"].asstr()[:]:
                    self.assertEqual(sorted(hosts), sorted(HOSTS))

    def fail_and_resume(self, fail, repair, cause):
        run = self.start(long_study(2000))
        cluster.wait_until(lambda: len(self.shards()) >= 3, lambda: f"three shards: {run.kill_and_tell()}", 60)
        fail()
        ended = run.wait(END_S)
        self.assert_exit(ended, programs.FAILURE)
        self.assert_matches(ended, r"\nfailed: attention/forward on 3 ranks, launch 0 ended with exit \d+: " + cause,
                            ended.stderr)
        # Also what was cut off must notice and go.
        for host in HOSTS:
            cluster.wait_until(lambda: not processes(host), lambda: f"{host} still runs {processes(host)}", END_S)
        before = contents(self.shards())
        self.assertGreaterEqual(len(before), 3)
        self.merged(self.out)  # every one is readable

        repair()
        again = self.start(long_study(len(before) + MORE)).wait()
        self.assert_exit(again, programs.OK)
        after = contents(self.shards())
        self.assertEqual({path: after.get(path) for path in before}, before)  # neither lost nor redone
        cases = self.merged(self.out)
        self.assertEqual(sorted(cases["seed"]), list(range(1, len(before) + MORE + 1)))
        self.assertEqual(set(cases["status"]), {"ok"})

    def test_a_rank_is_killed(self):
        def kill_rank():
            victims = [pid for pid, name in processes(VICTIM).items() if name == "attention"]
            self.assertEqual(len(victims), 1)
            os.kill(victims[0], signal.SIGKILL)
        self.fail_and_resume(kill_rank, lambda: None, rf"rank \d on {VICTIM} exited on signal 9 \(Killed\)\n")

    def test_a_host_is_killed(self):
        self.addCleanup(subprocess.run, [programs.REPOSITORY / "scripts" / "cluster.sh", "boot", VICTIM, "--state",
                                         cluster.STATE], check=False, capture_output=True)  # harmless where it is up
        # Open MPI hears of it from a rank that hung up, with a name, or from its remote shell that ended, without one.
        self.fail_and_resume(lambda: cluster.on_cluster("kill", VICTIM), lambda: cluster.on_cluster("boot", VICTIM),
                             rf"(.*\b{VICTIM}\b|a host was lost, or did not start its ranks\n)")

    def test_a_link_is_cut(self):
        self.addCleanup(cluster.on_cluster, "mend", VICTIM)
        self.fail_and_resume(lambda: cluster.on_cluster("cut", VICTIM), lambda: cluster.on_cluster("mend", VICTIM),
                             rf"the connection to {VICTIM} was lost\n")

    def test_a_host_that_is_down_before_the_start(self):
        self.addCleanup(cluster.on_cluster, "mend", VICTIM)
        cluster.on_cluster("cut", VICTIM)
        ended = self.start(SMOKE.read_text()).wait(2 * END_S)  # two launches
        self.assert_exit(ended, programs.FAILURE)
        for launch in (0, 1):
            self.assertIn(f"launch {launch} ended with exit 255: connect to host {VICTIM}: No answer\n", ended.stderr,
                          msg=ended)
        self.assertEqual(self.shards(), [])


if __name__ == "__main__":
    cluster.main()
