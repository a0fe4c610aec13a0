"""Tables of the report: a frame as rounded text for the page, and as full numbers for the CSV."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from study.analysis.intervals import Estimate
from study.analysis.typography import typeset


@dataclass(frozen=True)
class TableView:
    """What the template shows of a table.

    Attributes:
        columns: headers.
        rows: cells as text.
        numeric: for each column whether it is set right-aligned.
        csv: the same table with full numbers, as a ``data:`` address.
    """

    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    csv: str


def view(frame: pd.DataFrame, translate: Callable[[str], str] = str) -> TableView:
    """Prepare ``frame`` for the page."""
    columns = [str(column) for column in frame.columns]
    return TableView(
        columns=[translate(column) for column in columns],
        rows=[
            [translate(cell) if isinstance(cell, str) else typeset(cell_text(cell)) for cell in row]
            for row in frame.itertuples(index=False)
        ],
        numeric=[not _is_text(frame.iloc[:, i]) for i in range(len(columns))],
        # in percents: of numbers and commas that is a quarter shorter than in base64
        csv="data:text/csv;charset=utf-8,"
        + quote(flat(frame).to_csv(index=False), safe=",.;:()+-=/"),
    )


def whole(value: Any) -> Any:
    """Without the decimals that a column of floats, or one with gaps, gives to whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def by_size(value: object) -> tuple[bool, float, str]:
    """Sorts the values of a column: numbers by size, then words."""
    try:
        return False, float(str(value)), ""
    except ValueError:
        return True, 0.0, str(value)


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimates as columns of their own: mean, ends of the 95 % interval, and how many runs."""
    columns: dict[str, Any] = {}
    for name in frame.columns:
        values = list(frame[name])
        if any(isinstance(value, Estimate) for value in values):
            for suffix, attribute in (
                ("", "mean"),
                (" low", "low"),
                (" high", "high"),
                (" n", "n"),
            ):
                columns[f"{name}{suffix}"] = [getattr(value, attribute, value) for value in values]
        else:
            columns[str(name)] = values
    return pd.DataFrame(columns)


def cell_text(value: object) -> str:
    """A cell as a reader wants it: three or four significant digits, mean ± half the interval."""
    if isinstance(value, Estimate):
        return estimate_text(value)
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return number(float(value))
    return "–" if value is None or value is pd.NA else str(value)


def estimate_text(estimate: Estimate) -> str:
    """``0.825 ± 0.011``, with as many decimals as the interval deserves."""
    if math.isnan(estimate.mean):
        return "–"
    half = estimate.half_width
    if math.isnan(half):
        return number(estimate.mean)
    if half == 0:
        return f"{number(estimate.mean)} ± 0"
    scale = max(abs(estimate.mean), half)
    if not 1e-3 <= scale < 1e6:
        # one power of ten for both: 3.95e-07 ± 0.16e-07
        power = math.floor(math.log10(scale))
        decimals = min(max(1 + power - math.floor(math.log10(half)), 0), 3)
        ends = (f"{value / 10.0**power:.{decimals}f}" for value in (estimate.mean, half))
        return f"({' ± '.join(ends)})e{power:+03d}"
    # two digits of the interval, but no more than five of the mean
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6)
    decimals = min(decimals, max(4 - math.floor(math.log10(scale)), 0))
    half = max(half, 10.0**-decimals)  # never shown as 0 when it is not
    mean, half = (_to_digits(value, half) for value in (estimate.mean, half))
    return f"{mean:,.{decimals}f} ± {half:,.{decimals}f}"


def _to_digits(value: float, half: float) -> float:
    """``value`` rounded to the second digit of ``half``, where that is before the point."""
    return round(value, min(1 - math.floor(math.log10(half)), 0)) if half >= 100 else value


def number(value: float) -> str:
    """A number with four significant digits; a dash for NaN."""
    if math.isnan(value):
        return "–"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}" if math.isfinite(value) else str(value)
    text = f"{value:,.{max(3 - math.floor(math.log10(abs(value))), 0)}f}" if value else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_text(column: pd.Series) -> bool:
    return any(isinstance(value, str) for value in column)
