"""What the page shows of a paper that a figure repeats: tables and links, in one language."""

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.analysis.reading import LANGUAGES, in_language
from study.analysis.typography import typeset
from study.analysis.verdicts import FEWEST
from study.chapters import Chapter
from study.figures.labels import number
from study.figures.papers import (
    AGREES,
    DIFFERS,
    OPEN,
    OTHER,
    SAME,
    SCALED,
    Paper,
    Published,
    Reference,
    Setting,
    agreement,
)  # fmt: skip
from study.figures.quantities import Each, Told, lacking
from study.report import tables
from study.report.tables import by_size, whole
from study.report.text import Text, kept_together

# The look of a verdict, and its mark, of each outcome.
LOOKS = {AGREES: "supported", DIFFERS: "refuted", OPEN: "inconclusive"}
MARKS = {AGREES: "=", DIFFERS: "≠", OPEN: "?"}
MOST = 6  # values of a setting that are told one by one


@dataclass(frozen=True)
class SettingView:
    """A row of the settings.

    Attributes:
        relation: in words; ``key`` is its name.
    """

    what: str
    theirs: str
    ours: str
    relation: str
    key: str


@dataclass(frozen=True)
class PublishedView:
    """A row of what is compared.

    Attributes:
        theirs: the number with its margin, or the words; ``margin`` is empty for words.
        ours: the number with its interval, or a sentence.
        outcome, look, mark: in words, as a class of the page, as a sign.
        reason: why it cannot be told; mostly empty.
    """

    what: str
    where: str
    theirs: str
    margin: str
    ours: str
    outcome: str
    look: str
    mark: str
    reason: str


@dataclass(frozen=True)
class PaperView:
    """What a figure repeats of a paper.

    Attributes:
        cites: short names of the papers, and their keys.
        where: figure or table there.
    """

    cites: list[tuple[str, str]]
    where: str
    settings: list[SettingView]
    published: list[PublishedView]


@dataclass(frozen=True)
class ReferenceView:
    """A publication in the list at the end of the page."""

    key: str
    text: str
    link: str
    identifier: str


def paper_view(
    paper: Paper, chapter: Chapter, facts: Mapping[str, Any], runs: pd.DataFrame, text: Text
) -> PaperView:
    """The paper of a figure.

    Args:
        facts: of the figure; without any nothing is compared.
        runs: of the figure, which say what our settings are.
    """
    return PaperView(
        cites=[(chapter.references[key].short, key) for key in paper.cites],
        where=text.said(paper.where),
        settings=[_setting(each, runs, text) for each in paper.settings],
        published=[_published(each, facts, text) for each in paper.published] if facts else [],
    )


def _setting(setting: Setting, runs: pd.DataFrame, text: Text) -> SettingView:
    theirs = text.said(setting.theirs) or text.page["paper_unsaid"]
    theirs = f"{int(theirs):,}" if theirs.isdecimal() else theirs
    relation = setting.relation
    if setting.column is not None:
        values = sorted(dict.fromkeys(runs[setting.column].dropna().tolist()), key=by_size)
        ours = _values(values, text)
        relation = _relation(setting, values) if relation == SAME else relation
    else:
        ours = text.said(setting.ours) or theirs
    return SettingView(
        text.said(setting.what), theirs, ours, text.page[f"paper_{relation}"], relation
    )


def _relation(setting: Setting, values: Sequence[Any]) -> str:
    """Whether a setting that is declared to be the same is so in these runs."""
    theirs = in_language(setting.theirs, LANGUAGES[0])
    if [str(whole(value)) for value in values] == [theirs]:
        return SAME
    try:
        return SCALED if max(map(float, values), default=math.inf) <= float(theirs) else OTHER
    except ValueError:
        return OTHER


def _values(values: Sequence[Any], text: Text) -> str:
    """What the runs have: each value, or the ends of many."""
    words = [
        text.label(number(value) if isinstance(value, float) else tables.cell_text(value))
        for value in map(whole, values)
    ]
    if len(words) > MOST:
        words = [f"{words[0]} … {words[-1]}"]
    return typeset(", ".join(words)) or "–"


def _published(published: Published, facts: Mapping[str, Any], text: Text) -> PublishedView:
    found = agreement(published, facts)
    unit, margin = published.unit, ""
    if published.value is None:
        theirs = text.said(published.says)
    else:
        theirs = _exact(published.value, unit, text)
        words = text.page["paper_printed" if published.printed else "paper_margin"]
        width = _exact(published.margin, unit, text)
        margin = words.format(margin=width.removeprefix("× "))
    return PublishedView(
        what=text.said(published.what),
        where=text.said(published.where),
        theirs=kept_together(theirs),
        margin=kept_together(margin),
        ours=kept_together(_ours(published, facts, text)),
        outcome=text.page[f"paper_{found.outcome}"],
        look=LOOKS[found.outcome],
        mark=MARKS[found.outcome],
        reason=text.page[f"paper_{found.reason}"].format(fewest=FEWEST) if found.reason else "",
    )


def _exact(value: float, unit: str, text: Text) -> str:
    """A declared number with all its digits, in the unit of what it is compared with."""
    shares = {"percent": " %", "points": f" {text.label('points')}"}
    shares["span"] = shares["points"]
    digits = f"{100 * value if unit in shares else value:.6g}"
    return typeset(f"{'× ' if unit == 'times' else ''}{digits}{shares.get(unit, '')}")


def _ours(published: Published, facts: Mapping[str, Any], text: Text) -> str:
    """Our number with its interval, or our sentence; a dash where it lacks a number."""
    if published.here:
        words = text.said(published.here)
        told = {key: value for key, value in facts.items() if isinstance(value, Told | Each)}
        names = [name for _, name, _, _ in string.Formatter().parse(words) if name]
        return "–" if lacking(told, names) else text.fill(words, facts)
    name, side = published.of
    value = getattr(facts[name], side)
    return text.label(value) if isinstance(value, str) else text.quantity(value, published.unit)


def agreements(chapter: Chapter, facts: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Everything that figures of a chapter compare with papers, for programs.

    Args:
        facts: by figure, of those that are drawn.
    """
    rows = []
    for figure in chapter.figures:
        for each in figure.paper.published if figure.paper and figure.id in facts else ():
            found = agreement(each, facts[figure.id])
            measured = found.measured._asdict() if found.measured is not None else {}
            rows.append(
                {
                    "chapter": chapter.name,
                    "figure": figure.id,
                    "cites": " ".join(figure.paper.cites) if figure.paper else "",
                    "what": in_language(each.what, LANGUAGES[0]),
                    "published": each.value,
                    "margin": each.margin if each.value is not None else None,
                    "says": in_language(each.says, LANGUAGES[0]) if each.says else "",
                    **{name: measured.get(name) for name in ("mean", "low", "high", "n")},
                    "agreement": found.outcome,
                    "reason": found.reason,
                }
            )
    return pd.DataFrame(rows)


def reference_views(chapter: Chapter) -> list[ReferenceView]:
    """All publications of the chapter, by their first author."""
    ordered = sorted(chapter.references.values(), key=lambda r: (r.short, r.key))
    return [ReferenceView(r.key, _cited(r), r.link, r.identifier) for r in ordered]


def _cited(reference: Reference) -> str:
    title = reference.title if reference.title.endswith("?") else f"{reference.title}."
    return f"{reference.names} ({reference.year}). {title} {reference.venue}."


def bibtex(chapter: Chapter) -> str:
    """The entries of all publications of the chapter; empty where there are none."""
    return "\n\n".join(reference.bibtex for reference in chapter.references.values())
