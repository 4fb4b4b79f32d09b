#!/usr/bin/env python3
"""Every quoted include under src/ and drivers/ against the layers of docs/architecture.md, and the third-party headers
that only some layers may see.

    tests/check_layers.py              checks this tree
    tests/check_layers.py --self-test  checks the checker on includes that must and must not pass
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = {"base", "comm", "numerics", "methods", "harness", "results", "analysis", "study", "registry"}

# Who may include whom. Keys are folders of src/, `registry` the file, `drivers` the folder beside src/.
MAY_INCLUDE = {
    "base": {"base"},
    "comm": {"base", "comm"},
    "numerics": {"base", "numerics"},
    "methods": {"base", "comm", "numerics", "methods"},
    "harness": {"base", "comm", "harness"},
    "registry": {"base", "methods", "harness", "registry"},
    "results": {"base", "comm", "harness", "results"},  # comm: parallel_io writes solutions with all ranks
    "analysis": {"base", "harness", "analysis"},
    "study": {"base", "harness", "study"},
    "drivers": LAYERS | {"drivers"},
}
GENERATED = {"git_state.hpp"}  # written by CMake into the build directory

# Third-party headers that stay in one place: (include prefix, layers, files beside them).
CONFINED = [
    ("mpi.h", {"comm"}, None),
    ("boost/mpi", {"comm"}, None),
    ("boost/serialization", {"comm"}, None),
    ("hdf5", {"results"}, None),
    ("toml++/", {"study"}, None),
    ("CLI/", {"harness", "drivers"}, None),
    ("hwy/", {"numerics"}, None),
    ("cblas.h", {"numerics"}, None),
    ("Eigen/", {"numerics"}, None),
    ("lbfgs.h", {"numerics"}, None),
    ("openssl/", {"base"}, None),
    ("Random123/", {"base"}, None),
]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def layer_of(path):
    """The layer a file belongs to: src/<layer>/..., src/registry.*, drivers/..."""
    parts = path.split("/")
    if parts[0] == "drivers":
        return "drivers"
    return parts[1] if len(parts) > 2 else parts[1].split(".")[0]


def family_of(path):
    parts = path.split("/")
    return parts[parts.index("methods") + 1] if "methods" in parts[:-2] else None


def why_not_quoted(path, included):
    """Why `path` must not include "included"; None if it may."""
    layer = layer_of(path)
    first = included.split("/")[0] if "/" in included else included.split(".")[0]
    if layer not in MAY_INCLUDE:
        return f"'{layer}' is no layer"
    if layer == "drivers" and "/" not in included:
        return None
    if included in GENERATED:
        return None
    if first not in LAYERS:
        return "quoted includes begin with a layer (folder of src/)"
    if first not in MAY_INCLUDE[layer]:
        return f"{layer} must not see {first}"
    if layer == "methods" and first == "methods" and family_of("src/" + included) not in (None, family_of(path)):
        return "a family must not see another family"
    return None


def why_not_angled(path, included):
    for prefix, layers, files in CONFINED:
        if not included.startswith(prefix):
            continue
        if layer_of(path) in layers or (files and files.fullmatch(path)):
            return None
        return f"{included} belongs to {', '.join(sorted(layers))} alone"
    return None


def violations(path, text):
    for match in INCLUDE.finditer(text):
        quoted, angled = match.groups()
        reason = why_not_quoted(path, quoted) if quoted else why_not_angled(path, angled)
        if reason:
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: includes {quoted or angled}: {reason}"


def check_tree(root):
    files = [f for folder in ("src", "drivers") for f in sorted((root / folder).rglob("*")) if f.suffix in (".hpp", ".cpp")]
    found = [v for f in files for v in violations(f.relative_to(root).as_posix(), f.read_text(encoding="utf-8"))]
    for violation in found:
        print(violation)
    print(f"{len(files)} files, {len(found)} includes against the layers")
    return 1 if found or not files else 0


def self_test():
    cases = [  # path, include line, allowed
        ("src/base/array.hpp", '#include "base/index.hpp"', True),
        ("src/base/array.hpp", '#include "comm/agree.hpp"', False),
        ("src/base/array.hpp", '  #  include "harness/record.hpp"', False),
        ("src/methods/attention/forward/ring.cpp", '#include "numerics/online_softmax.hpp"', True),
        ("src/methods/attention/forward/ring.cpp", '#include "methods/attention/forward/problem.hpp"', True),
        ("src/methods/attention/forward/ring.cpp", '#include "methods/regression/least_squares/tsqr.hpp"', False),
        ("src/methods/attention/forward/ring.cpp", '#include "harness/contract.hpp"', False),
        ("src/methods/attention/forward/ring.cpp", '#include "ring.hpp"', False),
        ("src/numerics/exp.cpp", '#include "comm/communicator.hpp"', False),
        ("src/numerics/exp.cpp", "#include <hwy/highway.h>", True),
        ("src/study/plan.cpp", '#include "results/merge.hpp"', False),
        ("src/study/plan.cpp", "#include <hwy/highway.h>", False),
        ("src/results/solution.hpp", '#include "comm/communicator.hpp"', True),
        ("src/results/merge.cpp", '#include "numerics/products.hpp"', False),
        ("src/results/parallel_io.cpp", "#include <mpi.h>", False),
        ("src/results/merge.cpp", "#include <mpi.h>", False),
        ("src/comm/communicator.cpp", "#include <boost/mpi/communicator.hpp>", True),
        ("src/analysis/page/report_page.cpp", '#include "analysis/break_even.hpp"', True),
        ("src/registry.cpp", '#include "registry.hpp"', True),
        ("src/registry.cpp", '#include "methods/attention/forward/ring.hpp"', True),
        ("src/registry.cpp", '#include "results/merge.hpp"', False),
        ("drivers/attention.cpp", '#include "driver.hpp"', True),
        ("drivers/breakeven.cpp", '#include "study/plan.hpp"', True),
        ("drivers/breakeven.cpp", "#include <mpi.h>", False),
        ("src/elsewhere/a.cpp", '#include "base/index.hpp"', False),
        ("src/base/array.hpp", '// #include "comm/agree.hpp"', True),
    ]
    wrong = [case for case in cases if (not list(violations(case[0], case[1]))) != case[2]]
    for path, line, allowed in wrong:
        print(f"{path}: {line}: should be {'allowed' if allowed else 'refused'}")
    print(f"{len(cases)} cases, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv[1:] else check_tree(ROOT))
