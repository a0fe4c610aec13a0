"""The page as text: complete, escaped, and the same for the same records."""

import dataclasses
import re

import pytest

from study.analysis.frames import Results
from study.errors import StoreError, StudyError
from study.report.__main__ import main
from study.report.render import render_page, render_study
from study.report.sections import SECTIONS
from study.report.text import load_text

pytestmark = pytest.mark.xdist_group("report")

FIGURES = [spec.id for specs in SECTIONS.values() for spec in specs]
LECTURE_LETTERS = {
    "1.1": "abc",
    "1.2.1": "ab",
    "1.2.2": "abc",
    "1.2.3": "ab",
    "1.2.4": "abcd",
    "1.3": "a",
    "1.3.1": "ab",
    "1.4": "a",
    "1.4.1": "abc",
    "1.4.2": "abcde",
    "G": "abcde",
}
LECTURE = [
    f"{section}-{letter}" for section, letters in LECTURE_LETTERS.items() for letter in letters
]


def test_every_figure_of_the_lecture_is_in_the_report():
    assert set(LECTURE) <= set(FIGURES)
    assert len(FIGURES) == len(set(FIGURES))


def test_every_figure_and_section_has_its_words():
    text = load_text()
    assert set(text.figures) == set(FIGURES)
    assert set(text.sections) == set(SECTIONS)


def test_command_prints_where_the_report_is(tiny_study):
    assert "report: reports/tiny/index.html" in tiny_study.output
    assert tiny_study.page.stat().st_size < 3_000_000


def test_page_is_the_same_whatever_the_order_of_the_records(tiny_study):
    results = tiny_study.results
    backwards = Results(results.plan, dict(reversed(results.records.items())))
    page = tiny_study.page.read_text(encoding="utf-8")
    assert render_page(backwards, load_text()) == page


def test_report_is_written_from_stored_records_alone(tiny_study, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "no-data-here"))
    status = main(["tiny", "--store", str(tiny_study.store.folder), "--folder", str(tmp_path)])
    assert status == 0
    assert "report:" in capsys.readouterr().out
    page = (tmp_path / "tiny" / "index.html").read_text(encoding="utf-8")
    assert page == tiny_study.page.read_text(encoding="utf-8")


def test_missing_runs_are_said_and_the_rest_is_drawn(tiny_study):
    results = tiny_study.results
    gone = set(results.plan.experiments["weight_decay"])
    kept = {address: r for address, r in results.records.items() if address not in gone}
    page = render_page(Results(results.plan, kept), load_text())
    assert "No runs for this figure are stored yet." in page
    assert f"{len(gone)} missing" in page
    assert page.count('<div class="picture">') == len(FIGURES) - 4


def test_failed_runs_are_listed_with_error_and_command(tiny_study):
    results = tiny_study.results
    records = dict(results.records)
    address = results.plan.experiments["dropout"][0]
    records[address] = dataclasses.replace(
        records[address], status="failed", error="ValueError: <script>alert(1)</script>",
        history={}, layers={}, measurements={},
    )  # fmt: skip
    page = render_page(Results(results.plan, records), load_text())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert re.search(r"<code>python -m study init=he .*seed=0", page)


def test_whatever_a_plan_contains_is_shown_as_text(tiny_study):
    results = tiny_study.results
    plan = dataclasses.replace(
        results.plan, command='"><img src=x onerror=alert(1)>', data="<script>"
    )
    page = render_page(Results(plan, results.records), load_text())
    assert "<img src=x" not in page
    assert "<script" not in page


def test_nothing_stored_is_an_error_that_says_so(tiny_study, tmp_path):
    with pytest.raises(StoreError, match="no run is stored"):
        render_study(tiny_study.results.plan, {}, folder=tmp_path)


def test_unknown_language_names_those_there_are():
    with pytest.raises(StudyError, match="choices: en"):
        load_text("xx")


def test_unknown_study_names_those_there_are(tiny_study, capsys):
    assert main(["nothing", "--store", str(tiny_study.store.folder)]) == 1
    assert "tiny" in capsys.readouterr().err


def test_one_figure_can_be_exported(tiny_study, tmp_path, capsys):
    arguments = ["tiny", "--store", str(tiny_study.store.folder), "--folder", str(tmp_path)]
    assert main([*arguments, "--figure", "1.3.1-b"]) == 0
    assert (tmp_path / "tiny" / "1.3.1-b.png").read_bytes().startswith(b"\x89PNG")
    assert main([*arguments, "--figure", "9.9-z"]) == 1
    assert "1.3.1-b" in capsys.readouterr().err


def test_command_of_a_figure_names_the_data_set_as_typed(tiny_study):
    results = tiny_study.results
    assert "experiment=grid data=mnist5k study=quick</code>" in render_page(results, load_text())
    data = {"name": "idx", "root": "/somewhere", "label": "fashion"}
    records = {
        address: dataclasses.replace(record, config=record.config | {"data": data})
        for address, record in results.records.items()
    }
    page = render_page(Results(results.plan, records), load_text())
    assert "experiment=grid data=idx data.root=… data.label=fashion study=quick" in page
