"""Attention by PyTorch for the peer methods of torch.hpp: one process, one thread, arrays in shared memory (descriptor 3).

Usage: torch_worker.py DTYPE SLICES QUERIES KEYS D D_VALUE SCALE FIRST_QUERY TEMPORARIES
FIRST_QUERY is the global row of the first query under a causal mask, or -1 without one. TEMPORARIES is `fresh` (made anew
in every run, as PyTorch 1.13's own function does) or `kept` (one matrix of scores for all runs, its softmax in place).
Says `ready`, then answers each line on stdin with `done`, or with one line that says what is wrong. The memory holds q, k,
v, o, one after the other.
"""

import mmap
import signal
import sys


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):  # the driver ends orderly, and closes our stdin
        signal.signal(number, signal.SIG_IGN)
    try:
        import numpy
        import torch
    except ImportError as error:
        print(f"{sys.executable} cannot import torch and numpy: {error} (scripts/install_dependencies.sh --peers)", flush=True)
        return
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    dtype = {"f32": numpy.float32, "f64": numpy.float64}[sys.argv[1]]
    slices, n_queries, n_keys, d, d_value = map(int, sys.argv[2:7])
    scale, first_query = float(sys.argv[7]), int(sys.argv[8])
    shapes = [(slices, n_queries, d), (slices, n_keys, d), (slices, n_keys, d_value), (slices, n_queries, d_value)]
    sizes = [int(numpy.prod(shape)) for shape in shapes]
    memory = mmap.mmap(3, max(1, sum(sizes)) * numpy.dtype(dtype).itemsize)
    values = numpy.frombuffer(memory, dtype=dtype, count=sum(sizes))
    offsets = [sum(sizes[:i]) for i in range(4)]
    q, k, v, o = (torch.from_numpy(values[at:at + size].reshape(shape))
                  for at, size, shape in zip(offsets, sizes, shapes))
    mask = None
    if first_query >= 0:
        rows = torch.arange(first_query, first_query + n_queries)[:, None]
        hidden = torch.arange(n_keys)[None, :] > rows
        mask = torch.zeros(n_queries, n_keys, dtype=q.dtype).masked_fill_(hidden, float("-inf"))
    keys = k.transpose(1, 2)

    kept = sys.argv[9] == "kept"
    scaled, weights = (torch.empty_like(q), torch.empty(slices, n_queries, n_keys, dtype=q.dtype)) if kept else (None, None)

    def attend():
        scores = torch.bmm(torch.mul(q, scale, out=scaled), keys, out=weights)
        if mask is not None:
            scores += mask
        torch.bmm(torch.softmax(scores, -1, out=weights), v, out=o)

    for _ in range(2):  # set-up: code is loaded, and what is kept is touched
        attend()
    print("ready", flush=True)
    for _ in sys.stdin:
        attend()
        print("done", flush=True)


main()
