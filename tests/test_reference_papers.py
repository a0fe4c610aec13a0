"""The committed chapter on papers: effects by seed worked out again from ``runs.csv``.

Nothing here is the project's: the runs of each side are found by what they trained with.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
(TABLES,) = {path.parent for path in ROOT.glob("reports/*/tables/**/P10.csv")}
REPORT = next(path for path in TABLES.parents if (path / "runs.csv").is_file())
CLAIMS = {
    each["id"]: each
    for each in json.loads((REPORT / "claims.json").read_text(encoding="utf-8"))["claims"]
}
RUNS = pd.read_csv(REPORT / "runs.csv", low_memory=False)
RUNS["experiments"] = RUNS["experiments"].fillna("")  # of seeds for claims that were open
LOST = RUNS["status"] == "diverged"
for _column in ("train_accuracy", "test_accuracy", "valid_accuracy"):
    RUNS.loc[LOST, _column] = RUNS["chance"]

Cell = dict[str, Any]
DEEP: Cell = {"experiments": "paper_depth", "depth": 30, "batchnorm": False}
CHAOS: Cell = {"experiments": "paper_chaos", "depth": 40}
# Metric, treatment, and control or number, of parts of claims.
PARTS: dict[tuple[str, str], tuple[str, Cell, Cell | float]] = {
    ("P2", "he"): ("train_accuracy", DEEP | {"init": "he"}, 0.8),
    ("P2", "stalls"): ("train_accuracy", DEEP | {"init": "he"}, DEEP | {"init": "xavier"}),
    ("P2", "rescue"): (
        "train_accuracy",
        DEEP | {"init": "xavier", "batchnorm": True},
        DEEP | {"init": "xavier"},
    ),
    ("P2", "shallow"): (
        "test_accuracy",
        DEEP | {"init": "he", "depth": 10},
        DEEP | {"init": "xavier", "depth": 10},
    ),
    ("P9", "critical"): ("train_accuracy", CHAOS | {"init": "xavier"}, 0.5),
    ("P9", "ordered"): (
        "train_accuracy",
        CHAOS | {"init": "xavier"},
        CHAOS | {"init": "xavier × 0.5"},
    ),
    ("P9", "chaotic"): (
        "train_accuracy",
        CHAOS | {"init": "xavier"},
        CHAOS | {"init": "xavier × 4"},
    ),
}


def of_experiment(name: str) -> pd.DataFrame:
    return RUNS[RUNS["experiments"].str.split().map(lambda names: name in names)]


def by_seed(cell: Cell, metric: str) -> pd.Series:
    """The metric of a cell's runs by seed."""
    rows = of_experiment(str(cell["experiments"]))
    for name, value in cell.items():
        rows = rows if name == "experiments" else rows[rows[name] == value]
    assert rows["seed"].is_unique
    return rows.set_index("seed")[metric]


def ranges(batchnorm: bool) -> pd.Series:
    """Best minus worst test accuracy over the learning rates, by seed."""
    rows = of_experiment("paper_rates")
    test = rows[rows["batchnorm"] == batchnorm].pivot_table(
        index="seed", columns="lr", values="test_accuracy"
    )
    return test.max(axis=1) - test.min(axis=1)


def check(part: dict[str, Any], effect: pd.Series) -> None:
    """Compare a part with effects by seed, and its interval with Student's t."""
    stored = pd.Series(part["values"]["effect"], index=part["values"]["seed"])
    assert stored.to_dict() == pytest.approx(effect[stored.index].to_dict(), abs=1e-9)
    if stored.std() > 0:
        error = stored.std(ddof=1) / len(stored) ** 0.5
        interval = stats.t.interval(0.95, len(stored) - 1, stored.mean(), error)
        assert (part["effect"]["low"], part["effect"]["high"]) == pytest.approx(interval)


@pytest.mark.parametrize(("claim", "part"), PARTS)
def test_effects_are_those_of_the_runs(claim: str, part: str) -> None:
    metric, treatment, control = PARTS[claim, part]
    effect = by_seed(treatment, metric)
    effect -= control if isinstance(control, float) else by_seed(control, metric)
    check(CLAIMS[claim]["parts"][part], effect)


def test_the_range_over_rates_is_that_of_the_runs() -> None:
    check(CLAIMS["P4"]["parts"]["range"], ranges(True) - ranges(False))


def test_the_readme_says_how_many_agree() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    counts = pd.read_csv(REPORT / "agreement.csv")["agreement"].value_counts()
    agree, differ, unknown = (counts[name] for name in ("agrees", "differs", "open"))
    said = f"of {counts.sum()} comparisons with what was published {agree} agree, {differ} differ"
    assert f"{said} and {unknown} cannot be told" in readme
    verdicts = [each["verdict"] for each in CLAIMS.values() if each["chapter"] == "papers"]
    supported, unclear = (verdicts.count(name) for name in ("supported", "inconclusive"))
    assert supported + unclear == len(verdicts)
    said = f"of the {len(verdicts)} claims the runs support {supported} and leave {unclear}"
    assert f"{said} inconclusive" in readme
