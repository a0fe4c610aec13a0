"""All figures of the report, drawn in parallel: a figure needs a second, a page has thirty."""

import contextlib
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import pandas as pd
from rich.console import Console

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.chapters import Chapter
from study.children import end_with_parent
from study.errors import MergedCellsError
from study.figures import making, words
from study.figures.declare import Figure
from study.figures.style import house_style, korean_font
from study.figures.words import ALT
from study.report.progress import counted
from study.report.svg import inline_svg, on_white
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
        on_white: PNG by language, of a figure that stands for its page.
        merged: why it is not drawn, where it would average over runs of different cells.
        broken: what went wrong; empty where nothing did.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: Mapping[str, Any] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    on_white: dict[str, bytes] = field(default_factory=dict)
    merged: MergedCellsError | None = None
    broken: str = ""

    @property
    def is_drawn(self) -> bool:
        """Whether there is a figure."""
        return bool(self.pictures)


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
        console: shows the progress.

    Yields:
        What waits for the drawings and returns them. Until it is called, and while the other
        processes draw, this one is free for something else.
    """
    figures = {
        (chapter.name, figure.id): figure
        for chapter in chapters
        for figure in chapter.shown([n for n, own in results.plan.experiments.items() if own])
        if results.has(*figure.experiments)
    }
    groups: dict[str, list[Key]] = {}
    for key, figure in figures.items():
        groups.setdefault(figure.experiments[0], []).append(key)
    kept = (figures, results, tuple(languages), cover_figures(chapters, figures))
    results.runs()  # before there are several processes, each of which would make it

    def all_of(found: Iterable[Iterable[tuple[Key, Drawing]]]) -> dict[Key, Drawing]:
        each = (drawn for group in found for drawn in group)
        drawings = dict(counted(each, len(figures), console))
        return {key: drawings[key] for key in figures}

    count = min(workers or os.cpu_count() or 1, len(groups))
    if count <= 1:
        yield lambda: all_of(_draw_group(keys, *kept) for keys in groups.values())
        return
    # A forked process has the results and the libraries already; elsewhere they are sent to it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    gc.freeze()  # meanwhile nobody looks through the records for cycles, here and there
    with ProcessPoolExecutor(count, context, _keep, (kept,)) as pool:
        # All are handed in before the progress starts a thread, which a fork would not survive.
        # The largest groups come first: no process is left alone with one of them.
        largest = sorted(groups.values(), key=len, reverse=True)
        waiting = [pool.submit(_draw_kept, keys) for keys in largest]
        try:
            yield lambda: all_of(each.result() for each in as_completed(waiting))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error nobody waits for the rest
            gc.unfreeze()


def cover_figures(chapters: Sequence[Chapter], figures: Collection[Key]) -> set[Key]:
    """The figure that stands for each chapter: the one declared, else its first."""
    found = set()
    for chapter in chapters:
        own = [key for key in figures if key[0] == chapter.name]
        declared = (chapter.name, chapter.cover)
        found |= {declared} if declared in own else set(own[:1])
    return found


def draw(
    figure: Figure,
    measured: Measured,
    languages: Sequence[str],
    *,
    cover: bool = False,
) -> Drawing:
    """One figure, in each language; one that fails is said to be broken, and the others go on.

    Args:
        cover: whether it stands for its page.
    """
    try:
        if not making.has_runs(figure, measured):
            return Drawing()
        made = making.make(figure, measured)
        drawing = Drawing(made.table, made.facts)
        for language in languages:
            text = load_text(language)
            description = text.fill(template(figure, made.facts, ALT, text), made.facts)
            with house_style(language):
                drawn = picture(figure, made, measured, text)
                drawing.pictures[language] = inline_svg(drawn, figure.id, description)
            if cover:
                with house_style(language, on_white=True):
                    drawing.on_white[language] = on_white(picture(figure, made, measured, text))
    except MergedCellsError as error:
        return Drawing(merged=error)
    except Exception as error:
        message = " ".join(str(error).split())
        return Drawing(broken=f"{type(error).__name__}: {message}".rstrip(": "))
    return drawing


def picture(figure: Figure, made: making.Made, measured: Measured, text: Text) -> mpl.figure.Figure:
    """The figure itself; to be called in the house's style."""
    own = figure_text(text)
    return making.draw(figure, made, own.label, own.language, measured=measured)


def template(figure: Figure, facts: Mapping[str, Any], which: str, text: Text) -> str:
    """The words of a figure: its alternative text (``ALT``) or its sentence (``SAID``)."""
    return words.template(figure, facts, which, text.page, text.language)


def figure_text(text: Text) -> Text:
    """The texts whose labels a figure can show: Latin ones where no font has the letters."""
    return load_text() if text.language == "ko" and korean_font() is None else text


_Kept = tuple[dict[Key, Figure], Results, tuple[str, ...], set[Key]]
_kept: _Kept


def _keep(kept: _Kept) -> None:
    """In a drawing process: what it draws from."""
    end_with_parent()
    global _kept
    _kept = kept
    # A figure is thousands of small objects, and the records lie beside them: looking through all
    # of them for cycles takes an eighth of the time, and the process ends with its last figure.
    gc.disable()


def _draw_kept(keys: Sequence[Key]) -> list[tuple[Key, Drawing]]:
    return list(_draw_group(keys, *_kept))


def _draw_group(
    keys: Sequence[Key],
    figures: Mapping[Key, Figure],
    results: Results,
    languages: Sequence[str],
    covers: Collection[Key],
) -> Iterator[tuple[Key, Drawing]]:
    """The figures of one experiment, from metrics and curves that are made once for all of them."""
    measured = Measured(results)
    for key in keys:
        yield key, draw(figures[key], measured, languages, cover=key in covers)
    measured.forget()
