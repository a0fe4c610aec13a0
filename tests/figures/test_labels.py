"""Names of cells: as typed, and in the words of a page."""

import pickle

import numpy as np
import pytest

from study.figures.labels import Place, in_words, place
from study.records.cells import CELL as CELLS
from study.records.cells import SWITCHES
from study.report.text import load_text

CELL = {"init": "he", "batchnorm": True, "lr": 0.1, "batch_size": "full", "dropout": None}


def test_a_cell_is_text_as_typed_on_the_command_line():
    found = place(CELL)
    assert found == "init=he, batchnorm=true, lr=0.1, batch_size=full, dropout=null"
    assert place({"batchnorm": np.False_, "lr": np.float64(1)}) == "batchnorm=false, lr=1"
    assert place({"lr": float("nan")}) == "lr=null"
    assert place({}) == ""


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "He, with batch norm, learning rate 0.1, batch size full"),
        ("ko", "He, 배치 정규화 사용, 학습률 0.1, 배치 크기 전체"),
    ],
)
def test_a_page_says_a_cell_in_its_own_words(language, words):
    assert in_words(place(CELL), load_text(language).label) == words


def test_switches_that_are_off_and_small_numbers_have_words():
    where = place({"batchnorm": np.False_, "weight_decay": 1e-4})
    assert in_words(where, str) == "without batch norm, weight decay 10⁻⁴"
    assert in_words(place({"dropout": np.nan}), str) == ""


def test_no_column_is_said_as_the_code_writes_it():
    where = place({column: 2.0 for column in CELLS if column not in SWITCHES})
    for language in ("en", "ko"):
        assert "_" not in in_words(where, load_text(language).label)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_place_goes_to_another_process_with_its_values(protocol):
    other = pickle.loads(pickle.dumps(place(CELL), protocol))  # noqa: S301
    assert isinstance(other, Place)
    assert (other, other.columns) == (place(CELL), CELL)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_sentence_is_filled_with_the_words_of_a_cell(language):
    text = load_text(language)
    assert text.fill("{at}", {"at": place(CELL)}) == in_words(place(CELL), text.label)


def test_where_nothing_varies_a_name_of_the_code_is_said_as_it_is():
    where = place({}, "dropout_kinds")
    assert in_words(where, lambda text: f"«{text}»") == "dropout_kinds"
