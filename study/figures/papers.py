"""What a figure repeats of a paper: both settings, what was published, and whether it agrees.

Whether a measurement *agrees* with what a paper has published is another question than whether a
claim is supported: it is asked of two numbers, and answered by equivalence. The 95 % interval lies
within published ± margin, wholly outside of it, or neither. Where the paper has words and no
number, the declaration says what the quantities of the figure have to be (``quantities.read_cases``
has the outcomes). With fewer than ``FEWEST`` seeds nothing is said, as of claims.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.analysis.declarations import check_placeholders
from study.analysis.intervals import Estimate
from study.analysis.reading import LANGUAGES, Node, is_number, matches
from study.analysis.verdicts import FEWEST
from study.figures import quantities
from study.figures.plot import Words
from study.figures.quantities import Each, Found, Quantity, Told
from study.records.cells import COLUMNS

# How our setting relates to the paper's.
SAME, SCALED, OTHER, NOT_SAID = "same", "scaled", "other", "not_said"
RELATIONS = (SAME, SCALED, OTHER, NOT_SAID)
AGREES, DIFFERS, OPEN = "agrees", "differs", "open"  # outcomes
FEW, LACKING, UNSURE = "few_seeds", "missing", "interval"  # why it is open
SIDES = ("effect", "treatment", "control")
KINDS = ("article", "inproceedings", "misc")  # entries of BibTeX
_VENUE = {"article": "journal", "inproceedings": "booktitle", "misc": "howpublished"}
_LINKS = {"doi": "https://doi.org/", "arxiv": "https://arxiv.org/abs/", "url": ""}
_LINK = {
    "doi": r"10\.\d{4,}/[^\s{}]+", "arxiv": r"\d{4}\.\d{4,5}", "url": r"https://[^\s{}\"<>]+",
}  # fmt: skip

Conditions = Mapping[str, tuple[str, ...]]
"""By quantity, the outcomes of which one has to hold."""


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes:
        key: by which figures name it.
        kind: of entry in BibTeX (``KINDS``).
        authors: ``First Last``, or ``van Last, First``, in order.
        venue: journal or conference.
        links: by ``doi``, ``arxiv`` or ``url``; at least one.
    """

    key: str
    kind: str
    authors: tuple[str, ...]
    title: str
    year: int
    venue: str
    links: Mapping[str, str]

    @property
    def link(self) -> str:
        """Where it can be read: by its DOI, else its number at arXiv, else its page."""
        name = next(name for name in _LINKS if name in self.links)
        return _LINKS[name] + self.links[name]

    @property
    def identifier(self) -> str:
        """``doi:10.…``, ``arXiv:…`` or the address of its page."""
        words = {"doi": "doi:", "arxiv": "arXiv:", "url": ""}
        return ", ".join(words[name] + self.links[name] for name in _LINKS if name in self.links)

    @property
    def short(self) -> str:
        """``He et al. 2015``."""
        names = [
            author.partition(",")[0] if "," in author else author.rpartition(" ")[2]
            for author in self.authors
        ]
        several = f"{names[0]} et al." if len(names) > 2 else " & ".join(names)
        return f"{several} {self.year}"

    @property
    def names(self) -> str:
        """All authors, first names first: ``Kaiming He, Xiangyu Zhang & Jian Sun``."""
        last_first = (author.partition(", ") for author in self.authors)
        names = [f"{first} {last}" if first else last for last, _, first in last_first]
        return " & ".join(filter(None, (", ".join(names[:-1]), names[-1])))

    @property
    def bibtex(self) -> str:
        """Its entry."""
        fields = {
            "author": " and ".join(self.authors),
            "title": "{" + self.title + "}",
            _VENUE[self.kind]: self.venue,
            "year": str(self.year),
            **{name: own for name, own in self.links.items() if name != "arxiv"},
        }
        if "arxiv" in self.links:
            fields |= {"eprint": self.links["arxiv"], "archiveprefix": "arXiv"}
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}\n}}"


@dataclass(frozen=True)
class Setting:
    """One thing that both have, and how they relate.

    Attributes:
        what: its name.
        relation: one of ``RELATIONS``.
        theirs: in the paper; empty where it does not say.
        ours: in our words; empty where it is the same, or told by the runs.
        column: of the configuration, whose values in the runs are ours; None for words.
    """

    what: Words
    relation: str
    theirs: Words
    ours: Words
    column: str | None = None


@dataclass(frozen=True)
class Published:
    """One thing that the paper has published, and what decides whether ours agrees.

    Attributes:
        what: its name.
        where: in the paper; empty where the figure's own ``where`` says enough.
        value: the number; None where there are words (``says``).
        margin: how far ours may be from it; ``printed`` where the paper's own digits allow it.
        of: the quantity and its side (``SIDES``) that are compared with the number.
        unit: of the number.
        says: the paper's statement in our words; empty where there is a number.
        here: our sentence, with placeholders; empty for the quantity alone.
        agrees: what has to be so for ours to agree with the words.
        differs: any of which is enough for ours not to agree.
    """

    what: Words
    where: Words
    value: float | None = None
    margin: float = 0.0
    printed: bool = False
    of: tuple[str, str] = ("", "")
    unit: str = "number"
    says: Words = field(default_factory=dict)
    here: Words = field(default_factory=dict)
    agrees: Conditions = field(default_factory=dict)
    differs: tuple[Conditions, ...] = ()


@dataclass(frozen=True)
class Paper:
    """What a figure repeats.

    Attributes:
        cites: keys of the chapter's references, the one that it repeats first.
        where: figure, table or section there.
        settings: side by side.
        published: what is compared.
    """

    cites: tuple[str, ...]
    where: Words
    settings: tuple[Setting, ...] = ()
    published: tuple[Published, ...] = ()

    def words(self) -> Iterator[Words]:
        """All its words."""
        yield self.where
        for setting in self.settings:
            yield from (setting.what, setting.theirs, setting.ours)
        for each in self.published:
            yield from (each.what, each.where, each.says, each.here)


@dataclass(frozen=True)
class Agreement:
    """Whether a measurement agrees with what was published.

    Attributes:
        outcome: ``agrees``, ``differs`` or ``open``.
        reason: why it is open; empty where it is not.
        measured: the number; None for words.
    """

    outcome: str
    reason: str = ""
    measured: Estimate | None = None


# --- reading ------------------------------------------------------------------------------------


def read_references(node: Node) -> dict[str, Reference]:
    """The publications that a chapter names, by key; raises ConfigError."""
    return {key: _reference(key, own) for key, own in node.named_items()}


def _reference(key: str, node: Node) -> Reference:
    node.keys(("authors", "title", "year", "venue"), ("kind", *_LINKS))
    authors = tuple(each.text() for each in node.get("authors").listed())
    node.get("authors").check("at least one author", bool(authors))
    year = node.get("year")
    whole = isinstance(year.value, int) and not isinstance(year.value, bool)
    year.check("a year", whole and 1600 < year.value < 2200)
    links = {name: node.get(name) for name in _LINKS if name in node.value}
    node.check("a doi, an arxiv number or a url", bool(links))
    for name, own in links.items():
        own.check(f"a {name} as it is written", matches(_LINK[name], own.value))
    return Reference(
        key=key,
        kind=node.get("kind", KINDS[0]).choice(KINDS),
        authors=authors,
        title=node.get("title").text(),
        year=year.value,
        venue=node.get("venue").text(),
        links={name: str(own.value) for name, own in links.items()},
    )


def read_paper(node: Node, references: Collection[str], found: Mapping[str, Quantity]) -> Paper:
    """The key ``paper`` of a figure.

    Args:
        references: keys of the chapter's publications.
        found: the quantities of the figure.

    Raises:
        ConfigError: something that cannot be; names file and key.
    """
    node.keys(("cites", "where"), ("settings", "published"))
    cites = node.get("cites")
    listed = cites.listed() if isinstance(cites.value, list) else [cites]
    cites.check("a reference of the chapter", bool(listed), references)
    return Paper(
        cites=tuple(each.choice(references) for each in listed),
        where=node.get("where").languages(),
        settings=tuple(_setting(each) for each in node.get("settings", []).listed()),
        published=tuple(_published(each, found) for each in node.get("published", []).listed()),
    )


def _setting(node: Node) -> Setting:
    node.keys(("what", "is"), ("theirs", "ours"))
    relation = node.get("is").choice(RELATIONS)
    theirs, ours = node.get("theirs"), node.get("ours")
    theirs.check("nothing, as the paper does not say", relation != NOT_SAID or theirs.value is None)
    theirs.check("what the paper has", relation == NOT_SAID or theirs.value is not None)
    ours.check("what is here", relation == SAME or ours.value is not None)
    column = None
    if isinstance(ours.value, dict) and "column" in ours.value:
        ours.keys(("column",))
        column = ours.get("column").choice(COLUMNS)
    return Setting(
        what=_words(node.get("what")),
        relation=relation,
        theirs={} if theirs.value is None else _words(theirs),
        ours={} if ours.value is None or column else _words(ours),
        column=column,
    )


def _words(node: Node) -> Words:
    """Words by language; plain text or a number is the same in all of them."""
    if isinstance(node.value, dict):
        return node.languages()
    node.check("text, a number or words by language", is_number(node.value) or bool(node.text()))
    return dict.fromkeys(LANGUAGES, str(node.value))


def _published(node: Node, found: Mapping[str, Quantity]) -> Published:
    node.check("a mapping", isinstance(node.value, dict))
    numeric = "value" in node.value
    node.check("either value (a number) or says (words)", numeric != ("says" in node.value))
    if numeric:
        node.keys(("what", "value", "of"), ("where", "margin", "precision", "unit", "here"))
    else:
        node.keys(("what", "says", "here", "agrees", "differs"), ("where",))
    common: dict[str, Any] = {
        "what": _words(node.get("what")),
        "where": node.get("where").languages() if "where" in node.value else {},
        "here": _here(node.get("here"), found),
    }
    return Published(**common, **(_number if numeric else _said)(node, found))


def _number(node: Node, found: Mapping[str, Quantity]) -> dict[str, Any]:
    """A number, how far from it ours may be, and which of ours it is."""
    value = node.get("value")
    value.check("a number", is_number(value.value))
    printed = "precision" in node.value
    expected = "either margin (declared here) or precision (of the paper's digits)"
    node.check(expected, printed != ("margin" in node.value))
    margin = node.get("precision" if printed else "margin")
    margin.check("a number > 0", is_number(margin.value) and margin.value > 0)
    of = node.get("of")
    name, _, side = of.text().partition(".")
    side = side or SIDES[0]
    known = [
        f"{each}.{end}"
        for each, own in found.items()
        for end in SIDES
        if not own.each and (end != "control" or own.part.control is not None)
    ]
    of.check("a quantity of the figure, or one of its sides", f"{name}.{side}" in known, known)
    part = found[name].part
    return {
        "value": float(value.value),
        "margin": float(margin.value),
        "printed": printed,
        "of": (name, side),
        "unit": node.get("unit", part.unit if side == SIDES[0] else part.side_unit).choice(
            quantities.FORMATS
        ),
    }


def _said(node: Node, found: Mapping[str, Quantity]) -> dict[str, Any]:
    """Words, what has to be so for ours to agree, and the ways not to."""
    differs = node.get("differs")
    ways = differs.listed() if isinstance(differs.value, list) else [differs]
    differs.check("at least one way not to agree", bool(ways))
    return {
        "says": _words(node.get("says")),
        "agrees": quantities.read_conditions(node.get("agrees"), found),
        "differs": tuple(quantities.read_conditions(each, found) for each in ways),
    }


def _here(node: Node, found: Mapping[str, Quantity]) -> Words:
    if node.value is None:
        return {}
    words = node.languages()
    for language in words:
        names = list(quantities.names(found))
        check_placeholders(node.get(language), names, quantities.FORMATS)
    return words


# --- judging ------------------------------------------------------------------------------------


def agreement(published: Published, facts: Mapping[str, Any]) -> Agreement:
    """Whether what was measured agrees with what was published.

    Args:
        facts: of the figure, its quantities among them.
    """
    if published.value is None:
        return _of_words(published, facts)
    name, side = published.of
    told: Told = facts[name]
    measured = getattr(told, side)
    if not isinstance(measured, Estimate) or not math.isfinite(measured.mean):
        return Agreement(OPEN, LACKING)
    if measured.n < FEWEST or not math.isfinite(measured.half_width):
        return Agreement(OPEN, FEW, measured)
    low, high = published.value - published.margin, published.value + published.margin
    if low <= measured.low and measured.high <= high:
        return Agreement(AGREES, measured=measured)
    if measured.high < low or measured.low > high:
        return Agreement(DIFFERS, measured=measured)
    return Agreement(OPEN, UNSURE, measured)


def _of_words(published: Published, facts: Mapping[str, Any]) -> Agreement:
    ways = (published.agrees, *published.differs)
    named = {name: facts[name] for conditions in ways for name in conditions}
    if any(_seeds(found) == 0 for found in named.values()):
        return Agreement(OPEN, LACKING)
    if any(_seeds(found) < FEWEST for found in named.values()):
        return Agreement(OPEN, FEW)
    if quantities.holds(published.agrees, named):
        return Agreement(AGREES)
    if any(quantities.holds(way, named) for way in published.differs):
        return Agreement(DIFFERS)
    return Agreement(OPEN, UNSURE)


def _seeds(found: Found) -> int:
    """How many seeds a quantity rests on; of one whose runs all diverged, how many runs."""
    if isinstance(found, Each):
        return min(map(_seeds, found.found), default=0)
    return found.runs if found.lost else found.finding.effect.n
