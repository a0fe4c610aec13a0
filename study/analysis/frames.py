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
``seed``, ``width``, ``depth``, ``valid_size``,              ``int64``
``evaluation_points``, ``evaluation_train_samples``,
``evaluation_test_samples``, ``step``, ``samples_seen``,
``layer``
``train_size``, ``num_epochs``, ``num_steps``,               ``Int64`` (nullable: ``pd.NA``
``evaluation_final_samples``, ``diverged_at``                where it does not apply)
``batchnorm``, ``is_hidden``                                 ``bool``
names: ``address``, ``data``, ``data_checksum``,             ``str`` (``object`` in pandas 2),
``train_subset``, ``hidden`` (``5×100``), ``init``,          NaN (None) where it does not apply
``init_class``, ``output_init``, ``output_init_class``,
``activation``, ``activation_class``, ``dropout_scaling``,
``lr_schedule``, ``lr_milestones`` (``[0.5, 0.75]``),
``batch_size`` (a number or ``full``),
``dtype``, ``evaluation_spacing``, ``status``, ``moment``
every other number                                           ``float64``, NaN where not known, and
                                                             for ``max_norm`` where there is none
===========================================================  ==================================

Runs that differ in more than the seed differ in a column of ``cells.CELL``.

Statistics of activations and gradients are NaN for the output layer. Metrics of a run that
diverged or failed are NaN; ``count_diverged`` says what to count them as. ``valid_loss`` and
``valid_accuracy`` are NaN without validation samples (``valid_size`` = 0).
"""

import functools
import math
from array import array
from collections.abc import (
    Callable,
    Collection,
    Container,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import MergedCellsError
from study.network.trainer import Point
from study.records import columns as table_columns
from study.records.cells import CELL, COLUMNS, columns, overrides_for
from study.records.columns import CURVE, LAYERS, release_unused, to_table
from study.records.config import cell_key
from study.records.plan import StudyPlan
from study.records.record import METRICS, VALIDATION, RunRecord, RunSummary
from study.records.runs import Runs

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

CONFIG_COLUMNS = ("address", *COLUMNS)
SECONDS = ("total", "setup", "training", "evaluation", "probes")
RUN_COLUMNS = (
    "status", "diverged_at", *METRICS, *VALIDATION, "chance",
    *(f"{part}_seconds" for part in SECONDS), "gap",
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
LAYER_COLUMNS = ("moment", "layer", "is_hidden", *WEIGHT_STATISTICS, *HIDDEN_STATISTICS)

# Since pandas 3 what is shared is copied when somebody writes to it.
_DEEP = int(pd.__version__.partition(".")[0]) < 3
# The same few names stand in all rows: as references they take a third of Arrow's memory, and are
# looked up faster.
_TEXT: Any = "str" if _DEEP else pd.StringDtype("python", na_value=np.nan)

_DTYPES: dict[str, Any] = {name: column.dtype for name, column in COLUMNS.items()}
_DTYPES |= dict.fromkeys(("address", "status", "moment"), "str")
_DTYPES |= dict.fromkeys(("step", "samples_seen", "layer"), "int64")
_DTYPES |= {"diverged_at": "Int64", "is_hidden": "bool"}
_LACKING = ("str", "float64")  # whose values are missing just where they are without effect
# Where a record calls a statistic otherwise: ``hidden`` is the widths of the network.
_STORED = {"is_hidden": "hidden"}


def config_row(record: RunSummary) -> dict[str, Any]:
    """The address of a run, and its configuration in flat columns (``cells.columns``)."""
    return {"address": record.address, **columns(record.config)}


def runs_frame(records: Iterable[RunSummary]) -> pd.DataFrame:
    """One row for each run; ``gap`` is train minus test accuracy.

    Each of ``records`` is looked at once and let go of: a million of them as objects do not fit in
    memory. Runs that differ in their seed alone have their configuration looked at once.
    """
    cells: dict[Hashable, int] = {}
    rows: list[dict[str, Any]] = []
    places, seeds = array("q"), array("q")
    texts: dict[str, list[str]] = {"address": [], "status": []}
    diverged_at: list[int | None] = []
    finals = {name: array("d") for name in (*METRICS, *VALIDATION)}
    seconds = {part: array("d") for part in SECONDS}
    chance = array("d")
    for record in records:
        places.append(cells.setdefault(cell_key(record.config), len(cells)))
        if len(rows) < len(cells):
            rows.append(config_row(record))
        seeds.append(record.config["seed"])
        texts["address"].append(record.address)
        texts["status"].append(record.status)
        diverged_at.append(record.diverged_at)
        chance.append(1 / record.provenance.get("data", {}).get("num_classes", 10))
        for name, values in finals.items():
            values.append(_number(record.final.get(name)))
        for part, values in seconds.items():
            values.append(_number(record.timing.get(part)))
    config = _frame(rows, CONFIG_COLUMNS).take(np.frombuffer(places, np.int64))
    found = {name: np.frombuffer(values) for name, values in finals.items()}
    found |= {f"{part}_seconds": np.frombuffer(values) for part, values in seconds.items()}
    found |= {
        "status": _column("status", texts["status"]),
        "diverged_at": _column("diverged_at", diverged_at),
        "chance": np.frombuffer(chance),
        "gap": found["train_accuracy"] - found["test_accuracy"],
    }
    own = {"address": _column("address", texts["address"]), "seed": np.frombuffer(seeds, np.int64)}
    measured = pd.DataFrame({name: found[name] for name in RUN_COLUMNS}, copy=True)
    return pd.concat([config.reset_index(drop=True).assign(**own), measured], axis=1)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def points_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run and evaluation."""
    records = list(records)
    return _points(runs_frame(records), to_table(records, CURVE))


def layers_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row for each run, moment and layer (1 is the first hidden layer)."""
    records = list(records)
    return _layers(runs_frame(records), to_table(records, LAYERS))


def stored_frames(runs: Runs) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The frames ``runs``, ``points`` and ``layers`` of stored runs."""
    frame = runs_frame(runs.values())
    return frame, _points(frame, runs.table(runs, CURVE)), _layers(frame, runs.table(runs, LAYERS))


def _points(
    runs: pd.DataFrame, table: "pa.Table", only: Collection[str] | None = None
) -> pd.DataFrame:
    """The points of ``runs``, whose curves are the rows of ``table``."""
    counts = table_columns.counts(table, "points.step")
    frame = _repeated(runs[_wanted((*CONFIG_COLUMNS, "status"), only)], counts)
    return frame.assign(
        **{
            name: table_columns.values(table, CURVE + name).astype(_DTYPES.get(name, "float64"))
            for name in _wanted((*POINT_COLUMNS, "seconds"), only)
        }
    )


def _layers(
    runs: pd.DataFrame, table: "pa.Table", only: Collection[str] | None = None
) -> pd.DataFrame:
    """The layers of ``runs``, whose statistics are in the rows of ``table``."""
    counts = table_columns.counts(table, LAYERS + "moment")
    frame = _repeated(runs[_wanted(CONFIG_COLUMNS, only)], counts)
    names = {n.removeprefix(LAYERS) for n in table.column_names if n.startswith(LAYERS)}
    statistics: dict[str, Any] = {"moment": pd.Series(table_columns.moments(table), dtype=_TEXT)}
    further = names.difference(LAYER_COLUMNS, _STORED.values())
    for name in (*_wanted(LAYER_COLUMNS[1:], only), *_wanted(sorted(further), only)):
        stored = _STORED.get(name, name)
        if stored in names:
            found = table_columns.values(table, LAYERS + stored)
        else:
            found = np.full(len(frame), np.nan)
        statistics[name] = found.astype(_DTYPES.get(name, "float64"))
    return pd.concat([frame, pd.DataFrame(statistics)], axis=1)


def _wanted(names: Iterable[str], only: Collection[str] | None) -> list[str]:
    return [name for name in names if only is None or name in only]


def _repeated(config: pd.DataFrame, counts: NDArray[np.int64]) -> pd.DataFrame:
    """Row i of ``config`` ``counts[i]`` times."""
    return config.take(np.repeat(np.arange(len(config)), counts)).reset_index(drop=True)


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a frame of ``columns``, in the documented types."""
    return pd.DataFrame({name: _column(name, [row.get(name) for row in rows]) for name in columns})


def _column(name: str, values: Sequence[Any]) -> Any:
    dtype = _DTYPES.get(name, "float64")
    if dtype == "float64":  # None becomes NaN
        return np.array(values, float)
    column = pd.Series(values, dtype=object)
    if dtype != "str":
        return column.astype(dtype)
    # What has no text is no text, which pandas 2 would make of it.
    return column.astype(_TEXT).where(column.notna(), None)


def count_diverged(runs: pd.DataFrame) -> pd.DataFrame:
    """Drop failed runs and count diverged ones at chance accuracy, with gap 0.

    A run whose loss is not finite is an outcome: a classifier that guesses. ``runs`` itself keeps
    its NaNs. ``valid_accuracy`` stays NaN where there are no validation samples.
    """
    failed = runs["status"] == "failed"
    counted = (runs[~failed] if failed.any() else runs).copy(deep=_DEEP)
    diverged = counted["status"] == "diverged"
    for column in ("train_accuracy", "test_accuracy"):
        counted.loc[diverged, column] = counted.loc[diverged, "chance"]
    validated = diverged & (counted["valid_size"] > 0)
    counted.loc[validated, "valid_accuracy"] = counted.loc[validated, "chance"]
    counted.loc[diverged, "gap"] = 0.0
    return counted


def differing(cells: pd.DataFrame, by: Sequence[str]) -> dict[str, list[Any]]:
    """The columns in which cells differ that agree in all of ``by``, with their values.

    Args:
        cells: a row for each, in the columns ``CELL``.
        by: what is taken apart; cells that agree in it would be averaged.
    """
    if len(cells) == (len(cells.drop_duplicates(list(by))) if by else min(len(cells), 1)):
        return {}
    groups = cells.groupby(list(by), dropna=False) if by else cells.groupby(lambda _: 0)
    # What another setting leaves without effect is not known there: that one differs already.
    unknown = {name for name in CELL if COLUMNS[name].dtype in _LACKING}
    unknown -= {name for name in CELL if COLUMNS[name].optional}
    levels = {name: groups[name].nunique(dropna=name in unknown) for name in CELL}
    spread = [name for name, counts in levels.items() if counts.max() > 1]
    spread = [name for name in spread if COLUMNS[name].of not in spread]
    return {name: cells[name].drop_duplicates().tolist() for name in spread}


@dataclass(frozen=True, eq=False)
class Results:
    """The stored runs of one study, by experiment; they equal themselves alone.

    Args:
        plan: which runs there should be.
        records: runs by address, from a store or, whole, from memory; those of the plan are kept.
    """

    plan: StudyPlan
    records: Runs | Mapping[str, RunRecord]
    _made: dict[tuple[Hashable, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        found = self.records if isinstance(self.records, Runs) else Runs.of(self.records)
        object.__setattr__(self, "records", found.only(self.plan.addresses))

    @property
    def stored(self) -> Runs:
        """``records``, with their curves and measurements."""
        assert isinstance(self.records, Runs)
        return self.records

    def with_further(self) -> "Results":
        """The same with the runs of further seeds among those of their experiments."""
        if not self.plan.further:
            return self
        merged = {
            name: [*addresses, *self.plan.further.get(name, ())]
            for name, addresses in self.plan.experiments.items()
        }
        return Results(replace(self.plan, experiments=merged, further={}), self.stored)

    def of_experiments(self, names: Iterable[str]) -> "Results":
        """The runs of these experiments alone."""
        kept = set(names)
        if kept.issuperset(self.plan.experiments):
            return self
        groups: dict[str, Any] = {
            group: {name: own for name, own in getattr(self.plan, group).items() if name in kept}
            for group in ("experiments", "left_out", "added", "further")
        }
        plan = replace(self.plan, **groups)
        return Results(plan, self.stored)

    def by_experiment(self) -> pd.DataFrame:
        """``runs`` of all, and in ``experiments`` the names of those that want each run."""
        wanted: dict[str, str] = {}
        for name, addresses in self.plan.experiments.items():
            for address in addresses:
                others = wanted.get(address)
                wanted[address] = name if others is None else f"{others} {name}"
        runs = self.runs()
        return runs.assign(experiments=[wanted.get(address, "") for address in runs["address"]])

    def has(self, *experiments: str) -> bool:
        """Whether each of ``experiments`` has at least one run that did not fail."""
        return all(
            any(self.records[address].status != "failed" for address in self._addresses([name]))
            for name in experiments
        )

    def of(self, *experiments: str) -> list[RunSummary]:
        """The stored runs of ``experiments``, each once, in the order of their grids."""
        return [self.records[address] for address in self._addresses(experiments)]

    def _addresses(self, experiments: Iterable[str]) -> list[str]:
        groups = [self.plan.experiments.get(name, ()) for name in experiments]
        wanted = dict.fromkeys(address for group in groups for address in group)
        return [address for address in wanted if address in self.records]

    def missing(self, experiment: str) -> int:
        """How many runs of ``experiment`` are not stored."""
        return len(self.plan.experiments.get(experiment, [])) - len(self._addresses([experiment]))

    def runs(self, *experiments: str) -> pd.DataFrame:
        """``runs_frame`` of ``experiments``, each run once; of all where none is named.

        One experiment that has settings and arms has the columns ``setting`` (``int64``) and
        ``arm`` (``str``) besides, as in ``points`` and ``layers``.
        """
        return self._kept(("runs", *experiments), experiments, lambda: self._runs(experiments))

    def settings(self, experiment: str) -> pd.DataFrame:
        """What the settings of ``experiment`` have drawn: ``setting``, and a column for each key.

        The columns have the keys as names, and None where a setting has none. Settings that are
        given, not drawn, have negative numbers (``named``).
        """
        drawn = self.plan.maps[experiment]
        return pd.DataFrame(drawn["settings"], columns=["setting", *drawn["axes"]])

    def named(self, experiment: str) -> dict[int, str]:
        """The names of the settings of ``experiment`` that are given, by their numbers (< 0)."""
        return {number: name for name, number in self.plan.maps[experiment]["named"].items()}

    def check_cells(self, experiment: str, by: Sequence[str]) -> None:
        """Raise MergedCellsError if runs that agree in the columns ``by`` differ in another one.

        Their seeds may differ. A mean over such runs would be of several cells.
        """
        runs = self.runs(experiment)
        found = differing(runs.drop_duplicates(list(CELL)), by)
        if found:
            first = self.records[runs["address"].iloc[0]].config
            words = [word for column in found for word in overrides_for(column, first)]
            raise MergedCellsError(experiment, found, words)

    def points(
        self, experiment: str, only: Iterable[str] | None = None, *, keep: bool = True
    ) -> pd.DataFrame:
        """``points_frame`` of ``experiment``.

        Args:
            only: the columns that are wanted, ``address`` besides; all by default. Of a million
                runs all columns do not fit in memory.
            keep: whether somebody else may ask for the same columns.
        """
        return self._rows("points", experiment, CURVE, _points, only, keep=keep)

    def layers(
        self, experiment: str, only: Iterable[str] | None = None,
        among: frozenset[str] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """``layers_frame`` of ``experiment``.

        Args:
            only: as of ``points``; ``moment`` is always there.
            among: the addresses of the runs that are wanted, where not all of them are.
        """
        return self._rows("layers", experiment, LAYERS, _layers, only, among)

    def _rows(
        self, kind: str, experiment: str, prefix: str,
        make: Callable[..., pd.DataFrame], only: Iterable[str] | None,
        among: frozenset[str] | None = None, keep: bool = True,
    ) -> pd.DataFrame:  # fmt: skip
        """Points or layers, from those columns of the store that they need."""
        names = None if only is None else {"address", *only}
        asked = None if names is None else {prefix + _STORED.get(name, name) for name in names}

        def made() -> pd.DataFrame:
            runs = self._runs([experiment])
            runs = runs if among is None else runs[runs["address"].isin(among)]
            frame = make(runs, self.stored.table(runs["address"], prefix, asked), names)
            release_unused()
            return frame

        key = (kind, experiment, None if names is None else frozenset(names), among)
        return self._kept(key, [experiment], made) if keep else self._placed(made(), [experiment])

    def _runs(self, experiments: Sequence[str]) -> pd.DataFrame:
        """Rows of the frame of all runs: to make that takes longer than all the others."""
        every = self.once(("runs",), lambda: runs_frame(self.records.values()))
        if not experiments:
            return every
        addresses = self._addresses(experiments)
        if len(addresses) == len(every) and (every["address"] == addresses).all():
            return every  # a study of one experiment need not have all of it twice
        rows = pd.Index(every["address"]).get_indexer(addresses)
        return every.take(rows).reset_index(drop=True)

    def _kept(
        self, key: tuple[Hashable, ...], experiments: Sequence[str],
        make: Callable[[], pd.DataFrame],
    ) -> pd.DataFrame:  # fmt: skip
        """Each frame is made once: ten figures and as many claims may look at the same runs."""
        return self.once(key, lambda: self._placed(make(), experiments)).copy(deep=_DEEP)

    def once(self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """What ``make`` returns, made once for each ``key`` until it is forgotten."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def forget(self) -> None:
        """Let go of all but the frame of all runs: of many runs, curves do not fit in memory."""
        for key in self._made.keys() - {("runs",)}:
            del self._made[key]

    def _placed(self, frame: pd.DataFrame, experiments: Sequence[str]) -> pd.DataFrame:
        """``frame`` with the setting and the arm of each run, where its one experiment has them."""
        drawn = self.plan.maps.get(experiments[0]) if len(experiments) == 1 else None
        if drawn is None:
            return frame
        places = [drawn["cells"][address] for address in frame["address"]]
        setting = np.array([place[0] for place in places], dtype="int64")
        arm = pd.Series([place[1] for place in places], index=frame.index, dtype="str")
        return frame.assign(setting=setting, arm=arm)

    def measured(
        self, experiment: str, measurement: str, moment: str = "end",
        of: Callable[[dict[str, Any]], Any] = dict, among: Container[str] | None = None,
    ) -> Iterator[tuple[dict[str, Any], Any]]:  # fmt: skip
        """Configuration row and result of a probe, for each run of ``experiment`` that has it.

        Args:
            of: what is kept of a result, where not all of it: matrices of many runs are gigabytes.
            among: the addresses of the runs that are wanted, where not all of them are.
        """
        addresses = self._addresses([experiment])
        if among is not None:
            addresses = [address for address in addresses if address in among]
        for address, result in self.stored.measured(addresses, moment, measurement, of):
            yield config_row(self.records[address]), result


def once(function: Callable[..., T]) -> Callable[..., T]:
    """A function of results, or of a grid of them, computed once until the results ``forget``."""

    @functools.wraps(function)
    def kept(of: Any, *further: Hashable) -> T:
        whole = isinstance(of, Results)
        results: Results = of if whole else of.results
        key = (function, *further) if whole else (function, of, *further)
        return results.once(key, lambda: function(of, *further))

    return kept
