"""The committed map: its effects and shares worked out again from ``runs.csv`` by other code.

Nothing here is the project's: settings are found by what they drew, arms by what they train with;
rates, effects and shares are computed in pandas.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
(TABLES,) = {path.parent for path in ROOT.glob("reports/*/tables/**/batchnorm-decides.csv")}
REPORT = next(path for path in TABLES.parents if (path / "runs.csv").is_file())
PAGE = next(path for name in ("map", "index") if (path := REPORT / f"{name}.html").is_file())
RUNS = pd.read_csv(REPORT / "runs.csv", low_memory=False)
RUNS["experiments"] = RUNS["experiments"].fillna("")  # of seeds for claims that were open
LOST = RUNS["status"] == "diverged"
RUNS.loc[LOST, ["test_accuracy", "valid_accuracy"]] = 0.1
RESULT = ("effect", "treatment", "control")  # what columns of a figure's table begin with

Arm = dict[str, Any]
"""What an arm trains with, by column."""


def alone(**values: float) -> Arm:
    return {"dropout": 0.0, "weight_decay": 0.0} | values


# The arms of both sides of each figure, and the experiment.
SIDES: dict[str, tuple[str, list[Arm], list[Arm]]] = {
    "batchnorm": ("map_batchnorm", [{"batchnorm": True}], [{"batchnorm": False}]),
    "init": (
        "map_init",
        [{"init": "xavier"}, {"init": "he"}],
        [{"init": "normal 0.01"}, {"init": "normal 1"}],
    ),
    "init-he": ("map_init", [{"init": "he"}], [{"init": "xavier"}]),
    "decay": (
        "map_regularisation",
        [alone(weight_decay=rate) for rate in (0.001, 0.01, 0.03, 0.1)],
        [alone()],
    ),
    "dropout": (
        "map_regularisation",
        [alone(dropout=rate) for rate in (0.05, 0.1, 0.2, 0.5)],
        [alone()],
    ),
}


def drawn_settings(name: str) -> pd.DataFrame:
    """The table of a figure without the lecture's own setting, which is given and not drawn."""
    table = pd.read_csv(TABLES / f"{name}.csv")
    numbers = pd.to_numeric(table["setting"], errors="coerce")
    assert (numbers.isna() | (numbers < 0)).sum() == 1
    return table[numbers >= 0].assign(setting=numbers[numbers >= 0].astype(int))


@cache
def of_experiment(name: str) -> pd.DataFrame:
    """The runs of an experiment."""
    return RUNS[RUNS["experiments"].str.split().map(lambda names: name in names)]


def of_setting(experiment: str, row: pd.Series) -> pd.DataFrame:
    """The runs of the setting in a row of a figure's table."""
    drawn = row[[name for name in row.index if not name.startswith(RESULT)]]
    runs = of_experiment(experiment)
    runs = runs[runs["seed"] == drawn.pop("setting")]
    std = drawn.pop("init.std") if "init.std" in drawn else np.nan
    if not np.isnan(std):
        drawn["init"] = f"normal {std:.4g}"
    for name, value in drawn.items():
        if isinstance(value, str):
            runs = runs[runs[name] == value]
        else:  # a column of batch sizes has ``full``, too
            runs = runs[np.isclose(pd.to_numeric(runs[name], errors="coerce"), value)]
    return runs


def best_rate(runs: pd.DataFrame, arm: Arm) -> pd.Series:
    """The run of an arm with the best validation accuracy, of equals nearest the middle rate."""
    for name, value in arm.items():
        runs = runs[runs[name] == value]
    ordered = runs.sort_values("lr").reset_index(drop=True)
    ordered["off"] = (ordered.index - (len(ordered) - 1) / 2).map(abs)
    chosen = ordered.sort_values(["valid_accuracy", "off", "lr"], ascending=[False, True, True])
    return chosen.iloc[0]


def side(runs: pd.DataFrame, arms: list[Arm]) -> float:
    """The test accuracy of the arm that is best on validation samples, of equals the first."""
    best = pd.DataFrame([best_rate(runs, arm) for arm in arms])
    return float(best["test_accuracy"].iloc[best["valid_accuracy"].argmax()])


@pytest.mark.parametrize("name", SIDES)
def test_the_effects_are_those_of_the_runs(name: str) -> None:
    experiment, treatment, control = SIDES[name]
    table = drawn_settings(name)
    assert len(table) >= 20
    for _, row in table.iterrows():
        runs = of_setting(experiment, row)
        effect = side(runs, treatment) - side(runs, control)
        assert effect == pytest.approx(row["effect"], abs=1e-9), row["setting"]


@pytest.mark.parametrize("name", SIDES)
def test_the_page_says_in_how_many_settings(name: str) -> None:
    article = re.compile(rf'<article [^>]*id="{name}".*?Measured\.(.*?)</p>', re.DOTALL)
    said = article.search(PAGE.read_text(encoding="utf-8"))
    assert said is not None
    effect = drawn_settings(name)["effect"].round(9)
    gain, loss = int((effect >= 0.01).sum()), int((effect <= -0.01).sum())
    words = re.sub(r"<[^>]+>|\s+", " ", said[1])
    assert f"In {len(effect)} settings" in words
    assert f"test accuracy in {gain} (" in words
    assert f"no difference that matters in {len(effect) - gain - loss}" in words
    assert re.search(rf"a loss of a point or more in {loss}\b", words)


def of_readme() -> Iterator[tuple[str, str, list[str]]]:
    """Figure, number of settings, and the rest of each row of the README's table."""
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if row := re.match(r"\| \[.*map\.html#([\w-]+)\)[^|]*\| (\d+) \| (.*) \|$", line):
            yield row[1], row[2], row[3].split(" | ")


def test_the_readme_says_what_the_map_found() -> None:
    rows = list(of_readme())
    assert len(rows) == 8
    for name, settings, said in rows:
        effect = drawn_settings(name)["effect"].round(9)
        half = stats.t.ppf(0.975, len(effect) - 1) * effect.sem()
        mean = f"{100 * effect.mean():+.1f}".replace("-", "−")
        counts = [str((effect >= 0.01).sum()), str((effect <= -0.01).sum())]
        assert [settings, *said] == [str(len(effect)), *counts, f"{mean} ± {100 * half:.1f}"], name
