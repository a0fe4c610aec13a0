"""The page as text: complete, escaped, and the same for the same records."""

import dataclasses
import json
import re
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.registry import Entry, Registration, Registry, UsedSeeds
from study.chapters import chapter_folders, load_chapters
from study.errors import MergedCellsError, StoreError, StudyError
from study.records import compaction
from study.records.cells import columns
from study.records.plan import pack_rows
from study.records.store import RunStore
from study.report.__main__ import main
from study.report.drawing import draw
from study.report.files import machine_readable
from study.report.origin import FAILURES_SHOWN, used_seeds
from study.report.render import (
    Page,
    export_figure,
    make_reports,
    page_names,
    render_page,
    render_study,
)
from study.report.settings import told
from study.report.text import languages, load_text
from study.report.views import Report, describe_settings

pytestmark = pytest.mark.xdist_group("tiny study")

(CHAPTER,) = load_chapters(["lecture"], chapter_folders())
CLAIMS = CHAPTER.claims
FIGURES = [figure.id for figure in CHAPTER.figures]
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


@pytest.fixture(scope="module")
def report(tiny_study) -> Report:
    """All figures of the tiny study, in English, and the verdicts.

    From its records in another order than the command had them in, by one process.
    """
    plan, records = tiny_study.results.plan, tiny_study.results.records
    backwards = Results(plan, dict(reversed(list(records.items()))))
    (made,) = make_reports(backwards, [CHAPTER], ["en"], workers=1)
    return made


def rendered(report: Report, language: str = "en") -> str:
    """The page of a study of one chapter."""
    return render_page([report], report.chapter.name, load_text(language))


def changed(report: Report, **changes) -> str:
    """The English page with other records or another plan, the drawings being the same."""
    results = Results(
        changes.get("plan", report.results.plan), changes.get("records", report.results.records)
    )
    return rendered(dataclasses.replace(report, results=results))


def test_command_prints_where_the_report_is(tiny_study):
    assert "report: reports/tiny/index.html" in tiny_study.output
    assert tiny_study.page.stat().st_size < 3_000_000


def test_page_is_the_same_whatever_the_order_of_the_records_and_the_number_of_workers(
    tiny_study, report
):
    assert rendered(report) == tiny_study.page.read_text(encoding="utf-8")


def test_report_is_written_from_stored_records_alone(tiny_study, tmp_path, monkeypatch, capsys):
    """Whether they are in files of their own, in segments, or some of them in both."""
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "no-data-here"))
    monkeypatch.setattr(compaction, "SEEN_SECONDS", 0.0)
    store = RunStore(shutil.copytree(tiny_study.store.folder, tmp_path / "runs"))
    kept = list(store.singles())[::7]
    files = {store.path(address): store.path(address).read_bytes() for address in kept}
    count = compaction.compact(store, many=1)
    assert count == len(tiny_study.results.records)
    for path, content in files.items():  # some runs are there as files again
        path.write_bytes(content)
    assert main(["tiny", "--store", str(store.folder), "--folder", str(tmp_path)]) == 0
    assert "report:" in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "tiny").iterdir()}
    assert written == {
        "index.html", "index.ko.html", "claims.json", "runs.csv", "tables", "covers",
    }  # fmt: skip
    before = tiny_study.page.parent  # from files of their own
    names = {path.relative_to(before) for path in before.rglob("*") if path.is_file()}
    assert len(names) > 4
    for name in names:
        assert (tmp_path / "tiny" / name).read_bytes() == (before / name).read_bytes(), name


def test_the_language_asked_for_is_the_index(tiny_study):
    assert page_names(["x"], "en") == [
        Page("x", "en", "index.html"), Page("x", "ko", "index.ko.html"),
    ]  # fmt: skip
    assert page_names(["x"], "ko") == [
        Page("x", "ko", "index.html"), Page("x", "en", "index.en.html"),
    ]  # fmt: skip
    english = tiny_study.page.read_text(encoding="utf-8")
    korean = (tiny_study.page.parent / "index.ko.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in english
    assert '<html lang="ko">' in korean
    assert 'href="index.ko.html"' in english
    assert 'href="index.html"' in korean


def test_programs_find_verdicts_runs_and_tables_beside_the_page(tiny_study):
    folder: Path = tiny_study.page.parent
    verdicts = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in verdicts["claims"]] == [claim.id for claim in CLAIMS]
    runs = pd.read_csv(folder / "runs.csv")
    plan = tiny_study.results.plan
    assert list(runs["address"]) == list(plan.addresses)
    wanted = {
        address: " ".join(name for name, own in plan.experiments.items() if address in own)
        for address in plan.addresses
    }
    assert dict(zip(runs["address"], runs["experiments"], strict=True)) == wanted
    assert "activation_widths activations" in set(wanted.values())
    tables = {path.stem: pd.read_csv(path) for path in (folder / "tables").glob("*.csv")}
    assert set(tables) == set(FIGURES)


def test_every_claim_is_on_the_page_with_its_verdict(tiny_study):
    page = tiny_study.page.read_text(encoding="utf-8")
    for claim in CLAIMS:
        assert f'id="claim-{claim.id}"' in page
        assert f"claim={claim.id} data=mnist5k study=quick" in page


@pytest.fixture
def decided(report) -> Report:
    """The report as if every claim had been supported and nothing restricted; without drawings."""
    judged = [
        dataclasses.replace(
            each, verdict="supported", uncorrected="supported", reason=None, settings=()
        )
        for each in report.judgements
    ]
    plan = dataclasses.replace(
        report.results.plan, selection=[], settings=[], added={}, left_out={}
    )
    results = Results(plan, report.results.records)
    return dataclasses.replace(report, judgements=judged, results=results, drawings={})


# What only the whole may say.
WHOLE = {"en": ("every figure", "every claim"), "ko": ("그림을 모두", "주장을 하나하나")}


@pytest.mark.parametrize("language", languages())
def test_the_whole_says_so_and_has_no_banner(decided, language):
    page = rendered(decided, language)
    assert 'class="banner"' not in page
    assert all(words in page for words in WHOLE[language])


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize(
    "changes",
    [
        {"selection": ["claim=W2"]},
        {"experiments": {"weight_decay": []}},
        {"settings": ["lr=0.1"]},
        {"left_out": "weight_decay"},
    ],
    ids=str,
)
def test_a_part_never_says_that_it_is_the_whole(decided, language, changes):
    plan = decided.results.plan
    if "experiments" in changes:
        changes = {"experiments": plan.experiments | changes["experiments"]}
    if "left_out" in changes:
        record = decided.results.records[plan.experiments["weight_decay"][0]]
        changes = {"left_out": {"weight_decay": pack_rows([columns(record.config)])}}
    results = Results(dataclasses.replace(plan, **changes), decided.results.records)
    page = rendered(dataclasses.replace(decided, results=results), language)
    assert page.index('class="banner"') < page.index('class="subtitle"')
    assert not any(words in page for words in WHOLE[language])


def test_claims_that_are_not_judged_are_not_put_to_the_test(report):
    page = rendered(report)
    total = sum(not claim.beyond for claim in CLAIMS)
    assert f"Without a verdict here: all of the lecture’s claims ({total})." in page
    assert "every claim" not in page
    assert "Seeds: 1; no verdict is given with fewer than 6." in page


def test_claims_at_other_settings_are_counted_apart(decided):
    first, *others = decided.judgements
    judged = [dataclasses.replace(first, settings=("lr=0.1",)), *others]
    page = rendered(dataclasses.replace(decided, judgements=judged))
    lecture = sum(not claim.beyond for claim in CLAIMS)
    assert f"Of the lecture’s {lecture} claims, this study has runs for {lecture - 1};" in page
    assert "Claims at other settings: 1. The runs support 1." in page
    assert page.count("The lecture’s claim at other settings: lr=0.1") >= 1


def test_claims_are_listed_where_the_study_has_no_figure_of_theirs(decided):
    plan = decided.results.plan
    kept = {name: own for name, own in plan.experiments.items() if name == "dropout"}
    results = Results(dataclasses.replace(plan, experiments=kept), decided.results.records)
    page = rendered(dataclasses.replace(decided, results=results))
    for claim in CLAIMS:
        assert f'id="claim-{claim.id}"' in page
    linked = set(re.findall(r'href="#([^"?]+)', page))
    assert linked <= set(re.findall(r'\bid="([^"]+)"', page))


def test_page_and_json_say_what_was_declared_before_its_runs(decided):
    with_runs = [each.claim for each in decided.judgements if each.runs]
    first, second, third, *_ = with_runs
    day = date(2020, 1, 2)
    registry = Registry(
        day,
        {first.id: Entry(first.digest, day), second.id: Entry("0" * 16, day)},
        [UsedSeeds(0, 9, {"en": "the first report", "ko": "첫 보고서"})],
        known=True,
    )
    known = dataclasses.replace(decided, registry=registry)
    page = rendered(known)
    assert "changed since it was declared on 2020-01-02" in page
    assert "declared 2020-01-02, before its runs" in page
    assert "exploratory: declared after looking, or by you" in page
    assert "The rules were declared on 2020-01-02." in page
    assert "seeds 0; used before: 0–9: the first report" in page
    claims = json.loads(machine_readable(known.results, [known])["claims.json"])["claims"]
    found = {each["id"]: (each["registration"], each["declared"]) for each in claims}
    assert found[first.id] == ("registered", "2020-01-02")
    assert found[second.id] == ("changed", "2020-01-02")
    assert found[third.id] == ("exploratory", None)


def test_a_claim_at_other_settings_is_not_the_one_declared(decided):
    first, *others = decided.judgements
    day = date(2020, 1, 2)
    registry = Registry(None, {first.claim.id: Entry(first.claim.digest, day)}, known=True)
    judged = [dataclasses.replace(first, settings=("lr=0.1",)), *others]
    report = dataclasses.replace(decided, judgements=judged, registry=registry)
    assert report.registrations[first.claim.id] == Registration("exploratory")


def test_seeds_that_no_report_has_used_are_said_to_be_new(report):
    results = report.results
    used = [UsedSeeds(100, 109, {"en": "another", "ko": "다른 것"})]
    note = used_seeds(results, Registry(seeds=used, known=True), load_text())
    assert note == "seeds 0: no earlier report has used them"
    assert "not recorded" in used_seeds(results, Registry(), load_text())


def test_how_the_error_level_is_spent_is_said(report):
    plan = dataclasses.replace(report.results.plan, looks=[16, 24, 32])
    assert "up to these numbers of seeds: 16, 24, 32." in changed(report, plan=plan)
    assert "up to these numbers" not in changed(report)


def test_missing_runs_are_said_and_the_rest_is_drawn(report):
    results = report.results
    gone = set(results.plan.experiments["weight_decay"])
    kept = {address: r for address, r in results.records.items() if address not in gone}
    drawings = {
        name: drawing for name, drawing in report.drawings.items() if not name.startswith("1.4.1")
    }
    left = dataclasses.replace(report, results=Results(results.plan, kept), drawings=drawings)
    page = rendered(left)
    assert "No runs for this figure are stored yet." in page
    assert f"{len(gone)} missing" in page


def test_failed_runs_are_listed_with_error_and_command(report):
    records = dict(report.results.records)
    address = report.results.plan.experiments["dropout"][0]
    records[address] = dataclasses.replace(
        records[address], status="failed", error="ValueError: <script>alert(1)</script>",
        history={}, layers={}, measurements={},
    )  # fmt: skip
    page = changed(report, records=records)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert re.search(r"<code>python -m study .*\binit=he .*seed=0", page)


def test_whatever_a_plan_contains_is_shown_as_text(report):
    plan = dataclasses.replace(
        report.results.plan, command='"><img src=x onerror=alert(1)>', data="<script>alert(2)"
    )
    page = changed(report, plan=plan)
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def hostile(value, text):
    """``value`` with ``text`` in place of every text in it."""
    if isinstance(value, dict):
        return {key: hostile(item, text) for key, item in value.items()}
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", ["<script>alert(3)</script>", '"><img src=x onerror=alert(4)>'])
def test_whatever_claims_and_records_contain_is_shown_as_text(report, text):
    first = report.judgements[0]
    parts = {
        name: dataclasses.replace(part, label=hostile(part.label, text))
        for name, part in first.claim.parts.items()
    }
    claim = dataclasses.replace(
        first.claim, parts=parts, statement=hostile(first.claim.statement, text),
        short={"en": text, "ko": text}, finding=hostile(first.claim.finding, text),
    )  # fmt: skip
    findings = {
        name: dataclasses.replace(found, part=parts[name]) for name, found in first.findings.items()
    }
    judged = [dataclasses.replace(first, claim=claim, findings=findings), *report.judgements[1:]]
    records = {
        address: dataclasses.replace(
            record, provenance=hostile(record.provenance, text),
            config=record.config | {"data": record.config["data"] | {"label": text}},
        )
        for address, record in report.results.records.items()
    }  # fmt: skip
    plan = dataclasses.replace(report.results.plan, name=text, preset=text)
    page = changed(dataclasses.replace(report, judgements=judged), records=records, plan=plan)
    assert page.count("alert(") > 20
    assert "<script>alert" not in page
    assert "<img" not in page


def test_nothing_stored_is_an_error_that_says_so(tiny_study, tmp_path):
    with pytest.raises(StoreError, match="no run is stored"):
        render_study(tiny_study.results.plan, {}, [CHAPTER], folder=tmp_path)


def test_unknown_language_names_those_there_are():
    with pytest.raises(StudyError, match="choices: en, ko"):
        load_text("xx")


def test_unknown_study_names_those_there_are(tiny_study, capsys):
    assert main(["nothing", "--store", str(tiny_study.store.folder)]) == 1
    assert "tiny" in capsys.readouterr().err


def test_damaged_records_are_named_and_the_exit_code_says_so(tiny_study, tmp_path, capsys):
    store = RunStore(shutil.copytree(tiny_study.store.folder, tmp_path / "runs"))
    plan = tiny_study.results.plan
    (figure,) = (figure for figure in CHAPTER.figures if figure.id == "1.2.1-b")
    few = {name: plan.experiments[name] for name in figure.experiments}
    plan = dataclasses.replace(plan, name="few", experiments=few)  # whose report takes no time
    plan.write(store)
    damaged = store.path(plan.addresses[0])
    damaged.write_text(damaged.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    arguments = ["few", "--store", str(store.folder), "--folder", str(tmp_path)]
    for further in ([], ["--figure", figure.id]):
        assert main([*arguments, *further]) == 1
        said = capsys.readouterr()
        assert f"left out: {damaged}: damaged" in said.err
        assert "report: " in said.out or "figure: " in said.out
    assert "1 missing" in (tmp_path / "few" / "index.html").read_text(encoding="utf-8")


def test_of_many_failed_runs_the_first_are_listed_and_the_rest_counted(report):
    records = {
        address: dataclasses.replace(
            record, status="failed", error="Error", history={}, layers={}, measurements={}
        )
        for address, record in report.results.records.items()
    }
    page = changed(report, records=records)
    assert page.count('<details class="failure">') == FAILURES_SHOWN
    assert f"{len(records) - FAILURES_SHOWN:,} more; runs.csv" in page


def test_of_many_values_of_a_setting_the_first_and_the_last_are_named(report):
    runs = report.results.runs("batchnorm").iloc[[0]]
    many = pd.concat([runs.assign(seed=seed) for seed in range(3000)])
    _, varied = describe_settings(many, load_text())
    assert varied == [("seed", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …, 2,999 (n = 3,000)")]


def test_one_figure_can_be_exported(tiny_study, tmp_path, capsys):
    arguments = ["tiny", "--store", str(tiny_study.store.folder), "--folder", str(tmp_path)]
    assert main([*arguments, "--figure", "1.3.1-b"]) == 0
    assert (tmp_path / "tiny" / "1.3.1-b.png").read_bytes().startswith(b"\x89PNG")
    for kind, start in (("svg", b"<?xml"), ("pdf", b"%PDF")):
        path = tmp_path / "tiny" / f"1.3.1-b.{kind}"
        written = []
        for _ in range(2):
            assert main([*arguments, "--figure", "1.3.1-b", "--format", kind]) == 0
            written.append(path.read_bytes())
        assert written[0] == written[1]
        assert written[0].startswith(start)
    assert main([*arguments, "--figure", "9.9-z"]) == 1
    assert "1.3.1-b" in capsys.readouterr().err


def test_command_of_a_figure_names_the_data_set_as_typed(report):
    page = changed(report)
    assert "experiment=grid data=mnist5k study=quick" in page
    data = {"name": "idx", "root": "/somewhere", "label": "fashion"}
    records = {
        address: dataclasses.replace(record, config=record.config | {"data": data})
        for address, record in report.results.records.items()
    }
    page = changed(report, records=records)
    assert "experiment=grid data=idx data.root=… data.label=fashion study=quick" in page


def test_a_figure_that_would_average_different_cells_is_not_drawn(report):
    plan, records = report.results.plan, dict(report.results.records)
    faster = [
        dataclasses.replace(record, config=record.config | {"lr": 0.5})
        for record in report.results.of("dropout")
    ]
    faster = [dataclasses.replace(each, address=each.run_config.address) for each in faster]
    records |= {each.address: each for each in faster}
    addresses = plan.experiments["dropout"] + [each.address for each in faster]
    plan = dataclasses.replace(plan, experiments=plan.experiments | {"dropout": addresses})
    results = Results(plan, records)
    of_dropout = [figure for figure in CHAPTER.figures if "dropout" in figure.experiments]
    measured = Measured(results)
    drawn = {figure.id: draw(figure, measured, ["en"]) for figure in of_dropout}
    assert all(each.merged is not None and not each.is_drawn for each in drawn.values())
    page = rendered(
        dataclasses.replace(report, results=results, drawings={**report.drawings, **drawn})
    )
    said = page.count("Not drawn: these runs differ in learning rate (0.01, 0.5) too")
    assert said == len(of_dropout) > 1
    assert "python -m study -m experiment=dropout lr=0.01 data=mnist5k study=quick" in page
    assert '<div class="picture">' in page
    with pytest.raises(MergedCellsError, match=r"dropout: .* lr \(0.01, 0.5\), too.* lr=0.01"):
        export_figure(results, [CHAPTER], "1.4.2-c", Path("never.png"))


def test_a_grid_of_more_than_its_factors_takes_the_further_one_apart(report):
    plan, records = report.results.plan, dict(report.results.records)
    (first, *_) = report.results.of("grid")
    other = dataclasses.replace(first, config=first.config | {"hidden": [100, 50]})
    other = dataclasses.replace(other, address=other.run_config.address)
    records[other.address] = other
    grid = [*plan.experiments["grid"], other.address]
    plan = dataclasses.replace(plan, experiments=plan.experiments | {"grid": grid})
    further = dataclasses.replace(report, results=Results(plan, records))
    assert further.grids["explorer"].factors == ("hidden", *report.grids["explorer"].factors)
    assert len(further.explorer["cells"]) == len(report.explorer["cells"]) + 1


def test_settings_tell_what_is_unusual_and_nothing_else(report):
    runs = report.results.runs("symmetry")
    names = told(runs)
    assert {"width", "depth", "dtype"} <= set(names)
    assert not {"hidden", "valid_size", "init_class", "init_std", "data_checksum"} & set(names)
    classes = [f"x.Y{i}()" for i in range(len(runs))]
    uneven = runs.assign(hidden="100-50", init="mine", init_class=classes)
    assert {"hidden", "init_class"} <= set(told(uneven))
    assert not {"width", "depth"} & set(told(uneven))
