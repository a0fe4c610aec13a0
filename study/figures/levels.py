"""What the factors of a grid, their levels and its cells are called."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.analysis.effects import is_switch
from study.analysis.grid import Grid
from study.analysis.intervals import Estimate
from study.figures.labels import number, place
from study.figures.style import Translate
from study.records.cells import SWITCHES, TEXTS, number_text

# English names of columns that have another one than their own; all are labels of the texts.
NAMES = {
    "init": "initial value",
    "batchnorm": "batch norm",
    "weight_decay": "weight decay",
    "lr": "learning rate",
    "batch_size": "batch size",
    "depth": "hidden layers",
    "width": "units in a layer",
}
# Texts that say themselves what they are; of others, such as a batch size, it has to be said.
CHOICES = ("init", "activation", "data", "init_class", "activation_class")
UNKNOWN = "–"  # in the place of what there is not


def factor_name(factor: str) -> str:
    """What a factor is called in English."""
    return NAMES.get(factor, factor)


def plain(level: Any) -> str:
    """A level as text: ``on``, ``he``, ``0.2``."""
    if level is None:
        return UNKNOWN
    if isinstance(level, bool | np.bool_):
        return "on" if level else "off"
    return level if isinstance(level, str) else number_text(level)


def typed(level: Any) -> str:
    """A level as it is typed on the command line."""
    return {"on": "true", "off": "false"}.get(plain(level), plain(level))


def setting(factor: str, level: Any, tr: Translate) -> str:
    """A level with its factor: ``batch norm on``, ``dropout 0.2``; names of choices as they are."""
    if factor in CHOICES and level is not None:
        return tr(plain(level))
    text = plain(level)
    if isinstance(level, float | np.floating) and "e" in text:
        text = number(float(level))
    return f"{tr(factor_name(factor))} {tr(text) if factor in (*SWITCHES, *TEXTS) else text}"


def switches(grid: Grid) -> list[str]:
    """The factors that are off or on."""
    return [factor for factor in grid.factors if is_switch(grid.levels[factor])]


def cell_name(row: Mapping[str, Any], grid: Grid, tr: Translate) -> str:
    """``he · relu · batch norm · dropout``: what is off is left out, and that a switch is on."""
    short = switches(grid)
    words = [
        tr(factor_name(factor)) if factor in short else setting(factor, row[factor], tr)
        for factor in grid.factors
        if row[factor] or row[factor] is None
    ]
    return " · ".join(words or [setting(factor, row[factor], tr) for factor in grid.factors])


def typed_cell(row: Mapping[str, Any], grid: Grid) -> str:
    """A cell for a sentence (``labels.Place``): as typed, ``init=he, batchnorm=true``."""
    told = {factor: row[factor] for factor in grid.factors if row[factor] is not None}
    return place(told) if told else UNKNOWN


def signed(value: float, decimals: int) -> str:
    """``+1.5``, ``−0.2``, ``0``."""
    text = f"{value:+.{decimals}f}" if round(value, decimals) else "0"
    return text.replace("-", "−")


def points(estimate: Estimate) -> str:
    """A difference of accuracies in accuracy points, with its sign: ``+1.5 ± 0.2``."""
    half = estimate.half_width
    interval = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{signed(100 * estimate.mean, 1)}{interval}"
