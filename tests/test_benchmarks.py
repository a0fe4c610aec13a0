"""The benchmarks run, at a size at which no figure counts, and their document has their places."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from study.records.config import EvaluationConfig, RunConfig
from study.run import run

FOLDER = Path(__file__).parent.parent / "benchmarks"
SECTIONS = ("step", "run", "sweep", "report")
sys.path.insert(0, str(FOLDER))

from document import Goal, goals, publish  # noqa: E402


def tiny(name: str) -> str:
    """What a benchmark prints."""
    environment = os.environ | {"PYTHONPATH": str(FOLDER.parent)}
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--tiny"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "*Machine:* " in done.stdout
    return done.stdout


def rows(text: str) -> dict[str, list[str]]:
    """Cells of all tables in ``text``, by what stands in a row's first."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in lines}


def test_step_measures_what_is_installed_and_names_what_is_not() -> None:
    found = rows(tiny("step"))
    header = found["step"]
    assert header == ["ours", "PyTorch", "torch.compile", "JAX", "scikit-learn"]
    for name, package in (("PyTorch", "torch"), ("JAX", "jax"), ("scikit-learn", "sklearn")):
        cell = found["plain"][header.index(name)]
        if importlib.util.find_spec(package):
            assert float(cell) > 0
        else:
            assert cell == "not installed"
            assert name != "JAX" or found["JAX ÷ ours, plain"][1:] == ["–", "not measured"]
    assert {"plain", "dropout 0.2", "batch norm", "both"} <= found.keys()
    assert re.fullmatch(r"[\d.]+ \([\d.]+–[\d.]+\)", found["step ÷ bare products, both"][1])


def test_a_compiler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import step

    monkeypatch.setattr(step, "missing", lambda package: None)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert step.no_compiler() == "no C++ compiler (no-such-compiler)"


def test_run_splits_the_time_of_runs() -> None:
    found = rows(tiny("run"))
    header, cells = found["experiment"], found["batchnorm"]
    assert header[1] == "total"
    total, *parts = map(float, cells[1:-1])
    assert sum(parts[:-1]) == pytest.approx(total, abs=2)  # ms; the record is written afterwards
    assert "evaluation ÷ training, all runs of the lecture" in found


def test_sweep_measures_start_overhead_and_a_study() -> None:
    text = tiny("sweep")
    found = rows(text)
    assert float(found["python -m study --help"][1].split()[0]) > 0
    assert "20 finished runs again, without the report" in found
    assert found["quick"][0] == "4"
    assert re.search(r"by PyTorch, .* times as long|PyTorch is not installed", text)


def test_report_counts_seconds_and_memory() -> None:
    frames, page = rows(tiny("report"))["20"]
    for cell in (frames, page):
        assert re.fullmatch(r"[\d.]+ s, 0\.\d\d GB", cell)


def test_the_simulated_maps_have_their_place_in_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_ = importlib.import_module("map")
    text = (FOLDER.parent / "docs" / "map.md").read_text(encoding="utf-8")
    (tmp_path / "map.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(map_, "DOCS", tmp_path)
    map_.main(["--tiny", "--write"])
    written = (tmp_path / "map.md").read_text(encoding="utf-8")
    found = rows(written[written.index("<!-- levels -->") :])
    for world in map_.WORLDS:
        count, *cells = found[world.name]
        if world.tails is None:  # the last table of those that have the name
            assert all(re.fullmatch(r"\d+ / \d+", cell) for cell in (count, *cells))
        else:
            assert count == "20"
            assert all(0 <= float(cell) <= 100 for cell in cells if cell != "–")


def test_verdicts_have_their_place_in_the_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import verdicts

    copy = tmp_path / "claims.md"
    real = FOLDER.parent / "docs" / "claims.md"
    copy.write_text(real.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(verdicts, "DOCS", tmp_path)
    verdicts.main(["--tiny", "--write"])
    text = capsys.readouterr().out
    assert "no difference" in text
    assert text.strip() in copy.read_text(encoding="utf-8")


def test_pytorch_does_the_same_run() -> None:
    if not os.environ.get("CI"):  # there it has to be installed
        pytest.importorskip("torch", reason="PyTorch is not installed")
    from pytorch_run import train

    choices = {
        group: {"name": name, "_target_": target}
        for group, name, target in (
            ("init", "he", "study.network.initializers.VarianceScaling"),
            ("activation", "relu", "study.network.activations.ReLU"),
        )
    }
    choices["init"]["scale"] = 2.0
    config = RunConfig(
        train_size=1000, hidden=[50, 50], lr=0.1, weight_decay=0.01, batch_size=64, num_epochs=3,
        evaluation=EvaluationConfig(points=1, train_samples=100, test_samples=100), **choices,
    )  # fmt: skip
    # the same initial weights and mini-batches; roundings differ
    assert train(config) == pytest.approx(run(config).final["test_accuracy"], abs=0.01)
    assert np.isnan(train(RunConfig(**(vars(config) | {"lr": 1e9}))))


def test_a_goal_says_whether_it_is_met() -> None:
    table = goals(
        [Goal("a", 2, 1.5, " s"), Goal("b", 2, 1.5, at_least=True), Goal("c", 2, None)]
    ).splitlines()
    assert table[2:] == [
        "| a | ≤ 2 s | 1.5 s | yes |",
        "| b | ≥ 2 | 1.5 | **no** |",
        "| c | ≤ 2 | – | not measured |",
    ]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_of_the_document_is_replaced_as_often_as_it_is_written(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "benchmarks.md"
    real = FOLDER.parent / "docs" / "benchmarks.md"
    copy.write_text(real.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr("document.DOCUMENT", copy)
    publish(section, ["first"], write=True)
    publish(section, ["second \\1", "third"], write=True)
    text = copy.read_text(encoding="utf-8")
    assert f"<!-- {section} -->\n\nsecond \\1\n\nthird\n\n<!-- /{section} -->" in text
    assert "first" not in text.split(f"<!-- {section} -->")[1].split("<!-- /")[0]
    with pytest.raises(ValueError, match="expected one <!-- other -->"):
        publish("other", ["x"], write=True)


def test_a_step_of_more_products_is_slower_and_named() -> None:
    import check_steps

    content = json.loads(check_steps.FILE.read_text(encoding="utf-8"))
    before, margin = content["ratios"], content["margin"]
    assert margin == check_steps.MARGIN
    assert check_steps.slower(before, before, margin) == []
    # the forward pass has 37 % of the time of a plain step, as a profile of it says
    doubled = {name: 1.37 * ratio for name, ratio in before.items()}
    assert len(check_steps.slower(doubled, before, margin)) == len(before) == 4
    (line,) = check_steps.slower({"plain": 2.6}, {"plain": 1.3}, margin)
    assert line == "plain: 1.30 → 2.60 bare products (2.00 ×)"


def test_the_check_of_steps_runs_in_units_of_bare_products() -> None:
    import check_steps

    assert set(check_steps.ratios(rounds=2)) == {"plain", "dropout 0.2", "batch norm", "both"}
    assert check_steps.main(["--check", "--tiny"]) == 0
