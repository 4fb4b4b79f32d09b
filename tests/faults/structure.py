"""Every dataset, attribute and group of an HDF5 file times every edit of a list: what h5py can do to its structure.

An edit has a name, an effect, and a function. Effects on a dataset or group:

    gone    nothing of its kind stands there any more
    broken  it stands there, and nobody can read its values
    type    its values are of a type that no number and no text is read from
    undefined   HDF5 does not notice that it is broken
    kind    text where numbers were, or numbers where text was
    shape   other dimensions
    emptied another group stands there, with nothing of it
    same    stored in another way, all values as before
    values  other values, or the same less exactly
    more    something stands beside it

What follows for the reader of the file says the file's own rule: see Shard and Input in mutations_test.py.
"""

import collections
import gzip
import os
import zlib

from mutations import (NOT_NUMBERS, behind_unknown_filter, declares, empty, group, into_a_pipe, link, outside,
                       type_by_name, virtual)
from studies import h5py, numpy

Edit = collections.namedtuple("Edit", "name effect change")  # of a dataset: change(file, path)

TEXT = h5py.string_dtype()
DESCRIBING = ("units", "long_name", "kind", "n_bits")  # what attributes say of the values


def is_text(dataset):
    return h5py.check_string_dtype(dataset.dtype) is not None


def values_of(dataset):
    return dataset.asstr()[()] if is_text(dataset) else dataset[()]


def parent_of(file, path):
    parent, _, name = path.rpartition("/")
    return file[parent or "/"], name


def put_in_place(put):
    """put(file, parent, name) after the object is deleted."""
    def change(file, path):
        del file[path]
        put(file, *parent_of(file, path))
    return change


def made_anew(make):
    """make(parent, name, old values) after the dataset is deleted; what its attributes say of it stays."""
    def change(file, path):
        values = values_of(file[path])
        attributes = {key: value for key, value in file[path].attrs.items() if key in DESCRIBING}
        parent, name = parent_of(file, path)
        del file[path]
        new = make(parent, name, values)
        for key, value in attributes.items():
            (new or parent[name]).attrs[key] = value
    return change


def stored(of=lambda old: old, **how):
    """The values of(old), stored as `how` says."""
    def make(parent, name, old):
        text = isinstance(old, str) or getattr(old, "dtype", None) == object
        options = {**({"dtype": TEXT} if text else {}), **how}
        return parent.create_dataset(name, data=of(old), **options)
    return made_anew(make)


def of_low_level(file_type, memory=None):
    """The old numbers in a type that h5py has no name for."""
    def make(parent, name, old):
        space = h5py.h5s.create_simple(numpy.shape(old)) if numpy.shape(old) else h5py.h5s.create(h5py.h5s.SCALAR)
        dataset = h5py.h5d.create(parent.id, name.encode(), file_type(), space)
        if memory is not None and numpy.size(old):
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, numpy.ascontiguousarray(old, dtype=memory))
    return made_anew(make)


def three_bytes():
    integer = h5py.h5t.STD_I32LE.copy()
    integer.set_precision(24)
    integer.set_size(3)
    return integer


def short_float():
    """Sign, 5 bits of exponent, 18 of mantissa."""
    number = h5py.h5t.IEEE_F32LE.copy()
    number.set_fields(23, 18, 5, 0, 18)
    number.set_precision(24)
    number.set_ebias(15)
    number.set_size(3)
    return number


def packed_wrongly(content):
    """One gzip chunk that holds these bytes."""
    def make(parent, name, old):
        dataset = parent.create_dataset(name, numpy.shape(old), "f8", chunks=numpy.shape(old), compression="gzip")
        whole = numpy.zeros(numpy.shape(old)).tobytes()
        dataset.id.write_direct_chunk((0,) * numpy.ndim(old), content(whole))
    return made_anew(make)


def checksum_wrong(parent, name, old):
    dataset = parent.create_dataset(name, numpy.shape(old), "f8", chunks=numpy.shape(old), fletcher32=True)
    dataset.id.write_direct_chunk((0,) * numpy.ndim(old), b"\1" * (8 * numpy.size(old)) + b"\2\3\4\5")


def half_written(parent, name, old):
    dataset = parent.create_dataset(name, numpy.shape(old), "f8", chunks=(1,) * numpy.ndim(old))
    dataset[(0,) * numpy.ndim(old)] = 1


def of_type(name):
    def make(parent, last, old):
        kind = type_by_name(name)
        dataset = parent.create_dataset(last, numpy.shape(old), kind)
        if kind.kind != "O" and numpy.size(old):
            dataset[...] = numpy.zeros(numpy.shape(old), kind)  # there, and yet no number
    return made_anew(make)


def null_texts(parent, name, old):
    """Variable-length texts that nobody wrote: null pointers."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(numpy.shape(old)) if numpy.shape(old) else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(parent.id, name.encode(), h5py.h5t.py_create(TEXT, logical=True), space, properties)


def invalid_texts(parent, name, old):
    values = numpy.full(numpy.shape(old), b"\xff\xfe \xc3(", dtype=object)
    return parent.create_dataset(name, data=values if numpy.shape(old) else values[()], dtype=TEXT)


def compact(parent, name, old):
    text = isinstance(old, str) or old.dtype == object
    kind = h5py.h5t.py_create(TEXT if text else old.dtype, logical=True)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(numpy.shape(old)) if numpy.shape(old) else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(parent.id, name.encode(), kind, space, properties)
    parent[name][...] = old


def of_a_named_type(parent, name, old):
    parent.file["named type"] = numpy.asarray(old).dtype
    return parent.create_dataset(name, data=old, dtype=parent.file["named type"])


def behind_a_link(file, path):
    file.move(path, "elsewhere/" + path)
    file[path] = h5py.SoftLink("/elsewhere/" + path)


def renamed(file, path):
    file.move(path, path + " renamed")


def holding_itself(file, parent, name):
    parent.create_group(name)[name] = numpy.zeros(3)


def into_its_own_file(file, parent, name):
    parent[name] = h5py.ExternalLink(os.path.basename(file.filename), "/cases/hash")


def described(count, length):
    """So many attributes more: beyond a few they are kept in a structure of their own."""
    def change(file, path):
        for i in range(count):
            file[path].attrs[f"note {i}"] = "x" * length
    return change


GONE = [Edit(name, "gone", change) for name, change in {
    "deleted": lambda file, path: file.__delitem__(path), "renamed": renamed,
    "a group": put_in_place(group), "a group with a dataset of that name": put_in_place(holding_itself),
    "a named type": put_in_place(lambda file, parent, name: parent.__setitem__(name, numpy.dtype("f8"))),
    "a link to nowhere": put_in_place(link(h5py.SoftLink("/nowhere/at/all"))),
    "a link to itself": lambda file, path: (file.__delitem__(path), file.__setitem__(path, h5py.SoftLink("/" + path))),
    "a link to the root": put_in_place(link(h5py.SoftLink("/"))),
    "a link into a missing file": put_in_place(link(h5py.ExternalLink("missing.h5", "/x"))),
    "a link into the same file, from outside": put_in_place(into_its_own_file),
    "a link into a pipe": put_in_place(into_a_pipe)}.items()]


def edits_of(dataset):
    """Those that make sense for it."""
    scalar, some, text = dataset.shape == (), bool(dataset.size), is_text(dataset)
    kind = dataset.dtype.kind
    yield from GONE
    for name, put in (("empty", empty), ("kept outside", outside), ("virtual", virtual),
                      ("behind an unknown filter", behind_unknown_filter), ("huge", declares((2**40, 2))),
                      ("huge and packed", declares((2**40, 4), compression="gzip")),
                      ("larger than can be counted", declares((2**62, 4), chunks=(1, 4))),
                      ("of 32 dimensions", declares((1,) * 32))):
        yield Edit(name, "broken", put_in_place(put))
    if some:
        yield Edit("never written", "broken",
                   made_anew(lambda parent, name, old: parent.create_dataset(name, numpy.shape(old), "f8")))
    if some and not scalar:
        if dataset.size > 1:
            yield Edit("half written", "broken", made_anew(half_written))
        yield Edit("with a wrong checksum", "broken", made_anew(checksum_wrong))
        yield Edit("packed garbage", "broken", packed_wrongly(lambda whole: b"\x78\x9cgarbage"))
        yield Edit("packed, one byte", "broken", packed_wrongly(lambda whole: b"\0"))
        yield Edit("packed, too little", "undefined", packed_wrongly(lambda whole: zlib.compress(whole[:-1])))
        yield Edit("packed, too much", "undefined", packed_wrongly(lambda whole: zlib.compress(whole + bytes(10**6))))
    for name in NOT_NUMBERS:
        yield Edit(f"of type {name}", "type", of_type(name))
    yield Edit("of bit fields", "type", of_low_level(lambda: h5py.h5t.STD_B64LE))
    yield Edit("of times", "type", of_low_level(lambda: h5py.h5t.UNIX_D64LE))
    if text:
        yield Edit("numbers", "kind", made_anew(lambda parent, name, old: parent.create_dataset(
            name, data=numpy.zeros(numpy.shape(old)))))
    else:
        yield Edit("texts", "kind", made_anew(lambda parent, name, old: parent.create_dataset(
            name, data=numpy.full(numpy.shape(old), "1.5", dtype=object) if not scalar else "1.5", dtype=TEXT)))
    yield from shapes_of(dataset)
    yield from others_as_before(dataset, scalar, some, text, kind)
    yield from other_values(text, kind)


def shapes_of(dataset):
    shapes = {(1, *dataset.shape), (*dataset.shape, 1), (2, *dataset.shape)}
    for k, length in enumerate(dataset.shape):
        for other in {length + 1, max(length - 1, 0), 0, 1000} - {length}:
            shapes.add((*dataset.shape[:k], other, *dataset.shape[k + 1:]))
    if dataset.ndim > 0:
        shapes |= {(), dataset.shape[1:], dataset.shape[::-1]} - {dataset.shape}
    for shape in sorted(shapes):
        yield Edit(f"of shape {shape}", "shape", stored(lambda old, shape=shape: resized(old, shape)))


def resized(old, shape):
    array = numpy.asarray(old, dtype=object if isinstance(old, str) else None)
    filler = numpy.full(shape, "" if array.dtype == object else 0, array.dtype)
    return numpy.resize(array, shape) if array.size else filler


def others_as_before(dataset, scalar, some, text, kind):
    yield Edit("of a named type", "same", made_anew(of_a_named_type) if not text else stored())
    yield Edit("behind a link inside the file", "same", behind_a_link)
    yield Edit("with a long attribute", "same", described(1, 60000))
    yield Edit("with many attributes", "same", described(100, 10))
    yield Edit("compact", "same", made_anew(compact))
    if some and not scalar:
        ones = (1,) * dataset.ndim
        ways = [{}, {"compression": 9}, {"maxshape": (None,) * dataset.ndim}]
        if not text:
            ways.append({"shuffle": True, "fletcher32": True})
        if kind in "iu":
            ways.append({"scaleoffset": 0})
        for how in ways:
            yield Edit(f"in chunks, {how}", "same", stored(chunks=ones, **how))
        yield Edit("in one large chunk", "same", stored(chunks=(1 << 22, *ones[1:]), maxshape=(None,) * dataset.ndim,
                                                        compression="gzip"))
    if text:
        yield Edit("in ASCII", "same", stored(dtype=h5py.string_dtype("ascii")))
    else:
        yield Edit("in the other byte order", "same", stored(dtype=dataset.dtype.newbyteorder(">")))
        if kind == "f":
            yield Edit("in 80 bits", "same", stored(dtype=numpy.longdouble))


def other_values(text, kind):
    if text:
        for name, of in (("empty", lambda old: ""), ("long", lambda old: "x" * 10**6),
                         ("that steer a terminal", lambda old: "\x1b[31m\n\r\t\x7f\u0085")):
            yield Edit(f"texts, {name}", "values", stored(
                lambda old, of=of: of(old) if isinstance(old, str) else numpy.full(old.shape, of(old), dtype=object)))
        yield Edit("texts, null", "values", made_anew(null_texts))
        yield Edit("texts, invalid", "values", made_anew(invalid_texts))
        return
    yield Edit("zero", "values", stored(lambda old: old * 0))
    yield Edit("negative", "values", stored(lambda old: -old - 1 if kind in "if" else old * 0 + 254))
    for type_name in ("i1", "u8", ">i2", "f2", "f4"):
        yield Edit(f"of type {type_name}", "values", stored(lambda old, t=type_name: numpy.nan_to_num(old).astype(t)))
    yield Edit("in three bytes", "values", of_low_level(three_bytes, "i4"))
    yield Edit("in floats of three bytes", "values", of_low_level(short_float, "f4"))
    if kind == "f":
        for value in (numpy.nan, numpy.inf, -numpy.inf):
            yield Edit(str(value), "values", stored(lambda old, value=value: old * 0 + value))
    else:
        for value in (2**63 - 1, -2**63):
            yield Edit(str(value), "values", stored(lambda old, value=value: numpy.full(numpy.shape(old), value, "i8")))


def named(name, shape, content=1.0):
    """Something more in a group."""
    def change(file, path):
        file[path].create_dataset(name, data=numpy.full(shape, content))
    return change


def edits_of_group(shape):
    """`shape`: that of the group's columns."""
    yield from (edit for edit in GONE if "group" not in edit.name and "root" not in edit.name)
    yield Edit("a dataset", "gone", put_in_place(lambda file, parent, name: parent.__setitem__(name, numpy.zeros(3))))
    yield Edit("an empty group", "emptied", put_in_place(group))
    yield Edit("a link to the root", "emptied", put_in_place(link(h5py.SoftLink("/"))))
    yield Edit("behind a link inside the file", "same", behind_a_link)
    yield Edit("with many attributes", "same", described(100, 10))
    yield Edit("with the root inside", "same", lambda file, path: file[path].__setitem__("loop", file["/"]))
    yield Edit("with a group more", "same", lambda file, path: file[path].create_group("further"))
    yield Edit("with links to nowhere", "same", lambda file, path: (
        file[path].__setitem__("soft", h5py.SoftLink("/nowhere")),
        file[path].__setitem__("hard", h5py.ExternalLink("missing.h5", "/"))))
    for name in ("more", "\x1b[31m\n", "x" * 5000, " ", "\u00e9 \u202e", b"\xff\xfe(", "units"):
        yield Edit(f"with a column {str(name)[:20]!r} more", "more", named(name, shape))
    yield Edit("with a column of another shape more", "misshapen", named("more", (7, 7)))
    yield Edit("with a thousand columns more", "more", lambda file, path: [
        file[path].create_dataset(f"c{i}", data=numpy.zeros(shape)) for i in range(1000)])


def attribute_edits():
    """(name, effect, change(attributes, name)): effects gone, number, text, unreadable, same."""
    def set_to(make, **how):
        return lambda attributes, name: attributes.create(name, make() if callable(make) else make, **how)

    yield "deleted", "gone", lambda attributes, name: attributes.__delitem__(name)
    yield "renamed", "gone", lambda attributes, name: (
        attributes.create(name + " renamed", attributes[name]), attributes.__delitem__(name))
    for what, value in (("an integer", 7), ("a negative integer", -1), ("a real number", 1.5), ("NaN", float("nan")),
                        ("a byte", numpy.uint8(1)), ("an unsigned integer", numpy.uint64(2**64 - 1))):
        yield what, "number", set_to(value)
    for what, value in (("an empty text", ""), ("a long text", "x" * 60000), ("an invalid text", b"\xff\xfe("),
                        ("a text that steers a terminal", "\x1b[31m\n")):
        yield what, "text", set_to(value, dtype=TEXT)
    yield "a text in ASCII", "text", set_to("abc", dtype=h5py.string_dtype("ascii"))
    yield "a null text", "text", lambda attributes, name: null_attribute(attributes, name)
    yield "two numbers", "unreadable", set_to([1, 2])
    yield "two texts", "unreadable", set_to(["a", "b"], dtype=TEXT)
    yield "no numbers", "unreadable", set_to(numpy.zeros((0,)))
    yield "empty", "unreadable", set_to(h5py.Empty("f8"))
    yield "an empty text of null dataspace", "unreadable", set_to(h5py.Empty(TEXT))
    for name in NOT_NUMBERS:
        kind = type_by_name(name)
        if kind.kind != "O":
            yield f"of type {name}", "unreadable", set_to(lambda kind=kind: numpy.zeros((), kind))
    yield "a reference", "unreadable", lambda attributes, name: attributes.create(
        name, h5py.h5r.create(attributes._id, b".", h5py.h5r.OBJECT), dtype=h5py.ref_dtype)


def null_attribute(attributes, name):
    identifier = attributes._id
    if h5py.h5a.exists(identifier, name.encode()):
        h5py.h5a.delete(identifier, name.encode())
    h5py.h5a.create(identifier, name.encode(), h5py.h5t.py_create(TEXT, logical=True), h5py.h5s.create(h5py.h5s.SCALAR))


def edits_of_whole_files():
    """(name, effect, spoil(path)): effects refused, harmless, shifted (bytes before or after the file)."""
    def written(content):
        return lambda path: path.write_bytes(content(path.read_bytes()))

    def copied(**how):
        def spoil(path):
            new = path.with_name(path.name + ".new")
            with h5py.File(path) as old, h5py.File(new, "w", **how) as file:
                for name in old:
                    old.copy(name, file)
                for name in old.attrs:
                    file.attrs[name] = old.attrs[name]
            new.rename(path)
        return spoil

    def still_open(path):
        """As a writer leaves it that dies: marked as open."""
        copied(libver="latest")(path)
        with h5py.File(path, "r+", libver="latest") as file:
            file.swmr_mode = True
            file.flush()
            content = path.read_bytes()
        path.write_bytes(content)

    signature = b"\x89HDF\r\n\x1a\n"
    for name, content in (("empty", b""), ("zeros", bytes(4096)), ("text", b"a,b\n1,2\n"), ("a signature", signature),
                          ("a signature and zeros", signature + bytes(9000)), ("netCDF 3", b"CDF\x01" + bytes(60))):
        yield name, "refused", written(lambda old, content=content: content)
    yield "packed", "refused", written(gzip.compress)
    yield "as text with other line ends", "refused", written(lambda old: old.replace(b"\r\n", b"\n"))
    yield "marked as open by a writer", "refused", still_open
    yield "one byte before", "refused", written(lambda old: b"\n" + old)
    yield "a block before", "shifted", written(lambda old: bytes(512) + old)
    yield "something behind", "shifted", written(lambda old: old + b"\n")
    yield "twice", "shifted", written(lambda old: old + old)
    for name, how in (("in the newest format", {"libver": "latest"}), ("in the oldest format", {"libver": "earliest"}),
                      ("in pages", {"fs_strategy": "page"}), ("in order of creation", {"track_order": True})):
        yield name, "harmless", copied(**how)
