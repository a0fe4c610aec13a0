"""What a page shows where its link is shared."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image

from study.chapters import load_chapter
from study.errors import ConfigError
from study.report.drawing import cover_figures
from study.report.sharing import SIZE

LANGUAGES = {"index.html": "en_US", "index.ko.html": "ko_KR"}
CHAPTER = """
title: {en: Mine}
cover: %s
experiments:
  rates: {fixed: {data: gaussian}, axes: {lr: [0.01, 0.1], seed: [0, 1]}}
figures:
  a: &a {title: {en: A}, kind: lines, experiment: rates, x: lr, y: test_accuracy}
  b: {<<: *a, y: test_loss}
"""


@pytest.fixture(scope="module")
def folder(tiny_study: Any) -> Path:
    """Of a report on the lecture."""
    found: Path = tiny_study.page.parent
    return found


def shared(page: Path) -> dict[str, str]:
    """The Open Graph properties of a page."""
    found = re.findall(r'<meta property="og:([\w:]+)" content="([^"]*)">', page.read_text("utf-8"))
    return {name: html.unescape(value) for name, value in found}


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_picture_is_there_in_the_size_that_the_page_says(folder: Path, name: str) -> None:
    said = shared(folder / name)
    pixels = image.imread(folder / said["image"])
    assert pixels.shape[:2] == SIZE[::-1]
    assert (int(said["image:width"]), int(said["image:height"])) == SIZE
    words, figure = (np.ptp(half[:, :, :3]) for half in np.array_split(pixels, 2, axis=1))
    assert words > 0.5
    assert figure > 0.5
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((edge == 1).all() for edge in edges)  # nothing is cut


def test_each_language_has_words_and_a_picture_of_its_own(folder: Path) -> None:
    english, korean = (shared(folder / name) for name in LANGUAGES)
    assert english["description"].startswith("Of the lecture")
    assert "강의" in korean["description"]
    assert {name: shared(folder / name)["locale"] for name in LANGUAGES} == LANGUAGES
    pictures = [(folder / each["image"]).read_bytes() for each in (english, korean)]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize(("declared", "expected"), [("b", "b"), ("a", "a")])
def test_the_declared_figure_stands_for_the_page(
    tmp_path: Path, declared: str, expected: str
) -> None:
    (tmp_path / "mine.yaml").write_text(CHAPTER % declared, encoding="utf-8")
    chapter = load_chapter(tmp_path / "mine.yaml")
    drawn = [("mine", "a"), ("mine", "b"), ("other", "a")]
    assert cover_figures([chapter], drawn) == {("mine", expected)}
    assert cover_figures([chapter], [("mine", "a")]) == {("mine", "a")}  # of a part without it
    assert cover_figures([chapter], [("other", "a")]) == set()


def test_an_unknown_cover_is_refused_with_the_figures_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CHAPTER % "c", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cover: expected one of the choices, got .?c.*a, b"):
        load_chapter(tmp_path / "mine.yaml")
