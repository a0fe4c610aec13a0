"""What a page may say of the lecture, and what a part of the study has to say first."""

import dataclasses

import pytest
from builders_claims import claim, part, run

from study.analysis.claims import judge
from study.analysis.frames import Results
from study.chapters import chapter_folders, load_chapters
from study.records.cells import columns
from study.records.plan import StudyPlan, pack_rows
from study.report.coverage import coverage
from study.report.text import languages, load_text

(CHAPTER,) = load_chapters(["lecture"], chapter_folders())
TEXT = load_text("en").of(CHAPTER)
RECORDS = {
    record.address: record
    for seed in range(6)
    for record in (
        run(seed, test=0.80 + seed / 1000, weight_decay=0.0),
        run(seed, test=0.90 + seed / 900, weight_decay=0.1),
    )
}
EXPERIMENTS = {name: list(RECORDS) for name in (*CHAPTER.experiments, "e")}
DRAWN = {"cells": {address: [0, "arm"] for address in RECORDS}}
WHOLE = StudyPlan("name", "command", "data", "preset", experiments=EXPERIMENTS)
LECTURE = claim()
BEYOND = claim(id="X1", beyond=True)


def found(plan=WHOLE, claims=(LECTURE, BEYOND), records=RECORDS):
    results = Results(plan, records)
    experiments = {**CHAPTER.experiments, "e": {}}
    chapter = dataclasses.replace(CHAPTER, claims=tuple(claims), experiments=experiments)
    return coverage(results, chapter, judge(claims, results))


def changed(**keys):
    return dataclasses.replace(WHOLE, **keys)


def test_the_whole_study_lacks_nothing():
    whole = found()
    assert whole.whole
    assert not whole.part
    assert whole.lines(TEXT) == []


@pytest.mark.parametrize(
    ("words", "maps", "part"),
    [
        ("study.settings.init=4", [], False),
        ("study.settings.init=4", ["e"], True),
        ("study.settings.sets=found", ["e"], False),
        ("study.curve_steps=4", [], True),
    ],
)
def test_fewer_settings_make_a_part_only_of_a_chapter_that_draws_some(words, maps, part):
    assert found(changed(selection=[words], maps=dict.fromkeys(maps, DRAWN))).part == part


def test_what_is_beyond_a_chapter_is_not_what_it_is_about_but_counts_in_its_family():
    assert found().declared == 1
    assert found().family == 2


def test_what_another_chapter_lacks_is_not_lacking_here():
    rows = [columns(record.config) for record in list(RECORDS.values())[:2]]
    plan = changed(
        experiments=EXPERIMENTS | {"other": ["absent"]}, left_out={"other": pack_rows(rows)}
    )
    assert found(plan).whole
    assert found(plan).lines(TEXT) == []


def test_a_study_without_some_experiments_is_a_part():
    kept = {name: own for name, own in EXPERIMENTS.items() if name not in ("dropout", "e")}
    lacking = found(changed(experiments=kept))
    assert lacking.part
    assert lacking.lines(TEXT) == [
        "Experiments not run: dropout, e.",
        "Without a verdict here: all of the lecture’s claims (1).",
    ]


def test_a_selection_makes_a_part():
    assert found(changed(selection=["claim=C1"])).part


def test_cells_left_out_are_counted_by_experiment():
    rows = [columns(record.config) for record in list(RECORDS.values())[:2]]
    lacking = found(changed(left_out={"dropout": pack_rows(rows)}))
    assert lacking.part
    assert lacking.lines(TEXT) == ["Cells left out: dropout 2."]


def test_claims_without_a_verdict_are_named():
    other = claim({"only": part(experiment="dropout", treatment=({"lr": (9,)},))}, id="D1")
    open_ = found(claims=[LECTURE, other])
    assert not open_.whole
    assert not open_.part
    assert open_.lines(TEXT) == ["Without a verdict here: 1 of the lecture’s 2 claims (D1)."]


def test_missing_runs_are_counted():
    records = dict(list(RECORDS.items())[1:])
    lacking = found(records=records, claims=[])
    assert not lacking.whole
    assert lacking.lines(TEXT)[0] == "Runs that are missing: 1."


def test_verdicts_at_other_settings_are_not_the_lecture_s():
    other = found(changed(settings=["lr=0.1"], added={"e": list(RECORDS)}))
    assert not other.whole
    assert other.unjudged == ["C1"]


@pytest.mark.parametrize("language", languages())
def test_everything_that_is_missing_can_be_said(language):
    rows = [columns(record.config) for record in list(RECORDS.values())[:2]]
    lacking = found(
        changed(
            left_out={"dropout": pack_rows(rows)},
            experiments=EXPERIMENTS | {"grid": [], "minibatch": ["absent"]},
        ),
        claims=[LECTURE, claim({"only": part(experiment="grid")}, id="G1")],
    )
    lines = lacking.lines(load_text(language).of(CHAPTER))
    assert len(lines) == 4
    assert not any(set("{}") & set(line) for line in lines)
