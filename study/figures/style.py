"""What all figures share: colours by name, sizes, and the drawing of curves with bands.

A colour belongs to a thing, not to a position in a legend: He is the same colour in every figure
of the report, and has the same line style, so that no figure depends on colour alone. The palette
is Okabe and Ito's, which colour-blind readers can tell apart.

Text and axes are drawn in ``INK``, which the report replaces by the page's own colour: a figure
is readable on a light and on a dark page.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.intervals import log_t_interval, t_interval
from study.analysis.typography import RAISED

Translate = Callable[[str], str]
"""From an English label to the report's language."""

INK = "#123456"  # stands for the page's text colour in a drawn figure
FAINT = "#234567"  # stands for its grid lines
ON_WHITE = ("#1d2126", "#d5d8dc")  # both, in a picture that does not belong to a page

# Widths in inches. The report never shows a point (1/72 inch) smaller than a CSS pixel, or nearly
# so: on a phone a figure of the width PHONE fits the screen with letters that can be read; a wider
# one scrolls in its box.
PHONE = 5.0
WIDTH = 7.6  # the column of the report on a large screen

LATIN_FONT = "DejaVu Sans"  # comes with matplotlib; the page sets its own
# Free ones first, then those of Windows and macOS. All faces of Noto Sans CJK have Hangul; older
# versions of matplotlib see only the first of its collection, the Japanese one.
KOREAN_FONTS = (
    "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Nanum Gothic", "NanumBarunGothic",
    "Source Han Sans KR", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic",
    "Noto Sans CJK JP",
)  # fmt: skip

# Okabe and Ito's colours by name; the page has each in a shade for light and for dark.
PALETTE = {
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
    "yellow": "#b8a800",
}
_ORANGE, _SKY, _GREEN, _BLUE, _VERMILION, _PURPLE, _YELLOW = PALETTE.values()
_BLACK = "#7f7f7f"

# name of a thing: (colour, line style)
STYLES: dict[str, tuple[str, Any]] = {
    "he": (_VERMILION, "-"),
    "xavier": (_BLUE, "--"),
    "glorot": (_SKY, (0, (5, 1))),
    "normal 1": (_PURPLE, "-."),
    "normal 0.01": (_GREEN, ":"),
    "constant 0.01": (_BLACK, (0, (1, 1))),
    "constant 0": (_YELLOW, (0, (3, 1, 1, 1, 1, 1))),
    "xavier_doubled": (_ORANGE, (0, (3, 1, 1, 1))),
    "relu": (_VERMILION, "-"),
    "sigmoid": (_BLUE, "--"),
    "tanh": (_GREEN, "-."),
    "train": (_BLUE, "-"),
    "test": (_VERMILION, "--"),
    "gap": (_PURPLE, "-."),
    "on": (_VERMILION, "-"),
    "off": (_BLUE, "--"),
    "textbook_eps": (_GREEN, (0, (3, 1, 1, 1))),
    "10": (_GREEN, "-."),
    "100": (_VERMILION, "-"),
    "1000": (_BLUE, "--"),
    "full": (_PURPLE, ":"),
    "1": (_ORANGE, (0, (3, 1, 1, 1))),
    "init": (_GREEN, "--"),
    "end": (_PURPLE, "-"),
    "vote": (_GREEN, "-"),
    "thinned": (_BLACK, "-."),
    "scaled": (_ORANGE, "--"),
    "p15": (_SKY, "--"),
    "p50": (_VERMILION, "-"),
    "p85": (_BLUE, "-."),
}
MARKERS = {"train": "o", "test": "s", "gap": "^"}


def colour(name: object) -> str:
    """The colour of a thing; grey for what the palette does not know."""
    return STYLES.get(str(name), (_BLACK, "-"))[0]


def line_style(name: object) -> Any:
    """The line style of a thing; solid for what the palette does not know."""
    return STYLES.get(str(name), (_BLACK, "-"))[1]


@functools.cache
def korean_font() -> str | None:
    """The family of a Korean font that matplotlib finds on this machine, None where there is none.

    None comes with a package: the one on PyPI that carries a font for matplotlib needs distutils,
    which Python 3.12 has no more, and changes settings when imported.
    """
    return _first_installed(KOREAN_FONTS) or (
        _first_installed(KOREAN_FONTS) if _learn_new_fonts() else None
    )


def _first_installed(names: Sequence[str]) -> str | None:
    installed = set(font_manager.get_font_names())
    return next((name for name in names if name in installed), None)


def _learn_new_fonts() -> bool:
    """Show matplotlib the fonts installed since it listed them; it keeps that list for good."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    new = [path for path in font_manager.findSystemFonts() if path not in known]
    for path in new:
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # no font, whatever its name
            font_manager.fontManager.addfont(path)
    return bool(new)


@contextlib.contextmanager
def house_style(language: str = "en", *, on_white: bool = False) -> Iterator[None]:
    """matplotlib settings under which every figure is drawn.

    Args:
        language: of the labels. For ``ko`` a Korean font, if there is one (``korean_font``), has
            what the Latin font lacks. An SVG keeps its text as text: there the font decides how
            much room a label gets, in a PNG how it looks.
        on_white: in colours for a picture of its own, instead of those that the page replaces.
    """
    korean = korean_font() if language == "ko" else None
    ink, faint = ON_WHITE if on_white else (INK, FAINT)
    with mpl.rc_context(
        {
            "font.family": [LATIN_FONT, *([korean] if korean else [])],
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.labelsize": 10,
            "legend.fontsize": 9.5,
            "legend.frameon": False,
            "text.color": ink,
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "axes.titlecolor": ink,
            "xtick.color": ink,
            "ytick.color": ink,
            "grid.color": faint,
            "grid.linewidth": 0.5,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titley": 1.0,  # nothing is above, and to look there takes a seventh of the time
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "svg.fonttype": "none",  # text stays text: smaller, and the reader's font
            "svg.hashsalt": "study",
            "lines.linewidth": 1.8,
        }
    ):
        yield


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float = 3.4,
    width: float | None = None,
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure with a ``(rows, columns)`` array of axes, not registered with pyplot.

    Args:
        width: ``PHONE`` or ``WIDTH``; by default ``PHONE`` for one column of axes, and ``WIDTH``
            for more. What can be read at ``PHONE`` should have it.
    """
    figure = Figure(figsize=(width or (PHONE if columns == 1 else WIDTH), height))
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def curve(
    axes: Axes, frame: pd.DataFrame, x: str, y: str, *, name: str, label: str | None = None,
    band: bool = True, log: bool = False, **options: Any,
) -> None:  # fmt: skip
    """Mean of ``y`` over runs at each ``x`` as a line, its 95 % t interval as a band.

    Args:
        name: the thing drawn, which decides colour and line style.
        label: for the legend; None for ``name``.
        log: take the geometric mean and its interval, for a logarithmic axis.
    """
    interval = log_t_interval if log else t_interval
    rows = [
        (position, *interval(group[y])[:3])
        for position, group in frame.groupby(x, sort=True)
    ]  # fmt: skip
    if not rows:
        return
    positions, means, lows, highs = (np.array(column, float) for column in zip(*rows, strict=True))
    style = {"color": colour(name), "linestyle": line_style(name), **options}
    axes.plot(positions, means, label=name if label is None else label, **style)
    if band and np.isfinite(lows).any():
        axes.fill_between(positions, lows, highs, color=style["color"], alpha=0.18, linewidth=0)


def percent(axes: Axes, which: str = "y", *, limits: tuple[float, float] | None = (0, 1)) -> None:
    """Show an axis of shares in [0, 1] as per cent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    if limits is not None:
        (axes.set_ylim if which == "y" else axes.set_xlim)(*limits)


class Powers(mpl.ticker.LogFormatter):
    """Labels of a logarithmic axis: ``10³``, ``2·10³``, where matplotlib would have any.

    Its own are formulas (mathtext), which take longer to lay out than all the rest of a figure.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        return power_text(x) if super().__call__(x, pos) else ""


def logarithmic(axes: Axes, which: str = "xy") -> None:
    """Give an axis or both a logarithmic scale, labelled by ``Powers``."""
    for name in which:
        axes.set(**{f"{name}scale": "log"})
        axis = getattr(axes, f"{name}axis")
        axis.set_major_formatter(Powers())
        axis.set_minor_formatter(Powers())


def power_text(value: float) -> str:
    """One digit and a power of ten: ``10⁻⁴``, ``3·10⁻⁴``."""
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    power = "10" + str(int(exponent)).translate(RAISED)
    return power if mantissa == "1" else f"{mantissa}·{power}"


def empty(axes: Axes, message: str) -> None:
    """Say in the place of a plot why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", transform=axes.transAxes)


def in_order(values: Sequence[Any], order: Sequence[Any]) -> list[Any]:
    """``values`` without repeats: first those in ``order``, then the rest as they come."""
    present = list(dict.fromkeys(values))
    return [v for v in order if v in present] + [v for v in present if v not in order]


def fit_lines(axes: Axes, *shared: Axes, margin: float = 0.08) -> None:
    """Limit the y axis to the lines: a band that two runs leave wide may go beyond.

    Args:
        shared: further axes with the same y axis.
    """
    heights = np.concatenate(
        [np.asarray(line.get_ydata(), float) for each in (axes, *shared) for line in each.lines]
        or [np.empty(0)]
    )
    logarithmic = axes.get_yscale() == "log"
    heights = heights[np.isfinite(heights) & ((heights > 0) | (not logarithmic))]
    if not len(heights) or heights.min() == heights.max():
        return
    low, high = heights.min(), heights.max()
    if logarithmic:
        factor = (high / low) ** margin
        axes.set_ylim(low / factor, high * factor)
    else:
        axes.set_ylim(low - margin * (high - low), high + margin * (high - low))
