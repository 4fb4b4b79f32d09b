#!/usr/bin/env python3
"""Times SciPy's CountSketch (clarkson_woodruff_transform) and ours in turns on one core, s = 4 d, and prints the ratios.

    peers/sketch_beside_scipy.py PROGRAM [ROUNDS]     PROGRAM: build/release/bin/sketch_kernel
"""
import os
import statistics
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
import numpy
import scipy
from scipy.linalg import clarkson_woodruff_transform

SIZES = ((1_000_000, 64), (200_000, 256))


def ours(program):
    """Seconds of the row `CountSketch` under each heading `... n N d D, ...`."""
    seconds, size = {}, None
    for line in subprocess.run([program, "3"], check=True, capture_output=True, text=True).stdout.splitlines():
        words = line.replace(",", "").split()
        if "n" in words and "d" in words:
            size = int(words[words.index("n") + 1]), int(words[words.index("d") + 1])
        if words[0] == "CountSketch":
            seconds[size] = float(words[2])
    return seconds


def scipys(a, s):
    """Best of three, as ours; drawing the sketch is part of both."""
    times = []
    for draw in range(3):
        start = time.perf_counter()
        clarkson_woodruff_transform(a, s, seed=draw)
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    matrices = {(n, d): numpy.random.default_rng(1).standard_normal((n, d)) for n, d in SIZES}
    pairs = {size: [] for size in SIZES}
    for _ in range(rounds):
        mine = ours(program)
        for size, a in matrices.items():
            pairs[size].append((scipys(a, 4 * size[1]), mine[size]))
    print(f"CountSketch, s = 4 d, f64, one core: SciPy {scipy.__version__} beside ours, {rounds} rounds in turns")
    print(f"{'n':>9} {'d':>5} {'SciPy s':>9} {'ours s':>9}  ratio [lowest, highest]")
    for (n, d), times in pairs.items():
        ratios = [theirs / mine for theirs, mine in times]
        print(f"{n:>9} {d:>5} {statistics.median(t for t, _ in times):>9.4f} {statistics.median(m for _, m in times):>9.4f}"
              f"  {statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}]")


if __name__ == "__main__":
    main()
