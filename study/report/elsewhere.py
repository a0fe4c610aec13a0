"""What other chapters found: their figures about a claim, and those that a few words sum up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.analysis.verdicts import NOT_JUDGED
from study.figures import words
from study.figures.declare import Figure
from study.report.claim_views import sentence
from study.report.drawing import Drawing
from study.report.text import Text
from study.report.views import Report


@dataclass(frozen=True)
class Elsewhere:
    """A figure of another chapter that says more of a claim.

    Attributes:
        chapter, title: of the chapter and of the figure.
        href: of the figure, from the page of the claim.
        brief: what was measured, in a few words; may be empty.
    """

    chapter: str
    title: str
    href: str
    brief: str


def elsewhere(
    reports: Sequence[Report], files: Mapping[str, str], chapter: str, language: Text
) -> dict[str, list[Elsewhere]]:
    """By claim of ``chapter``, the drawn figures of the other ones that are about it.

    Args:
        files: the page of each chapter.
    """
    found: dict[str, list[Elsewhere]] = {}
    for report in reports:
        if report.chapter.name == chapter:
            continue
        text = language.of(report.chapter)
        for figure, drawing in _drawn(report):
            brief = _brief(figure, drawing, text) or _first_finding(report, figure, text)
            link = _link(report, figure, files, brief, text)
            for claim in figure.about:
                found.setdefault(claim, []).append(link)
    return found


def summed_up(report: Report, files: Mapping[str, str], language: Text) -> list[Elsewhere]:
    """The drawn figures of a chapter whose kind says in a few words what was found."""
    text = language.of(report.chapter)
    found = ((figure, _brief(figure, drawing, text)) for figure, drawing in _drawn(report))
    return [_link(report, figure, files, brief, text) for figure, brief in found if brief]


def _drawn(report: Report) -> Iterator[tuple[Figure, Drawing]]:
    for figure in report.chapter.figures:
        drawing = report.drawings.get(figure.id)
        if drawing is not None and drawing.is_drawn:
            yield figure, drawing


def _link(
    report: Report, figure: Figure, files: Mapping[str, str], brief: str, text: Text
) -> Elsewhere:
    return Elsewhere(
        chapter=text.said(report.chapter.title),
        title=text.said(figure.title),
        href=f"{files[report.chapter.name]}#{figure.id}",
        brief=brief,
    )


def _brief(figure: Figure, drawing: Drawing, text: Text) -> str:
    """The few words of the figure's kind; empty where it has none."""
    template = words.brief(figure, drawing.facts, text.page)
    return text.fill(template, drawing.facts) if template else ""


def _first_finding(report: Report, figure: Figure, text: Text) -> str:
    """What was found of the figure's first claim that is judged; empty where none is."""
    own = (each for each in report.judgements if each.claim.figure == figure.id)
    judged = next((each for each in own if each.verdict != NOT_JUDGED), None)
    return "" if judged is None else sentence(judged, text)
