"""What a page carries of a specification curve, so that its reader can narrow the settings.

All of it comes from the figure's table. The page's script counts and averages the settings that are
left (``templates/dials/settings.js``); the quantiles of its intervals are computed here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from study.analysis.deciding import is_ordered, is_wide, level
from study.analysis.intervals import LEVEL
from study.analysis.multiverse import MARGIN, outcomes
from study.figures.declare import Figure
from study.figures.drawing.settings import EFFECT, OUTCOMES, SORTED, axis_name, shown
from study.figures.labels import Labels
from study.report.tables import whole
from study.report.text import Text

KIND = "settings"  # of the figures that can be narrowed
FEW = 4  # numbers of an axis, which are then chosen one by one, as names are
STOPS = 20  # at most, on a linear axis between its ends
PER_DECADE = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)  # stops on a logarithmic one
DECIMALS = 5  # of an effect, a share


@dataclass(frozen=True)
class AxisView:
    """What the template shows of an axis.

    Attributes:
        id: the beginning of the names of its controls.
        name: in the language of the page.
        stops: how many values its two sliders have; 0 where each value has a box of its own.
        levels: of these the value, and its text.
        missing: how many settings have no value on it.
    """

    id: str
    name: str
    stops: int
    levels: list[tuple[str, str]]
    missing: int


@dataclass(frozen=True)
class SettingsView:
    """What the template shows of a specification curve that can be narrowed.

    Attributes:
        figure: the id of the curve.
        axes: those on which settings differ.
        outcomes: id and name of ``helps``, ``no_effect``, ``harms``, as in the figure.
        caption: what the curve shows.
        data: for the script (``settings_data``).
        words: all that is said, ``live`` by the script.
    """

    figure: str
    axes: list[AxisView]
    outcomes: list[tuple[str, str]]
    caption: str
    data: dict[str, Any]
    words: dict[str, Any]


def settings_view(figure: Figure, table: pd.DataFrame, text: Text) -> SettingsView | None:
    """What a reader can narrow; None for a figure that is not one curve, or has no axes."""
    if [plot.kind for plot in figure.plots] != [KIND] or not len(table):
        return None
    data = settings_data(table)
    if not data["axes"]:
        return None
    labels = Labels(text.label, text.language)
    words = text.dials[KIND]
    return SettingsView(
        figure=figure.id,
        axes=[_axis_view(figure.id, axis, labels) for axis in data["axes"]],
        outcomes=[(name, text.label(label)) for name, (label, *_) in OUTCOMES.items()],
        caption=text.label(EFFECT),
        data=data,
        words={**words, "live": {**words["live"], "sorted": text.label(SORTED)}},
    )


def _axis_view(figure: str, axis: dict[str, Any], labels: Labels) -> AxisView:
    return AxisView(
        id=f"{figure}.{axis['key']}",
        name=axis_name(axis["key"], labels),
        stops=len(axis.get("stops", ())),
        levels=[(name, labels.tr(name)) for name in axis.get("levels", ())],
        missing=sum(value is None for value in axis["values"]),
    )


def settings_data(table: pd.DataFrame) -> dict[str, Any]:
    """Effects and axes of the settings, sorted by effect as the figure has them.

    Args:
        table: of a figure ``settings``: the axes are the columns between ``setting`` and
            ``effect``. Settings that are given, not drawn, are left out.

    Returns:
        ``effects`` (shares) and ``outcomes`` (places in ``OUTCOMES``) by setting; ``axes``: those
        with more than one value, each with its ``key`` and ``values`` by setting, None for none.
        Values are numbers with ``stops`` to narrow them at, or places in ``levels``. ``margin`` is
        the smallest effect that matters, ``normal`` the quantile of Wilson's intervals, and
        ``student`` those of Student's t with 1, 2, … degrees of freedom.
    """
    drawn = [not isinstance(name, str) for name in table["setting"]]  # names are of given ones
    ordered = table[drawn].infer_objects().sort_values("effect", kind="stable")
    effects = ordered["effect"].to_numpy(float)
    columns = list(table.columns)
    keys = columns[columns.index("setting") + 1 : columns.index("effect")]
    axes = (_axis(str(key), ordered[key]) for key in keys)
    places = {name: place for place, name in enumerate(OUTCOMES)}
    tail = (1 + LEVEL) / 2
    return {
        "effects": [round(float(effect), DECIMALS) for effect in effects],
        # found here: an effect that is rounded may come to lie on the margin
        "outcomes": [places[name] for name in outcomes(effects)],
        "axes": [axis for axis in axes if axis],
        "margin": MARGIN,
        "normal": round(float(special.ndtri(tail)), 6),
        "student": [round(float(special.stdtrit(n, tail)), 6) for n in range(1, len(effects))],
    }


def _axis(key: str, column: pd.Series) -> dict[str, Any]:
    """An axis with its values; empty where there is nothing to choose between."""
    values = [None if _is_missing(value) else whole(level(value)) for value in column]
    known = list(dict.fromkeys(value for value in values if value is not None))
    if len(known) < 2:
        return {}
    ordered = is_ordered(column)
    if ordered and len(known) > FEW:
        return {"key": key, "stops": stops(known), "values": values}
    known = sorted(known) if ordered else known
    places = [None if value is None else known.index(value) for value in values]
    return {"key": key, "levels": [shown(value) for value in known], "values": places}


def stops(values: Sequence[float]) -> list[float]:
    """Where a slider stops: the smallest and the largest value, and round numbers between them.

    They are evenly spread, on the scale of ``is_wide``.
    """
    low, high = min(values), max(values)
    if is_wide(np.asarray(values, dtype=float)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        between = [_round(first * 10.0**power) for power in powers for first in PER_DECADE]
    else:
        step = _step((high - low) / STOPS)
        if all(isinstance(value, int) for value in values):
            step = max(step, 1)
        first = math.ceil(low / step)
        between = [_round(place * step) for place in range(first, math.floor(high / step) + 1)]
    return [low, *(whole(value) for value in between if low < value < high), high]


def _step(smallest: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``smallest``."""
    power = 10.0 ** math.floor(math.log10(smallest))
    return next(_round(first * power) for first in (1, 2, 5, 10) if first * power >= smallest)


def _round(value: float) -> float:
    """Without what binary fractions add: 0.3 for 0.30000000000000004."""
    return float(f"{value:.6g}")


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
