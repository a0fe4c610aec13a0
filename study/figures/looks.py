"""Colour, line style and marker of each level of a plot: that of the thing, where it is known.

What ``style.STYLES`` does not know gets one of the palette's colours, a line style and a marker of
its own, by its name: another level beside it does not change it unless both would look the same.
"""

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl

from study.figures import style
from study.figures.plot import METRIC
from study.records.cells import SWITCHES

# A measure looks like the thing that it is measured of.
MEASURES = {
    "train_accuracy": "train", "train_loss": "train", "test_accuracy": "test", "test_loss": "test",
    "single": "thinned", "full": "scaled",
}  # fmt: skip
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "X", "P")
_KNOWN_MARKERS = {
    "normal 1": "o", "normal 0.01": "s", "xavier": "^", "glorot": "v", "he": "D",
    "xavier_doubled": "X", "constant 0.01": "P", "constant 0": "v", **style.MARKERS,
}  # fmt: skip
SCALE = ("#0072b2", "#56b4e9", "#009e73", "#b8a800", "#e69f00", "#d55e00")  # low to high


class Look(NamedTuple):
    """How a level is drawn."""

    colour: str
    line: Any
    marker: str


PLAIN = Look(style.PALETTE["blue"], "-", "o")


def looks(column: str | None, levels: Sequence[Any]) -> dict[Any, Look]:
    """A look for each level of a column, no two alike."""
    if column is None:
        return dict.fromkeys(levels, PLAIN)
    if _are_numbers(column, levels):
        return _scale(levels)
    names = {level: _name(column, level) for level in levels}
    found = {level: _known(name) for level, name in names.items() if name in style.STYLES}
    for level in sorted(levels, key=lambda level: names[level]):
        if level not in found:
            found[level] = _new(names[level], list(found.values()))
    return {level: found[level] for level in levels}


def _are_numbers(column: str, levels: Sequence[Any]) -> bool:
    numbers = [level for level in levels if isinstance(level, int | float)]
    return column not in (METRIC, *SWITCHES) and len(numbers) == len(levels) > 0


def _name(column: str, level: Any) -> str:
    if column in SWITCHES:
        return "on" if level else "off"
    return MEASURES.get(level, str(level)) if column == METRIC else str(level)


def _known(name: str) -> Look:
    marker = _KNOWN_MARKERS.get(name, MARKERS[list(style.STYLES).index(name) % len(MARKERS)])
    return Look(style.colour(name), style.line_style(name), marker)


def _new(name: str, taken: Sequence[Look]) -> Look:
    """The first look, from a place that depends on the name, that none of ``taken`` has."""
    colours = list(style.PALETTE.values())
    start = zlib.crc32(name.encode())
    for step in range(len(colours) * len(LINES)):
        place = start + step
        look = Look(
            colours[place % len(colours)],
            LINES[(place // len(colours)) % len(LINES)],
            MARKERS[place % len(MARKERS)],
        )
        colours_taken = {each.colour for each in taken}
        free = look.colour not in colours_taken or len(colours_taken) == len(colours)
        if free and all(look[:2] != each[:2] for each in taken):
            return look
    return PLAIN  # more levels than anyone can tell apart


def _scale(levels: Sequence[Any]) -> dict[Any, Look]:
    """Numbers: colours from low to high, with a line style and a marker of their own."""
    ordered = sorted(levels)
    if len(ordered) <= len(SCALE):
        step = (len(SCALE) - 1) / max(len(ordered) - 1, 1)
        colours = [SCALE[round(i * step)] for i in range(len(ordered))]
    else:
        ramp = mpl.colors.LinearSegmentedColormap.from_list("levels", SCALE)
        colours = [mpl.colors.to_hex(ramp(i / (len(ordered) - 1))) for i in range(len(ordered))]
    return {
        level: Look(colour, LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])
        for i, (level, colour) in enumerate(zip(ordered, colours, strict=True))
    }
