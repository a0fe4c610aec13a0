"""Reports of several chapters: their pages and the ways between them; figures that fail."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starter import own_chapter

from study.chapters import Chapter, chapter_folders, load_chapters
from study.edge.gate import planned
from study.errors import StoreError
from study.figures import making
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.records.store import RunStore
from study.report.__main__ import main
from study.report.render import Page, Rendered, page_names, render_study
from study.run import run

FIRST = """
sections:
  "1": {title: {en: Rates, ko: 학습률}, says: {en: It says., ko: 말한다.}}
experiments:
  rates:
    fixed: {data: gaussian, hidden: [4], num_epochs: 1, evaluation.points: 2, train_size: 200}
    axes: {lr: [0.01, 0.1], seed: [0, 1]}
figures:
  a: &a
    section: "1"
    title: {en: Accuracy by rate, ko: 학습률에 따른 정확도}
    kind: lines
    experiment: rates
    x: lr
    y: test_accuracy
  b: {<<: *a, title: {en: Loss by rate, ko: 학습률에 따른 손실}, y: test_loss}
claims:
  faster:
    section: "1"
    figure: a
    statement: {en: Faster is better., ko: 빠를수록 좋다.}
    parts: &parts
      test:
        experiment: rates
        metric: test_accuracy
        treatment: {lr: 0.1}
        control: {lr: 0.01}
        direction: greater
"""
# Another question about the same runs and some of its own, without sections, in English alone.
SECOND = """
uses: [first]
experiments:
  momenta:
    fixed: {data: gaussian, hidden: [4], num_epochs: 1, evaluation.points: 2, train_size: 200}
    axes: {momentum: [0, 0.9], seed: [0, 1]}
figures:
  a:
    title: {en: Accuracy by momentum}
    kind: lines
    experiment: momenta
    x: momentum
    y: test_accuracy
claims:
  no_slower:
    statement: {en: Faster is no worse.}
    parts:
      test:
        experiment: rates
        metric: test_accuracy
        treatment: {lr: 0.1}
        control: {lr: 0.01}
        direction: at_least
  heavier:
    statement: {en: Momentum helps.}
    figure: a
    parts:
      test:
        experiment: momenta
        metric: test_accuracy
        treatment: {momentum: 0.9}
        control: {momentum: 0}
        direction: greater
"""
PAGES = ("index.html", "index.ko.html", "second.html", "second.ko.html")


@dataclass
class Study:
    """A small study of two chapters, run in this process."""

    conf: Path
    plan: StudyPlan
    records: dict[str, RunRecord]
    chapters: list[Chapter]

    def render(self, folder: Path, *names: str, **options: Any) -> Rendered:
        chapters = [each for each in self.chapters if each.name in (names or ("first", "second"))]
        return render_study(self.plan, self.records, chapters, folder=folder, workers=1, **options)

    def store(self, folder: Path) -> RunStore:
        store = RunStore(folder / "runs")
        self.plan.write(store)
        for record in self.records.values():
            store.write(record)
        return store


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    conf = tmp_path_factory.mktemp("conf")
    own_chapter(conf, SECOND, "second")
    known = own_chapter(conf, FIRST, "first")
    found = planned([known, "chapter=first,second", "report.name=x"])
    records = {address: run(config) for address, config in found.cells.items()}
    return Study(conf, found.plan, records, found.chapters)


@pytest.fixture(scope="module")
def pages(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its report."""
    found = study.render(tmp_path_factory.mktemp("reports"))
    assert found.broken == []
    return found.page.parent


def text(pages: Path, name: str) -> str:
    return (pages / name).read_text(encoding="utf-8")


# -- files


def test_a_page_for_each_chapter_and_language() -> None:
    assert page_names(["first", "second"], "ko") == [
        Page("first", "ko", "index.html"), Page("first", "en", "index.en.html"),
        Page("second", "ko", "second.html"), Page("second", "en", "second.en.html"),
    ]  # fmt: skip


def test_what_is_written(study: Study, pages: Path) -> None:
    found = {str(path.relative_to(pages)) for path in pages.rglob("*") if path.is_file()}
    tables = {"tables/a.csv", "tables/b.csv", "tables/second/a.csv"}
    covers = {f"covers/{name.removesuffix('.html')}.png" for name in PAGES}
    assert found == {*PAGES, "claims.json", "runs.csv", *tables, *covers}
    assert all((pages / name).stat().st_size < 3_000_000 for name in PAGES)
    runs = pd.read_csv(pages / "runs.csv")
    assert list(runs["address"]) == study.plan.addresses
    wanted = dict(zip(runs["address"], runs["experiments"], strict=True))
    for name, addresses in study.plan.experiments.items():
        assert {a for a, names in wanted.items() if name in names.split()} == set(addresses)
    assert "rates momenta" in wanted.values()  # lr 0.01 without momentum is a cell of both


def test_the_verdicts_of_all_chapters_are_in_one_file(pages: Path) -> None:
    verdicts = json.loads(text(pages, "claims.json"))["claims"]
    assert {each["id"]: each["chapter"] for each in verdicts} == {
        "faster": "first", "no_slower": "second", "heavier": "second",
    }  # fmt: skip


def test_the_same_records_give_the_same_bytes(study: Study, pages: Path, tmp_path: Path) -> None:
    again = study.render(tmp_path).page.parent
    for name in (*PAGES, "claims.json", "runs.csv"):
        assert (again / name).read_bytes() == (pages / name).read_bytes(), name


def test_a_page_says_nothing_of_the_other_chapter_s_runs(study: Study, pages: Path) -> None:
    count = len(set(study.plan.experiments["rates"]))
    assert f"{count} runs, 2 seeds" in text(pages, "index.html")
    assert f"{len(study.plan.addresses)} runs, 2 seeds" in text(pages, "second.html")  # uses both
    assert "momenta" not in re.sub(r"<code>.*?</code>", "", text(pages, "index.html"))


def test_pages_of_another_first_language_do_not_stay(study: Study, tmp_path: Path) -> None:
    study.render(tmp_path)
    folder = study.render(tmp_path, language="ko").page.parent
    assert {path.name for path in folder.glob("*.html")} == {
        "index.html", "index.en.html", "second.html", "second.en.html",
    }  # fmt: skip
    assert '<html lang="ko">' in text(folder, "second.html")


def test_a_chapter_without_a_stored_run_has_no_page_yet(study: Study, tmp_path: Path) -> None:
    some = {address: study.records[address] for address in study.plan.experiments["rates"]}
    only = load_chapters(["first", "gate"], chapter_folders([study.conf]))
    found = render_study(study.plan, some, only, folder=tmp_path, workers=1)
    assert {path.name for path in found.page.parent.glob("*.html")} == set(PAGES[:2])
    with pytest.raises(StoreError, match="no run is stored"):
        render_study(study.plan, some, only[1:], folder=tmp_path, workers=1)


# -- ways between the pages


def chapters_of(page: str) -> list[tuple[str, str, bool]]:
    """The chapters that a page leads to: file, title, whether it is this one."""
    (found,) = re.findall(r'<nav class="chapters".*?</nav>', page, re.DOTALL)
    links = re.findall(r'<a href="([^"]+)"( aria-current="page")?>([^<]+)</a>', found)
    return [(href, title, bool(here)) for href, here, title in links]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_leads_to_all_chapters_in_its_language(pages: Path, name: str) -> None:
    ending = ".ko.html" if name.endswith(".ko.html") else ".html"
    assert chapters_of(text(pages, name)) == [
        (f"{stem}{ending}", f"The chapter {title}", name == f"{stem}{ending}")
        for stem, title in (("index", "first"), ("second", "second"))
    ]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_leads_to_itself_in_the_other_language(pages: Path, name: str) -> None:
    stem, korean = name.split(".")[0], name.endswith(".ko.html")
    other = f"{stem}.html" if korean else f"{stem}.ko.html"
    assert f'<a class="language" href="{other}"' in text(pages, name)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_between_the_pages_arrives(pages: Path, name: str) -> None:
    page = text(pages, name)
    links = re.findall(r'href="([^":?]*)"', page)
    files = [link for link in links if not link.startswith("#")]
    assert any("#" in link for link in files) == name.startswith("index")
    for link in links:
        file, _, anchor = link.partition("#")
        assert not file or (pages / file).is_file(), link
        target = text(pages, file) if file.endswith(".html") else page
        assert not anchor or f'id="{anchor}"' in target, link


def test_the_first_page_has_all_verdicts(pages: Path) -> None:
    first, second = text(pages, "index.html"), text(pages, "second.html")
    for claim in ("no_slower", "heavier"):
        assert f'href="second.html#claim-{claim}"' in first
        assert f'id="claim-{claim}"' in second
        assert f'id="claim-{claim}"' not in first
    assert 'href="second.ko.html#claim-heavier"' in text(pages, "index.ko.html")
    assert "Claims of this chapter: 2. The runs cannot judge 2." in first
    assert 'id="other-chapters"' not in second
    assert "claim-faster" not in second


def test_a_chapter_alone_has_no_ways_to_others(study: Study, tmp_path: Path) -> None:
    page = text(study.render(tmp_path, "first").page.parent, "index.html")
    assert '<nav class="chapters"' not in page
    assert 'id="other-chapters"' not in page


# -- words


def test_sections_may_be_missing(pages: Path) -> None:
    assert 'id="section-1"' in text(pages, "index.html")
    second = text(pages, "second.html")
    assert 'id="section-figures"' in second
    assert re.search(r'<article class="figure" id="a"', second)


def test_what_is_not_translated_is_in_english_and_said_to_be(pages: Path) -> None:
    korean = text(pages, "second.ko.html")
    assert "Accuracy by momentum" in korean
    assert "Momentum helps." in korean
    (notice,) = re.findall(r'<p class="notice">([^<]*no_slower[^<]*)</p>', korean)
    assert all(name in notice for name in ("title", "a", "no_slower", "heavier"))
    assert "title" not in "".join(re.findall(r'<p class="notice">([^<]*)</p>',
                                             text(pages, "second.html")))  # fmt: skip
    assert korean.count("Momentum helps.") == text(pages, "second.html").count("Momentum helps.")


def test_a_claim_of_a_chapter_has_a_command_that_finds_it(pages: Path) -> None:
    assert re.search(r"python -m study -m --config-dir \S+ claim=heavier ",
                     text(pages, "second.html"))  # fmt: skip


# -- a figure that fails

WRONG = ValueError("no <b>such</b>\n column")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing figure ``b`` fails."""
    draw = making.draw

    def failing(figure: Any, *arguments: Any, **options: Any) -> Any:
        if figure.id == "b":
            raise WRONG
        return draw(figure, *arguments, **options)

    monkeypatch.setattr(making, "draw", failing)


def article(page: str, figure: str) -> str:
    (found,) = re.findall(rf'<article class="figure" id="{figure}".*?</article>', page, re.DOTALL)
    return str(found)


def test_a_figure_that_fails_is_named_in_its_place_and_the_rest_is_written(
    study: Study, pages: Path, tmp_path: Path, broken: None
) -> None:
    found = study.render(tmp_path)
    assert found.broken == ["figure b: ValueError: no <b>such</b> column"]
    folder = found.page.parent
    said = {
        "index.html": "This figure could not be drawn: ValueError: no &lt;b&gt;such&lt;/b&gt; ",
        "index.ko.html": "ValueError: no &lt;b&gt;such&lt;/b&gt; column",
    }
    for name, words in said.items():
        wrong, good = (article(text(folder, name), each) for each in ("b", "a"))
        assert words in wrong
        assert '<div class="picture">' not in wrong
        assert "experiment=rates" in wrong  # how to repeat its runs
        assert words not in good
        assert '<div class="picture">' in good
    assert not (folder / "tables" / "b.csv").exists()
    assert (folder / "tables" / "a.csv").read_bytes() == (pages / "tables" / "a.csv").read_bytes()
    for name in ("second.html", "second.ko.html", "claims.json", "runs.csv"):
        assert (folder / name).read_bytes() == (pages / name).read_bytes(), name


def test_a_figure_that_fails_makes_the_exit_code_1(
    study: Study, tmp_path: Path, broken: None, capsys: pytest.CaptureFixture[str]
) -> None:
    study.store(tmp_path)
    words = ["x", "--store", str(tmp_path / "runs"), "--folder", str(tmp_path / "reports"),
             "--config-dir", str(study.conf)]  # fmt: skip
    assert main(words) == 1
    said = capsys.readouterr()
    assert "figure b: ValueError: no <b>such</b> column" in said.err
    assert f"report: {tmp_path / 'reports' / 'x' / 'index.html'}" in said.out


# -- the report again, from the store


def test_the_report_again_finds_the_chapters_where_they_were(
    study: Study, pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.store(tmp_path)
    words = ["x", "--store", str(tmp_path / "runs"), "--folder", str(tmp_path / "reports")]
    assert main(words) == 0
    for name in (*PAGES, "claims.json"):
        assert (tmp_path / "reports" / "x" / name).read_bytes() == (pages / name).read_bytes()
    study.conf.rename(tmp_path / "moved")
    try:
        assert main(words) == 1
        said = capsys.readouterr().err
        assert re.search(r"chapter: expected one of the choices, got 'first'", said)
        assert main([*words, "--config-dir", str(tmp_path / "moved")]) == 0
        assert main([*words, "--config-dir", str(tmp_path / "moved"), "--figure", "b"]) == 0
        assert (tmp_path / "reports" / "x" / "b.png").read_bytes().startswith(b"\x89PNG")
    finally:
        (tmp_path / "moved").rename(study.conf)
