"""Settings that are given, not drawn: marked in the figure, and counted nowhere."""

from dataclasses import replace
from typing import Any

import pytest
from builders_runs import run, study, texts, translated

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.reading import Node
from study.chapters import varied_columns
from study.figures.declare import Figure, read_figure
from study.figures.making import Made, draw, make
from study.figures.style import house_style
from study.figures.words import ALT, SAID, template
from study.report.text import load_text

GRID: dict[str, Any] = {
    "settings": {"count": 6, "axes": {"weight_decay": {"uniform": [0, 1]}}},
    "arms": {"off": {}, "on": {"batchnorm": True}},
}
DRAWN = {0: 0.1, 1: -0.05, 2: 0.0, 3: 0.02, 4: 0.06, 5: 0.07}
GIVEN = {"lecture": 0.03, "far_off": -0.2}


def results(drawn: dict[int, float], given: dict[str, float]) -> Results:
    """The effects of settings, those that are given by name."""
    named = {name: -i for i, name in enumerate(given, 1)}
    effect = drawn | {named[name]: value for name, value in given.items()}
    cells, runs = {}, []
    for setting, value in effect.items():
        for arm, test in (("off", 0.5), ("on", 0.5 + value)):
            own = run(max(setting, 0), batchnorm=arm == "on", test=test,
                      weight_decay=(setting + 3) / 10)  # fmt: skip
            runs.append(own)
            cells[own.address] = [setting, arm]
    found = study(e=runs)
    entry = {"axes": ["weight_decay"], "settings": [[i, (i + 3) / 10] for i in effect]}
    entry |= {"arms": ["off", "on"], "cells": cells, "further": [], "named": named}
    return Results(replace(found.plan, maps={"e": entry}), found.records)


def declared(kind: str) -> Figure:
    content = {"title": {"en": "Title"}, "kind": kind, "experiment": "e"}
    content |= {"treatment": "on", "control": "off"}
    return read_figure(Node("figures", "a", content), "a", {"e": varied_columns(GRID)})


def made(kind: str, given: dict[str, float], drawn: dict[int, float] = DRAWN) -> Made:
    return make(declared(kind), Measured(results(drawn, given)))


def said(found: Made, which: str = SAID, language: str = "en") -> str:
    text = load_text(language)
    words = template(declared("settings"), found.facts, which, text.page, language)
    return text.fill(words, found.facts)


@pytest.mark.parametrize("kind", ["settings", "deciding"])
def test_it_counts_nowhere(kind: str) -> None:
    without, found = made(kind, {}), made(kind, GIVEN)
    told = ("further", "named", "named_effect")
    for name, fact in without.facts.items():
        assert name in told or repr(found.facts[name]) == repr(fact), name
    assert (found.summaries[0].data["effect"] == without.summaries[0].data["effect"]).all()


def test_the_table_has_it_by_its_name_after_those_that_are_drawn() -> None:
    table = made("settings", GIVEN).table
    assert table["setting"].tolist() == [0, 1, 2, 3, 4, 5, "lecture", "far off"]
    assert table["weight_decay"].tolist()[-2:] == [0.2, 0.1]
    assert table["effect"].tolist()[-2:] == pytest.approx([0.03, -0.2])


def test_the_sentence_tells_the_first_one_only_where_there_is_one() -> None:
    assert "★" not in said(made("settings", {}))
    found = made("settings", GIVEN)
    assert said(found).endswith(
        "At the setting marked ★ (the lecture's own), which is given, not drawn, and not counted: "
        "+3.0 points."
    )
    assert said(found, ALT).endswith("At the setting marked ★ (the lecture's own): +3.0 points.")
    assert "★로 표시한 설정(강의의 설정)" in said(found, language="ko")


@pytest.mark.parametrize("drawn", [DRAWN, {}])
def test_a_star_stands_between_the_settings_that_it_lies_between(drawn: dict[int, float]) -> None:
    found = made("settings", GIVEN, drawn)
    with house_style():
        picture = draw(declared("settings"), found, translated)
        stars = [
            (line.get_xdata()[0], line.get_ydata()[0])
            for axes in picture.axes
            for line in axes.lines
            if line.get_marker() == "*"
        ]
        names = texts(picture)
    if not drawn:
        assert stars == []
        return
    # −5, 0, 2 | 6, 7, 10 points
    assert stars == [pytest.approx((2.5, 3.0)), pytest.approx((-0.5, -20.0))]
    assert {"«lecture»", "«far off»"} <= set(names)
