"""Which words a figure is described in: its own, or automatic ones where those would not fit."""

import math
import re
import string
from collections.abc import Mapping
from typing import Any

from study.figures.declare import Figure, Sentences
from study.figures.levels import UNKNOWN
from study.figures.quantities import MEASURED, Each, Told, lacking

ALT, SAID = "alt", "measured"  # alternative text, and the sentence with what was measured
BRIEF = "brief"  # that sentence in a few words, where the claims are that it says more of
NOTHING = "nothing"  # the automatic words where there is nothing to see
PARTIAL = "partial"  # those of a figure drawn by hand that lacks some of its numbers
FALLBACK = "en"


def template(
    figure: Figure, facts: Mapping[str, Any], which: str, page: Mapping[str, str], language: str
) -> str:
    """The template of ``alt`` or ``measured``, for ``Text.fill`` with ``facts``.

    The figure's own words, in English where it lacks the language; automatic ones where it has
    none, or where a number that they name is not there.

    Args:
        page: the strings of the page in this language, with the automatic words.
    """
    own = _own(figure.alt if which == ALT else figure.measured, str(facts["case"]))
    if own:
        words = own.get(language, own[FALLBACK])
        found = {key: v for key, v in facts.items() if isinstance(v, Told | Each)}
        if not (lacking(found, _named(words)) or _unknown(words, facts)):
            return words
    if figure.own is not None:
        return page[f"auto_{PARTIAL if own else NOTHING}"]
    if not facts.get("shown", 1):
        return page[f"auto_{NOTHING}"]
    wordings = (facts.get("wording", facts["unit"]), *facts.get("further", ()))
    return " ".join(page[f"auto_{figure.plots[0].kind}_{which}_{each}"] for each in wordings)


def brief(figure: Figure, facts: Mapping[str, Any], page: Mapping[str, str]) -> str:
    """The template of what was found in a few words; empty where its kind has none."""
    if figure.own is not None or not facts.get("shown", 0):
        return ""
    return page.get(f"auto_{figure.plots[0].kind}_{BRIEF}", "")


def has(figure: Figure, language: str) -> bool:
    """Whether all words of the figure are there in a language; the automatic ones always are."""
    every = (figure.title, figure.look, *figure.alt.values(), *figure.measured.values())
    labels = (words for plot in figure.plots for words in plot.labels.values())
    paper = figure.paper.words() if figure.paper is not None else ()
    return all(language in words for words in (*every, *labels, *paper) if words)


def _own(sentences: Sentences, case: str) -> Mapping[str, str]:
    return sentences.get(case, sentences.get(MEASURED, {}))


def _named(words: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(words) if name]


def _unknown(words: str, facts: Mapping[str, Any]) -> bool:
    """Whether a fact that is no quantity is not known."""
    firsts = {re.split(r"[.\[]", name)[0] for name in _named(words)}
    values = [getattr(facts.get(name), "mean", facts.get(name)) for name in firsts]
    return any(
        value == UNKNOWN or (isinstance(value, float) and math.isnan(value)) for value in values
    )
