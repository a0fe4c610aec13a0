"""The planted bugs of ``benchmarks/mutants.yaml``: that they can be planted, and one for real."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load_benchmark() -> ModuleType:
    """``benchmarks/mutants.py``, which is no part of the package."""
    folder = ROOT / "benchmarks"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("mutants", folder / "mutants.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["mutants"] = module  # where its dataclass looks
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


benchmark = load_benchmark()
MUTANTS = {mutant.name: mutant for mutant in benchmark.load_mutants()}


def test_there_are_as_many_as_the_gate_is_judged_by() -> None:
    assert len(MUTANTS) >= 100
    kinds = {mutant.file.split("/")[1] for mutant in MUTANTS.values()}
    assert kinds >= {"network", "edge", "records", "analysis", "report", "chapter"}
    assert len(MUTANTS) == len(benchmark.load_mutants()), "two of the same name"


@pytest.mark.parametrize("name", MUTANTS)
def test_each_changes_the_code_and_leaves_it_valid(name: str) -> None:
    mutant = MUTANTS[name]
    mutated = mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))
    if mutant.file.endswith(".py"):
        compile(mutated, mutant.file, "exec")
    assert all((ROOT / path).exists() for path in mutant.tests)


@pytest.mark.parametrize("name", MUTANTS)
def test_each_is_in_the_table_of_the_docs(name: str) -> None:
    assert f"| {name} |" in (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")


def test_what_is_measured_is_kept_until_the_mutant_is_another_one(tmp_path: Path) -> None:
    one, two = (benchmark.Mutant(name, "study/run.py", {"a": "b"}) for name in ("one", "two"))
    path = tmp_path / "results.json"
    benchmark.save_results([one, two], {"one": {"exact": None, "tests": "test_x"}}, path)
    assert benchmark.load_results([one, two], path) == {"one": {"exact": None, "tests": "test_x"}}
    other = benchmark.Mutant("one", "study/run.py", {"a": "c"})
    assert benchmark.load_results([other, two], path) == {}


def test_the_table_tells_what_was_not_caught_from_what_was_not_measured() -> None:
    names = [benchmark.Mutant(name, "study/run.py", {}) for name in ("one", "two")]
    head, *_, one, two = benchmark.table(names, {"one": {"exact": None, "tests": "test_x"}})
    assert one == "| one | – | ? | ? | test_x |"
    assert two == "| two | ? | ? | ? | ? |"
    assert "the exact tier 0 of 1 measured (0 %)" in head
    assert head.endswith("by any of them 1.")


def test_a_mutant_whose_text_is_gone_is_named() -> None:
    mutant = benchmark.Mutant("bug", "a.py", {"x = 1": "x = 2"})
    with pytest.raises(ValueError, match=r"bug: 0 times in a\.py, not once: 'x = 1'"):
        mutant.applied("y = 1\n")
    with pytest.raises(ValueError, match=r"bug: 2 times in a\.py"):
        mutant.applied("x = 1\nx = 1\n")


def test_a_mutant_that_changes_no_code_is_named() -> None:
    mutant = benchmark.Mutant("bug", "a.py", {"x = 1": "x  =  1"})
    with pytest.raises(ValueError, match="bug: the code stays the same"):
        mutant.applied("x = 1\n")


def test_no_file_of_the_checkout_is_changed(tmp_path: Path) -> None:
    project = benchmark.copy_project(tmp_path)
    copied = project / "study" / "run.py"
    benchmark.replace_source(copied, "x = 1\n")
    assert copied.read_text() == "x = 1\n"
    assert not copied.is_symlink()
    assert (ROOT / "study" / "run.py").read_text() != "x = 1\n"


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("gate")
def test_the_gate_is_red_for_a_planted_bug_and_names_the_cell(tmp_path: Path) -> None:
    """All the gate's runs, as in CI, with gradients that ignore the momentum."""
    project = benchmark.copy_project(tmp_path)
    mutant = MUTANTS["momentum ignored"]
    path = project / mutant.file
    benchmark.replace_source(path, mutant.applied(path.read_text(encoding="utf-8")))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    done = subprocess.run(
        [sys.executable, "-m", "study.check"],
        cwd=project, env=environment | {"PYTHONPATH": str(project), "COLUMNS": "140"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("he relu, momentum"))
    assert "regression" in row
    assert "REGRESSION" in done.stdout.splitlines()[-1]
