"""The way of the data: each part imports from the parts above it, never from below."""

import ast
import graphlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "qkernels"
# From top to bottom; parts on one line do not import from each other.
LAYERS = [
    {"expressions", "memory", "tiles"},
    {"feature_maps"},
    {"ansatze", "compilation", "interop"},
    {"loops", "sampling"},
    {"evaluators"},
    {"parameter_shift"},
    {"kernels"},
    {"alignment", "optimizers", "psd", "qnn"},
    {"losses"},
    {"gram", "hardware", "training", "variational"},
    {"features", "nystroem", "operators"},
    {"diagnostics"},
    {"datasets", "plotting"},
    {"evidence"},
    {"cli"},
    {"migration"},
    {"testing", "torch", "__init__"},
]
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500


def module_name(path):
    """Return the dotted name of a file; `qkernels.__init__` for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path): path for path in FILES}


def imports(path):
    """Return the dotted names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected absolute imports"
            found |= {_imported(node.module, alias.name) for alias in node.names}
    return found


def _imported(module, name):
    """Return the module that `from module import name` needs."""
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    return "qkernels.__init__" if module == "qkernels" else module


def room(module):
    return module.split(".")[1]


def importers(package):
    """Return the files that import a package from outside."""
    return {
        name.removeprefix("qkernels.")
        for name, path in MODULES.items()
        if any(imported.split(".")[0] == package for imported in imports(path))
    }


@pytest.mark.parametrize("name", MODULES)
def test_imports_come_from_above(name):
    depth = next(i for i, layer in enumerate(LAYERS) if room(name) in layer)
    allowed = {room(name)}.union(*LAYERS[:depth])
    ours = {i for i in imports(MODULES[name]) if i.split(".")[0] == "qkernels"}
    assert {room(imported) for imported in ours} <= allowed


def test_every_part_has_its_layer():
    rooms = [room for layer in LAYERS for room in layer]
    assert sorted(rooms) == sorted({room(name) for name in MODULES})


def test_loops_know_nothing_else():
    for name in (name for name in MODULES if room(name) == "loops"):
        ours = {i for i in imports(MODULES[name]) if i.split(".")[0] == "qkernels"}
        assert {room(imported) for imported in ours} <= {"loops"}


def test_no_file_imports_itself_round_a_circle():
    graph = {name: imports(path) & MODULES.keys() - {name} for name, path in MODULES.items()}
    # A package's own files may be named in its __init__, which they do not need.
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("package", ["numba", "llvmlite"])
def test_only_loops_are_compiled(package):
    found = importers(package)
    assert found
    assert {name.split(".")[0] for name in found} == {"loops"}


def test_parallel_loops_are_run_in_one_place():
    # Others wait for processes that a user brings.
    assert importers("concurrent") == {"loops.jit", "gram.matrix", "gram.pools"}
    # Caches have a lock, and so have a ledger and the plain twin of the workers' counter.
    caches = {"evaluators.cache", "gram.blocks"}
    assert importers("threading") == caches | {"loops.lanes", "sampling.database"}


def test_cirq_is_imported_where_circuits_are_seen():
    found = importers("cirq")
    of_circuits = {"ansatze", "feature_maps", "interop", "parameter_shift", "sampling", "hardware"}
    inside = {name for name in found if name.split(".")[0] not in of_circuits}
    assert inside == {
        # The last file on the way of the data that knows what a gate is.
        "compilation.decomposition",
        # The types of observables.
        *("evaluators.base", "evaluators.estimated", "evaluators.mps", "evaluators.observables"),
        *("evaluators.sampler", "evaluators.shot_noise", "evaluators.statevector"),
        *("kernels.embedding", "kernels.observables", "kernels.serialization"),
        *("kernels.validation", "kernels.values", "kernels.weighted"),
        "qnn.networks",
        *("variational.circuits", "variational.classifier", "variational.regressor"),
        *("variational.circuit_centric_circuit", "variational.circuit_centric_training"),
        "testing",
    }


def test_scikit_learn_is_imported_from_kernels_on_only():
    above = set().union(*LAYERS[: LAYERS.index({"kernels"})])
    assert not {name.split(".")[0] for name in importers("sklearn")} & above


def test_sympy_stops_where_circuits_are_rewritten():
    assert {name.split(".")[0] for name in importers("sympy")} == {
        *("expressions", "feature_maps", "interop", "compilation", "sampling", "parameter_shift")
    }


def test_loops_need_numpy_and_numba_only():
    outside = {
        imported.split(".")[0]
        for name, path in MODULES.items()
        if room(name) == "loops"
        for imported in imports(path)
    }
    assert outside - sys.stdlib_module_names == {"numpy", "numba", "llvmlite", "qkernels"}


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    extras = [*optional["scale"], *optional["interop"], *optional["torch"], "pandas"]
    requirements = [*project["dependencies"], *extras]
    declared = {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}
    names = {"sklearn": "scikit-learn", "cirq": "cirq-core", "distributed": "dask"}
    names["google_crc32c"] = "google-crc32c"
    outside = {i.split(".")[0] for path in FILES for i in imports(path)} - sys.stdlib_module_names
    assert {names.get(name, name) for name in outside - {"qkernels"}} <= declared


@pytest.mark.parametrize("folder", ["qkernels", "tests", "examples"])
def test_files_are_short(folder):
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert lengths
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}
