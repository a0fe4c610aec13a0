"""Imports point one way: each floor knows only the floors below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import study

PACKAGE = Path(study.__file__).parent
PLUGIN = PACKAGE.parent / "hydra_plugins" / "study_plugins" / "__init__.py"
FLOORS = (
    "errors", "endings", "children", "paths", "network", "data", "records", "run", "analysis",
    "figures", "chapters", "registry", "gate", "report", "compare", "edge", "check", "__main__",
)  # fmt: skip
# Beside the edge: it starts runs as the command does, and reads them as the report does.
SAME_FLOOR = {"notebook": "edge"}
FILES = sorted(PACKAGE.rglob("*.py"))


def floor(module: str) -> int:
    """The floor of ``study.x.y``; the package itself is below all."""
    parts = module.split(".")
    if len(parts) == 1:
        return -1
    return FLOORS.index(SAME_FLOOR.get(parts[1], parts[1]))


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in ``tree``, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which floor they lead to"
            assert node.module is not None
            yield node.module
            if node.module == "study":
                yield from (f"study.{alias.name}" for alias in node.names if alias.name in FLOORS)


def at_import(tree: ast.Module) -> Iterator[str]:
    """What is imported by importing the module itself."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from imported(ast.Module(body=[node], type_ignores=[]))
        elif isinstance(node, ast.ClassDef):
            yield from at_import(ast.Module(body=node.body, type_ignores=[]))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_module_imports_a_floor_above_its_own(file: Path) -> None:
    own = floor(name_of(file))
    for module in imported(ast.parse(file.read_text(encoding="utf-8"))):
        if module.split(".")[0] == "study":
            assert floor(module) <= own, f"{name_of(file)} imports {module}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_nothing_below_the_edge_knows_hydra(file: Path) -> None:
    if floor(name_of(file)) >= FLOORS.index("edge"):
        return
    roots = {m.split(".")[0] for m in imported(ast.parse(file.read_text(encoding="utf-8")))}
    assert not roots & {"hydra", "omegaconf", "hydra_plugins"}


@pytest.mark.parametrize("file", sorted((PACKAGE / "network").glob("*.py")), ids=name_of)
def test_the_network_knows_numpy_only(file: Path) -> None:
    for module in imported(ast.parse(file.read_text(encoding="utf-8"))):
        root = module.split(".")[0]
        assert root in ("numpy", *sys.stdlib_module_names) or floor(module) <= FLOORS.index(
            "network"
        ), f"{name_of(file)} imports {module}"


def test_the_plugin_imports_nothing_heavy_because_every_hydra_application_imports_it() -> None:
    roots = {m.split(".")[0] for m in at_import(ast.parse(PLUGIN.read_text(encoding="utf-8")))}
    assert roots <= {"collections", "typing", "hydra", "omegaconf"}


HEAVY = {"pandas", "scipy", "matplotlib", "seaborn", "jinja2", "study.report", "study.analysis"}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import study", HEAVY | {"numpy", "hydra", "omegaconf"}),
        ("import hydra_plugins.study_plugins", HEAVY | {"numpy", "study"}),
        ("import study.__main__", HEAVY | {"numpy", "hydra", "omegaconf"}),
        ("import study.edge.app", HEAVY | {"pyarrow"}),
        ("import study.edge.pool", HEAVY | {"hydra", "omegaconf", "rich", "pyarrow"}),
        # claims, which need frames, are checked before the first run
        ("import study.edge.sweep", HEAVY - {"pandas", "scipy", "study.analysis"}),
    ],
)
def test_start_up_is_light(code: str, absent: set[str]) -> None:
    report = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & absent
