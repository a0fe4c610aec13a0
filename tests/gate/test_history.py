"""The gate's history, and the steps in it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from builders_gate import RULES, baseline, changed, moved, records

from study import check as command
from study.edge.gate_trend import write_trend
from study.errors import StudyError
from study.gate.compare import check
from study.gate.history import append_run, read_history, steps
from study.gate.result import ALL


def series(*levels: tuple[float, int], noise: float = 1e-3, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [level + noise * float(rng.standard_normal()) for level, n in levels for _ in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_steps_are_where_the_level_changes(seed: int) -> None:
    assert steps(series((0.8, 20), (0.78, 15), (0.81, 30), seed=seed)) == [20, 35]
    assert steps(series((0.8, 1), (0.7, 30), seed=seed))[0] == 1
    assert steps(series((0.8, 30), (0.7, 1), seed=seed))[-1] == 30


def test_scatter_alone_has_no_steps() -> None:
    found = [bool(steps(series((0.8, 60), seed=seed))) for seed in range(300)]
    assert sum(found) <= 6  # 0.4 % of 1,000 series had one


def test_equal_values_and_the_rounding_of_another_processor_have_none() -> None:
    assert steps([0.8] * 50) == []
    assert steps([0.8, 0.8003] * 20) == []
    assert steps([0.8] * 20 + [0.8004] * 20) == []
    assert steps([]) == steps([0.5]) == []
    assert steps([0.8] * 20 + [0.79] * 20) == [20]


def write(path: Path) -> None:
    """Ten runs of the gate, then ten in which one cell is worse."""
    for number in range(20):
        runs = changed(moved(-0.05)) if number >= 10 else records()
        result = check(baseline(), runs, RULES)
        append_run(path, result, date=f"2026-01-{number + 1:02}T00:00:00", commit=f"{number:040x}")


def test_each_run_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    write(path)
    lines = path.read_text().splitlines()
    assert len(lines) == 20
    assert json.loads(lines[0])["outcome"] == "pass"
    entries = read_history(path)
    assert entries[15].outcome == "regression"
    assert set(entries[0].cells) == {"he relu", "xavier relu", "he relu, dropout 0.2", ALL}
    assert entries[15].cells["he relu"] == pytest.approx(entries[0].cells["he relu"] - 0.05)


class Page(HTMLParser):
    """Tags, and what would be loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [v or "" for k, v in attrs if k in ("src", "href") and (v or "#")[0] != "#"]


def test_the_page_names_the_step_and_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    write(path)
    text = write_trend(path).read_text(encoding="utf-8")
    page = Page(text)
    assert page.loads == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 2  # of all cells, and of the one with a step
    row = re.search(r"<tr><td>he relu</td>.*?</tr>", text, re.S)
    assert row is not None
    assert f"{10:040x}"[:9] in row[0]
    assert "2026-01-11" in row[0]
    before, after = map(float, re.findall(r"([\d.]+) %", row[0]))
    assert before - after == pytest.approx(5, abs=0.02)
    assert "xavier relu" in text.split("Without a step")[1]
    assert not re.search(r"var\(--(?!grid|blue|vermilion)", text)


def test_the_command_draws_it_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "run_gate", lambda *_, **__: pytest.fail("it ran"))
    write(Path("h.jsonl"))
    assert command.main(["--trend", "h.jsonl"]) == 0
    assert capsys.readouterr().out == "trend: h.jsonl.html\n"
    assert command.main(["--trend", "none"]) == 4
    assert "none: cannot be read (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no run of the gate in it"),
        ("{}\n", "line 1: not a line of --history"),
        ('\n{"date": "x", "commit": null, "outcome": "pass", "cells": {"a": 5}}\n', "line 2"),
        ("nonsense", "line 1"),
        ("[1]", "line 1"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "h"
    path.write_text(text)
    with pytest.raises(StudyError, match=re.escape(message)):
        read_history(path)
