#!/usr/bin/env python3
"""scripts/cluster.sh: what up starts, down ends, and nothing else. In a network and /run of its own, so that clusters of
this machine neither disturb nor suffer."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "cluster.sh"


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class ClusterScript(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name) / "state"
        self.addCleanup(self.cluster, "down")
        self.foreign = subprocess.Popen(["sleep", "600"])
        self.addCleanup(self.foreign.wait)
        self.addCleanup(self.foreign.kill)

    def cluster(self, *words, state=None):
        # To a file: a node that outlives a failed up must not keep this test waiting at a pipe.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run([SCRIPT, *words, "--state", state or self.state], stdin=subprocess.DEVNULL, stdout=said,
                                  stderr=subprocess.STDOUT, timeout=60, check=False)
            said.seek(0)
            return done.returncode, said.read()

    def assert_cluster(self, exit_code, *words, says="", **how):
        code, said = self.cluster(*words, **how)
        self.assertEqual(code, exit_code, msg=said)
        self.assertIn(says, said)

    def pids(self):
        return [int(line.split()[2]) for line in (self.state / "started").read_text().splitlines()
                if line.startswith("pid ")]

    def assert_nothing_is_left(self):
        self.assertEqual(output("ip", "netns", "list"), "")
        self.assertNotIn("be-", output("ip", "link", "show"))
        self.assertEqual([path.name for path in pathlib.Path("/run").iterdir() if path.name.startswith("be-")], [])
        self.assertFalse((self.state / "started").exists())
        self.assertTrue(is_running(self.foreign.pid))

    def test_down_ends_what_up_started(self):
        for kind in ([], ["--without-slurm"]):
            with self.subTest(kind=kind):
                self.assert_cluster(0, "up", "2", *kind, says="export ")
                pids = self.pids()
                self.assertTrue(all(is_running(pid) for pid in pids))
                node = "be-h1" if kind else "be-n1"
                self.assertEqual(output(SCRIPT, "run", node, "--state", self.state, "hostname;", "echo", "$((1 + 1))"),
                                 f"{node}\n2\n")
                space = f"be-{'hosts' if kind else 'slurm'}0.{node}"
                stray = subprocess.Popen(["ip", "netns", "exec", space, "setsid", "sleep", "600"])
                self.assert_cluster(0, "down")
                self.assertNotEqual(stray.wait(10), 0)
                self.assertEqual([pid for pid in pids if is_running(pid)], [])
                self.assert_nothing_is_left()
                self.assert_cluster(0, "down", says="nothing is up")

    def test_up_twice_says_so(self):
        self.assert_cluster(0, "up", "1", "--without-slurm")
        pids = self.pids()
        self.assert_cluster(2, "up", "1", "--without-slurm", says=f"a cluster is up already; end it with: "
                            f"scripts/cluster.sh down --state {self.state}")
        self.assert_cluster(2, "up", "1", says=str(self.state))  # the other kind, but the same folder
        self.assertTrue(all(is_running(pid) for pid in pids))

    def test_clusters_side_by_side_do_not_meet(self):
        other = f"{self.state}2"
        self.addCleanup(self.cluster, "down", state=other)
        for kind, node in ((["--without-slurm"], "be-h1"), ([], "be-n1")):
            with self.subTest(kind=kind):
                for state in (self.state, other):
                    self.assert_cluster(0, "up", "1", *kind, state=state)
                pids = self.pids()
                self.assert_cluster(0, "run", node, state=other)
                self.assert_cluster(0, "kill", node, state=other)
                self.assert_cluster(0, "down", state=other)
                self.assertTrue(all(is_running(pid) for pid in pids))
                self.assert_cluster(0, "run", node)
                if not kind:
                    nodes = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %T"], capture_output=True, text=True, timeout=30,
                                           env=os.environ | {"SLURM_CONF": f"{self.state}/slurm.conf"}, check=True)
                    self.assertEqual(nodes.stdout, "be-n1 idle\n")
                self.assert_cluster(0, "down")
                self.assert_nothing_is_left()

    def test_an_up_that_fails_half_way_leaves_nothing(self):
        theirs = "be-hosts0.be-h2"
        output("ip", "netns", "add", theirs)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", theirs], check=False, capture_output=True)
        self.assert_cluster(1, "up", "3", "--without-slurm", says="up failed, ending what was started")
        self.assertEqual(output("ip", "netns", "list").split(), [theirs])  # somebody else's
        output("ip", "netns", "del", theirs)
        self.assert_nothing_is_left()

    def test_an_up_that_is_interrupted_leaves_nothing(self):
        up = subprocess.Popen([SCRIPT, "up", "9", "--without-slurm", "--state", self.state], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while "be-h2" not in output("ip", "netns", "list") and time.monotonic() < end:
            time.sleep(0.01)
        up.terminate()
        self.assertEqual(up.wait(30), 1)
        self.assert_nothing_is_left()

    def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(self):
        self.assert_cluster(0, "up", "1", "--without-slurm")
        with (self.state / "started").open("a") as started:
            started.write(f"pid be-h1 {self.foreign.pid} 1\n")
        self.assert_cluster(0, "down")
        self.assert_nothing_is_left()

    def test_a_folder_of_somebody_else_is_left_alone(self):
        (self.state / "log").mkdir(parents=True)
        (self.state / "log" / "mine").touch()
        self.assert_cluster(2, "up", "1", "--without-slurm", says="holds something else")
        self.assertTrue((self.state / "log" / "mine").exists())
        self.assert_nothing_is_left()

    def test_cut_mend_kill_boot(self):
        def run_status():
            return self.cluster("run", "be-h2")[0]
        self.assert_cluster(0, "up", "2", "--without-slurm")
        for harm, help_ in (("cut", "mend"), ("kill", "boot")):
            self.assertEqual(run_status(), 0)
            self.assert_cluster(0, harm, "be-h2")
            self.assertEqual(run_status(), 255)
            self.assert_cluster(0, help_, "be-h2")
        self.assertEqual(run_status(), 0)
        self.assert_cluster(2, "boot", "be-h2", says="be-h2 is up already")
        self.assert_cluster(2, "kill", "be-h3", says="there is no node 'be-h3'")

    def test_bad_requests(self):
        for words in (["up"], ["up", "0"], ["up", "-1"], ["up", "x"], ["up", "2", "--fast"], ["fly"], []):
            with self.subTest(words=words):
                self.assert_cluster(2, *words)
        self.assertEqual(output(SCRIPT, "--help").splitlines()[0][:27], "A cluster on one machine, t")
        self.assert_nothing_is_left()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: a cluster needs root, since it is made of network namespaces")
        sys.exit(77)
    if sys.argv[1:] != ["inside"]:
        inside = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" "$1" inside'
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", inside,
                              sys.executable, __file__])
    sys.argv[1:] = []
    unittest.main(verbosity=2)
