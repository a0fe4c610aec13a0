"""Figures as SVG that belongs into the page (its colours, font and ids), or as files."""

import io
import re
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from study.figures.style import FAINT, INK, PALETTE

DATE = {"Date": None}  # the same runs give the same bytes
PIXELS_PER_INCH = 160
FORMATS = ("png", "svg", "pdf")
_LONG_NUMBER = re.compile(r"(?<=[ \"(,-])\d+\.\d{3,}")


def inline_svg(figure: Figure, figure_id: str, description: str) -> str:
    """``figure`` as an ``<svg>`` for an HTML page; what it holds rasterised is a PNG inside.

    Args:
        figure_id: prefix of all ids, which would repeat between figures.
        description: the alternative text.
    """
    buffer = io.StringIO()
    # savefig would draw all of it once more, only to lay it out; the bytes are the same
    canvas: Any = FigureCanvasSVG(figure)  # has no types
    canvas.print_svg(buffer, metadata=DATE)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    prefix = re.sub(r"\W", "_", f"f{figure_id}")
    # the cells of a heat map, for the page's script
    text = re.sub(r' id="cell-(\d+)"', r' data-cell="\1"', text)
    # Of its ids only those that something refers to matter. They have to be the figure's own, and
    # some of matplotlib's depend on where an object lies in memory: they are numbered.
    wanted = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', text))
    own = {name: f"{prefix}-{number}" for number, name in enumerate(wanted)}
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{own[m[1]]}"' if m[1] in own else "", text)
    text = re.sub(r'(href="|url\()#([^")]+)', lambda m: f"{m[1]}#{own[m[2]]}", text)
    text = text.replace(INK, "currentColor").replace(FAINT, "var(--grid)")
    # letters need more contrast than lines
    text = re.sub("<text[^>]*>", lambda m: in_page_colours(m[0], "-ink"), text)
    text = in_page_colours(text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _shortened(text)
    # the page scales the drawing to the column; the view box keeps its proportions
    text = re.sub(r'(<svg[^>]*?) width="[^"]+"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]+"', r"\1", text, count=1)
    width = re.search(r'viewBox="0 0 ([\d.]+)', text)
    assert width is not None
    # how wide it was meant to be: the page does not shrink its letters beyond reading
    style = f'style="--points:{float(width[1]):g};font-family:sans-serif"'
    label = _attribute(description)
    return text.replace("<svg", f'<svg role="img" {style} aria-label="{label}"', 1)


def _to_hundredths(number: re.Match[str]) -> str:
    # a hundredth of a point is a fiftieth of a pixel
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _shortened(text: str) -> str:
    """An SVG that looks the same in two thirds of the letters: a page has forty."""
    # inside the tags only: what stands between them is read
    text = re.sub(r"<[^>]*>", lambda m: _LONG_NUMBER.sub(_to_hundredths, m[0]), text)
    text = re.sub(r"<path[^>]*", lambda m: re.sub(r" ?\n([MLCQz]?) ?", r"\1", m[0]), text)
    text = re.sub(r'; font-family: [^;"]+', "", text)  # said once, by the page or the drawing
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    return re.sub(r"\n\s*<", "\n<", text)


def in_page_colours(text: str, kind: str = "") -> str:
    """``text`` with the palette's colours replaced by the page's variables.

    Args:
        kind: ``-ink`` for the shades that letters have.
    """
    for name, colour in PALETTE.items():
        text = text.replace(colour, f"var(--{name}{kind})")
    return text


def on_white(figure: Figure, kind: str = FORMATS[0]) -> bytes:
    """``figure`` as a file of its own (``FORMATS``); the same figure gives the same bytes."""
    buffer = io.BytesIO()
    # what says when or with what it was made
    unsaid = {"png": ["Software"], "svg": ["Date"], "pdf": ["CreationDate", "Creator", "Producer"]}
    figure.savefig(
        buffer, format=kind, dpi=PIXELS_PER_INCH, facecolor="white",
        metadata=dict.fromkeys(unsaid[kind]),
    )  # fmt: skip
    return buffer.getvalue()


def _attribute(text: str) -> str:
    for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return text
