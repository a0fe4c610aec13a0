"""All figures of the report, drawn in parallel: a figure needs a second, a page has thirty."""

import contextlib
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from rich.console import Console

from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import house_style, korean_font
from study.analysis.frames import Results
from study.report.progress import counted
from study.report.sections import FIGURES
from study.report.svg import inline_svg
from study.report.text import Text, load_text


@dataclass(frozen=True)
class Drawing:
    """What is drawn and computed for a figure.

    Attributes:
        table: its numbers.
        facts: what its sentences are filled with.
        pictures: SVG by language.
    """

    table: pd.DataFrame
    facts: dict[str, Any]
    pictures: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def drawing(
    results: Results,
    languages: Sequence[str],
    *,
    workers: int | None = None,
    console: Console | None = None,
) -> Iterator[Callable[[], dict[str, Drawing]]]:
    """Start to draw every figure that ``results`` has runs for, and cells that it takes apart.

    Args:
        languages: in which to write the labels.
        workers: processes; None for one on each core.
        console: shows the progress.

    Yields:
        What waits for the drawings and returns them, by id. Until it is called, and while the
        other processes draw, this one is free for something else.
    """
    specs = [
        spec
        for spec in FIGURES.values()
        if results.has(*spec.experiments) and spec.merged(results) is None
    ]
    count = min(workers or os.cpu_count() or 1, len(specs))
    if count <= 1:
        yield lambda: {
            spec.id: draw(spec, results, languages) for spec in counted(specs, len(specs), console)
        }
        return
    # A forked process has the results and the libraries already; elsewhere they are sent to it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(count, context, _keep, (results, tuple(languages))) as pool:
        # All are handed in before the progress starts a thread, which a fork would not survive.
        # The grid's take longest and are the last of the page: no process is left alone with them.
        waiting = {spec.id: pool.submit(_draw_kept, spec.id) for spec in reversed(specs)}

        def drawn() -> dict[str, Drawing]:
            for each in counted(as_completed(waiting.values()), len(specs), console):
                each.result()  # raises what went wrong there
            return {spec.id: waiting[spec.id].result() for spec in specs}

        try:
            yield drawn
        finally:
            pool.shutdown(cancel_futures=True)  # after an error nobody waits for the rest


def draw(spec: FigureSpec, results: Results, languages: Sequence[str]) -> Drawing:
    """One figure, in each language."""
    facts = spec.facts(results)
    drawing = Drawing(spec.table(results), facts)
    for language in languages:
        text = load_text(language)
        description = text.fill(text.figures[spec.id]["alt"], facts)
        with house_style(language):
            figure = spec.draw(results, figure_text(text).label)
            drawing.pictures[language] = inline_svg(figure, spec.id, description)
    return drawing


def figure_text(text: Text) -> Text:
    """The texts whose labels a figure can show: Latin ones where no font has the letters."""
    return load_text() if text.language == "ko" and korean_font() is None else text


_kept: tuple[Results, tuple[str, ...]]


def _keep(results: Results, languages: tuple[str, ...]) -> None:
    """In a drawing process: what it draws from."""
    global _kept
    _kept = results, languages
    # A figure is thousands of small objects, and the records lie beside them: looking through all
    # of them for cycles takes an eighth of the time, and the process ends with its last figure.
    gc.disable()


def _draw_kept(figure_id: str) -> Drawing:
    return draw(FIGURES[figure_id], *_kept)
