"""Records as tidy pandas frames, the only thing that figures and tables look at.

Three frames, each with the run's configuration in its first columns (``CONFIG_COLUMNS``):

==========  =====================================================================================
frame       one row for each
==========  =====================================================================================
``runs``    run: status, final metrics, seconds
``points``  run × evaluation: the learning curve (``trainer.Point``), and ``seconds`` of training
``layers``  run × moment (``init``, ``end``) × layer: ``probes.layer_statistics``
==========  =====================================================================================

Accuracies and shares are in [0, 1], losses in nats, times in seconds, ``int64``/``float64``
throughout; ``init``, ``activation`` and ``status`` are strings. Metrics of a run that diverged or
failed are NaN; ``count_diverged`` says what to count them as.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.records.config import label
from study.records.plan import StudyPlan
from study.records.record import METRICS, RunRecord

CONFIG_COLUMNS = (
    "address", "data", "seed", "init", "activation", "batchnorm", "dropout", "weight_decay",
    "lr", "momentum", "batch_size", "width", "depth", "train_size", "num_epochs", "num_steps",
    "init_std",
)  # fmt: skip
SECONDS = ("total", "setup", "training", "evaluation", "probes")


def config_row(record: RunRecord) -> dict[str, Any]:
    """The configuration of a run in flat columns; choices by their labels (``normal 0.01``)."""
    config = record.config
    hidden = config["hidden"]
    return {
        "address": record.address,
        "data": config["data"]["label"] or config["data"]["name"],
        "seed": config["seed"],
        "init": label(config["init"]),
        "activation": config["activation"]["name"],
        "batchnorm": config["batchnorm"],
        "dropout": float(config["dropout"]),
        "weight_decay": float(config["weight_decay"]),
        "lr": float(config["lr"]),
        "momentum": float(config["momentum"]),
        "batch_size": str(config["batch_size"]),
        "width": hidden[0] if hidden else 0,
        "depth": len(hidden),
        "train_size": config["train_size"],
        "num_epochs": config["num_epochs"],
        "num_steps": config["num_steps"],
        "init_std": config["init"].get("std"),
    }


def runs_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run."""
    rows = []
    for record in records:
        row = config_row(record) | {"status": record.status, "diverged_at": record.diverged_at}
        row |= {metric: record.final[metric] for metric in METRICS}
        row["chance"] = 1 / record.provenance.get("data", {}).get("num_classes", 10)
        row |= {f"{part}_seconds": record.timing.get(part) for part in SECONDS}
        rows.append(row)
    columns = [
        *CONFIG_COLUMNS, "status", "diverged_at", *METRICS, "chance",
        *(f"{part}_seconds" for part in SECONDS),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame["gap"] = frame["train_accuracy"] - frame["test_accuracy"]
    return frame


def points_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run and evaluation."""
    frames = [
        pd.DataFrame(record.history).assign(
            seconds=record.timing.get("at", []), **config_row(record), status=record.status
        )
        for record in records
        if record.history.get("step")
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["step"])


def layers_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run, moment and layer (1 is the first hidden layer)."""
    rows = [
        config_row(record) | {"moment": moment} | row
        for record in records
        for moment, layer_rows in record.layers.items()
        for row in layer_rows
    ]
    return pd.DataFrame(rows)


def count_diverged(runs: pd.DataFrame) -> pd.DataFrame:
    """Drop failed runs and count diverged ones at chance accuracy, train and test, with gap 0.

    A run whose loss is not finite is an outcome: a classifier that guesses.
    """
    counted = runs[runs["status"] != "failed"].copy()
    diverged = counted["status"] == "diverged"
    for column in ("train_accuracy", "test_accuracy"):
        counted.loc[diverged, column] = counted.loc[diverged, "chance"]
    counted.loc[diverged, "gap"] = 0.0
    return counted


@dataclass(frozen=True)
class Results:
    """The stored runs of one study, by experiment.

    Args:
        plan: which runs there should be.
        records: those there are, by address.
    """

    plan: StudyPlan
    records: Mapping[str, RunRecord]

    def has(self, *experiments: str) -> bool:
        """Whether each of ``experiments`` has at least one run that did not fail."""
        return all(
            any(record.status != "failed" for record in self.of(name)) for name in experiments
        )

    def of(self, experiment: str) -> list[RunRecord]:
        """The stored records of ``experiment``, in the order of its grid."""
        addresses = self.plan.experiments.get(experiment, [])
        return [self.records[address] for address in addresses if address in self.records]

    def missing(self, experiment: str) -> int:
        """How many runs of ``experiment`` are not stored."""
        return len(self.plan.experiments.get(experiment, [])) - len(self.of(experiment))

    def runs(self, experiment: str) -> pd.DataFrame:
        """``runs_frame`` of ``experiment``."""
        return runs_frame(self.of(experiment))

    def points(self, experiment: str) -> pd.DataFrame:
        """``points_frame`` of ``experiment``."""
        return points_frame(self.of(experiment))

    def layers(self, experiment: str) -> pd.DataFrame:
        """``layers_frame`` of ``experiment``."""
        return layers_frame(self.of(experiment))

    def measured(
        self, experiment: str, measurement: str, moment: str = "end"
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Configuration row and result of a probe, for each run of ``experiment`` that has it."""
        for record in self.of(experiment):
            result = record.measurements.get(moment, {}).get(measurement)
            if result:
                yield config_row(record), result
