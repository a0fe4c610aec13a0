"""What a report costs, counted: figures summarised and drawn, claims judged."""

import dataclasses
from collections import Counter
from typing import Any

import pytest

from study.chapters import chapter_folders, load_chapters
from study.report import drawing, render

pytestmark = pytest.mark.xdist_group("tiny study")  # whose tests share a study
FEW = ("1.1-a", "1.2.1-b", "1.4-a")  # each figure costs a second


def test_every_figure_is_summarised_once_and_drawn_in_each_language_and_every_claim_judged_once(
    tiny_study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lecture,) = load_chapters(["lecture"], chapter_folders())
    figures = tuple(figure for figure in lecture.figures if figure.id in FEW)
    assert len(figures) == len(FEW)
    counts: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        function = getattr(module, name)

        def wrapper(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            return function(*args, **more)

        monkeypatch.setattr(module, name, wrapper)

    counted(drawing.making, "make")
    counted(drawing, "picture")
    counted(drawing, "inline_svg")
    counted(render, "judge")
    chapter = dataclasses.replace(lecture, figures=figures)
    (report,) = render.make_reports(tiny_study.results, [chapter], ("en", "ko"), workers=1)
    assert set(report.drawings) == set(FEW)
    drawn = 2 * len(FEW)
    cover = 2  # one of them once more, where the link to the page is shared
    assert counts == {"make": len(FEW), "picture": drawn + cover, "inline_svg": drawn, "judge": 1}
    assert len(report.judgements) == len({each.claim.id for each in report.judgements})
