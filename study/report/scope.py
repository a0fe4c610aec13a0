"""What a claim was tested on, short enough to stand beside its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.typography import typeset
from study.report import tables
from study.report.text import Text

LISTED = 2  # values of a column; of more, the ends and how many there are


def scope_words(scope: Mapping[str, Sequence[Any]], text: Text, data: str) -> list[str]:
    """``width 100``, ``300 samples``, ``lr 0.01 to 10 (7 values)``: one text for each column.

    Args:
        scope: values by column, each in order (``claims.Judgement.scope``).
        data: the study's data set, which the page names at its top and this leaves out.
    """
    return [
        _column(name, values, text)
        for name, values in scope.items()
        if values and not (name == "data" and list(values) == [data])
    ]


def _column(name: str, values: Sequence[Any], text: Text) -> str:
    one = text.page.get(f"scope_{name}_one") if list(values) == [1] else None
    own = one or text.page.get(f"scope_{name}")
    wording = own if own is not None else f"{text.label(name)} {{values}}"
    return wording.format(values=_values(values, text))


def _values(values: Sequence[Any], text: Text) -> str:
    words = [text.label(typeset(tables.cell_text(value))) for value in values]
    if len(words) <= LISTED:
        return ", ".join(words)
    count = text.page["scope_count"].format(count=len(words))
    if any(isinstance(value, str) for value in values):
        return count
    return f"{words[0]} {text.label('to')} {words[-1]} ({count})"
