"""What a page shows where its link is shared: a sentence and a picture, for the Open Graph."""

import io

import matplotlib as mpl
from matplotlib import image
from matplotlib.figure import Figure
from rich import text as rich
from rich.console import Console

from study.figures.style import house_style
from study.report.claim_views import GROUPS, summary, tally
from study.report.svg import PIXELS_PER_INCH, on_white
from study.report.text import Text
from study.report.views import Report, claim_views

SIZE = (1200, 630)  # pixels; what previews are cut to
WORDS = 0.46  # share of the width that title and description have; the figure has the rest
MARGIN = 0.035
# Of title and description: points, how many Latin letters a line has, weight.
TITLE, DESCRIPTION = (22, 22, "bold"), (12, 37, "normal")
SPACING = 1.4  # height of a line in heights of its letters
POINTS_PER_INCH = 72


def description(report: Report, text: Text) -> str:
    """What the runs say of the chapter's claims; what the chapter is about where it has none."""
    counts = tally(claim_views(report, text))[GROUPS[0]]
    if counts["total"]:
        return summary(GROUPS[0], counts, report.coverage.declared, text)
    return str(text.said(report.chapter.subtitle))


def cover(report: Report, text: Text) -> bytes:
    """A PNG of ``SIZE``: title and description of the page, and a figure beside them.

    Args:
        text: in a language in which the figure is drawn (``Report.covers``).
    """
    picture = report.covers[text.language]
    title, said = text.said(report.chapter.title), description(report, text)
    with house_style(text.language, on_white=True), mpl.rc_context():
        mpl.rcParams["figure.constrained_layout.use"] = False
        sheet = Figure(figsize=(SIZE[0] / PIXELS_PER_INCH, SIZE[1] / PIXELS_PER_INCH))
        top = 1 - 2 * MARGIN
        for words, points, letters, weight in ((title, *TITLE), (said, *DESCRIPTION)):
            lines = _lines(words, letters)
            sheet.text(
                MARGIN, top, "\n".join(lines), size=points, weight=weight, va="top",
                linespacing=SPACING,
            )  # fmt: skip
            top -= len(lines) * SPACING * points / POINTS_PER_INCH / sheet.get_figheight() + MARGIN
        room = sheet.add_axes((WORDS, MARGIN, 1 - WORDS - MARGIN, 1 - 2 * MARGIN))
        room.axis("off")
        room.imshow(image.imread(io.BytesIO(picture)), interpolation="lanczos")
        return on_white(sheet)


def _lines(words: str, width: int) -> list[str]:
    """``words`` broken into lines; a Korean letter is as wide as two Latin ones."""
    return [line.plain.rstrip() for line in rich.Text(words).wrap(Console(), width)]
