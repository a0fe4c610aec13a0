"""What the page shows of a paper that a figure repeats: the numbers, the settings, the list."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from starter import own_chapter

from study.edge.gate import planned
from study.report.render import render_study
from study.run import run

CHAPTER = """
references:
  he2015:
    authors: [Kaiming He, Jian Sun]
    title: How deep?
    year: 2015
    venue: ICCV
    arxiv: "1502.01852"
  late1999:
    kind: misc
    authors: ["van Late, Ann", Bo One, Cy Two]
    title: Never cited
    year: 1999
    venue: Notes
    url: https://example.org/notes
experiments:
  rates:
    fixed: {data: gaussian, hidden: [4], num_epochs: 1, evaluation.points: 2, train_size: 200}
    axes: {lr: [0.01, 0.1], seed: [0, 1, 2, 3, 4, 5]}
figures:
  a:
    title: {en: Accuracy by rate, ko: 학습률에 따른 정확도}
    kind: lines
    experiment: rates
    x: lr
    y: test_accuracy
    quantities:
      slow: {metric: test_accuracy, treatment: {lr: 0.01}}
      gain: {metric: test_accuracy, treatment: {lr: 0.1}, control: {lr: 0.01}}
      absent: {metric: test_accuracy, where: {lr: 3}, treatment: {seed: 0}}
    paper:
      cites: he2015
      where: {en: figure 3, ko: 그림 3}
      settings:
        - {what: {en: rate, ko: 학습률}, ours: {column: lr}, is: not_said}
        - {what: {en: samples, ko: 데이터}, theirs: 1000, ours: {column: train_size}, is: same}
        - {what: {en: epochs, ko: 에폭}, theirs: 1, ours: {column: num_epochs}, is: same}
        - {what: {en: set, ko: 데이터}, theirs: MNIST, ours: {column: data}, is: same}
        - {what: {en: layers, ko: 층}, theirs: {en: many, ko: 여럿}, ours: 1, is: scaled}
      published:
        - {what: {en: near, ko: 가까움}, value: 0.1, margin: 0.5, of: slow.treatment}
        - what: {en: far, ko: 멂}
          where: {en: table 2, ko: 표 2}
          value: 0.9
          precision: 0.0005
          of: slow.treatment
        - what: {en: absent, ko: 없음}
          says: {en: it learns, ko: 학습한다}
          here: {en: "by {absent.effect:points}", ko: "{absent.effect:points}"}
          agrees: {absent: higher}
          differs: {absent: lower}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    known = own_chapter(tmp_path_factory.mktemp("conf"), CHAPTER, "first")
    found = planned([known, "chapter=first", "report.name=x"])
    records = {address: run(config) for address, config in found.cells.items()}
    rendered = render_study(
        found.plan, records, found.chapters, folder=tmp_path_factory.mktemp("out"), workers=1
    )
    assert rendered.broken == []
    return rendered.page.parent


class Rows(HTMLParser):
    """The text of each cell, by table and row."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def tables(folder: Path, name: str = "index.html") -> list[list[list[str]]]:
    """What is compared, and the settings: rows of the figure's two tables, without their heads."""
    page = (folder / name).read_text("utf-8")
    start = page.index('<section class="paper"')
    rows = Rows()
    rows.feed(page[start : page.index("</section>", start)])
    return [
        [[" ".join(re.split(r"\s+", cell.strip())) for cell in row] for row in table[1:]]
        for table in rows.tables
    ]


def test_each_number_stands_beside_what_was_published(folder: Path) -> None:
    published, _ = tables(folder)
    near, far, absent = published
    assert near[0] == "near"
    assert near[1] == "10 % ± 50 %, a margin declared here"
    assert near[3] == "= agrees"
    assert far[1] == "90 % ± 0.05 %, as it is printed table 2"
    assert far[3] == "≠ does not agree"
    assert absent[1:] == ["it learns", "–", "? cannot tell no number"]
    assert near[2] == far[2]
    assert " ± " in near[2]


def test_settings_are_those_of_the_runs(folder: Path) -> None:
    _, settings = tables(folder)
    assert settings == [
        ["rate", "–", "0.01, 0.1", "the paper does not say"],
        ["samples", "1,000", "200", "scaled down"],  # declared as the same, but not so here
        ["epochs", "1", "1", "the same"],
        ["set", "MNIST", "Gaussian inputs", "another"],
        ["layers", "many", "1", "scaled down"],
    ]
    _, korean = tables(folder, "index.ko.html")
    assert korean[1] == ["데이터", "1,000", "200", "줄임"]


def test_papers_are_listed_and_linked_with_their_bibtex(folder: Path) -> None:
    page = (folder / "index.html").read_text("utf-8")
    assert '<a href="#ref-he2015">He &amp; Sun 2015</a>, figure 3' in page
    assert '<li id="ref-he2015">Kaiming He &amp; Jian Sun (2015). How deep? ICCV. ' in page
    assert '<a href="https://arxiv.org/abs/1502.01852">arXiv:1502.01852</a>' in page
    assert "Ann van Late, Bo One &amp; Cy Two (1999). Never cited. Notes." in page
    assert "@article{he2015," in page
    assert "author = {van Late, Ann and Bo One and Cy Two}" in page


def test_programs_get_every_outcome(folder: Path) -> None:
    table = pd.read_csv(folder / "agreement.csv")
    assert table["agreement"].tolist() == ["agrees", "differs", "open"]
    assert table["reason"].fillna("").tolist() == ["", "", "missing"]
    assert table["published"].iloc[:2].tolist() == [0.1, 0.9]
    assert (table["n"].iloc[0], table["cites"].iloc[0]) == (6, "he2015")


def test_what_lacks_a_language_is_said_of_papers_too(tmp_path: Path) -> None:
    text = CHAPTER.replace("{en: figure 3, ko: 그림 3}", "{en: figure 3}")
    known = own_chapter(tmp_path, text, "first")
    (chapter,) = planned([known, "chapter=first"]).chapters
    assert "a" in chapter.untranslated("ko")
