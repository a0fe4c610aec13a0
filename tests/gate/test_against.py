"""What a change makes of its own gate is said."""

import subprocess
from pathlib import Path

import pytest
from builders_gate import RULES, baseline, moved, records

from study.errors import StudyError
from study.gate import against
from study.gate.against import gate_changes
from study.gate.baseline_text import write_baseline

BASELINE = Path("baselines/gate.json")
RULES_TEXT = "alpha: 0.01\nmetrics:\n  test_accuracy: {better: higher, margin: 0.01}\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit of a gate."""

    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    write("conf/gate/rules.yaml", RULES_TEXT)
    write("conf/gate/claims/learning.yaml", "id: learning\nparts: {a: {smallest: 0.2}}\n")
    write("conf/gate/exact.yaml", "fixed: {}\ncells:\n  plain: {seeds: 14}\n  decay: {}\n")
    cells = "axes:\n  cell:\n    - {init: he}\n    - {init: xavier}\n"
    write("conf/chapter/gate/experiments/gate.yaml", cells)
    write("study/check.py", "x = 1\n")
    write_baseline(baseline(), tmp_path / BASELINE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    git(tmp_path, *identity, "commit", "-qm", "x")
    monkeypatch.setattr(against, "conf_folder", lambda: tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def change(path: str, before: str, after: str) -> list[str]:
    file = Path(path)
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    return gate_changes("HEAD", BASELINE)


def test_the_same_gate_is_nothing_to_say(checkout: Path) -> None:
    assert gate_changes("HEAD", BASELINE) == []
    Path("README.md").write_text("x")
    assert gate_changes("HEAD", BASELINE) == []


@pytest.mark.parametrize(
    ("path", "before", "after", "words"),
    [
        (
            "conf/gate/rules.yaml",
            "margin: 0.01",
            "margin: 0.5",
            "metrics.test_accuracy.margin 0.01 → 0.5",
        ),
        ("conf/gate/rules.yaml", "alpha: 0.01", "alpha: 0.0001", "alpha 0.01 → 0.0001"),
        ("conf/gate/claims/learning.yaml", "0.2", "0", "parts.a.smallest 0.2 → 0"),
        ("conf/gate/exact.yaml", "seeds: 14", "seeds: 1", "cells.plain.seeds 14 → 1"),
        ("conf/chapter/gate/experiments/gate.yaml", "xavier", "he", "axes.cell.1.init xavier → he"),
        ("study/check.py", "x = 1", "x = 2", "code of the gate differs: study/check.py"),
    ],
)
def test_a_changed_value_is_named_with_the_old_one(
    checkout: Path, path: str, before: str, after: str, words: str
) -> None:
    (line,) = change(path, before, after)
    place = "" if path == "study/check.py" else f"{path}: "
    assert line == f"against HEAD: {place}{words}"


def test_files_that_came_and_went_are_named(checkout: Path) -> None:
    Path("conf/gate/claims/learning.yaml").unlink()
    Path("conf/gate/claims/other.yaml").write_text("id: other\n")
    assert gate_changes("HEAD", BASELINE) == [
        "against HEAD: conf/gate/claims/learning.yaml: gone",
        "against HEAD: conf/gate/claims/other.yaml: new",
    ]


def test_a_baseline_of_worse_runs_says_how_much_worse(checkout: Path) -> None:
    runs = [moved(-0.3)(run) if run.config["dropout"] else run for run in records()]
    write_baseline(baseline(RULES, runs), BASELINE)
    lines = gate_changes("HEAD", BASELINE)
    assert any("8 of 24 runs differ" in line for line in lines)
    (row,) = [line for line in lines if "mean test accuracy" in line]
    one, other = row.rsplit("accuracy ", 1)[1].replace("%", "").split("→")
    assert float(one) - float(other) == pytest.approx(30, abs=0.02)


def test_a_baseline_that_cannot_be_read_differs(checkout: Path) -> None:
    BASELINE.write_text("<<<<<<<")
    (line,) = gate_changes("HEAD", BASELINE)
    assert line.endswith("gate.json: differs, and cannot be read")


@pytest.mark.parametrize("ref", ["nowhere", "--help", ""])
def test_no_commit_is_refused(checkout: Path, ref: str) -> None:
    with pytest.raises(StudyError, match="--against: expected a commit of this checkout"):
        gate_changes(ref, BASELINE)
