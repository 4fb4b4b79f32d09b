#!/usr/bin/env python3
"""Breaks the code on purpose, one line at a time, and looks whether the test that should notice does.

    tests/replay_mutants.py           all of tests/mutants.txt (some minutes: each break is compiled)
    tests/replay_mutants.py 3 7       the third and the seventh

Works on a copy of the tracked files in build/mutants; the tree itself is never touched. Run by hand: a test that nobody
has seen fail is not trusted, and this shows that the most telling ones still do. Exit 1 if a break goes unnoticed.
"""
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants" / "tree"
BUILD = ROOT / "build" / "mutants" / "build"
RANKS = {"comm": 7, "contract": 7, "methods": 7, "results_mpi": 7, "harness": 3}  # as in tests/CMakeLists.txt
KEYS = ("test", "file", "old", "new", "expect")


def read_mutants():
    """Stanzas of `key: value` lines, separated by blank lines; # begins a comment line."""
    mutants, stanza = [], {}
    for line in (ROOT / "tests" / "mutants.txt").read_text().splitlines() + [""]:
        if line.startswith("#"):
            continue
        if line.strip():
            key, _, value = line.partition(": ")
            stanza[key] = value
        elif stanza:
            missing = [key for key in KEYS if key not in stanza]
            if missing:
                sys.exit(f"mutants.txt: {stanza} lacks {missing}")
            mutants.append(stanza)
            stanza = {}
    return mutants


def refresh_copy():
    """The tracked files, rewritten only where they differ, so that the next build is short."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files"], check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        source, target = ROOT / name, COPY / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        target.touch()


def build(target):
    return subprocess.run(["cmake", "--build", BUILD, "--target", f"test_{target}"], capture_output=True, text=True)


def run(target, pattern):
    program = [str(BUILD / "bin" / f"test_{target}"), f"--gtest_filter={pattern}"]
    environment = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1")
    if os.geteuid() == 0:
        environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    if target in RANKS:
        program = ["mpiexec", "-n", str(RANKS[target]), "--oversubscribe", "--bind-to", "none"] + program
    try:
        return subprocess.run(program, capture_output=True, text=True, env=environment, timeout=300)
    except subprocess.TimeoutExpired as slow:
        return subprocess.CompletedProcess(program, 124, slow.stdout or "", "timed out")


def replay(number, mutant):
    target, pattern = mutant["test"].split(" ", 1)
    path = COPY / mutant["file"]
    original = path.read_text()
    if original.count(mutant["old"]) < 1:
        print(f"{number:3} STALE    {mutant['file']} no longer holds: {mutant['old']}")
        return False
    path.write_text(original.replace(mutant["old"], mutant["new"], 1))
    try:
        built = build(target)
        if built.returncode != 0:
            print(f"{number:3} BROKEN   {mutant['file']} does not compile with: {mutant['new']}\n{built.stdout[-1500:]}")
            return False
        outcome = run(target, pattern)
    finally:
        path.write_text(original)
    noticed = outcome.returncode != 0 and "0 tests ran" not in outcome.stdout
    print(f"{number:3} {'noticed ' if noticed else 'MISSED  '} {mutant['test']}: {mutant['expect']}")
    return noticed


def main():
    mutants = read_mutants()
    chosen = [int(word) for word in sys.argv[1:]] or range(1, len(mutants) + 1)
    refresh_copy()
    subprocess.run(["cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    results = [replay(number, mutants[number - 1]) for number in chosen]
    print(f"{sum(results)} of {len(results)} breaks noticed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
