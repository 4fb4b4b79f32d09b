"""Ways to spoil an HDF5 file. Each mutation has a name, a function that spoils a file in place, and what must follow:

    refused    one line that names the file
    accepted   read, whatever the values are now
    harmless   read, and every value as before
    either     refused or accepted: random bytes may hit nothing of importance

and `touches`: the columns of /cases that may be others where the file is read; None if any may.
"""

import collections
import os

import studies
from studies import h5py, numpy

Mutation = collections.namedtuple("Mutation", "name spoil outcome touches", defaults=(None,))


def of_bytes(name, outcome, random_numbers, first=0, last=None):
    """Bit flips, single bytes, unknown addresses (all ones) and random 64-bit fields, one to sixteen of them."""
    seed = random_numbers.getrandbits(32)

    def spoil(path):
        numbers = type(random_numbers)(seed)
        content = bytearray(path.read_bytes())
        end = last or len(content)
        for _ in range(numbers.choice((1, 1, 2, 4, 16))):
            at, kind = numbers.randrange(first, end), numbers.randrange(4)
            if kind == 0:
                content[at] ^= 1 << numbers.randrange(8)
            elif kind == 1:
                content[at] ^= numbers.randrange(1, 256)
            else:
                field = b"\xff" * 4 if kind == 2 else numbers.getrandbits(64).to_bytes(8, "little")
                content[at:at + len(field)] = field[:end - at]
        path.write_bytes(content)

    return Mutation(f"{name} {seed}", spoil, outcome)


def of_length(random_numbers):
    seed = random_numbers.random()

    def spoil(path):
        os.truncate(path, int(seed * path.stat().st_size))

    return Mutation(f"cut to {seed:.4f} of its length", spoil, "refused")


def edited(name, outcome, edit):
    """`edit` gets the open file."""
    def spoil(path):
        with h5py.File(path, "r+") as file:
            edit(file)

    return Mutation(name, spoil, outcome)


def replaced(dataset, name, outcome, make, **how):
    """The dataset made anew from its old values: make(values) are the new ones."""
    def edit(file):
        old = file[dataset]
        text = h5py.check_string_dtype(old.dtype) is not None
        values = make(old.asstr()[...] if text else old[...])
        attributes = {key: value for key, value in old.attrs.items() if key in ("units", "long_name", "kind")}
        del file[dataset]
        options = {"dtype": h5py.string_dtype(), **how} if text and "dtype" not in how else how
        new = file.create_dataset(dataset, data=values, **options)
        for key, value in attributes.items():
            new.attrs[key] = value

    return edited(f"{dataset}: {name}", outcome, edit)


def instead(dataset, name, outcome, put):
    """The dataset deleted and something else put in its place: put(file, parent, last part of the name)."""
    def edit(file):
        parent, _, last = dataset.rpartition("/")
        del file[dataset]
        put(file, file[parent or "/"], last)

    return edited(f"{dataset}: {name}", outcome, edit)


def declares(shape, **how):
    """A dataset of that shape that holds nothing."""
    return lambda file, parent, name: parent.create_dataset(name, shape, "f8", **{"chunks": True, **how})


def behind_unknown_filter(file, parent, name):
    """Values behind a filter that no library has."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((4, 4))
    properties.set_filter(32100, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((4, 4))
    dataset = h5py.h5d.create(parent.id, name.encode(), h5py.h5t.IEEE_F64LE, space, properties)
    dataset.write_direct_chunk((0, 0), bytes(128))


def outside(file, parent, name):
    """Values kept in a raw file."""
    parent.create_dataset(name, (4, 4), "f8", external=[("/etc/hostname", 0, 128)])


def virtual(file, parent, name):
    layout = h5py.VirtualLayout((4, 4), "f8")
    layout[...] = h5py.VirtualSource("/nowhere.h5", "x", (4, 4))
    parent.create_virtual_dataset(name, layout)


def link(target):
    def put(file, parent, name):
        parent[name] = target
    return put


def into_a_pipe(file, parent, name):
    """A link into another file that, once opened, would never answer."""
    path = studies.pathlib.Path(file.filename)
    pipe = path.with_name(f".{path.stem}.pipe.tmp")  # a name that a merge passes over
    if not pipe.exists():
        os.mkfifo(pipe)
    parent[name] = h5py.ExternalLink(str(pipe), "/x")


def type_by_name(name):
    """A type that is no number, by its name in NOT_NUMBERS."""
    return {"compound": numpy.dtype([("a", "f8"), ("b", "i4")]), "enum": h5py.enum_dtype({"A": 0, "B": 1}),
            "bool": numpy.dtype(bool), "complex": numpy.dtype(complex), "opaque": numpy.dtype("V8"),
            "fixed text": numpy.dtype("S8"), "array": numpy.dtype("(2,)f8"), "vlen": h5py.vlen_dtype("f8"),
            "reference": h5py.ref_dtype, "region": h5py.regionref_dtype}[name]


def of_type(type_name):
    """A 4 x 4 dataset of it."""
    return lambda file, parent, name: parent.create_dataset(name, (4, 4), type_by_name(type_name))


NOT_NUMBERS = ("compound", "enum", "bool", "complex", "opaque", "fixed text", "array", "vlen", "reference", "region")


def empty(file, parent, name):
    parent[name] = h5py.Empty("f8")


def group(file, parent, name):
    parent.create_group(name)


def nested(file):
    """A thousand groups deep, and back to the top."""
    here = file
    for _ in range(1000):
        here = here.create_group("deeper")
    here["top"] = file["/"]


UNREADABLE = {  # in the place of a dataset that is needed
    "behind an unknown filter": behind_unknown_filter, "kept outside": outside, "virtual": virtual, "empty": empty,
    "a group": group, "a link to nowhere": link(h5py.SoftLink("/nowhere")),
    "a link through nothing": link(h5py.SoftLink("/nowhere/at/all")),
    "a link into a missing file": link(h5py.ExternalLink("missing.h5", "/x")), "a link into a pipe": into_a_pipe,
    "huge": declares((2**40, 2)), "huge and packed": declares((2**40, 4), compression="gzip"),
    "wide": declares((2, 2**50), chunks=(1, 4)), "of 32 dimensions": declares((1,) * 32),
    **{f"of type {name}": of_type(name) for name in NOT_NUMBERS},
}
