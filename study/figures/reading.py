"""One plot of a figure, read and checked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from study.analysis.declarations import Selection, read_selection
from study.analysis.reading import Node, is_number
from study.figures.kinds import KINDS, kind
from study.figures.measures import read_measure, read_words
from study.figures.plot import METRIC, Mark, Measure, Plot, Words
from study.figures.rows import AXES, axis_columns
from study.records.cells import COLUMNS

COMMON = (
    "kind", "experiment", "rows", "where", "moment", "panel", "marks", "labels", "height",
    "heading",
)  # fmt: skip
MOMENTS = ("init", "end")
SCALES = ("log", "linear")
TALLEST = 12.0  # inches


def read_plot(node: Node, experiments: Mapping[str, Collection[str]]) -> Plot:
    """The plot that ``node`` declares; raises ConfigError."""
    name = node.get("kind").choice(KINDS)
    own = kind(name)
    node.keys(("kind", "experiment", *own.REQUIRED), [*COMMON, *own.OPTIONAL])
    names = node.get("experiment")
    listed = names.listed() if isinstance(names.value, list) else [names]
    names.check("an experiment", bool(listed), experiments)
    shown = tuple(each.choice(experiments) for each in listed)
    varying = tuple(dict.fromkeys(c for e in shown for c in experiments[e] if c != "seed"))
    rows = node.get("rows", own.ROWS[0]).choice(own.ROWS)
    where = read_selection(node.get("where", {}), extremes=True)
    plot = Plot(
        kind=name,
        experiments=shown,
        rows=rows,
        where=where,
        moment=node.get("moment", "end").choice(MOMENTS),
        y=_measures(node.get("y"), rows) if "y" in node.value else (),
        scale=_scale(node.get("scale", {})),
        height=_height(node.get("height")),
        labels=_labels(node.get("labels", {})),
        heading=read_words(node.get("heading")) if "heading" in node.value else {},
    )
    plot = _with_keys(node, plot, varying)
    plot = _with_arms(node, plot, [getattr(experiments[each], "arms", ()) for each in shown])
    plot = replace(plot, marks=_marks(node, plot, own.MARKS))
    plot = own.check(node, plot)
    _check_apart(node, plot, varying, [experiments[each] for each in shown])
    return plot


def _with_keys(node: Node, plot: Plot, varying: Sequence[str]) -> Plot:
    """With the columns of x, colour and panel, which have to vary among the cells shown."""
    places = axis_columns(plot.rows)
    one = pinned(plot.where)
    free = [column for column in varying if column not in one]
    several = [METRIC] if len(plot.y) > 1 else []
    x = node.get("x")
    if x.value is not None:
        x.check("an axis that varies", x.value in (places or free), places or free)
    colour = _key(node.get("colour"), [*free, *several, *_numbered(places)])
    panel = node.get("panel")
    if isinstance(panel.value, dict):
        panel.keys((), ("row", "column"))
        panels = (panel.get("row"), panel.get("column"))
    else:
        panels = (Node("", "", None), panel)
    row, column = (_key(each, [*free, *several, *_numbered(places)]) for each in panels)
    own = {name: _key(node.get(name), free) for name in getattr(kind(plot.kind), "COLUMNS", ())}
    plot = replace(plot, x=x.value, colour=colour, panel=(row, column), options=own)
    keys = [key for key in (row, column, colour, x.value, *own.values()) if key is not None]
    roles = ", ".join(("x", "colour", *own))
    node.check(f"each column once as {roles} or panel", len(set(keys)) == len(keys))
    return plot


def _with_arms(node: Node, plot: Plot, arms: Sequence[Collection[str]]) -> Plot:
    """With the arms that a kind compares; experiments without settings have none."""
    known = [arm for own in arms for arm in own]
    found = {}
    for name in getattr(kind(plot.kind), "ARMS", ()):
        own = node.get(name)
        node.get("experiment").check("an experiment with arms", bool(known))
        listed = own.listed() if isinstance(own.value, list) else [own]
        own.check("an arm", bool(listed), known)
        found[name] = [each.choice(known) for each in listed]
    return replace(plot, options={**plot.options, **found}) if found else plot


def _numbered(places: Sequence[str]) -> list[str]:
    """Places that are few: a panel for each layer, but not for each step."""
    return [place for place in places if place not in AXES]


def _key(node: Node, choices: Sequence[str]) -> str | None:
    if node.value is None:
        return None
    known = isinstance(node.value, str) and node.value in choices
    expected = "several y for metric" if node.value == METRIC else "a column that varies"
    node.check(expected, known, choices)
    return str(node.value)


def pinned(where: Selection) -> set[str]:
    """The columns that have one value in all cells of a selection."""
    values: dict[str, set[Any]] = {}
    for cell in where:
        for column, own in cell.items():
            values.setdefault(column, set()).update(own)
    return {
        column
        for column, own in values.items()
        if len(own) == 1 and all(column in cell for cell in where)
    }


def _check_apart(
    node: Node, plot: Plot, varying: Sequence[str], axes: Sequence[Collection[str]]
) -> None:
    """Raise ConfigError if cells would be averaged that differ in a column that varies.

    What follows from another column (``init_std`` from ``init``), or may as the same axis varies
    both, is left to the runs themselves.
    """
    told = pinned(plot.where) | set(plot.by)
    for each in axes:
        if isinstance(each, Mapping):
            moved = {each[column] for column in told if column in each}
            told |= {column for column, axis in each.items() if axis in moved}
    for column in varying:
        of = COLUMNS[column].of
        own = [name for name, each in COLUMNS.items() if each.of == column]
        follows = (
            column in told
            or of in told
            or bool(told & set(own))
            or any(column.startswith(f"{name}_") for name in told)
        )
        if not follows and of is not None and of in varying:
            continue  # what it belongs to varies, too, and is checked itself
        expected = f"one value of {column}, or {column} as x, colour or panel: its cells differ"
        node.get("where").check(expected, follows)


# --- what is shown ------------------------------------------------------------------------------


def _measures(node: Node, rows: str) -> tuple[Measure, ...]:
    listed = node.listed() if isinstance(node.value, list) else [node]
    node.check("at least one number", bool(listed))
    found = tuple(read_measure(each, rows) for each in listed)
    node.check("each number once", len({measure.name for measure in found}) == len(found))
    return found


def _marks(node: Node, plot: Plot, known: Mapping[str, Any]) -> tuple[Mark, ...]:
    marks = []
    for each in node.get("marks", []).listed():
        if isinstance(each.value, dict):
            each.check("one mark with its options", len(each.value) == 1)
            name = next(iter(each.value))
            Node(each.file, each.key, name).choice(known)
            each = each.get(name)
        else:
            name = each.choice(known)
            each = Node(each.file, each.key, None)
        marks.append(Mark(name, known[name](each, plot)))
    return tuple(marks)


def _scale(node: Node) -> dict[str, str]:
    node.keys((), ("x", "y"))
    return {axis: node.get(axis).choice(SCALES) for axis in node.value}


def _labels(node: Node) -> dict[str, Words]:
    node.check("a mapping", isinstance(node.value, dict))
    return {str(name): read_words(node.get(name)) for name in node.value}


def _height(node: Node) -> float | None:
    if node.value is None:
        return None
    node.check(f"inches, at most {TALLEST:g}", is_number(node.value) and 0 < node.value <= TALLEST)
    return float(node.value)
