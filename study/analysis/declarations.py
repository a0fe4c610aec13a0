"""What a claim is: its declaration in a chapter (``conf/chapter``), read and checked.

The keys are described in ``docs/claims.md``. Nothing of a file is trusted: whatever YAML it holds,
the outcome is a ``Claim`` or a ``ConfigError`` that says which file and key are wrong and how.
"""

import functools
import hashlib
import json
import math
import re
import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis.intervals import Estimate
from study.analysis.metrics import METRICS, REQUIRED
from study.analysis.reading import LANGUAGES, Node, is_number, matches, read
from study.analysis.verdicts import DIRECTIONS, NO_EFFECT, NOT_JUDGED, OPEN_ENDED, VERDICTS
from study.paths import conf_folder
from study.records.cells import COLUMNS, SWITCHES, TEXTS

COMPARISONS = ("difference", "ratio")
UNITS = ("points", "percent", "number", "times")  # formats of the report's sentences
OPEN = "open"  # no claim's id: ``claim=open`` asks for those that are inconclusive
REDUCTIONS = ("range", "sd", "mean", "max", "min", "regret", "difference", "best", "worst")
SPREADS = ("range", "sd", "regret", "difference")  # in points where the metric is a share
SMALLEST = 0.01  # one accuracy point
# Metrics that choose a level: of the validation samples, which nothing is judged on.
CHOOSERS = ("valid_accuracy", "valid_loss")

RECOMMENDED = "recommended"  # a column made from the configuration: by ``recommended``
SELECTABLE = (*COLUMNS, RECOMMENDED)
SAME = 1e-5  # numbers that agree to five digits are one level: 0.0857696 for 10^(-16/15)

# The verdicts that a claim has sentences for; what is not judged has no numbers to fill in.
SAID = tuple(verdict for verdict in VERDICTS if verdict != NOT_JUDGED)
# What a placeholder of a finding can name of a part, and of an estimate.
_ESTIMATES = ("effect", "treatment", "control")
_NUMBERS = ("p", "p_corrected", "diverged", "censored", "treatment_level", "control_level")

_JUDGED = ("smallest", "deciding")  # keys of a part that only a judge asks for
EXTREMES = ("lowest", "highest")  # of the values of a number that there are
_SHOWN = ("label", "unit")  # keys of a part that say how it is shown


class Above(NamedTuple):
    """In the place of a value of a selection: all numbers that are larger."""

    above: float


# A union of cells: each mapping says which values some columns may have, an empty one all cells.
Selection = tuple[dict[str, tuple[Any, ...]], ...]
EVERYTHING: Selection = ({},)


@dataclass(frozen=True)
class Reduction:
    """Several runs of one side of a pair as one number.

    Attributes:
        function: ``range``, ``sd``, ``mean``, ``max``, ``min`` of the levels; ``regret``, what
            is lost on average by not having the best level; ``difference`` of two levels, the
            larger minus the smaller one; ``best``, ``worst``: one level, chosen by its mean.
        over: the columns whose combinations are the levels.
        by: choose the level by the mean of this metric of the validation samples (``CHOOSERS``).
        held_out: choose the level of each seed by the mean over the *other* seeds.
    """

    function: str
    over: tuple[str, ...]
    by: str | None = None
    held_out: bool = False


@dataclass(frozen=True)
class Part:
    """One test of a claim; see ``docs/claims.md`` for the keys.

    Attributes:
        label: by language; empty where its metric says enough.
        experiment: whose runs.
        metric, options: a name of ``metrics.METRICS`` and its options.
        where: cells of both sides.
        treatment, control: cells of each; without control it is ``against`` a constant.
        paired_by: what both sides of a pair have in common, the seed always; the pairs of one
            seed are averaged, because only seeds are drawn at random.
        reduce, reduce_control: how several runs of a side become one number, each side its own.
        compare: ``difference`` or ``ratio``.
        direction: of the treatment: ``less`` or ``greater`` than the control, ``equal`` to it,
            ``at_most``, ``at_least``.
        smallest: the smallest effect that matters.
        unit: how to print the effect.
        deciding: whether it decides the claim's verdict.
    """

    label: dict[str, str]
    experiment: str
    metric: str
    treatment: Selection
    direction: str
    options: dict[str, Any] = field(default_factory=dict)
    where: Selection = EVERYTHING
    control: Selection | None = None
    against: float | None = None
    paired_by: tuple[str, ...] = ("seed",)
    reduce: Reduction | None = None
    reduce_control: Reduction | None = None
    compare: str = "difference"
    smallest: float = SMALLEST
    unit: str = "points"
    deciding: bool = True

    @property
    def side_unit(self) -> str:
        """How to print the value of one side: ``percent`` or ``number``."""
        share = METRICS[self.metric].unit_of(self.options) == "share"
        spread = self.reduce is not None and self.reduce.function in SPREADS
        return ("points" if spread else "percent") if share else "number"

    @property
    def sides(self) -> dict[str, Selection]:
        """The selection of each side there is."""
        sides = {"treatment": self.treatment}
        return sides if self.control is None else sides | {"control": self.control}


@dataclass(frozen=True)
class Claim:
    """One claim of the lecture, or beyond it.

    Attributes:
        id: the name that ``claim=`` takes.
        section: of its chapter; empty where that has none.
        figure: id of the figure that shows it; empty where none does.
        beyond: whether the lecture does not say it.
        statement: by language; ``ko`` in the lecture's own words.
        chapter: the claims that are declared, and corrected for their number, together.
        scope: columns of the configuration that say what it was tested on.
        short: by language, what it is about in a few words; empty where it is not declared.
        parts: its tests, by name.
        finding: by case, a sentence for each language; empty where none is declared.
        cases: verdicts of parts that make a case of their own, in order.
    """

    id: str
    section: str
    figure: str
    beyond: bool
    statement: dict[str, str]
    parts: dict[str, Part]
    chapter: str
    scope: tuple[str, ...] = ()
    short: dict[str, str] = field(default_factory=dict)
    finding: dict[str, dict[str, str]] = field(default_factory=dict)
    cases: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def experiments(self) -> list[str]:
        """Whose runs it needs, each once."""
        return list(dict.fromkeys(part.experiment for part in self.parts.values()))

    @property
    def deciding(self) -> dict[str, Part]:
        """The parts that its verdict depends on."""
        return {name: part for name, part in self.parts.items() if part.deciding}

    @cached_property
    def digest(self) -> str:
        """16 hex digits of the SHA-256 of all that can change the verdict.

        Words and what decides nothing do not.
        """
        wordless = {
            name: {key: value for key, value in asdict(part).items() if key not in _SHOWN}
            for name, part in self.deciding.items()
        }
        content = {"id": self.id, "chapter": self.chapter, "parts": wordless}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


# --- which cells --------------------------------------------------------------------------------


def selects(claim: Claim, experiment: str, row: Mapping[str, Any]) -> bool:
    """Whether ``claim`` needs the cell ``row`` (``cells.columns``) of ``experiment``."""
    return any(part.experiment == experiment and needs(part, row) for part in claim.parts.values())


def needs(part: Part, row: Mapping[str, Any]) -> bool:
    """Whether ``part`` needs the cell ``row`` (``cells.columns``) of its experiment."""
    if METRICS[part.metric].whole:
        return True
    return within(part.where, row) and any(within(side, row) for side in part.sides.values())


def within(selection: Selection, row: Mapping[str, Any]) -> bool:
    """Whether ``selection`` has the cell ``row`` (``cells.columns``)."""

    def own(column: str) -> Any:
        return within(recommended(), row) if column == RECOMMENDED else row[column]

    return any(
        all(
            any(has_value(own(column), value) for value in values)
            for column, values in cell.items()
        )
        for cell in selection
    )


def has_value(own: Any, value: Any) -> bool:
    """Whether a cell whose column is ``own`` has the ``value`` of a selection."""
    absent = own is None or own is pd.NA or own != own  # NaN does not equal itself
    if value is None or absent:
        return value is None and absent
    if isinstance(value, str | bool):
        return bool(own == value)
    if isinstance(value, Above):
        return bool(own > value.above)
    return math.isclose(own, value, rel_tol=SAME)


def mask(selection: Selection, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows of ``frame`` (config columns and ``recommended``) the selection holds."""
    chosen = np.zeros(len(frame), bool)
    for cell in selection:
        inside = np.ones(len(frame), bool)
        for column, values in cell.items():
            inside &= np.any([_equal(frame[column], value) for value in values], axis=0)
        chosen |= inside
    return chosen


def _equal(column: pd.Series, value: Any) -> NDArray[np.bool_]:
    if value is None:
        equal = column.isna()
    elif isinstance(value, str | bool):
        equal = column == value
    else:
        numbers = column.to_numpy(float, na_value=np.nan)
        if isinstance(value, Above):
            return np.asarray(numbers > value.above, bool)
        return np.asarray(np.isclose(numbers, value, rtol=SAME, atol=0), bool)
    return np.asarray(equal, bool)


@functools.cache
def recommended() -> Selection:
    """The cells that the lecture's closing advice leads to: ``conf/recommended.yaml``."""
    path = conf_folder() / "recommended.yaml"
    return read_recommended(Node(str(path), "", read(path)))


# --- reading files ------------------------------------------------------------------------------


def load_claims(
    folder: Path, chapter: str, *, experiments: Collection[str] | None = None,
    figures: Collection[str] | None = None, sections: Collection[str] | None = None,
) -> list[Claim]:  # fmt: skip
    """Every claim of ``folder`` (``<id>.yaml``), those beyond the lecture last.

    Args:
        chapter: to which they belong.
        experiments, figures, sections: those there are, where the caller knows them.

    Raises:
        ConfigError: a file that cannot be used; names file and key, what is expected and what was
            received.
    """
    claims = [
        read_claim(
            Node(str(path), "", read(path)), path.stem, chapter,
            experiments=experiments, figures=figures, sections=sections,
        )
        for path in sorted(folder.glob("*.yaml"))
    ]  # fmt: skip
    return sorted(claims, key=_place)


def _place(claim: Claim) -> tuple[Any, ...]:
    """The lecture's sections first, in order; what is beyond it last."""
    return (claim.beyond, natural(claim.section), natural(claim.id))


def natural(text: str) -> list[tuple[bool, int, str]]:
    """``1.10`` comes after ``1.9``, and letters after numbers."""
    words = re.findall(r"\d+|\D+", text)
    return [(not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in words if w != "."]


def read_claim(
    root: Node, claim_id: str, chapter: str, *, experiments: Collection[str] | None = None,
    figures: Collection[str] | None = None, sections: Collection[str] | None = None,
) -> Claim:  # fmt: skip
    """One claim from its declaration; raises ConfigError as ``load_claims``."""
    root.keys(
        required=("statement", "parts"),
        optional=("section", "figure", "short", "beyond", "scope", "finding", "cases"),
    )
    own = Node(root.file, root.key or "file name", claim_id)
    own.check("letters, digits, - and _, a letter first", matches(r"[A-Za-z][\w-]*", claim_id))
    own.check("another name: claim=open asks for the open claims", claim_id != OPEN)
    section, figure = root.get("section", ""), root.get("figure", "")
    expected = "a section as text in quotes, e.g. '1.4.1'"
    section.check(expected, isinstance(section.value, str))
    figure.check("the id of a figure", isinstance(figure.value, str))
    if figures is not None and figure.value:
        figure.check("a figure of the chapter", figure.value in figures, figures)
    if sections is not None and section.value:
        section.check("a section of the chapter", section.value in sections, sections)
    beyond = root.get("beyond", default=False)
    beyond.check("true or false", isinstance(beyond.value, bool))
    parts = {name: _part(node, experiments) for name, node in root.get("parts").named_items()}
    expected = "at least one part with deciding: true"
    root.get("parts").check(expected, any(part.deciding for part in parts.values()))
    cases = _cases(root.get("cases", default={}), parts)
    return Claim(
        id=claim_id,
        section=section.value,
        figure=figure.value,
        beyond=beyond.value,
        statement=root.get("statement").languages(),
        parts=parts,
        chapter=chapter,
        scope=read_columns(root.get("scope", default=[])),
        short=root.get("short").languages() if "short" in root.value else {},
        finding=_finding(root.get("finding", default={}), parts, cases),
        cases=cases,
    )


_PART_KEYS = (
    "label", "where", "control", "against", "paired_by", "reduce", "reduce_control", "compare",
    "smallest", "unit", "deciding",
)  # fmt: skip


def read_quantity(node: Node, experiments: Collection[str] | None) -> Part:
    """A part that is told and not judged: a number of a figure's sentence.

    It needs no label, direction or smallest effect, may compare with no constant and no cells
    (its treatment is then the number), and a level may be chosen by the metric itself.
    """
    node.keys(("experiment", "metric", "treatment"), [k for k in _PART_KEYS if k not in _JUDGED])
    words = dict.fromkeys(LANGUAGES, node.key)
    smallest = 1.0 if node.value.get("compare") == "ratio" else 0.0
    given = {"label": words, "direction": "greater", "smallest": smallest, **node.value}
    if not {"control", "against"} & node.value.keys():
        given["against"] = smallest
    return _part(Node(node.file, node.key, given), experiments, judged=False)


def read_selection(node: Node, *, extremes: bool = False) -> Selection:
    """The cells that ``node`` selects: see ``_selection``."""
    return _selection(node, extremes)


def read_reduction(node: Node, metric: str) -> Reduction:
    """A reduction that chooses one of several runs: ``best`` or ``worst``, as in a claim."""
    node.check("a mapping", isinstance(node.value, dict))
    found = _reduction(node, ("seed",), metric, judged=True)
    chooses = found is not None and found.function in ("best", "worst")
    node.get("function").check("best or worst", chooses)
    assert found is not None
    return found


def _part(node: Node, experiments: Collection[str] | None, *, judged: bool = True) -> Part:
    node.keys(("experiment", "metric", "treatment", "direction"), _PART_KEYS)
    experiment = node.get("experiment")
    experiment.text()
    if experiments is not None:
        experiment.choice(experiments)
    metric, options = read_metric(node.get("metric"))
    control, against = _control(node, metric, extremes=not judged)
    paired_by = read_columns(node.get("paired_by", ["seed"]))
    expected = "seed among the columns: nothing else is drawn at random"
    node.get("paired_by").check(expected, "seed" in paired_by)
    reduce = _reduction(node.get("reduce"), paired_by, metric, judged)
    other = node.get("reduce_control", node.value.get("reduce"))
    reduce_control = _reduction(other, paired_by, metric, judged)
    chosen_by = {each.by for each in (reduce, reduce_control) if each is not None and each.by}
    other.check("the metric that the treatment is chosen by", len(chosen_by) < 2)
    compare = node.get("compare", "difference").choice(COMPARISONS)
    direction = node.get("direction").choice(DIRECTIONS)
    share = METRICS[metric].unit_of(options) == "share"
    deciding = node.get("deciding", True)
    deciding.check("true or false", isinstance(deciding.value, bool))
    default = "times" if compare == "ratio" else "points" if share else "number"
    treatment = _selection(node.get("treatment"), not judged)
    same = control is not None and control == treatment and reduce == reduce_control
    node.get("control").check("other cells than treatment", not same)
    return Part(
        label=node.get("label").languages() if "label" in node.value else {},
        experiment=experiment.value,
        metric=metric,
        options=options,
        where=_selection(node.get("where", {}), not judged),
        treatment=treatment,
        control=control,
        against=against,
        paired_by=paired_by,
        reduce=reduce,
        reduce_control=reduce_control,
        compare=compare,
        direction=direction,
        smallest=_smallest(node.get("smallest"), compare, direction, share),
        unit=node.get("unit", default).choice(UNITS),
        deciding=deciding.value,
    )


def read_metric(node: Node) -> tuple[str, dict[str, Any]]:
    """Name and options, those left out at their defaults."""
    if isinstance(node.value, dict):
        named, label = node, node.get("name")
    else:
        named, label = Node(node.file, node.key, {"name": node.value}), node
    chosen: str = label.choice(METRICS)
    metric = METRICS[chosen]
    needed = [key for key, option in metric.options.items() if option.default is REQUIRED]
    named.keys(("name", *needed), [key for key in metric.options if key not in needed])
    options = {}
    for key, option in metric.options.items():
        value = named.get(key, option.default)
        plain = value.value is None or isinstance(value.value, str | int | float)
        value.check(option.expected, plain and option.valid(value.value), option.choices)
        options[key] = value.value
    problem = metric.problem(options)
    node.check(str(problem), problem is None)
    return chosen, options


def _control(node: Node, metric: str, *, extremes: bool) -> tuple[Selection | None, float | None]:
    both = "control" in node.value, "against" in node.value
    node.check("either control (cells) or against (a number)", both in ((1, 0), (0, 1)))
    if both[0]:
        return _selection(node.get("control"), extremes), None
    against = node.get("against")
    against.check("a number", is_number(against.value))
    expected = f"control: {metric} compares two runs"
    against.check(expected, METRICS[metric].match is None)
    if node.value.get("compare") == "ratio":
        against.check("a number > 0, for a ratio", against.value > 0)
    return None, float(against.value)


def _selection(node: Node, extremes: bool = False) -> Selection:
    """A mapping of columns to a value or a list of values, or a list of such mappings.

    Args:
        extremes: allow ``lowest`` and ``highest`` for what there is of a number.
    """
    if isinstance(node.value, list):
        node.check("at least one mapping", bool(node.value))
        cells = [Node(node.file, f"{node.key}[{i}]", cell) for i, cell in enumerate(node.value)]
    else:
        cells = [node]
    return tuple(_cell(cell, extremes) for cell in cells)


def read_recommended(node: Node) -> Selection:
    """A selection that says which cells are ``recommended``, so that it cannot name them so."""
    chosen = _selection(node, extremes=False)
    node.check(f"columns without {RECOMMENDED}", not any(RECOMMENDED in cell for cell in chosen))
    return chosen


def _cell(node: Node, extremes: bool) -> dict[str, tuple[Any, ...]]:
    node.keys((), SELECTABLE)
    chosen = {}
    for column in node.value:
        own = node.get(column)
        listed = own.value if isinstance(own.value, list) else [own.value]
        own.check("a value or a list of values", bool(listed))
        levels = [Node(own.file, own.key, value) for value in listed]
        chosen[column] = tuple(_level(level, column, extremes) for level in levels)
    return chosen


def _level(node: Node, column: str, extremes: bool) -> Any:
    value = node.value
    if column in (*SWITCHES, RECOMMENDED):
        node.check("true or false", isinstance(value, bool))
    elif column in TEXTS:
        if column == "batch_size" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        node.check("a name or null", value is None or isinstance(value, str))
    elif isinstance(value, dict):
        node.keys(("above",))
        node.get("above").check("a number", is_number(value["above"]))
        return Above(float(value["above"]))
    elif not (extremes and isinstance(value, str)):
        node.check("a number or null", value is None or is_number(value))
    else:
        node.check(f"a number, null, {' or '.join(EXTREMES)}", value in EXTREMES)
    return value


def read_columns(node: Node) -> tuple[str, ...]:
    """A column or a list of columns."""
    listed = node.value if isinstance(node.value, list) else [node.value]
    for name in listed:
        Node(node.file, node.key, name).choice(SELECTABLE)
    node.check("each column once", len(set(listed)) == len(listed))
    return tuple(listed)


def _reduction(node: Node, paired_by: Sequence[str], metric: str, judged: bool) -> Reduction | None:
    if node.value is None:
        return None
    node.keys(("function", "over"), ("by", "held_out"))
    node.check(f"no reduction of {metric}, which compares two runs", METRICS[metric].match is None)
    function = node.get("function").choice(REDUCTIONS)
    over, held_out = read_columns(node.get("over")), node.get("held_out", False)
    node.get("over").check("at least one column", bool(over))
    node.get("over").check("columns that are not in paired_by", not set(over) & set(paired_by))
    held_out.check("true or false", isinstance(held_out.value, bool))
    choosing = function in ("best", "worst")
    held_out.check("false, or function best or worst", choosing or not held_out.value)
    by = node.get("by")
    if by.value is not None:
        by.choice(CHOOSERS)
        by.check("no metric, or function best or worst", choosing)
        by.check("no metric where held_out is true", not held_out.value)
    expected = "a metric of the validation samples, or held_out: true: what chooses does not judge"
    chosen = not choosing or held_out.value or by.value is not None
    by.check(expected, chosen or not judged, CHOOSERS)
    return Reduction(function, over, by.value, held_out.value)


def _smallest(node: Node, compare: str, direction: str, share: bool) -> float:
    if compare == "ratio":
        least = 1.0
        node.check("a number >= 1 (a ratio has no default)", is_number(node.value))
    else:
        least = 0.0
        if node.value is None and share:
            return SMALLEST
        expected = "a number >= 0 (only accuracies and other shares have a default)"
        node.check(expected, is_number(node.value))
    node.check(f"a number >= {least:g}", node.value >= least)
    expected = f"a number > {least:g}: no effect is equal to a number within nothing"
    node.check(expected, direction != "equal" or node.value > least)
    return float(node.value)


def _cases(node: Node, parts: Mapping[str, Part]) -> dict[str, dict[str, str]]:
    cases = {}
    for name, case in node.named_items():
        case.check("another name than a verdict's", name not in VERDICTS)
        case.keys((), list(parts))
        case.check("at least one part and its verdict", bool(case.value))
        cases[name] = {part: case.get(part).choice(VERDICTS) for part in case.value}
    return cases


def _finding(
    node: Node, parts: Mapping[str, Part], cases: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Sentences by case, for all cases or for none."""
    if node.value == {}:
        return {}
    # no direction but these two leaves anything between what supports and what refutes
    between = any(part.deciding and part.direction in OPEN_ENDED for part in parts.values())
    possible = [verdict for verdict in SAID if between or verdict != NO_EFFECT]
    node.keys((*possible, *cases))
    finding = {case: node.get(case).languages() for case in node.value}
    for case, sentences in finding.items():
        for language in sentences:
            check_placeholders(node.get(case).get(language), list(placeholders(parts)))
    return finding


def check_placeholders(
    node: Node, names: Collection[str], formats: Collection[str] = UNITS
) -> None:
    """Raise ConfigError for a placeholder of a sentence that could not be filled.

    Args:
        names, formats: what there is to fill in, and how.
    """
    try:
        pieces = list(string.Formatter().parse(node.value))
    except ValueError as error:
        node.check(f"a sentence with placeholders in braces ({error})", False)
        return
    for _, name, form, conversion in pieces:
        if name is not None:
            place = Node(node.file, node.key, "{" + name + "}")
            place.check("a placeholder for what there is", name in names, names)
            place = Node(node.file, node.key, form)
            place.check("a format", form in ("", *formats), formats)
            place = Node(node.file, node.key, conversion)
            place.check("no conversion", conversion is None)


def placeholders(parts: Mapping[str, Part]) -> Iterable[str]:
    """Every name that ``Text.fill`` can take from the findings of ``parts``."""
    for name, part in parts.items():
        for side in _ESTIMATES:
            if side != "control" or part.control is not None:
                yield f"{name}.{side}"
                yield from (f"{name}.{side}.{attribute}" for attribute in Estimate._fields)
        yield from (f"{name}.{attribute}" for attribute in _NUMBERS)
