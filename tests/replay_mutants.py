#!/usr/bin/env python3
"""Breaks the code on purpose, one line at a time, and looks whether the test that should notice does.

    tests/replay_mutants.py           all of tests/mutants.txt (half an hour: each break is compiled)
    tests/replay_mutants.py 3 7       the third and the seventh

Works on a copy of the tracked files in build/mutants; the tree itself is never touched. Each test must pass before
anything is broken. Run by hand: a test that nobody has seen fail is not trusted, and this shows that the most telling
ones still do. Exit 1 if a break goes unnoticed.
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
PROGRAMS = ("attention", "breakeven", "calibrate", "faulty_attention", "inner_product", "regression", "peers_attention",
            "peers_breakeven", "peers_inner_product", "peers_regression")
LIMIT_S = 900
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
    targets = PROGRAMS if target == "ctest" else (f"test_{target}",)
    return subprocess.run(["cmake", "--build", BUILD, "--target", *targets], capture_output=True, text=True)


def command_of(target, pattern):
    if target == "ctest":
        return ["ctest", "--test-dir", str(BUILD), "--tests-regex", f"^{pattern}$", "--output-on-failure"]
    program = [str(BUILD / "bin" / f"test_{target}"), f"--gtest_filter={pattern}"]
    if target in RANKS:
        return ["mpiexec", "-n", str(RANKS[target]), "--oversubscribe", "--bind-to", "none"] + program
    return program


def run(test):
    """"passed", "failed", or "ran nothing" where the test is not there or was skipped."""
    environment = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1")
    if os.geteuid() == 0:
        environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    try:
        ended = subprocess.run(command_of(*test), capture_output=True, text=True, env=environment, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return "failed"
    output = ended.stdout + ended.stderr
    if any(words in output for words in ("Running 0 tests", "No tests were found", "***Skipped")):
        return "ran nothing"
    return "passed" if ended.returncode == 0 else "failed"


def passes_unbroken(test):
    built = build(test[0])
    outcome = run(test) if built.returncode == 0 else "does not compile"
    if outcome != "passed":
        print(f"{' '.join(test)}: {outcome} before anything is broken\n{built.stdout[-1500:] if built.returncode else ''}")
    return outcome == "passed"


def test_of(mutant):
    return tuple(mutant["test"].split(" ", 1))


def replay(number, mutant):
    test = test_of(mutant)
    path = COPY / mutant["file"]
    original = path.read_text()
    if original.count(mutant["old"]) < 1:
        print(f"{number:3} STALE    {mutant['file']} no longer holds: {mutant['old']}")
        return False
    path.write_text(original.replace(mutant["old"], mutant["new"], 1))
    try:
        built = build(test[0])
        if built.returncode != 0:
            print(f"{number:3} BROKEN   {mutant['file']} does not compile with: {mutant['new']}\n{built.stdout[-1500:]}")
            return False
        outcome = run(test)
    finally:
        path.write_text(original)
    noticed = outcome == "failed"
    print(f"{number:3} {'noticed ' if noticed else 'MISSED  '} {mutant['test']}: {mutant['expect']}", flush=True)
    return noticed


def main():
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    mutants = read_mutants()
    chosen = [int(word) for word in sys.argv[1:]] or range(1, len(mutants) + 1)
    refresh_copy()
    subprocess.run(["cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    sound = {test: passes_unbroken(test) for test in dict.fromkeys(test_of(mutants[number - 1]) for number in chosen)}
    results = [sound[test_of(mutants[number - 1])] and replay(number, mutants[number - 1]) for number in chosen]
    print(f"{sum(results)} of {len(results)} breaks noticed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
