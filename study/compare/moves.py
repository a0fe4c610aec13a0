"""By how much effects and cells moved from one study to the other.

A move is B minus A; of a ratio, B divided by A. With the same seeds on both sides it is the mean
over the seeds of what moved (Student's t): both have the same initial weights and order of samples.
With other seeds the sides are independent, and the interval is Welch's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis.findings import UNKNOWN
from study.analysis.frames import count_diverged
from study.analysis.intervals import LEVEL, Estimate, holm, t_evidence, t_interval
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED
from study.compare.sides import Part, Side, Verdict
from study.errors import ConfigError, StoreError
from study.records.cells import CELL, COLUMNS, columns
from study.records.config import RunConfig

METRICS = ("test_accuracy", "train_accuracy", "gap", "test_loss", "train_loss")
SHARES = ("test_accuracy", "train_accuracy", "gap")
# What counts diverged runs, besides the metric.
NEEDED = ("status", "seed", "chance", "valid_size", "train_accuracy", "test_accuracy",
          "valid_accuracy", "gap", "data")  # fmt: skip
# What alone does not change a run's result, and names a cell only where nothing else does.
LAST = ("evaluation_points", "evaluation_spacing", "evaluation_train_samples",
        "evaluation_test_samples")  # fmt: skip
ALPHA = 1 - LEVEL
GAUSSIAN = "gaussian"  # the probe's inputs, which a study has besides its data


# --- a number on both sides ---------------------------------------------------------------------


def move(a: pd.Series, b: pd.Series) -> tuple[Estimate, float]:
    """B minus A with its interval, and the p-value that nothing moved.

    Args:
        a, b: a value for each seed, indexed by it.

    Returns:
        The p-value is NaN with fewer than two seeds on a side; values that all moved alike leave no
        doubt: 0, or 1 if they did not move.
    """
    a, b = a.dropna(), b.dropna()
    if not (len(a) and len(b)):
        return UNKNOWN, math.nan
    if set(a.index) == set(b.index):
        evidence = t_evidence(b - a)
        p = 2 * np.minimum(evidence.p_greater(0.0), evidence.p_less(0.0))
        return evidence.estimate, float(np.minimum(p, 1.0))
    return _welch(a.to_numpy(float), b.to_numpy(float))


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[Estimate, float]:
    """Welch's interval and test of the means of two independent samples (1947)."""
    mean, n = float(b.mean() - a.mean()), min(len(a), len(b))
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n, "Welch"), math.nan
    if not (np.ptp(a) or np.ptp(b)):
        return Estimate(mean, mean, mean, n, "Welch"), 0.0 if mean else 1.0
    from scipy import stats  # takes half a second, which only this comparison waits for

    tested = stats.ttest_ind(b, a, equal_var=False)
    interval = tested.confidence_interval(LEVEL)
    low, high = float(interval.low), float(interval.high)
    return Estimate(mean, low, high, n, "Welch"), float(tested.pvalue)


# --- claims -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PartMove:
    """A test on both sides; one of them is None where only the other has it.

    Attributes:
        name: of the part.
        move: of the effect, in its unit; NaN where a side has no effect, or another declaration.
    """

    name: str
    a: Part | None
    b: Part | None
    move: Estimate


@dataclass(frozen=True)
class ClaimMove:
    """A claim on both sides; one of them is None where only the other has it."""

    id: str
    a: Verdict | None
    b: Verdict | None
    parts: Sequence[PartMove]

    @property
    def differs(self) -> bool:
        """Whether both sides have the claim, with different verdicts."""
        return self.a is not None and self.b is not None and self.a.verdict != self.b.verdict

    @property
    def contradicts(self) -> bool:
        """Whether both verdicts are decided, and differ."""
        undecided = (INCONCLUSIVE, NOT_JUDGED)
        return self.differs and not any(
            side.verdict in undecided for side in (self.a, self.b) if side is not None
        )

    @property
    def redeclared(self) -> bool:
        """Whether the two sides judge different declarations or settings under one name."""
        if self.a is None or self.b is None:
            return False
        return (self.a.digest, self.a.settings) != (self.b.digest, self.b.settings)


def claim_moves(a: Side, b: Side) -> list[ClaimMove]:
    """Every claim that a side has, in the order of A, then those of B alone."""
    found = []
    for name in dict.fromkeys([*a.verdicts, *b.verdicts]):
        one, other = a.verdicts.get(name), b.verdicts.get(name)
        names = dict.fromkeys(part for side in (one, other) if side for part in side.parts)
        parts = [
            _part_move(
                part,
                one.parts.get(part) if one is not None else None,
                other.parts.get(part) if other is not None else None,
            )
            for part in names
        ]
        found.append(ClaimMove(name, one, other, parts))
    return found


def _part_move(name: str, a: Part | None, b: Part | None) -> PartMove:
    if a is None or b is None or a.what != b.what:
        return PartMove(name, a, b, UNKNOWN)
    moved, _ = move(a.by_seed, b.by_seed)
    if a.ratio:
        mean, low, high = (float(np.exp(value)) for value in moved[:3])
        moved = Estimate(mean, low, high, moved.n, f"log {moved.method}")
    return PartMove(name, a, b, moved)


# --- cells --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CellMove:
    """A cell on both sides.

    Attributes:
        words: what differs from a run's usual configuration, ``(column, value)``.
        a, b: mean of the metric over the seeds, with its interval.
        move: B minus A.
        p: that nothing moved, corrected for the number of cells (Holm); NaN if it is not known.
        equal: whether each seed has the same value, to the last digit.
    """

    words: Sequence[tuple[str, str]]
    a: Estimate
    b: Estimate
    move: Estimate
    p: float
    equal: bool


@dataclass(frozen=True)
class CellMoves:
    """All cells that both sides have, those that moved most first.

    Attributes:
        shared: words that all of ``cells`` have, which do not name them.
        only_a, only_b: how many cells only one side has.
        unpaired: how many cells have other seeds on the two sides.
    """

    metric: str
    cells: Sequence[CellMove]
    shared: Sequence[tuple[str, str]]
    only_a: int
    only_b: int
    unpaired: int

    @property
    def moved(self) -> int:
        """How many moved by more than noise explains (5 % for all of them together)."""
        return sum(each.p <= ALPHA for each in self.cells)

    @property
    def equal(self) -> int:
        """How many have the same values, to the last digit."""
        return sum(each.equal for each in self.cells)


def cell_moves(a: Side, b: Side, metric: str = METRICS[0]) -> CellMoves | None:
    """How ``metric`` moved in every cell; None where a side has no runs.

    Cells are the same where their configurations are, whatever the study's data set. Diverged runs
    count at chance accuracy; failed ones do not count.

    Raises:
        ConfigError: there is no such metric.
        StoreError: a table of runs lacks a column, or has one cell twice.
    """
    if metric not in METRICS:
        raise ConfigError("--metric", "one of the choices", metric, METRICS)
    if a.runs is None or b.runs is None:
        return None
    common = [
        name for name in CELL if name != "data_checksum" and name in a.runs and name in b.runs
    ]
    values = [_cells(side, common, metric) for side in (a, b)]
    keys = [key for key in values[0] if key in values[1]]
    pairs = [(values[0][key], values[1][key]) for key in keys]
    moves = [move(*pair) for pair in pairs]
    corrected = holm([p for _, p in moves])
    named = _words(keys, common)
    shared = [word for word in (named[0] if named else []) if all(word in own for own in named)]
    cells = [
        CellMove(
            [word for word in words if word not in shared],
            t_interval(one),
            t_interval(other),
            moved,
            float(p),
            one.sort_index().equals(other.sort_index()),
        )
        for words, (one, other), (moved, _), p in zip(named, pairs, moves, corrected, strict=True)
    ]
    return CellMoves(
        metric,
        sorted(cells, key=lambda cell: -np.nan_to_num(abs(cell.move.mean), nan=-1.0)),
        shared,
        only_a=len(values[0]) - len(keys),
        only_b=len(values[1]) - len(keys),
        unpaired=sum(set(one.index) != set(other.index) for one, other in pairs),
    )


Key = tuple[str, ...]


def _cells(side: Side, common: Sequence[str], metric: str) -> dict[Key, pd.Series]:
    """By cell, the metric of each seed."""
    assert side.runs is not None
    for name in (*NEEDED, metric):
        if name not in side.runs:
            raise StoreError(f"{side.path}: the table of runs has no column {name}")
    numbers = [name for name in (*NEEDED, metric) if name not in ("status", "data")]
    try:
        typed = side.runs.assign(
            **{name: pd.to_numeric(side.runs[name].mask(side.runs[name] == "")) for name in numbers}
        )
    except ValueError as error:
        raise StoreError(f"{side.path}: the table of runs has no numbers ({error})") from None
    runs = count_diverged(typed)
    # another data set is what may be compared: the study's own has no name here
    others = set(runs["data"]) - {GAUSSIAN}
    own_data = others.pop() if len(others) == 1 else GAUSSIAN
    runs["data"] = runs["data"].where(runs["data"] != own_data, "")
    keys = side.runs.loc[runs.index, list(common)].assign(data=runs["data"])
    seeds, values = runs["seed"].to_numpy(int), runs[metric].to_numpy(float)
    found: dict[Key, dict[int, float]] = {}
    for key, seed, value in zip(
        keys.itertuples(index=False, name=None), seeds, values, strict=True
    ):
        own = found.setdefault(key, {})
        if seed in own:
            raise StoreError(f"{side.path}: the table of runs has a cell twice with seed {seed}")
        own[int(seed)] = value
    return {key: pd.Series(own, dtype=float) for key, own in found.items()}


def _words(keys: Sequence[Key], common: Sequence[str]) -> list[list[tuple[str, str]]]:
    """What names each cell: what is not as usual; as much of it as tells it from the others."""
    unnamed = {"name": ""}
    default = RunConfig(init=unnamed, activation=unnamed)
    # what is without effect by default has its usual value where it has one
    used = columns(replace(default, batchnorm=True, dropout=0.5, train_size=1).to_dict())
    usual = {
        name: str(used[name] if value is None and name != "train_size" else value)
        for name, value in columns(default.to_dict()).items()
    }
    first = [i for i, name in enumerate(common) if COLUMNS[name].of is None and name not in LAST]
    rest = [i for i in range(len(common)) if i not in first]
    short: dict[Key, int] = {}
    for key in keys:
        own = tuple(key[i] for i in first)
        short[own] = short.get(own, 0) + 1
    named = []
    for key in keys:
        shown = first if short[tuple(key[i] for i in first)] == 1 else [*first, *rest]
        words = [(common[i], key[i]) for i in shown]
        named.append([(name, value) for name, value in words if value not in ("", usual[name])])
    return named
