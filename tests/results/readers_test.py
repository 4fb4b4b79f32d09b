#!/usr/bin/python3
"""Runs the reader examples of docs/results_format.md on a study file and compares what they see.

Usage: readers_test.py STUDY.h5
Exit: 0 all agree, 1 they do not, 77 skipped (a reader is not installed; the line says which).
"""

import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "results_format.md"
EXPECTED = {"h5py", "pandas", "xarray", "h5dump", "ncdump"}


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def examples():
    """The fenced block after each `<!-- test: NAME -->`, by name, as it stands on the page."""
    pattern = re.compile(r"<!-- test: (\w+) -->\n```(?:python|sh)\n(.*?)```", re.DOTALL)
    found = dict(pattern.findall(DOCUMENT.read_text(encoding="utf-8")))
    assert set(found) == EXPECTED, f"{DOCUMENT.name} shows {sorted(found)}, expected {sorted(EXPECTED)}"
    return found


def run_python(code):
    names = {}
    exec(compile(code, DOCUMENT.name, "exec"), names)
    return names


def run_shell(code):
    done = subprocess.run(["sh", "-euc", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code.strip()}: {done.stderr.strip()}"
    return done.stdout


def numbers(text):
    """Numbers of a dump, NaN included, in order."""
    return [float(word) for word in re.findall(r"(?<![\w.])(?:-?\d[\d.]*(?:e[-+]?\d+)?|NaN|nan|_)(?![\w.])",
                                               text.replace("_", "NaN"))]


def dumped_by_h5dump(text):
    data = text[text.index("DATA {"):]
    return numbers(re.sub(r"\(\d+\):", "", data[:data.index("}")]))


def dumped_by_ncdump(text, name):
    """The values of one variable in the `data:` section of the group `cases`."""
    cases = text[text.index("group: cases"):]
    data = cases[cases.index("\n  data:"):]
    body = re.search(rf"\n\s*{name} =(.*?) ;\n", data, re.DOTALL)
    assert body, f"ncdump does not show {name}"
    return body.group(1)


def same_numbers(reader, values, reference):
    import numpy
    values = numpy.asarray(values, dtype=float)
    # Text dumps print h5dump's six or ncdump's fifteen digits.
    tolerance = 1e-5 if reader in ("h5dump", "ncdump") else 0
    assert values.shape == reference.shape, f"{reader}: {values.shape} values, h5py {reference.shape}"
    close = numpy.isclose(values, reference, rtol=tolerance, atol=0, equal_nan=True)
    assert close.all(), f"{reader}: {values[~close]} instead of {reference[~close]}"


def same_texts(reader, values, reference):
    assert list(values) == list(reference), f"{reader}: {list(values)} instead of {list(reference)}"
    assert all(isinstance(value, str) for value in values), f"{reader}: texts are not str"


def check_tables(code):
    """Every column of /cases as pandas and xarray see it, against the stored bytes."""
    import h5py
    import numpy
    pandas_names = run_python(code["pandas"])
    xarray_cases = run_python(code["xarray"])["cases"]
    with h5py.File("study.h5") as f:
        for name, dataset in f["cases"].items():
            if name == "case":
                continue
            if h5py.check_string_dtype(dataset.dtype):
                stored = dataset.asstr()[:]
                same_texts("pandas " + name, pandas_names["cases"][name], stored)
                same_texts("xarray " + name, xarray_cases[name], stored)
                continue
            stored = dataset[:].astype(float)
            same_numbers("pandas " + name, pandas_names["cases"][name], stored)
            fill = float(dataset.attrs["_FillValue"])
            same_numbers("xarray " + name, xarray_cases[name], numpy.where(stored == fill, numpy.nan, stored))
        samples = pandas_names["samples"]
        same_numbers("pandas samples", samples["completion_s"], f["samples/completion_s"][:])
        same_texts("pandas join", samples["method"], f["cases/method"].asstr()[:][f["samples/case"][:]])


def check_attributes():
    """What the page promises of every dataset, and the reader in the file's own attribute."""
    import h5py

    def visit(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        if item.dtype.kind != "O":
            assert item.attrs["units"] and item.attrs["long_name"], f"{name} has no unit or meaning"
        assert item.dtype.kind in "uifO", f"{name} has the type {item.dtype}"
        for dimension in item.dims:
            assert len(dimension) == 1 or h5py.h5ds.is_scale(item.id), f"{name} has no dimension scale"

    with h5py.File("study.h5") as f:
        assert f.attrs["format"] == "breakeven-results"
        assert int(f.attrs["complete"]) in (0, 1)
        f.visititems(visit)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            run_python(f.attrs["how_to_read"])
        assert "hash" in printed.getvalue()


def check_ranks():
    import h5py
    import xarray
    with h5py.File("study.h5") as f:
        for name, group in f["ranks"].items():
            seen = xarray.open_dataset("study.h5", engine="h5netcdf", group=f"ranks/{name}")
            assert seen["elapsed_s"].dims == ("launch", "repetition", "rank")
            same_numbers("xarray elapsed_s", seen["elapsed_s"].values.ravel(), group["elapsed_s"][:].ravel())
            same_texts("xarray host", seen["host"].values.ravel(), group["host"].asstr()[:].ravel())


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        sys.exit(2)
    try:
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401
        import pandas  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as missing:
        skip(f"no Python package {missing.name}")
    for tool in ("h5dump", "ncdump"):
        if shutil.which(tool) is None:
            skip(f"no {tool}")
    study = pathlib.Path(sys.argv[1]).resolve()
    code = examples()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(study, pathlib.Path(folder) / "study.h5")
        os.chdir(folder)
        seen = run_python(code["h5py"])
        check_tables(code)
        same_numbers("h5dump", dumped_by_h5dump(run_shell(code["h5dump"])), seen["times"])
        dump = run_shell(code["ncdump"])
        same_numbers("ncdump", numbers(dumped_by_ncdump(dump, "time_median")), seen["times"])
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', dumped_by_ncdump(dump, "method"))
        same_texts("ncdump", texts, seen["methods"])
        check_attributes()
        check_ranks()
        os.chdir("/")
    print(f"{len(code)} readers agree on {len(seen['times'])} cases")


if __name__ == "__main__":
    main()
