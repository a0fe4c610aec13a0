"""``python -m study.check`` as CI starts it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders_gate import diverged, exact, failed, record

from study import check as command
from study.edge.gate import ExactCells, gate_cells
from study.records.config import RunConfig
from study.records.record import RunRecord
from study.records.store import RunStore

SEEDS = 6


@pytest.fixture(scope="module")
def cells() -> dict[str, RunConfig]:
    """A few of the gate's cells; nothing here trains."""
    found = gate_cells()
    names = [("he", False), ("xavier", False)]
    return {
        address: config
        for address, config in found.items()
        if config.seed < SEEDS and (config.init["name"], config.batchnorm) in names
    }


@pytest.fixture
def folder(tmp_path: Path, cells: dict[str, RunConfig], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``runs``, and a gate of those cells only."""
    store = RunStore(tmp_path / "runs")
    for config in cells.values():
        store.write(record(config))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "gate_cells", lambda: cells)
    # the exact tier has tests of its own: here it finds what it found before
    monkeypatch.setattr(command, "exact_cells", lambda: ExactCells({}, {}))
    monkeypatch.setattr(command, "exact_state", lambda *_: exact())
    monkeypatch.setattr(command, "run_gate", lambda *_, **__: None)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*words: str) -> int:
    return command.main(["--runs", "runs", *words])


def update(*words: str) -> int:
    return run("--update", "--reason", "a test", *words)


def change(folder: Path, alter: object, count: int = 1000) -> None:
    store = RunStore(folder / "runs")
    for address in list(store.addresses())[:count]:
        found = store.read(address)
        assert isinstance(found, RunRecord)
        store.write(alter(found))  # type: ignore[operator]


def worse(run: RunRecord) -> RunRecord:
    run.final["test_accuracy"] -= 0.2
    return run


# -- exit codes


def test_0_where_nothing_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert update() == 0
    assert "baseline: baselines/gate.json" in capsys.readouterr().out
    assert run() == 0
    assert "pass:" in capsys.readouterr().out


def test_1_where_accuracy_dropped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update()
    change(folder, worse)
    assert run() == 1
    assert "REGRESSION" in capsys.readouterr().out


def test_2_where_a_run_failed_or_is_missing_or_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    change(folder, failed, 1)
    assert run() == 2
    assert "boom" in capsys.readouterr().out
    path = next((folder / "runs").glob("??/*.json"))
    path.write_text("{}")
    assert run() == 2
    assert f"left out: runs/{path.parent.name}/{path.name}: damaged" in capsys.readouterr().err
    path.unlink()
    assert run() == 2
    assert "there is no record of it" in capsys.readouterr().out


def test_3_without_a_baseline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 3
    assert "no baseline at baselines/gate.json" in capsys.readouterr().out


def test_3_with_a_damaged_baseline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("b.json").write_text("{}")
    assert run("--baseline", "b.json") == 3
    assert "b.json: not a baseline" in capsys.readouterr().out


def test_3_where_no_run_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update()
    assert command.main(["--runs", "elsewhere"]) == 3
    assert "none of the gate's runs is in elsewhere" in capsys.readouterr().out


def test_3_with_other_settings_before_anything_is_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    update()
    path = Path("baselines/gate.json")
    path.write_text(path.read_text().replace('"train_size": 1000', '"train_size": 900'))
    monkeypatch.setattr(command, "run_gate", lambda *_, **__: pytest.fail("it ran"))
    assert command.main([]) == 3
    assert "other settings: train_size 900 → 1000 (all cells)" in capsys.readouterr().out


def test_runs_of_other_code_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update()
    assert run() == 0
    assert "other code" not in capsys.readouterr().out

    def older(run: RunRecord) -> RunRecord:
        run.provenance["code"] = "0" * 16
        return run

    change(folder, older, 3)
    assert run() == 0
    assert "3 of 60 runs were made by other code than what is here" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--nonsense"],
        ["--update"],
        ["--update", "--reason", " "],
        ["--reason", "because"],
        ["--store", "x"],
        ["--workers", "2"],
        ["--exact"],
        ["--json", "a", "--junit", "./a"],
        ["--summary", "baselines/gate.json"],
        ["--bisect", "sometimes"],
        ["--bisect", "--update", "--reason", "x"],
    ],
)
def test_4_for_wrong_usage(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^4$"):
        run(*words)
    captured = capsys.readouterr().err
    assert "usage:" in captured
    assert "Traceback" not in captured


def test_4_for_a_file_that_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    assert run("--json", str(folder)) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_4_where_the_folder_of_runs_is_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("README.md").write_text("x")
    with pytest.raises(SystemExit, match=r"^4$"):
        command.main(["--runs", "README.md"])
    assert "--runs: expected a folder, README.md is a file" in capsys.readouterr().err


def better(run: RunRecord) -> RunRecord:
    run.final["test_accuracy"] += 0.05
    return run


def test_5_where_results_changed_even_for_the_better(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    change(folder, better)
    assert run() == 5
    out = capsys.readouterr().out
    assert "other bits in 60 of 60 runs" in out
    assert "accept it: python -m study.check --update --reason" in out
    assert update() == 0
    assert run() == 0


def test_5_where_an_experiment_was_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    update()
    before = exact()
    name, declared = next(iter(before.study.items()))
    other = replace(declared, digest="0" * 16, values=dict(declared.values) | {"lr": [0.5]})
    monkeypatch.setattr(
        command, "exact_state", lambda *_: replace(before, study={name: other}, claims={"D1": "e"})
    )
    assert command.main(["--exact"]) == 5
    out = capsys.readouterr().out
    assert "declared otherwise: grid: lr 0.01 → 0.5" in out
    assert "declared otherwise: claim D1: another rule" in out


def test_the_exact_tier_alone_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update()
    capsys.readouterr()
    assert command.main(["--exact"]) == 0
    out = capsys.readouterr().out
    assert "the same bits: 6 of 6 runs of the exact tier" in out
    assert out.endswith("pass: nothing changed\n")


# -- git bisect


def test_bisect_takes_a_regression_for_bad_and_what_cannot_be_judged_for_neither(
    folder: Path,
) -> None:
    assert run("--bisect") == 125  # no baseline
    update()
    assert run("--bisect") == 0
    change(folder, better)
    assert (run("--bisect"), run("--bisect", "change")) == (0, 1)
    change(folder, worse)
    change(folder, worse)
    assert (run("--bisect"), run("--bisect", "change")) == (1, 1)
    change(folder, failed, 60)
    assert run("--bisect") == 125


@pytest.mark.parametrize(("words", "code"), [([], 6), (["--bisect"], 125)])
def test_a_module_that_cannot_be_imported_is_no_regression(
    words: list[str], code: int, tmp_path: Path
) -> None:
    """Python itself would end with 1."""
    broken = tmp_path / "rich"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('broken')")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "study.check", *words],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == code
    assert "RuntimeError: broken" in done.stderr


# -- the baseline


def test_an_update_does_not_write_over_a_merge_conflict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    path = Path("baselines/gate.json")
    conflict = "<<<<<<< HEAD\n" + path.read_text()
    path.write_text(conflict)
    assert update() == 4
    assert "has merge conflicts" in capsys.readouterr().err
    assert path.read_text() == conflict


def test_it_is_not_updated_when_a_run_failed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    before = Path("baselines/gate.json").read_text()
    change(folder, failed, 2)
    assert update() == 2
    assert "stays as it was: 2 runs failed, 0 are missing" in capsys.readouterr().err
    assert Path("baselines/gate.json").read_text() == before


def test_an_update_shows_what_it_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update()
    change(folder, worse)
    assert update() == 0
    assert "REGRESSION" in capsys.readouterr().out
    assert run() == 0


def test_diverged_runs_are_results(folder: Path) -> None:
    change(folder, diverged, 3)
    assert update() == 0
    assert run() == 0


# -- files for machines


def test_all_files_are_written(folder: Path) -> None:
    update()
    change(folder, worse)
    assert run("--json", "out/r.json", "--junit", "out/r.xml", "--summary", "out/r.md") == 1
    assert json.loads(Path("out/r.json").read_text())["exit_code"] == 1
    assert ElementTree.parse("out/r.xml").getroot().get("failures") != "0"
    assert Path("out/r.md").read_text().startswith("## REGRESSION")


def test_on_github_it_annotates_and_adds_to_the_summary(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    update()
    change(folder, worse)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("# Before\n")
    capsys.readouterr()
    assert run() == 1
    assert "::error title=accuracy gate" in capsys.readouterr().out
    assert Path("summary.md").read_text().startswith("# Before\n## REGRESSION")


# -- for real


def test_help_names_the_exit_codes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "study.check", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    for code in ("0 pass, 1 regression, 2 runs failed, 3 nothing comparable", "5 results changed"):
        assert code in words


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("gate")
def test_this_code_passes_its_own_gate() -> None:
    """All the gate's runs, against the baseline of this repository: the longest test here."""
    root = Path(__file__).parents[2]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    done = subprocess.run(
        [sys.executable, "-m", "study.check"],
        cwd=root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    exact = re.search(r"(\d+) of (\d+) runs of the exact tier", done.stdout)
    assert exact is not None, done.stdout
    # elsewhere it says that bits are not compared
    assert exact[1] == exact[2] or "bits are not compared, only means" in done.stdout
