"""All figures of the report, drawn in parallel: a figure needs a second, a page has thirty."""

import contextlib
import functools
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import pandas as pd
from rich.console import Console
from rich.progress import track

from study.analysis.frames import Results
from study.chapters import Chapter
from study.errors import MergedCellsError
from study.figures.declare import Figure
from study.figures.own import OWN
from study.figures.style import house_style, korean_font
from study.report.svg import inline_svg
from study.report.text import Text, load_text

Key = tuple[str, str]
"""A chapter and the id of one of its figures."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn and computed for a figure.

    Attributes:
        table: its numbers.
        facts: what its sentences are filled with.
        pictures: SVG by language.
        broken: what went wrong; empty where nothing did.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    broken: str = ""


@contextlib.contextmanager
def drawing(
    results: Results,
    chapters: Sequence[Chapter],
    languages: Sequence[str],
    *,
    workers: int | None = None,
    console: Console | None = None,
) -> Iterator[Callable[[], dict[Key, Drawing]]]:
    """Start to draw every figure that ``results`` has runs for, and cells that it takes apart.

    Args:
        languages: in which to write the labels.
        workers: processes; None for one on each core.
        console: shows the progress on a terminal.

    Yields:
        What waits for the drawings and returns them. Until it is called, and while the other
        processes draw, this one is free for something else.
    """
    figures = {
        (chapter.name, figure.id): figure
        for chapter in chapters
        for figure in chapter.figures
        if results.has(*figure.experiments) and merged(figure, results) is None
    }
    count = min(workers or os.cpu_count() or 1, len(figures))
    shows = console is not None and console.is_terminal
    progress = functools.partial(
        track, description="drawing", console=console, transient=True, disable=not shows
    )
    if count <= 1:
        yield lambda: {
            key: draw(figures[key], results, languages) for key in progress(list(figures))
        }
        return
    # A forked process has the results and the libraries already; elsewhere they are sent to it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    kept = (figures, results, tuple(languages))
    with ProcessPoolExecutor(count, context, _keep, kept) as pool:
        # All are handed in before the progress starts a thread, which a fork would not survive.
        # The grid's take longest and are the last of the page: no process is left alone with them.
        waiting = {key: pool.submit(_draw_kept, key) for key in reversed(figures)}

        def drawn() -> dict[Key, Drawing]:
            for each in progress(as_completed(waiting.values()), total=len(figures)):
                each.result()  # raises what went wrong there
            return {key: waiting[key].result() for key in figures}

        try:
            yield drawn
        finally:
            pool.shutdown(cancel_futures=True)  # after an error nobody waits for the rest


def merged(figure: Figure, results: Results) -> MergedCellsError | None:
    """Why a figure cannot be drawn: it would average over runs of different cells."""
    if figure.own is None:
        return None
    return OWN[figure.own].merged(results)


def draw(figure: Figure, results: Results, languages: Sequence[str]) -> Drawing:
    """One figure, in each language; one that fails is said to be broken, and the others go on."""
    try:
        return _draw(figure, results, languages)
    except Exception as error:
        message = " ".join(str(error).split())
        return Drawing(broken=f"{type(error).__name__}: {message}".rstrip(": "))


def _draw(figure: Figure, results: Results, languages: Sequence[str]) -> Drawing:
    assert figure.own is not None
    spec = OWN[figure.own]
    drawing = Drawing(spec.table(results), spec.facts(results))
    for language in languages:
        text = load_text(language)
        description = described(figure, drawing.facts, text)
        with house_style(language):
            drawn = picture(figure, results, text)
            drawing.pictures[language] = inline_svg(drawn, figure.id, description)
    return drawing


def picture(figure: Figure, results: Results, text: Text) -> mpl.figure.Figure:
    """The figure itself; to be called in the house's style."""
    assert figure.own is not None
    return OWN[figure.own].draw(results, figure_text(text).label)


def described(figure: Figure, facts: Mapping[str, Any], text: Text) -> str:
    """The alternative text of a figure."""
    return text.fill(chosen(figure.alt, facts, text), facts)


def measured(figure: Figure, facts: Mapping[str, Any], text: Text) -> str:
    """The template of the sentence that says what a figure found."""
    return chosen(figure.measured, facts, text)


def chosen(templates: Mapping[str, Mapping[str, str]], facts: Mapping[str, Any], text: Text) -> str:
    """The template of the case that ``facts`` says, in the language of ``text``."""
    return str(text.said(templates[facts["case"] if facts.get("case") in templates else ""]))


def figure_text(text: Text) -> Text:
    """The texts whose labels a figure can show: Latin ones where no font has the letters."""
    return load_text() if text.language == "ko" and korean_font() is None else text


_kept: tuple[dict[Key, Figure], Results, tuple[str, ...]]


def _keep(figures: dict[Key, Figure], results: Results, languages: tuple[str, ...]) -> None:
    """In a drawing process: what it draws from."""
    global _kept
    _kept = figures, results, languages
    # A figure is thousands of small objects, and the records lie beside them: looking through all
    # of them for cycles takes an eighth of the time, and the process ends with its last figure.
    gc.disable()


def _draw_kept(key: Key) -> Drawing:
    figures, results, languages = _kept
    return draw(figures[key], results, languages)
