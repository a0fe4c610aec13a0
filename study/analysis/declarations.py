"""What a claim is: its declaration in ``conf/claims/<id>.yaml``, read and checked.

The keys are described in ``docs/claims.md``. Nothing of a file is trusted: whatever YAML it holds,
the outcome is a ``Claim`` or a ``ConfigError`` that says which file and key are wrong and how.
"""

import math
import re
import reprlib
import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from study.analysis.intervals import Estimate
from study.analysis.metrics import HUGE, METRICS, REQUIRED
from study.analysis.recipe import is_recommended
from study.errors import ConfigError
from study.records.cells import COLUMNS, SWITCHES, TEXTS

LANGUAGES = ("en", "ko")
SUPPORTED, REFUTED, INCONCLUSIVE = VERDICTS = ("supported", "refuted", "inconclusive")
DIRECTIONS = ("less", "greater", "equal", "at_most", "at_least")
COMPARISONS = ("difference", "ratio")
UNITS = ("points", "percent", "number", "times")  # formats of the report's sentences
REDUCTIONS = ("range", "sd", "mean", "max", "min", "regret", "difference", "best", "worst")
SPREADS = ("range", "sd", "regret", "difference")  # in points where the metric is a share
SMALLEST = 0.01  # one accuracy point

RECOMMENDED = "recommended"  # a column made from the configuration: ``recipe.is_recommended``
SELECTABLE = (*COLUMNS, RECOMMENDED)
SAME = 1e-5  # numbers that agree to five digits are one level: 0.0857696 for 10^(-16/15)

# What a placeholder of a finding can name of a part, and of an estimate.
_ESTIMATES = ("effect", "treatment", "control")
_NUMBERS = ("p", "p_holm", "diverged", "censored")

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
        held_out: choose the level of each seed by the mean over the *other* seeds.
    """

    function: str
    over: tuple[str, ...]
    held_out: bool = False


@dataclass(frozen=True)
class Part:
    """One test of a claim; see ``docs/claims.md`` for the keys.

    Attributes:
        label: by language.
        experiment: whose runs.
        metric, options: a name of ``metrics.METRICS`` and its options.
        where: cells of both sides.
        treatment, control: cells of each; without control it is ``against`` a constant.
        paired_by: what both sides of a pair have in common.
        cluster_by: columns of the clusters of the bootstrap; empty for Student's t.
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
    cluster_by: tuple[str, ...] = ()
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
        id: also the name of its file.
        section: of the lecture, or ``G`` for the grid.
        figure: id of the figure that shows it.
        beyond: whether the lecture does not say it.
        statement: by language; ``ko`` in the lecture's own words.
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
    short: dict[str, str] = field(default_factory=dict)
    finding: dict[str, dict[str, str]] = field(default_factory=dict)
    cases: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def experiments(self) -> list[str]:
        """Whose runs it needs, each once."""
        return list(dict.fromkeys(part.experiment for part in self.parts.values()))


# --- which cells --------------------------------------------------------------------------------


def selects(claim: Claim, experiment: str, row: Mapping[str, Any]) -> bool:
    """Whether ``claim`` needs the cell ``row`` (``cells.columns``) of ``experiment``."""
    config = {**row, RECOMMENDED: is_recommended(row)}
    return any(
        part.experiment == experiment
        and (
            METRICS[part.metric].whole
            or (
                _within(part.where, config)
                and any(_within(side, config) for side in part.sides.values())
            )
        )
        for part in claim.parts.values()
    )


def _within(selection: Selection, row: Mapping[str, Any]) -> bool:
    return any(
        all(any(_same(row[column], value) for value in values) for column, values in cell.items())
        for cell in selection
    )


def _same(own: Any, value: Any) -> bool:
    if value is None or own is None or own is pd.NA:
        return value is None and (own is None or own is pd.NA)
    if isinstance(value, str | bool):
        return bool(own == value)
    if math.isnan(own):
        return False
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
        return np.asarray(np.isclose(numbers, value, rtol=SAME, atol=0), bool)
    return np.asarray(equal, bool)


# --- reading files ------------------------------------------------------------------------------


def load_claims(
    folders: Iterable[Path], *, experiments: Collection[str] | None = None,
    figures: Collection[str] | None = None,
) -> list[Claim]:  # fmt: skip
    """Every claim of ``folders`` (``*.yaml``), in the order of the lecture.

    Args:
        experiments, figures: those there are, where the caller knows them.

    Raises:
        ConfigError: a file that cannot be used; names file and key, what is expected and what was
            received.
    """
    found: dict[str, Path] = {}
    claims = []
    for folder in folders:
        if not Path(folder).is_dir():
            raise ConfigError("claims", "a folder of YAML files", str(folder))
        for path in sorted(Path(folder).glob("*.yaml")):
            if path.stem in found:
                expected = f"an id of its own ({found[path.stem]} has it)"
                raise ConfigError(f"{path}: id", expected, path.stem)
            found[path.stem] = path
            claims.append(load_claim(path, experiments=experiments, figures=figures))
    return sorted(claims, key=_place)


def _place(claim: Claim) -> tuple[Any, ...]:
    """The lecture's sections first, in order; what is beyond it last."""
    return (claim.beyond, _natural(claim.section), _natural(claim.id))


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """``1.10`` comes after ``1.9``, and letters after numbers."""
    words = re.findall(r"\d+|\D+", text)
    return [(not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in words if w != "."]


def load_claim(
    path: Path, *, experiments: Collection[str] | None = None,
    figures: Collection[str] | None = None,
) -> Claim:  # fmt: skip
    """The claim declared in one file; raises ConfigError as ``load_claims``."""
    root = _Node(str(path), "", _read(path))
    root.keys(
        required=("id", "section", "figure", "statement", "parts"),
        optional=("short", "beyond", "finding", "cases"),
    )
    own = root.get("id")
    own.check("the name of its file", own.value == path.stem, [path.stem])
    own.check("letters, digits, - and _, a letter first", _matches(r"[A-Za-z][\w-]*", own.value))
    section, figure = root.get("section"), root.get("figure")
    expected = "a section as text in quotes, e.g. '1.4.1', or G"
    section.check(expected, _matches(r"\d+(\.\d+)*|G", section.value))
    figure.text()
    if figures is not None:
        figure.check("a figure of the report", figure.value in figures, figures)
    beyond = root.get("beyond", default=False)
    beyond.check("true or false", isinstance(beyond.value, bool))
    parts = {name: _part(node, experiments) for name, node in root.get("parts").named_items()}
    expected = "at least one part with deciding: true"
    root.get("parts").check(expected, any(part.deciding for part in parts.values()))
    cases = _cases(root.get("cases", default={}), parts)
    return Claim(
        id=own.value,
        section=section.value,
        figure=figure.value,
        beyond=beyond.value,
        statement=root.get("statement").languages(),
        parts=parts,
        short=root.get("short").languages() if "short" in root.value else {},
        finding=_finding(root.get("finding", default={}), parts, cases),
        cases=cases,
    )


def _read(path: Path) -> Any:
    """The content of a YAML file, whatever it is; a key that stands twice is an error."""
    try:
        # What yaml.safe_load does, with a look at the nodes on the way.
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        repeated = _repeated_key(node)
        content = None if node is None else loader.construct_document(node)
    # PyYAML raises also what its constructors do: ValueError for the date 2001-99-99, and so on.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(str(path), f"a YAML file ({reason})", path.name) from None
    if repeated is not None:
        raise ConfigError(f"{path}: {repeated}", "each key once", "the same key again")
    return content


def _repeated_key(root: yaml.Node | None) -> str | None:
    """A key that a mapping has twice (YAML would keep the last without a word)."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen:  # anchors make loops
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for name in names:
                if names.count(name) > 1:
                    return str(name)
            todo += [value for _, value in node.value]
    return None


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2  # aliases can make a small file's values exponentially large


class _Shown:
    """A value in an error message, cut to a readable length whatever it holds."""

    def __init__(self, value: Any) -> None:
        if isinstance(value, int) and abs(value) > HUGE:
            self._text = "a huge number"  # Python does not write out thousands of digits
        elif isinstance(value, str) and len(value) < 200:
            self._text = repr(value)
        else:
            self._text = _SHORT.repr(value)

    def __repr__(self) -> str:
        return self._text


@dataclass(frozen=True)
class _Node:
    """A value of a YAML file and where it stands."""

    file: str
    key: str
    value: Any

    def check(self, expected: str, valid: bool, choices: Iterable[Any] | None = None) -> None:
        """Raise ConfigError unless ``valid``."""
        if not valid:
            place = f"{self.file}: {self.key}" if self.key else self.file
            raise ConfigError(place, expected, _Shown(self.value), choices)

    def choice(self, choices: Iterable[Any]) -> Any:
        """The value, which has to be one of ``choices``."""
        known = list(choices)
        self.check("one of the choices", isinstance(self.value, str) and self.value in known, known)
        return self.value

    def text(self) -> str:
        """The value, which has to be text that is not empty."""
        self.check("text", isinstance(self.value, str) and bool(self.value.strip()))
        return str(self.value)

    def keys(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Check that this is a mapping that has all required keys and no unknown one."""
        self.check("a mapping", isinstance(self.value, dict))
        known = [*required, *optional]
        for key in self.value:
            if key not in known:
                place = _Node(self.file, self._path(key), key)
                place.check("a known key", False, known)
        for key in required:
            if key not in self.value:
                _Node(self.file, self._path(key), None).check("a value", False)

    def _path(self, key: object) -> str:
        shown = key if isinstance(key, str) and len(key) < 80 else _Shown(key)
        return f"{self.key}.{shown}" if self.key else f"{shown}"

    def get(self, key: str, default: Any = None) -> "_Node":
        """The value of ``key``, or ``default``."""
        return _Node(self.file, self._path(key), self.value.get(key, default))

    def named_items(self) -> Iterable[tuple[str, "_Node"]]:
        """The items of a mapping by names that placeholders can use."""
        self.check("a mapping of names to values", isinstance(self.value, dict))
        for name in self.value:
            place = _Node(self.file, self._path(name), name)
            place.check("a name (small letters, digits, _)", _matches(r"[a-z][a-z0-9_]*", name))
            yield name, self.get(name)

    def languages(self) -> dict[str, str]:
        """A text for each language."""
        self.keys(LANGUAGES)
        return {language: self.get(language).text() for language in LANGUAGES}


def _matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < HUGE


_PART_KEYS = (
    "where", "control", "against", "paired_by", "cluster_by", "reduce", "reduce_control", "compare",
    "smallest", "unit", "deciding",
)  # fmt: skip


def _part(node: _Node, experiments: Collection[str] | None) -> Part:
    node.keys(("label", "experiment", "metric", "treatment", "direction"), _PART_KEYS)
    experiment = node.get("experiment")
    experiment.text()
    if experiments is not None:
        experiment.choice(experiments)
    metric, options = _metric(node.get("metric"))
    control, against = _control(node, metric)
    paired_by = _columns(node.get("paired_by", ["seed"]))
    node.get("paired_by").check("at least one column", bool(paired_by))
    cluster_by = _columns(node.get("cluster_by", []))
    expected = f"columns of paired_by ({', '.join(paired_by)})"
    node.get("cluster_by").check(expected, set(cluster_by) <= set(paired_by))
    reduce = _reduction(node.get("reduce"), paired_by, metric)
    other = node.get("reduce_control", node.value.get("reduce"))
    reduce_control = _reduction(other, paired_by, metric)
    compare = node.get("compare", "difference").choice(COMPARISONS)
    direction = node.get("direction").choice(DIRECTIONS)
    share = METRICS[metric].unit_of(options) == "share"
    deciding = node.get("deciding", True)
    deciding.check("true or false", isinstance(deciding.value, bool))
    default = "times" if compare == "ratio" else "points" if share else "number"
    return Part(
        label=node.get("label").languages(),
        experiment=experiment.value,
        metric=metric,
        options=options,
        where=_selection(node.get("where", {})),
        treatment=_selection(node.get("treatment")),
        control=control,
        against=against,
        paired_by=paired_by,
        cluster_by=cluster_by,
        reduce=reduce,
        reduce_control=reduce_control,
        compare=compare,
        direction=direction,
        smallest=_smallest(node.get("smallest"), compare, direction, share),
        unit=node.get("unit", default).choice(UNITS),
        deciding=deciding.value,
    )


def _metric(node: _Node) -> tuple[str, dict[str, Any]]:
    """Name and options, those left out at their defaults."""
    if isinstance(node.value, dict):
        named, label = node, node.get("name")
    else:
        named, label = _Node(node.file, node.key, {"name": node.value}), node
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


def _control(node: _Node, metric: str) -> tuple[Selection | None, float | None]:
    both = "control" in node.value, "against" in node.value
    node.check("either control (cells) or against (a number)", both in ((1, 0), (0, 1)))
    if both[0]:
        return _selection(node.get("control")), None
    against = node.get("against")
    against.check("a number", _number(against.value))
    expected = f"control: {metric} compares two runs"
    against.check(expected, METRICS[metric].match is None)
    if node.value.get("compare") == "ratio":
        against.check("a number > 0, for a ratio", against.value > 0)
    return None, float(against.value)


def _selection(node: _Node) -> Selection:
    """A mapping of columns to a value or a list of values, or a list of such mappings."""
    if isinstance(node.value, list):
        node.check("at least one mapping", bool(node.value))
        cells = [_Node(node.file, f"{node.key}[{i}]", cell) for i, cell in enumerate(node.value)]
    else:
        cells = [node]
    return tuple(_cell(cell) for cell in cells)


def _cell(node: _Node) -> dict[str, tuple[Any, ...]]:
    node.keys((), SELECTABLE)
    chosen = {}
    for column in node.value:
        own = node.get(column)
        listed = own.value if isinstance(own.value, list) else [own.value]
        own.check("a value or a list of values", bool(listed))
        chosen[column] = tuple(_level(_Node(own.file, own.key, v), column) for v in listed)
    return chosen


def _level(node: _Node, column: str) -> Any:
    value = node.value
    if column in (*SWITCHES, RECOMMENDED):
        node.check("true or false", isinstance(value, bool))
    elif column in TEXTS:
        if column == "batch_size" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        node.check("a name", isinstance(value, str))
    else:
        node.check("a number or null", value is None or _number(value))
    return value


def _columns(node: _Node) -> tuple[str, ...]:
    """A column or a list of columns."""
    listed = node.value if isinstance(node.value, list) else [node.value]
    for name in listed:
        _Node(node.file, node.key, name).choice(SELECTABLE)
    node.check("each column once", len(set(listed)) == len(listed))
    return tuple(listed)


def _reduction(node: _Node, paired_by: Sequence[str], metric: str) -> Reduction | None:
    if node.value is None:
        return None
    node.keys(("function", "over"), ("held_out",))
    node.check(f"no reduction of {metric}, which compares two runs", METRICS[metric].match is None)
    function = node.get("function").choice(REDUCTIONS)
    over, held_out = _columns(node.get("over")), node.get("held_out", False)
    node.get("over").check("at least one column", bool(over))
    node.get("over").check("columns that are not in paired_by", not set(over) & set(paired_by))
    held_out.check("true or false", isinstance(held_out.value, bool))
    choosing = function in ("best", "worst")
    held_out.check("false, or function best or worst", choosing or not held_out.value)
    held_out.check("false, or seed in paired_by", "seed" in paired_by or not held_out.value)
    return Reduction(function, over, held_out.value)


def _smallest(node: _Node, compare: str, direction: str, share: bool) -> float:
    if compare == "ratio":
        least = 1.0
        node.check("a number >= 1 (a ratio has no default)", _number(node.value))
    else:
        least = 0.0
        if node.value is None and share:
            return SMALLEST
        expected = "a number >= 0 (only accuracies and other shares have a default)"
        node.check(expected, _number(node.value))
    node.check(f"a number >= {least:g}", node.value >= least)
    return float(node.value)


def _cases(node: _Node, parts: Mapping[str, Part]) -> dict[str, dict[str, str]]:
    cases = {}
    for name, case in node.named_items():
        case.check("another name than a verdict's", name not in VERDICTS)
        case.keys((), list(parts))
        case.check("at least one part and its verdict", bool(case.value))
        cases[name] = {part: case.get(part).choice(VERDICTS) for part in case.value}
    return cases


def _finding(
    node: _Node, parts: Mapping[str, Part], cases: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Sentences by case, for all cases or for none."""
    if node.value == {}:
        return {}
    node.keys((*VERDICTS, *cases))
    finding = {case: node.get(case).languages() for case in node.value}
    for case, sentences in finding.items():
        for language in sentences:
            _check_placeholders(node.get(case).get(language), parts)
    return finding


def _check_placeholders(node: _Node, parts: Mapping[str, Part]) -> None:
    """Raise ConfigError for a placeholder of a sentence that could not be filled."""
    try:
        pieces = list(string.Formatter().parse(node.value))
    except ValueError as error:
        node.check(f"a sentence with placeholders in braces ({error})", False)
        return
    names = list(_placeholders(parts))
    for _, name, form, conversion in pieces:
        if name is not None:
            place = _Node(node.file, node.key, "{" + name + "}")
            place.check("a placeholder for what there is", name in names, names)
            place = _Node(node.file, node.key, form)
            place.check("a format", form in ("", *UNITS), UNITS)
            place = _Node(node.file, node.key, conversion)
            place.check("no conversion", conversion is None)


def _placeholders(parts: Mapping[str, Part]) -> Iterable[str]:
    """Every name that ``Text.fill`` can take from the findings of ``parts``."""
    for name, part in parts.items():
        for side in _ESTIMATES:
            if side != "control" or part.control is not None:
                yield f"{name}.{side}"
                yield from (f"{name}.{side}.{attribute}" for attribute in Estimate._fields)
        yield from (f"{name}.{attribute}" for attribute in _NUMBERS)
