"""What other chapters say of a claim: their figures that are about it, with what they found."""

from collections.abc import Mapping, Sequence
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
        for figure in report.chapter.figures:
            drawing = report.drawings.get(figure.id)
            if drawing is None or not drawing.is_drawn:
                continue
            link = Elsewhere(
                chapter=text.said(report.chapter.title),
                title=text.said(figure.title),
                href=f"{files[report.chapter.name]}#{figure.id}",
                brief=_brief(report, figure, drawing, text),
            )
            for claim in figure.about:
                found.setdefault(claim, []).append(link)
    return found


def _brief(report: Report, figure: Figure, drawing: Drawing, text: Text) -> str:
    """The few words of the figure's kind, or else what was found of its first claim."""
    template = words.brief(figure, drawing.facts, text.page)
    if template:
        return text.fill(template, drawing.facts)
    own = (each for each in report.judgements if each.claim.figure == figure.id)
    judged = next((each for each in own if each.verdict != NOT_JUDGED), None)
    return "" if judged is None else sentence(judged, text)
