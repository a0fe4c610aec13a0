"""Records as tidy pandas frames, the only thing that figures and tables look at.

Three frames, each with the run's configuration in its first columns (``CONFIG_COLUMNS``):

==========  =====================================================================================
frame       one row for each
==========  =====================================================================================
``runs``    run: status, final metrics, seconds
``points``  run × evaluation: the learning curve (``trainer.Point``), and ``seconds`` of training
``layers``  run × moment (``init``, ``end``) × layer: ``probes.layer_statistics``
==========  =====================================================================================

Accuracies and shares are in [0, 1], losses in nats, times in seconds. The columns and their types
are the same whatever the records, also for none at all:

===========================================================  ==================================
columns                                                      dtype
===========================================================  ==================================
``seed``, ``width``, ``depth``, ``step``, ``samples_seen``,  ``int64``
``layer``
``train_size``, ``num_epochs``, ``num_steps``,               ``Int64`` (nullable: ``pd.NA``
``diverged_at``                                              where it does not apply)
``batchnorm``, ``hidden``                                    ``bool``
names: ``address``, ``data``, ``init``, ``activation``,      ``str`` (``object`` in pandas 2)
``batch_size`` (a number or ``full``), ``status``,
``moment``
every other number                                           ``float64``, NaN where not known
===========================================================  ==================================

Statistics of activations and gradients are NaN for the output layer. Metrics of a run that
diverged or failed are NaN; ``count_diverged`` says what to count them as.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from study.network.trainer import Point
from study.records.config import columns
from study.records.plan import StudyPlan
from study.records.record import METRICS, RunRecord

CONFIG_COLUMNS = (
    "address", "data", "seed", "init", "activation", "batchnorm", "dropout", "weight_decay",
    "lr", "momentum", "batch_size", "width", "depth", "train_size", "num_epochs", "num_steps",
    "init_std",
)  # fmt: skip
SECONDS = ("total", "setup", "training", "evaluation", "probes")
RUN_COLUMNS = (
    "status", "diverged_at", *METRICS, "chance", *(f"{part}_seconds" for part in SECONDS), "gap",
)  # fmt: skip
POINT_COLUMNS = tuple(item.name for item in fields(Point))
WEIGHT_STATISTICS = ("weight_norm", "weight_mean_square", "weight_max", "weight_kurtosis")
HIDDEN_STATISTICS = (
    "units", "activation_mean", "activation_sd", "activation_mean_square", "activation_skew",
    "saturated_share", "unit_spread", "effective_units", "distinct_units",
    "mean_abs_correlation", "preactivation_mean", "preactivation_var", "normalised_mean",
    "normalised_var", "unit_mean_max", "unit_var_mean", "gradient_norm", "weight_gradient_norm",
    "weight_gradient_spread",
)  # fmt: skip
LAYER_COLUMNS = ("moment", "layer", "hidden", *WEIGHT_STATISTICS, *HIDDEN_STATISTICS)

_NAMES = ("address", "data", "init", "activation", "batch_size", "status", "moment")
_DTYPES: dict[str, Any] = (
    dict.fromkeys(_NAMES, "str")
    | dict.fromkeys(("seed", "width", "depth", "step", "samples_seen", "layer"), "int64")
    | dict.fromkeys(("train_size", "num_epochs", "num_steps", "diverged_at"), "Int64")
    | dict.fromkeys(("batchnorm", "hidden"), "bool")
)


def config_row(record: RunRecord) -> dict[str, Any]:
    """The address of a run, and its configuration in flat columns (``config.columns``)."""
    return {"address": record.address, **columns(record.config)}


def runs_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run; ``gap`` is train minus test accuracy."""
    rows = []
    for record in records:
        row = config_row(record) | {"status": record.status, "diverged_at": record.diverged_at}
        row |= {metric: record.final.get(metric) for metric in METRICS}
        row["chance"] = 1 / record.provenance.get("data", {}).get("num_classes", 10)
        row |= {f"{part}_seconds": record.timing.get(part) for part in SECONDS}
        rows.append(row)
    frame = _frame(rows, (*CONFIG_COLUMNS, *RUN_COLUMNS))
    return frame.assign(gap=frame["train_accuracy"] - frame["test_accuracy"])


def points_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run and evaluation."""
    evaluated = [record for record in records if record.history.get("step")]
    counts = [len(record.history["step"]) for record in evaluated]
    rows = [config_row(record) | {"status": record.status} for record in evaluated]
    frame = _repeated(_frame(rows, (*CONFIG_COLUMNS, "status")), counts)
    for name in POINT_COLUMNS:
        column = _joined(name, [record.history.get(name) for record in evaluated], counts)
        frame[name] = column.astype(_DTYPES.get(name, "float64"))
    frame["seconds"] = _joined("at", [record.timing.get("at") for record in evaluated], counts)
    return frame


def _joined(
    name: str, columns: Sequence[Sequence[float] | None], counts: Sequence[int]
) -> np.ndarray:
    """One column of all runs: NaNs where a run does not have it."""
    parts = [
        column if column else [np.nan] * count
        for column, count in zip(columns, counts, strict=True)
    ]
    if [len(part) for part in parts] != list(counts):
        raise ValueError(f"{name}: its length differs from that of the learning curve")
    return np.fromiter(chain.from_iterable(parts), float, sum(counts))


def layers_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run, moment and layer (1 is the first hidden layer)."""
    rows: list[Mapping[str, Any]] = []
    moments: list[str] = []
    configs: list[dict[str, Any]] = []
    counts: list[int] = []
    for record in records:
        configs.append(config_row(record))
        counts.append(sum(map(len, record.layers.values())))
        for moment, layer_rows in record.layers.items():
            moments += [moment] * len(layer_rows)
            rows += layer_rows
    repeated = _repeated(_frame(configs, CONFIG_COLUMNS), counts)
    statistics = _frame(rows, LAYER_COLUMNS[1:])
    statistics.insert(0, "moment", pd.Series(moments, dtype="str"))
    return pd.concat([repeated, statistics], axis=1)


def _repeated(config: pd.DataFrame, counts: Sequence[int]) -> pd.DataFrame:
    """Row i of ``config`` ``counts[i]`` times."""
    return config.take(np.repeat(np.arange(len(config)), counts)).reset_index(drop=True)


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a frame of ``columns``, and then of what else they have, in the documented types."""
    further = dict.fromkeys(key for row in rows for key in row)
    names = list(dict.fromkeys([*columns, *further]))
    return pd.DataFrame({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _column(name: str, values: Sequence[Any]) -> Any:
    dtype = _DTYPES.get(name, "float64")
    if dtype == "float64":  # None becomes NaN
        return np.array(values, float)
    return pd.Series(values, dtype=object).astype(dtype)


def count_diverged(runs: pd.DataFrame) -> pd.DataFrame:
    """Drop failed runs and count diverged ones at chance accuracy, train and test, with gap 0.

    A run whose loss is not finite is an outcome: a classifier that guesses. ``runs`` itself keeps
    its NaNs.
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
    _frames: dict[tuple[str, str], pd.DataFrame] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
        return self._frame(runs_frame, experiment)

    def points(self, experiment: str) -> pd.DataFrame:
        """``points_frame`` of ``experiment``."""
        return self._frame(points_frame, experiment)

    def layers(self, experiment: str) -> pd.DataFrame:
        """``layers_frame`` of ``experiment``."""
        return self._frame(layers_frame, experiment)

    def _frame(
        self, make: Callable[[Iterable[RunRecord]], pd.DataFrame], experiment: str
    ) -> pd.DataFrame:
        """Each frame is made once: ten figures and as many claims may look at the same runs."""
        key = make.__name__, experiment
        if key not in self._frames:
            self._frames[key] = make(self.of(experiment))
        return self._frames[key].copy()

    def measured(
        self, experiment: str, measurement: str, moment: str = "end"
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Configuration row and result of a probe, for each run of ``experiment`` that has it."""
        for record in self.of(experiment):
            result = record.measurements.get(moment, {}).get(measurement)
            if result:
                yield config_row(record), result
