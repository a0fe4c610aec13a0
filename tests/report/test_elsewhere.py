"""A claim's row links to the figures of other chapters that say more of it."""

from dataclasses import replace

import pytest
from builders_map import DECIDES, EFFECTS, declared, drawn_map
from test_claim_views import finding, judgement

from study.analysis.findings import Measured
from study.chapters import Chapter
from study.figures import making
from study.report.drawing import Drawing
from study.report.elsewhere import elsewhere, summed_up
from study.report.text import load_text
from study.report.views import Report

FILES = {"lecture": "index.html", "map": "map.html"}


def reports(*, is_drawn: bool = True) -> list[Report]:
    results, figure = drawn_map(EFFECTS), declared(about=["D1", "D2"])
    made = making.make(figure, Measured(results))
    drawing = Drawing(made.table, made.facts, {"en": "<svg/>"} if is_drawn else {})
    lecture = Chapter("lecture", {"en": "Lecture"})
    others = Chapter("map", {"en": "Where it holds", "ko": "어디에서"}, figures=(figure,))
    return [Report(results, lecture, {}, []), Report(results, others, {figure.id: drawing}, [])]


@pytest.mark.parametrize(
    ("language", "chapter", "brief"),
    [("en", "Where it holds", "a gain of a point or more in 2"), ("ko", "어디에서", "2개에서 1%p")],
)
def test_a_claim_is_told_where_else_it_is_looked_at(language, chapter, brief) -> None:
    found = elsewhere(reports(), FILES, "lecture", load_text(language))
    assert list(found) == ["D1", "D2"]
    (link,) = found["D1"]
    assert (link.chapter, link.title, link.href) == (chapter, "t", "map.html#f")
    assert brief in link.brief


@pytest.mark.parametrize(("language", "brief"), [("en", "a gain of a point"), ("ko", "1%p")])
def test_the_first_page_sums_up_the_figures_of_another_chapter(language, brief) -> None:
    lecture, other = reports()
    (link,) = summed_up(other, FILES, load_text(language))
    assert (link.title, link.href) == ("t", "map.html#f")
    assert brief in link.brief
    assert summed_up(lecture, FILES, load_text(language)) == []
    assert summed_up(reports(is_drawn=False)[1], FILES, load_text(language)) == []


def test_a_chapter_has_no_links_to_itself_and_none_to_what_is_not_drawn() -> None:
    assert elsewhere(reports(), FILES, "map", load_text()) == {}
    assert elsewhere(reports(is_drawn=False), FILES, "lecture", load_text()) == {}


def test_a_figure_whose_kind_has_no_few_words_tells_what_was_found_of_its_claim() -> None:
    _, other = reports()
    figure = declared(DECIDES, about=["D1"])
    judged = judgement(finding(), figure="f", finding={"supported": {"en": "It is {p0.effect}."}})
    drawing = replace(other.drawings["f"], facts={**other.drawings["f"].facts, "shown": 1})
    lecture = Report(other.results, Chapter("lecture", {"en": "Lecture"}), {}, [])
    chapter = replace(other.chapter, figures=(figure,))
    found = [
        elsewhere([lecture, Report(other.results, chapter, {"f": drawing}, judgements)], FILES,
                  "lecture", load_text())["D1"][0].brief
        for judgements in ([judged], [replace(judged, verdict="not_judged")], [])
    ]  # fmt: skip
    assert found[0].startswith("It is −0.065 ± ")
    assert found[1:] == ["", ""]
