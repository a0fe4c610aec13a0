"""Where batch norm sits: what is drawn between the layers, and what is said of it."""

import builders_own as make
import numpy as np
import pytest
from builders_runs import texts

from study.figures import style
from study.figures.own import placement


def layer(number, *, before=(0.5, 4.0), after=(0.0, 1.0)):
    return {
        "layer": number, "hidden": True,
        "preactivation_mean": before[0], "preactivation_var": before[1],
        "normalised_mean": after[0], "normalised_var": after[1],
        "unit_mean_max": 0.01, "unit_var_mean": 0.99,
    }  # fmt: skip


def histograms(depth=2):
    wide = make.histogram([10, 20, 40, 20, 0, 10], -6, 6, below=3)
    narrow = make.histogram([0, 10, 40, 40, 10, 0], -6, 6)
    return {"preactivation": [wide] * depth, "normalised": [narrow] * depth}


def run(*, batchnorm, seed=0, offset=0.0, **options):
    return make.record(
        seed=seed,
        batchnorm=batchnorm,
        layers=[layer(1, before=(0.5 + offset, 4.0)), layer(2), {"layer": 3, "hidden": False}],
        measurements={"histograms": histograms()},
        **options,
    )


@pytest.fixture
def study():
    runs = [
        run(batchnorm=side, seed=seed, offset=0.01 * seed)
        for side in (False, True)
        for seed in (0, 1, 2)
    ]
    return make.results("batchnorm", runs)


def test_the_layer_is_drawn_between_the_two_distributions_of_each_layer(study):
    with style.house_style():
        figure = placement.draw_placement(study, str)
    grid = np.array(figure.axes).reshape(2, 5)
    for row in grid:
        words = [" ".join(text.get_text() for text in axes.texts) for axes in row[[0, 2, 4]]]
        assert ["Affine" in words[0], "Norm" in words[1], "relu" in words[2]] == [True] * 3
        before, after = row[1], row[3]
        assert before.get_ylim() == after.get_ylim()
        np.testing.assert_allclose(after.patches[0].get_data().values, [0.1, 0.4, 0.4, 0.1])
        # 3 below, 10 in each of the two outer bins, of 103
    assert grid[0, 1].texts[0].get_text() == "mean +0.51\nvariance 4.00\n|x| > 4: 22 %"
    assert grid[0, 3].texts[0].get_text() == "mean 0.00\nvariance 1.00"


def test_only_runs_with_the_layer_are_in_its_picture():
    study = make.results("batchnorm", [run(batchnorm=False)])
    with style.house_style():
        figure = placement.draw_placement(study, str)
    assert figure.axes[0].texts[0].get_text() == "no finished run"


def test_moments_of_each_layer_with_and_without(study):
    table = placement.table_placement(study)
    assert list(table["layer"]) == [1, 2]
    assert table.loc[0, "mean before"].mean == pytest.approx(0.51)
    assert table.loc[0, "mean before"].n == 3
    assert table.loc[0, "variance after"].mean == 1
    assert table.loc[1, "variance without batch norm"].mean == 4
    assert table.loc[1, "largest unit mean after"].mean == pytest.approx(0.01)


def test_the_layer_furthest_from_its_aim_is_named():
    off = [layer(1, before=(0.5, 4.0)), layer(2, before=(0.1, 0.3), after=(0.01, 1.2))]
    runs = [make.record(seed=seed, batchnorm=True, layers=off) for seed in (0, 1)]
    facts = placement.facts_placement(make.results("batchnorm", runs))
    assert (facts["layer"], facts["layers"]) == (2, 2)
    assert facts["variance"].mean == pytest.approx(1.2)
    assert (facts["least"], facts["most"]) == (0.3, 4.0)
    words = make.sentences("placement", facts)
    assert "In layer 2" in words["en measured"]
    assert "0.3 to 4" in words["en alt"]


@pytest.mark.parametrize("runs", make.lacking(run))
def test_whatever_is_missing_or_diverged_there_is_a_sentence(runs):
    facts = placement.facts_placement(make.results("batchnorm", runs, missing=2))
    assert facts["case"] in make.cases("placement")
    make.sentences("placement", facts)


def test_nothing_but_failed_and_missing_runs_is_no_error():
    runs = [make.failed(batchnorm=side) for side in (False, True)]
    study = make.results("batchnorm", runs, missing=2)
    with style.house_style():
        figure = placement.draw_placement(study, str)
    said = {text.get_text() for a in figure.axes for text in a.texts}
    assert "no finished run" in said
    assert placement.table_placement(study).empty


def test_every_word_is_translated(study):
    with style.house_style():
        figure = placement.draw_placement(study, lambda text: "한" * len(text))
    words = texts(figure)
    assert any("한" in word for word in words)
    assert {c for word in words for c in word if c.isascii() and c.isalpha()} <= set("x")
