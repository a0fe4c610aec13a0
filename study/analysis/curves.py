"""What learning curves say: accuracy to the end, when a level is reached, gap at equal accuracy.

Curves are evaluated on parts of the training and test samples (``evaluation.train_samples``,
``evaluation.test_samples``); only final metrics are of all samples.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis.frames import CONFIG_COLUMNS, Results, config_row, once
from study.network.trainer import batches_per_epoch
from study.records.config import FULL_BATCH
from study.records.record import RunSummary

ACCURACIES = ("train_accuracy", "test_accuracy")
# Runs that agree in these are evaluated at the same steps.
SCHEDULE = [
    "data", "data_checksum", "train_size", "valid_size", "batch_size", "num_epochs", "num_steps",
    "evaluation_points", "evaluation_spacing",
]  # fmt: skip
CURVE_NUMBERS = ("step", "epoch", "samples_seen", *ACCURACIES, "gap")
CURVE_COLUMNS = [*CONFIG_COLUMNS, "status", *CURVE_NUMBERS]
AXES = {"updates": "step", "epochs": "epoch", "samples": "samples_seen", "seconds": "seconds"}


@once
def accuracy_curves(
    results: Results, experiment: str, config: tuple[str, ...] = CONFIG_COLUMNS
) -> pd.DataFrame:
    """Learning curves of all runs, diverged ones at chance accuracy from there to the end.

    Without that, the mean over seeds would be one of the lucky runs only. Failed runs have none.

    Args:
        config: which columns of the configuration, ``address`` besides; all columns of the curves
            of a million runs do not fit in memory.

    Returns:
        The columns ``config``, ``status`` and ``CURVE_NUMBERS``.
    """
    runs = results.runs(experiment)
    columns = list(dict.fromkeys(["address", *config]))
    kept = [*columns, "status", *CURVE_NUMBERS]
    points = results.points(experiment, kept, keep=False)
    before, after = points, points.iloc[:0]
    lost = runs["status"] == "diverged"
    if lost.any():
        number = runs.groupby(SCHEDULE, dropna=False, sort=False).ngroup()
        schedule = points["address"].map(dict(zip(runs["address"], number, strict=True)))
        moments = points[["step", "epoch", "samples_seen"]].assign(schedule=schedule)
        moments = moments.drop_duplicates(["schedule", "step"])
        ends = runs.loc[lost].set_index("address")["diverged_at"]
        before = points[points["step"] < points["address"].map(ends).astype(float).fillna(np.inf)]
        planned = runs.loc[lost, [*columns, "status", "diverged_at", "chance"]]
        planned = planned.assign(schedule=number[lost]).merge(moments, on="schedule")
        after = planned[planned["step"] >= planned["diverged_at"].astype(float)]
        after = after.assign(**dict.fromkeys(ACCURACIES, after["chance"]))
    parts = [part for part in (before, after) if len(part)] or [before]
    curves = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return curves.assign(gap=curves["train_accuracy"] - curves["test_accuracy"])[kept]


def planned_length(record: RunSummary) -> dict[str, float]:
    """Where a run is one step after its planned end, on each of ``AXES``; NaN where not known.

    Seconds are those of its own steps, as many as were planned.
    """
    config = record.config
    size = config["train_size"]
    if size is None:
        files = record.provenance.get("data", {}).get("train_samples", math.nan)
        size = files - config.get("valid_size", 0)
    if not size > 0:
        return dict.fromkeys(AXES, math.nan)
    batch = size if config["batch_size"] == FULL_BATCH else min(int(config["batch_size"]), size)
    per_epoch = batches_per_epoch(size, batch)
    steps = config["num_steps"]
    steps = config["num_epochs"] * per_epoch if steps is None else steps
    done = steps if record.diverged_at is None else record.diverged_at
    seconds = record.timing.get("training", math.nan)
    return {
        "updates": steps + 1,
        "epochs": (steps + 1) / per_epoch,
        "samples": steps // per_epoch * size + steps % per_epoch * batch + batch,
        "seconds": seconds * (steps + 1) / max(done, 1),
    }


def time_to(
    results: Results, experiment: str, axis: str, metric: str, level: float
) -> pd.DataFrame:
    """When each run's curve first reaches ``level``, at the first evaluation that is there.

    Args:
        axis: one of ``AXES``: what to count.
        metric: a column of the curve; a loss reaches a level from above.

    Returns:
        Config columns, ``status``, ``value`` and ``censored``: a run that never reaches the level
        or diverged, whose value is its planned length and one step more (a lower bound of what it
        would have needed). Failed runs have no row.
    """
    points = results.points(experiment, ["status", metric, "step", AXES[axis]])
    values = points[metric].to_numpy(float)
    there = values <= level if metric.endswith("loss") else values >= level
    there &= (points["status"] == "completed").to_numpy()
    reached = points.loc[there, ["address", *dict.fromkeys(["step", AXES[axis]])]]
    first = reached.sort_values("step", kind="stable").groupby("address", sort=False)[AXES[axis]]
    when = first.first().astype(float).to_dict()
    rows = []
    for record in results.of(experiment):
        if record.status != "failed":
            value = when.get(record.address)
            row = config_row(record) | {"status": record.status, "censored": value is None}
            rows.append(row | {"value": planned_length(record)[axis] if value is None else value})
    return pd.DataFrame(rows, columns=[*CONFIG_COLUMNS, "status", "value", "censored"])


class GapCurve(NamedTuple):
    """One run's gap between training and test accuracy as its training accuracy grows.

    Attributes:
        of_all: the accuracies and gaps of many runs, one after the other.
        start, end: where this run's are.
    """

    of_all: tuple[NDArray[np.float64], NDArray[np.float64]]
    start: int
    end: int

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """On training samples, at each evaluation, in the order of training."""
        return self.of_all[0][self.start : self.end]

    @property
    def gap(self) -> NDArray[np.float64]:
        """Training minus test accuracy there."""
        return self.of_all[1][self.start : self.end]

    def at(self, level: float) -> float:
        """The gap where the training accuracy first reaches ``level``.

        Linear between the evaluation before and the one after; NaN where it never gets there.
        """
        there = np.flatnonzero(self.accuracy >= level)
        if not len(there):
            return math.nan
        after = int(there[0])
        if after == 0:
            return float(self.gap[0])
        ends = self.accuracy[after - 1 : after + 1]
        return float(np.interp(level, ends, self.gap[after - 1 : after + 1]))


@once
def gap_curves(results: Results, experiment: str) -> pd.DataFrame:
    """A row for each run that did not fail: config columns, ``status``, ``value`` (GapCurve)."""
    curves = accuracy_curves(results, experiment, ())
    curves = curves.sort_values(["address", "step"], kind="stable")
    first = ~curves["address"].duplicated().to_numpy(bool)
    bounds = [*np.flatnonzero(first).tolist(), len(curves)]
    of_all = (curves["train_accuracy"].to_numpy(float), curves["gap"].to_numpy(float))
    runs = results.runs(experiment)
    places = pd.Index(runs["address"]).get_indexer(curves.loc[first, "address"])
    own = np.full(len(runs), None, object)
    for place, start, end in zip(places, bounds[:-1], bounds[1:], strict=True):
        own[place] = GapCurve(of_all, start, end)
    rows = runs[[*CONFIG_COLUMNS, "status"]].assign(value=own)
    return rows if len(places) == len(runs) else rows[rows["value"].notna()]


def equal_accuracy(one: GapCurve, other: GapCurve) -> tuple[float, float]:
    """The highest training accuracy that both of two runs reach, the same for either."""
    level = float(min(one.accuracy.max(), other.accuracy.max()))
    return level, level


def gaps_at_equal_accuracy(one: GapCurve, other: GapCurve) -> tuple[float, float]:
    """Gaps of two runs at the highest training accuracy that both reach."""
    level, _ = equal_accuracy(one, other)
    return one.at(level), other.at(level)
