"""What the runs say about one part of a claim, before any correction.

``examine`` takes the part's metric, its cells, pairs and interval; or it says why the part cannot
be judged, and gives no number that could pass for a finding.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis import pairing, verdicts
from study.analysis.declarations import SPREADS, Part, needs
from study.analysis.frames import CONFIG_COLUMNS, Results, count_diverged
from study.analysis.intervals import Estimate, Evidence, t_evidence, t_interval
from study.analysis.metrics import METRICS, measure
from study.analysis.verdicts import NOT_JUDGED, PartLevels

NARROW = 0.90  # level of the interval that says «no effect that matters»
LEARNED = 0.05  # training accuracy above chance from which a side has learned anything
ROUNDING = 1e-12  # relative; what a difference of equal numbers may be
UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Finding:
    """What the runs say about one part of a claim.

    Attributes:
        part: its declaration.
        treatment, control: means of both sides over the seeds (of a ratio: geometric means);
            control is None for a constant.
        effect: treatment minus control, or treatment / control; 95 % interval.
        narrow: the same with the 90 % interval of the two one-sided tests.
        p: smallest error level of any verdict on this part alone; NaN where it is not judged.
        p_corrected: the same with all corrections; NaN for a part that decides nothing.
        verdict: after the corrections.
        uncorrected: before them.
        reason: why it is open or not judged (``verdicts.REASONS``), None where it is decided.
        detail: what a reason's sentence needs, e.g. ``columns`` or ``count``.
        diverged: how many of the runs compared diverged.
        censored: how many never reached the level that the metric waits for.
        pairs: columns ``paired_by``, ``treatment``, ``control``, ``effect``; a row for each pair.
        levels: by side, what a reduction chose.
        edges: the sides whose choice is the smallest or largest of a list of numbers.
        seeds_needed: how many seeds would probably decide it; None where it is decided, or where
            no number would.
    """

    part: Part
    treatment: Estimate = UNKNOWN
    control: Estimate | None = None
    effect: Estimate = UNKNOWN
    narrow: Estimate = UNKNOWN
    p: float = math.nan
    p_corrected: float = math.nan
    verdict: str = NOT_JUDGED
    uncorrected: str = NOT_JUDGED
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    diverged: int = 0
    censored: int = 0
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    levels: Mapping[str, list[tuple[Hashable, ...]]] = field(default_factory=dict)
    edges: tuple[str, ...] = ()
    seeds_needed: int | None = None

    @property
    def treatment_level(self) -> str:
        """What a reduction chose for the treatment, in words."""
        return _in_words(self.levels.get("treatment", []))

    @property
    def control_level(self) -> str:
        """What a reduction chose for the control, in words."""
        return _in_words(self.levels.get("control", []))


@dataclass(frozen=True)
class Tested:
    """One part before any correction.

    Attributes:
        finding: with its numbers; ``reason`` where it cannot be judged.
        evidence: of its effect, None where it cannot be judged.
        smallest: on the scale of the evidence.
        addresses: of the runs compared.
    """

    finding: Finding
    evidence: Evidence | None = None
    smallest: float = 0.0
    addresses: tuple[str, ...] = ()

    @property
    def levels(self) -> PartLevels:
        """Of each verdict on this part alone."""
        assert self.evidence is not None
        return verdicts.part_levels(self.evidence, self.finding.part.direction, self.smallest)


class Measured:
    """The metrics of one study, each made once."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._frames: dict[tuple[Hashable, ...], pd.DataFrame] = {}

    def frame(self, part: Part) -> pd.DataFrame:
        """The frame of a part's metric, prepared for pairing."""
        return self.metric(part.experiment, part.metric, part.options)

    def metric(self, experiment: str, name: str, options: Mapping[str, Any]) -> pd.DataFrame:
        """The frame of a metric with these options, prepared for pairing."""
        key = (experiment, name, *options.items())
        if key not in self._frames:
            frame = measure(self.results, experiment, name, options)
            config = self._config(experiment)
            if not config.index.equals(addresses := pd.Index(frame["address"])):
                config = config.take(config.index.get_indexer(addresses))
            config = config.set_axis(frame.index)
            own = [name for name in frame.columns if name not in CONFIG_COLUMNS]
            self._frames[key] = pd.concat([config, frame[own]], axis=1)
        return self._frames[key]

    def _config(self, experiment: str) -> pd.DataFrame:
        """What the frames of all metrics of an experiment share, by address."""
        key = ("config", experiment)
        if key not in self._frames:
            counted = count_diverged(self.results.runs(experiment))
            config = pairing.prepared(counted[list(CONFIG_COLUMNS)])
            self._frames[key] = config.set_index("address", drop=False)
        return self._frames[key]

    def forget(self) -> None:
        """Let go of all but the runs; what is asked for again is made again."""
        self._frames = {
            key: frame for key, frame in self._frames.items() if key[0] in ("runs", "config")
        }
        self.results.forget()

    def runs(self, experiment: str) -> pd.DataFrame:
        """The runs of an experiment, with ``recommended``, diverged ones at chance."""
        key = ("runs", experiment)
        if key not in self._frames:
            counted = count_diverged(self.results.runs(experiment))
            config = self._config(experiment)
            own = [name for name in counted.columns if name not in config.columns]
            # side by side, so that the configuration is in memory once
            self._frames[key] = pd.concat([config, counted[own].set_axis(config.index)], axis=1)
        return self._frames[key]

    def absent(self, part: Part) -> int:
        """How many runs are not stored, which may be this part's, or are its own and failed."""
        failed = self.results.runs(part.experiment)
        failed = failed[failed["status"] == "failed"]
        rows = failed[list(CONFIG_COLUMNS)].to_dict("records") if len(failed) else []
        own = sum(needs(part, {str(key): value for key, value in row.items()}) for row in rows)
        return self.results.missing(part.experiment) + own

    def chooser(self, part: Part) -> Mapping[str, float]:
        """By address, what the part's reductions choose by; the higher the better."""
        reductions = [r for r in (part.reduce, part.reduce_control) if r is not None and r.by]
        if not reductions:
            return {}
        by = str(reductions[0].by)
        runs = self.runs(part.experiment)
        # A run that diverged has no loss: no level with one has the lowest.
        loss = runs[by].where(runs["status"] != "diverged", math.inf)
        signed = -loss if by.endswith("loss") else runs[by]
        return {str(address): float(value) for address, value in signed.items()}


def examine(part: Part, measured: Measured, upto: int | None = None) -> Tested:
    """One part before any correction, with the seeds below ``upto`` only."""
    plan = measured.results.plan
    if part.experiment not in plan.experiments:
        return _unjudged(part, verdicts.NOT_RUN, experiment=part.experiment)
    whole = METRICS[part.metric].whole
    lacking = sum(needs(part, row) for row in plan.left_out_rows(part.experiment))
    if lacking:
        return _unjudged(part, verdicts.LEFT_OUT, count=lacking)
    if whole and part.experiment in plan.added:
        return _unjudged(part, verdicts.OTHER_CELLS)
    frame, runs = measured.frame(part), measured.runs(part.experiment)
    if upto is not None:
        frame, runs = frame[frame["seed"] < upto], runs[runs["seed"] < upto]
    # Of further seeds, those of later looks may still be missing.
    if upto is None and (absent := measured.absent(part)):
        return _unjudged(part, verdicts.MISSING, count=absent)
    wanted = pairing.selected(part, runs)
    if not all(len(own) for own in wanted.values()):
        return _unjudged(part, verdicts.NO_CELLS)
    if absent := sum(pairing.lacking(own) for own in wanted.values()):
        return _unjudged(part, verdicts.MISSING, count=absent)
    rows = pairing.selected(part, frame)
    if any(set(own["address"]) - set(rows[name]["address"]) for name, own in wanted.items()):
        # A metric has no row for what it cannot be taken of, such as a network that diverged.
        return _unjudged(part, verdicts.NO_VALUE)
    addresses = {name: tuple(own["address"]) for name, own in rows.items()}
    if (
        len(rows) > 1
        and part.reduce == part.reduce_control
        and (set(addresses["treatment"]) == set(addresses["control"]))
    ):
        return _unjudged(part, verdicts.SAME_CELLS)
    try:
        sides = pairing.sides(part, rows, measured.chooser(part))
    except pairing.MergedCells as error:
        return _unjudged(part, verdicts.MERGED, columns=", ".join(error.columns))
    compared = pd.concat([side.rows for side in sides.values()]).drop_duplicates("address")
    tested = _evaluated(part, pairing.pairs(part, sides))
    finding = replace(
        tested.finding,
        diverged=int((compared["status"] == "diverged").sum()),
        censored=int(compared["censored"].sum()) if "censored" in compared else 0,
        levels={name: side.levels for name, side in sides.items() if side.levels},
        edges=tuple(name for name, side in sides.items() if side.edge),
    )
    undecidable = _undecidable(part, sides, runs)
    reason = finding.reason or undecidable
    if reason is not None:
        finding = replace(finding, reason=reason, p=math.nan, uncorrected=NOT_JUDGED)
        # No number stands in for what decides nothing; what few seeds say is little, but true.
        if reason != verdicts.FEW_SEEDS or undecidable is not None:
            finding = replace(
                finding, effect=UNKNOWN, narrow=UNKNOWN, treatment=UNKNOWN,
                control=None if finding.control is None else UNKNOWN,
            )  # fmt: skip
        return Tested(finding, None, addresses=tuple(compared["address"]))
    return replace(tested, finding=finding, addresses=tuple(compared["address"]))


def told(part: Part, measured: Measured) -> Finding:
    """The numbers of a part that is told and not judged, such as a figure shows them.

    What decides nothing is true all the same: networks that have learned nothing, an experiment
    that is not complete. Pairs without a number are left out; so are, where nothing is compared,
    runs that never reach a level (``censored`` counts them). A reason is given only where no
    number is left.
    """
    if part.experiment not in measured.results.plan.experiments:
        return _unjudged(part, verdicts.NOT_RUN, experiment=part.experiment).finding
    runs = measured.runs(part.experiment)
    wanted = pairing.selected(part, runs)
    if not all(len(own) for own in wanted.values()):
        return _unjudged(part, verdicts.NO_CELLS).finding
    if absent := sum(pairing.lacking(own) for own in wanted.values()):
        return _unjudged(part, verdicts.MISSING, count=absent).finding
    rows = pairing.selected(part, measured.frame(part))
    compared = pd.concat(list(rows.values())).drop_duplicates("address")
    addresses = [frozenset(own["address"]) for own in rows.values()]
    if len(set(addresses)) < len(addresses) and part.reduce == part.reduce_control:
        return _unjudged(part, verdicts.SAME_CELLS).finding
    if "censored" in compared and part.control is None:
        rows = {
            name: own.assign(value=own["value"].where(~own["censored"].astype(bool)))
            for name, own in rows.items()
        }
    try:
        sides = pairing.sides(part, rows, measured.chooser(part))
    except pairing.MergedCells as error:
        return _unjudged(part, verdicts.MERGED, columns=", ".join(error.columns)).finding
    table = pairing.pairs(part, sides)
    table = table[np.isfinite(table[["treatment", "control"]].to_numpy(float)).all(axis=1)]
    finding = _evaluated(part, table).finding if len(table) else Finding(
        part, reason=verdicts.NO_VALUE, control=None if part.control is None else UNKNOWN
    )  # fmt: skip
    return replace(
        finding,
        diverged=int((compared["status"] == "diverged").sum()),
        censored=int(compared["censored"].sum()) if "censored" in compared else 0,
        levels={name: side.levels for name, side in sides.items() if side.levels},
    )


def _unjudged(part: Part, reason: str, **detail: Any) -> Tested:
    control = None if part.control is None else UNKNOWN
    return Tested(Finding(part, reason=reason, detail=detail, control=control))


def _evaluated(part: Part, table: pd.DataFrame) -> Tested:
    """Interval and levels of the pairs in ``table``; a reason where they allow none."""
    sides = table[["treatment", "control"]].to_numpy(float)
    ratio = part.compare == "ratio"
    reason = None
    if not np.isfinite(sides).all():
        reason = verdicts.NO_VALUE
    elif ratio and not (sides > 0).all():
        # A ratio of what is not positive is no number: such a pair may not just be left out.
        reason = verdicts.NOT_POSITIVE
    logarithmic = ratio and reason is None
    with np.errstate(invalid="ignore"):
        scaled = np.log(sides) if logarithmic else sides
    differences = scaled[:, 0] - scaled[:, 1]
    # What rounds away from nothing is no effect, however equal it is for all seeds.
    differences[np.abs(differences) <= ROUNDING * np.abs(scaled).max(axis=1)] = 0.0
    numbers = pd.DataFrame(
        {"treatment": scaled[:, 0], "control": scaled[:, 1], "effect": differences}
    )
    keyed = pd.concat([table[list(part.paired_by)], numbers], axis=1)
    means = pairing.by_seed(part, keyed)
    shown = _exponential if logarithmic else _plain
    evidence = t_evidence(means["effect"])
    if reason is None and len(means) < verdicts.FEWEST:
        reason = verdicts.FEW_SEEDS
    smallest = math.log(part.smallest) if ratio else part.smallest
    levels = verdicts.part_levels(evidence, part.direction, smallest).own
    finding = Finding(
        part=part,
        treatment=shown(t_interval(means["treatment"])),
        control=None if part.control is None else shown(t_interval(means["control"])),
        effect=shown(evidence.estimate),
        narrow=shown(t_interval(means["effect"], NARROW)),
        p=levels.best()[1],
        uncorrected=levels.at(verdicts.ALPHA),
        reason=reason,
        detail={"seeds": len(means), "fewest": verdicts.FEWEST},
        pairs=table.assign(effect=_effects(sides, ratio)),
    )
    return Tested(finding, evidence if reason is None else None, smallest)


def _effects(sides: NDArray[np.float64], ratio: bool) -> NDArray[np.float64]:
    """The effect of each pair; NaN for a ratio of what is not positive."""
    if not ratio:
        return sides[:, 0] - sides[:, 1]
    positive = np.where(sides > 0, sides, np.nan)
    return positive[:, 0] / positive[:, 1]


def _undecidable(part: Part, sides: Mapping[str, pairing.Side], runs: pd.DataFrame) -> str | None:
    """Why sides, or levels of one side, that all failed decide nothing when they are compared."""
    spread = part.reduce is not None and part.reduce.function in SPREADS
    if part.control is None and not spread:
        return None
    if METRICS[part.metric].of_learning:
        reached = [
            float((own["train_accuracy"] - own["chance"]).mean())
            for own in (runs.loc[side.rows["address"]] for side in sides.values())
        ]
        if max(reached) <= LEARNED:
            return verdicts.NEITHER_LEARNS
    if all("censored" in side.rows and side.rows["censored"].all() for side in sides.values()):
        return verdicts.NEITHER_REACHES
    return None


def _plain(estimate: Estimate) -> Estimate:
    return estimate


def _exponential(estimate: Estimate) -> Estimate:
    """An estimate of logarithms as one of a geometric mean."""
    mean, low, high = (float(np.exp(value)) for value in estimate[:3])
    return Estimate(mean, low, high, estimate.n, "log t")


def _in_words(levels: Sequence[tuple[Hashable, ...]]) -> str:
    """``0.1``, or ``he, True`` for a level of two columns; several with a semicolon."""
    return "; ".join(
        ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in level)
        for level in levels
    )
