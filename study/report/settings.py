"""Which columns of a configuration a page tells of some runs: the usual, and what is unusual."""

import functools

import pandas as pd

from study.records.cells import COLUMNS, value_text
from study.records.config import RunConfig


def told(runs: pd.DataFrame) -> list[str]:
    """The columns that say what ``runs`` were, in the order of ``COLUMNS``.

    Besides the usual ones: what is not at its default, and what alone tells some runs from others.
    Widths and their number are told unless the layers of a network differ.
    """
    names = [name for name in COLUMNS if _is_told(runs, name)]
    if "hidden" in names:
        names = [name for name in names if COLUMNS[name].of != "hidden"]
    return names


def _is_told(runs: pd.DataFrame, name: str) -> bool:
    column = COLUMNS[name]
    if column.usual:
        return True
    if column.of is not None:
        pairs = runs[[column.of, name]].drop_duplicates()
        return len(pairs) > runs[column.of].nunique(dropna=False)
    values = runs[name].dropna()
    if name == "hidden":
        return bool(values.str.contains("-", regex=False).any())
    return bool((values != _default(column.key)).any())


@functools.cache
def _default(key: str) -> object:
    """What the column of ``key`` says of a run unless somebody says otherwise."""
    value: object = functools.reduce(getattr, key.split("."), RunConfig())
    if isinstance(value, dict) and value:
        return value["name"]
    return value_text(value) if isinstance(value, list) else value
