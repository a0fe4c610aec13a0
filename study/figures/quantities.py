"""The numbers of a figure's sentence: comparisons of runs as in a claim, without a verdict."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from study.analysis import pairing
from study.analysis.declarations import (
    UNITS,
    Part,
    Selection,
    has_value,
    mask,
    read_columns,
    read_quantity,
)
from study.analysis.findings import Finding, Measured, told
from study.analysis.intervals import Estimate
from study.analysis.reading import Node
from study.figures.labels import place
from study.figures.rows import resolved

FORMATS = (*UNITS, "span")
HIGHER, LOWER, UNCLEAR, SAME, MISSING = "higher", "lower", "unclear", "same", "missing"
DIVERGED, REACHED = "diverged", "reached"
OUTCOMES = (HIGHER, LOWER, UNCLEAR, SAME, MISSING, DIVERGED, REACHED)
# of a quantity that is taken for each of several combinations
AMONG = tuple(f"{word} {outcome}" for word in ("all", "some", "no") for outcome in OUTCOMES[:3])
MEASURED = "measured"  # the case where no other one holds
Cases = dict[str, dict[str, tuple[str, ...]]]
_COUNTS = ("count", HIGHER, LOWER, UNCLEAR)
_ENDS = ("least", "most")


@dataclass(frozen=True)
class Quantity:
    """One number, or one for each combination of some columns.

    Attributes:
        part: what is compared; its smallest effect and direction say nothing.
        each: the columns whose combinations it is taken of; none for a single number.
    """

    part: Part
    each: tuple[str, ...] = ()


class Lost(str):
    """The word for a number that is not there, as every run diverged; so are all parts of it."""

    __slots__ = ()

    @property
    def mean(self) -> "Lost":
        """The same word."""
        return self

    low = high = n = half_width = mean


@dataclass(frozen=True)
class Told:
    """What the runs say of a quantity, or of one of its combinations.

    Attributes:
        finding: its numbers.
        runs: how many there are on both sides.
        lost: whether all runs of the treatment diverged.
        level: the combination (``labels.Place``); empty where there is one number.
    """

    finding: Finding
    runs: int = 0
    lost: bool = False
    level: str = ""

    @property
    def effect(self) -> Estimate | Lost:
        """Treatment minus control, or the ratio; the treatment where there is no control."""
        return self._number(self.finding.effect)

    @property
    def treatment(self) -> Estimate | Lost:
        """The mean of the treatment."""
        return self._number(self.finding.treatment)

    @property
    def control(self) -> Estimate | Lost | None:
        """The mean of the control."""
        return None if self.finding.control is None else self._number(self.finding.control)

    @property
    def treatment_level(self) -> str:
        """What a reduction chose."""
        return self.finding.treatment_level

    @property
    def control_level(self) -> str:
        """What a reduction chose."""
        return self.finding.control_level

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return self.finding.diverged

    @property
    def reached(self) -> int:
        """How many of the runs reach the level that the metric waits for."""
        return self.runs - self.finding.censored

    @property
    def known(self) -> bool:
        """Whether there is anything to tell: a number, or that every run diverged."""
        return self.lost or not math.isnan(self.finding.effect.mean)

    def _number(self, estimate: Estimate) -> Estimate | Lost:
        return Lost("diverged") if self.lost and math.isnan(estimate.mean) else estimate

    def is_(self, outcome: str) -> bool:
        """Whether an outcome of ``OUTCOMES`` holds, by the 95 % interval of the effect."""
        effect = self.finding.effect
        nothing = 1.0 if self.finding.part.compare == "ratio" else 0.0
        higher, lower = effect.low > nothing, effect.high < nothing
        return {
            HIGHER: higher,
            LOWER: lower,
            UNCLEAR: not (higher or lower or math.isnan(effect.mean)),
            SAME: effect.low == effect.high == nothing,
            MISSING: not self.known,
            DIVERGED: self.lost,
            REACHED: 0 < self.runs == self.reached,
        }[outcome]


@dataclass(frozen=True)
class Each:
    """What they say of all combinations that have numbers.

    Attributes:
        found: in the order of the experiment.
    """

    found: tuple[Told, ...]

    @property
    def count(self) -> int:
        """How many combinations."""
        return len(self.found)

    @property
    def higher(self) -> int:
        """Where the effect is clearly above nothing."""
        return sum(one.is_(HIGHER) for one in self.found)

    @property
    def lower(self) -> int:
        """Where the effect is clearly below nothing."""
        return sum(one.is_(LOWER) for one in self.found)

    @property
    def unclear(self) -> int:
        """Where neither is clear."""
        return self.count - self.higher - self.lower

    @property
    def least(self) -> Told:
        """The combination with the smallest effect."""
        return min(self.found, key=lambda one: one.finding.effect.mean)

    @property
    def most(self) -> Told:
        """The combination with the largest effect."""
        return max(self.found, key=lambda one: one.finding.effect.mean)


Found = Told | Each


# --- reading ------------------------------------------------------------------------------------


def read_quantities(
    node: Node,
    experiments: Mapping[str, Collection[str]],
    taken: Collection[str],
    usual: Mapping[str, Any],
) -> dict[str, Quantity]:
    """The quantities of a figure by name.

    Args:
        experiments: the columns that vary, by experiment.
        taken: names of facts that no quantity can have.
        usual: keys that count where a quantity does not have them.
    """
    found = {}
    for name, own in node.named_items():
        Node(node.file, own.key, name).check("a name that is not taken", name not in taken)
        own.check("a mapping", isinstance(own.value, dict))
        each = own.get("each", [])
        rest = {**usual, **{key: value for key, value in own.value.items() if key != "each"}}
        part = read_quantity(Node(own.file, own.key, rest), experiments)
        columns = read_columns(each)
        for column in columns:
            Node(each.file, each.key, column).choice(experiments[part.experiment])
        found[name] = Quantity(part, columns)
    return found


def names(quantities: Mapping[str, Quantity]) -> Iterable[str]:
    """Every placeholder that the quantities fill."""
    for name, quantity in quantities.items():
        if not quantity.each:
            yield from _names(name, quantity.part)
            continue
        yield from (f"{name}.{count}" for count in _COUNTS)
        for end in _ENDS:
            yield from _names(f"{name}.{end}", quantity.part)
            yield f"{name}.{end}.level"


def _names(prefix: str, part: Part) -> Iterable[str]:
    for side in ("effect", "treatment", "control"):
        if side != "control" or part.control is not None:
            yield f"{prefix}.{side}"
            yield from (f"{prefix}.{side}.{attribute}" for attribute in Estimate._fields)
    further = ("treatment_level", "control_level", "diverged", "reached", "runs")
    yield from (f"{prefix}.{attribute}" for attribute in further)


def read_cases(node: Node, quantities: Mapping[str, Quantity]) -> Cases:
    """By case, what its quantities have to be."""
    cases: Cases = {}
    for name, case in node.named_items():
        case.check(f"another name than {MEASURED}, which is what else there is", name != MEASURED)
        cases[name] = read_conditions(case, quantities)
    return cases


def read_conditions(node: Node, quantities: Mapping[str, Quantity]) -> dict[str, tuple[str, ...]]:
    """By quantity, the outcomes of which one has to hold."""
    node.keys((), list(quantities))
    node.check("at least one quantity and its outcome", bool(node.value))
    known = {name: AMONG if own.each else OUTCOMES for name, own in quantities.items()}
    return {own: _outcomes(node.get(own), known[own]) for own in node.value}


def _outcomes(node: Node, known: Sequence[str]) -> tuple[str, ...]:
    """One outcome, or a list of those that are the same to a case."""
    listed = node.listed() if isinstance(node.value, list) else [node]
    node.check("at least one outcome", bool(listed), known)
    return tuple(each.choice(known) for each in listed)


# --- the numbers --------------------------------------------------------------------------------


def find(quantities: Mapping[str, Quantity], measured: Measured) -> dict[str, Found]:
    """What the runs say of each quantity."""
    return {name: _find(quantity, measured) for name, quantity in quantities.items()}


def _find(quantity: Quantity, measured: Measured) -> Found:
    if not quantity.each:
        return _numbers(_with_numbers(quantity.part, measured), measured)
    return Each(tuple(told for _, told in of_each(quantity, measured) if _has_effect(told)))


def _has_effect(told: Told) -> bool:
    return not math.isnan(told.finding.effect.mean)


def of_each(quantity: Quantity, measured: Measured) -> list[tuple[dict[str, Any], Told]]:
    """Each combination of the columns ``each`` that there is, and what the runs say of it."""
    if quantity.part.experiment not in measured.results.plan.experiments:
        return []
    part = _with_numbers(quantity.part, measured)
    runs = measured.runs(part.experiment)
    own = runs[mask(part.where, runs)]
    found = []
    for key in own[list(quantity.each)].drop_duplicates().to_dict("records"):
        cell = {str(name): value for name, value in key.items()}
        one = _numbers(_within(part, cell), measured)
        found.append((cell, replace(one, level=place(cell))))
    return found


def _with_numbers(part: Part, measured: Measured) -> Part:
    """The part with the numbers that its extremes stand for."""
    if part.experiment not in measured.results.plan.experiments:
        return part
    runs = measured.runs(part.experiment)
    return replace(
        part, where=resolved(part.where, runs), treatment=_side(part.treatment, part, runs),
        control=None if part.control is None else _side(part.control, part, runs),
    )  # fmt: skip


def _side(side: Selection, part: Part, runs: pd.DataFrame) -> Selection:
    """A side with its extremes, which are those of the cells of both sides."""
    return resolved(side, runs[mask(resolved(part.where, runs), runs)])


def _numbers(part: Part, measured: Measured) -> Told:
    finding = told(part, measured)
    if part.experiment not in measured.results.plan.experiments:
        return Told(finding)
    sides = pairing.selected(part, measured.runs(part.experiment))
    treated = sides["treatment"]
    lost = len(treated) > 0 and bool((treated["status"] == "diverged").all())
    runs = pd.concat(list(sides.values()))["address"].nunique()
    return Told(finding, runs, lost)


def _within(part: Part, cell: Mapping[str, Any]) -> Part:
    """The part in one combination."""
    fixed = {name: (value,) for name, value in cell.items()}
    where = tuple(
        {**own, **fixed}
        for own in part.where
        if all(any(has_value(v, one) for one in own.get(c, (v,))) for c, v in cell.items())
    )
    return replace(part, where=where)


def case_of(cases: Cases, found: Mapping[str, Found]) -> str:
    """The first case whose conditions all hold; ``measured`` where there is none."""
    return next((name for name, own in cases.items() if holds(own, found)), MEASURED)


def holds(conditions: Mapping[str, Sequence[str]], found: Mapping[str, Found]) -> bool:
    """Whether each quantity has one of its outcomes."""
    return all(
        any(_holds(found[quantity], outcome) for outcome in outcomes)
        for quantity, outcomes in conditions.items()
    )


def _holds(found: Found, wanted: str) -> bool:
    if isinstance(found, Told):
        return found.is_(wanted)
    word, _, kind = wanted.partition(" ")
    number = getattr(found, kind)
    if word == "all":
        return bool(number == found.count > 0)
    return bool(number == 0) if word == "no" else bool(number > 0)


def lacking(found: Mapping[str, Found], named: Sequence[str]) -> bool:
    """Whether one of the placeholders ``named`` has nothing to fill in."""
    for name in named:
        quantity, _, rest = name.partition(".")
        value = found.get(quantity)
        if isinstance(value, Each) and value.count == 0 and rest != "count":
            return True
        counted = rest in ("runs", "reached", "diverged")
        if isinstance(value, Told) and not (value.known or (counted and value.runs)):
            return True
    return False
