"""The mask of dropout: what is crossed out, counted and said."""

import builders_own as make
import numpy as np
import pytest
from builders_runs import texts

from study.figures import style
from study.figures.own import dropout_mask

MASKS = [
    np.array([1, 0, 1, 1, 1, 1, 1, 0, 0, 1], np.uint8),
    np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0], np.uint8),
    np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1], np.uint8),
    np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], np.uint8),
]


def voter(seed=0):
    return make.record(seed=seed, dropout=0.2, measurements={"voting": {"masks": MASKS}})


@pytest.fixture
def voting():
    return make.results("voting", [voter(seed) for seed in (0, 1, 2)])


def test_dropped_units_are_crossed_out_and_lose_their_connections(voting):
    with style.house_style():
        full, thinned = dropout_mask.draw_mask(voting, str).axes
    crosses = [
        [len(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"]
        for axes in (full, thinned)
    ]
    assert crosses == [[0] * 5, [0, 2, 0, 2, 0]]
    # the first 8 units: 6, 8 and 6 are kept; 6 inputs, 4 outputs
    connections = [len(axes.collections[0].get_segments()) for axes in (full, thinned)]
    assert connections == [
        6 * 8 + 8 * 8 + 8 * 8 + 8 * 4,
        6 * 6 + 6 * 8 + 8 * 6 + 6 * 4,
    ]


def test_the_picture_says_which_part_of_the_network_it_shows(voting):
    with style.house_style():
        figure = dropout_mask.draw_mask(voting, str)
    assert "first 8 of 10 units in 3 of 4 hidden layers" in figure.get_supxlabel()
    counts = [t.get_text() for t in figure.axes[1].texts if "kept" in t.get_text()]
    assert counts == ["7\nkept", "9\nkept", "8\nkept"]


def test_the_table_counts_the_whole_mask(voting):
    table = dropout_mask.table_mask(voting).set_index("layer")
    assert table.loc["1", ["units", "kept", "dropped"]].tolist() == [10, 7, 3]
    assert table.loc["all", ["units", "kept", "dropped"]].tolist() == [40, 25, 15]
    assert table.loc["4", "share dropped"] == pytest.approx(0.9)


def test_the_mask_is_counted_and_so_are_those_of_all_runs(voting):
    facts = dropout_mask.facts_mask(voting)
    assert (facts["units"], facts["kept"], facts["dropped"]) == (40, 25, 15)
    assert (facts["drawn"], facts["crossed"]) == (24, 4)
    assert (facts["share"].mean, facts["share"].n) == (pytest.approx(15 / 40), 3)
    words = make.sentences("dropout_mask", facts)
    assert "drops 15 of 40" in words["en measured"]
    assert "p is 0.2" in words["en measured"]


@pytest.mark.parametrize(
    "runs",
    [
        [make.failed(dropout=0.2)],
        [voter(), make.failed(dropout=0.2, seed=1)],
        [make.diverged(dropout=0.2)],
        [voter(), make.diverged(dropout=0.2, seed=1)],
    ],
)
def test_whatever_is_missing_or_diverged_there_is_a_sentence(runs):
    facts = dropout_mask.facts_mask(make.results("voting", runs, missing=2))
    assert facts["case"] in make.cases("dropout_mask")
    make.sentences("dropout_mask", facts)


def test_nothing_but_failed_and_missing_runs_is_no_error():
    study = make.results("voting", [make.failed(dropout=0.2)], missing=2)
    with style.house_style():
        figure = dropout_mask.draw_mask(study, str)
    assert any(text.get_text() == "no finished run" for a in figure.axes for text in a.texts)
    assert dropout_mask.table_mask(study).empty


def test_every_word_is_translated(voting):
    with style.house_style():
        figure = dropout_mask.draw_mask(voting, lambda text: "한" * len(text))
    words = texts(figure)
    left = {c for word in words for c in word if c.isalpha() and c != "한"}
    assert left <= set("ab")  # (a), (b)
