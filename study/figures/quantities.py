"""The numbers of a figure's sentence: comparisons of runs as in a claim, without a verdict."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pandas as pd

from study.analysis.declarations import (
    UNITS,
    Part,
    Selection,
    has_value,
    mask,
    placeholders,
    read_columns,
    read_quantity,
)
from study.analysis.findings import Finding, Measured, examine
from study.analysis.intervals import Estimate
from study.analysis.reading import Node
from study.figures.labels import place
from study.figures.rows import resolved

FORMATS = (*UNITS, "span")
HIGHER, LOWER, UNCLEAR, SAME, MISSING = "higher", "lower", "unclear", "same", "missing"
OUTCOMES = (HIGHER, LOWER, UNCLEAR, SAME, MISSING)
# of a quantity that is taken for each of several combinations
AMONG = tuple(f"{word} {outcome}" for word in ("all", "some", "no") for outcome in OUTCOMES[:3])
MEASURED = "measured"  # the case where no other one holds
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


@dataclass(frozen=True)
class One:
    """A finding of one combination.

    Attributes:
        level: the combination, as typed on the command line: ``init=he, lr=0.1``.
    """

    finding: Finding
    level: str

    @property
    def effect(self) -> Estimate:
        """As of the finding."""
        return self.finding.effect

    @property
    def treatment(self) -> Estimate:
        """As of the finding."""
        return self.finding.treatment

    @property
    def control(self) -> Estimate | None:
        """As of the finding."""
        return self.finding.control


@dataclass(frozen=True)
class Each:
    """Findings of all combinations that there are, which have numbers.

    Attributes:
        found: in the order of the experiment.
    """

    found: tuple[One, ...]

    @property
    def count(self) -> int:
        """How many combinations."""
        return len(self.found)

    @property
    def higher(self) -> int:
        """Where the effect is clearly above nothing."""
        return self._count(HIGHER)

    @property
    def lower(self) -> int:
        """Where the effect is clearly below nothing."""
        return self._count(LOWER)

    @property
    def unclear(self) -> int:
        """Where neither is clear."""
        return self.count - self.higher - self.lower

    def _count(self, wanted: str) -> int:
        return sum(outcome(one.finding) == wanted for one in self.found)

    @property
    def least(self) -> One:
        """The combination with the smallest effect."""
        return min(self.found, key=lambda one: one.effect.mean)

    @property
    def most(self) -> One:
        """The combination with the largest effect."""
        return max(self.found, key=lambda one: one.effect.mean)


Found = Finding | Each


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
    single = {name: own.part for name, own in quantities.items() if not own.each}
    yield from placeholders(single)
    for name, own in quantities.items():
        if own.each:
            yield from (f"{name}.{count}" for count in _COUNTS)
            for end, placeholder in product(_ENDS, placeholders({"": own.part})):
                if placeholder.split(".")[1] in ("effect", "treatment", "control"):
                    yield f"{name}.{end}{placeholder}"
            yield from (f"{name}.{end}.level" for end in _ENDS)


def read_cases(node: Node, quantities: Mapping[str, Quantity]) -> dict[str, dict[str, str]]:
    """By case, what its quantities have to be."""
    cases = {}
    for name, case in node.named_items():
        case.check(f"another name than {MEASURED}, which is what else there is", name != MEASURED)
        case.keys((), list(quantities))
        case.check("at least one quantity and its outcome", bool(case.value))
        cases[name] = {
            quantity: case.get(quantity).choice(AMONG if quantities[quantity].each else OUTCOMES)
            for quantity in case.value
        }
    return cases


# --- the numbers --------------------------------------------------------------------------------


def find(quantities: Mapping[str, Quantity], measured: Measured) -> dict[str, Found]:
    """What the runs say of each quantity."""
    return {name: _find(quantity, measured) for name, quantity in quantities.items()}


def _find(quantity: Quantity, measured: Measured) -> Found:
    part = quantity.part
    if part.experiment not in measured.results.plan.experiments:
        return _numbers(part, measured)
    runs = measured.runs(part.experiment)
    part = replace(
        part, where=resolved(part.where, runs), treatment=_side(part.treatment, part, runs),
        control=None if part.control is None else _side(part.control, part, runs),
    )  # fmt: skip
    if not quantity.each:
        return _numbers(part, measured)
    own = runs[mask(part.where, runs)]
    found = []
    for key in own[list(quantity.each)].drop_duplicates().to_dict("records"):
        named = {str(name): value for name, value in key.items()}
        finding = _numbers(_within(part, named), measured)
        if not math.isnan(finding.effect.mean):
            found.append(One(finding, place(named)))
    return Each(tuple(found))


def _side(side: Selection, part: Part, runs: pd.DataFrame) -> Selection:
    """A side with its extremes, which are those of the cells of both sides."""
    return resolved(side, runs[mask(resolved(part.where, runs), runs)])


def _numbers(part: Part, measured: Measured) -> Finding:
    return examine(part, measured, judged=False).finding


def _within(part: Part, cell: Mapping[str, Any]) -> Part:
    """The part in one combination."""
    fixed = {name: (value,) for name, value in cell.items()}
    where = tuple(
        {**own, **fixed}
        for own in part.where
        if all(any(has_value(v, one) for one in own.get(c, (v,))) for c, v in cell.items())
    )
    return replace(part, where=where)


def outcome(finding: Finding) -> str:
    """What the 95 % interval of the effect says of it."""
    effect = finding.effect
    nothing = 1.0 if finding.part.compare == "ratio" else 0.0
    if math.isnan(effect.mean):
        return MISSING
    if effect.low == effect.high == nothing:
        return SAME
    if effect.low > nothing:
        return HIGHER
    return LOWER if effect.high < nothing else UNCLEAR


def case_of(cases: Mapping[str, Mapping[str, str]], found: Mapping[str, Found]) -> str:
    """The first case whose conditions all hold; ``measured`` where there is none."""
    for name, conditions in cases.items():
        if all(_holds(found[quantity], wanted) for quantity, wanted in conditions.items()):
            return name
    return MEASURED


def _holds(found: Found, wanted: str) -> bool:
    if isinstance(found, Finding):
        # Equal for all seeds is not clear of nothing either.
        own = outcome(found)
        return own == wanted or (own == SAME and wanted == UNCLEAR)
    word, _, kind = wanted.partition(" ")
    number = getattr(found, kind)
    bounds: dict[str, bool] = {
        "all": number == found.count > 0,
        "some": number > 0,
        "no": number == 0,
    }
    return bounds[word]


def lacking(found: Mapping[str, Found], named: Sequence[str]) -> bool:
    """Whether one of the placeholders ``named`` has no number to fill in."""
    for name in named:
        quantity, _, rest = name.partition(".")
        value = found.get(quantity)
        if isinstance(value, Each) and value.count == 0 and rest != "count":
            return True
        if isinstance(value, Finding) and math.isnan(value.effect.mean):
            return True
    return False
