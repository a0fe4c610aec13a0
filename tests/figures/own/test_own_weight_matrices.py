"""Weight matrices after training: which columns are the same, drawn, counted and said."""

import builders_own as make
import builders_runs
import numpy as np
import pytest
from builders_runs import texts, translated

from study.figures import style
from study.figures.own import weight_matrices


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def run(init, *, seed=0, distinct=1, first=None, second=None):
    first = np.zeros((6, 4)) if first is None else first
    second = np.zeros((4, 4)) if second is None else second
    layers = [
        {"layer": 1, "hidden": True, "units": 4, "distinct_units": distinct, "unit_spread": 0.5,
         "weight_gradient_spread": 0.25},
        {"layer": 2, "hidden": False},
    ]  # fmt: skip
    measured = {"weights": {"matrices": [first, second], "ranks": [distinct, 1]}}
    return builders_runs.run(seed, init=init, layers=layers, measured=measured)


def results(*runs):
    return builders_runs.study(symmetry=runs)


def sentences(results):
    return make.sentences("weight_matrices", weight_matrices.facts_weights(results))


STRIPES = np.repeat([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]], 4, axis=1)


def test_a_column_for_each_scheme_in_the_order_of_the_lecture():
    found = results(run("he", distinct=4), run("constant 0.01"))
    figure = weight_matrices.draw_weights(found, translated)
    assert len(figure.axes) == 4
    words = texts(figure)
    assert words.index("«constant 0.01»") < words.index("«he»")
    assert [axes.get_title() for axes in figure.axes[:2]] == [
        "1\n«distinct unit»",
        "4\n«distinct units»",
    ]


def test_heat_maps_show_deviations_from_the_mean_centred_at_zero():
    found = results(run("constant 0.01", first=STRIPES))
    axes = weight_matrices.draw_weights(found, translated).axes[0]
    (mesh,) = axes.collections
    shown = mesh.get_array().reshape(6, 4)
    np.testing.assert_allclose(shown, STRIPES - 0.5)
    assert mesh.get_clim() == (-0.5, 0.5)
    assert axes.get_xlabel() == "0.5 ± 0.5"


def test_a_matrix_of_equal_weights_says_so():
    found = results(run("constant 0.01", first=np.full((6, 4), 0.01)))
    axes = weight_matrices.draw_weights(found, translated).axes[0]
    assert axes.get_xlabel() == "«all» 0.01"
    assert not axes.collections[0].get_array().any()


def test_the_lowest_seed_is_drawn_whatever_the_order_of_the_runs():
    runs = (run("he", seed=3, first=np.full((6, 4), 3.0)), run("he", seed=1, first=STRIPES))
    shown = weight_matrices.first_run(results(*runs))
    np.testing.assert_array_equal(shown["he"]["matrices"][0], STRIPES)


def test_the_table_averages_distinct_units_and_ranks_over_seeds():
    runs = (run("he", distinct=4), run("he", seed=1, distinct=2), run("constant 0.01"))
    table = weight_matrices.table_weights(results(*runs)).set_index(["init", "layer"])
    row = table.loc[("he", 1)]
    assert (row["distinct units"].mean, row["distinct units"].n) == (3, 2)
    assert row["rank of W"].mean == 3
    assert row["spread of activations"].mean == 0.5
    assert row["spread of gradients"].mean == 0.25
    assert table.loc[("constant 0.01", 1), "distinct units"].mean == 1
    output = table.loc[("he", 2)]
    assert output["distinct units"].n == 0
    assert output["rank of W"].mean == 1


def test_nothing_stored_gives_a_message_and_an_empty_table():
    found = results()
    assert "«no runs»" in texts(weight_matrices.draw_weights(found, translated))
    assert weight_matrices.table_weights(found).empty


def test_facts_of_the_weights_are_distinct_units_by_scheme():
    runs = (run("he", distinct=4), run("he", seed=1, distinct=2), run("constant 0.01"))
    found = results(*runs)
    facts = weight_matrices.facts_weights(found)
    assert (facts["he_1"].mean, facts["constant_1"].mean, facts["units"]) == (3, 1, 4)
    assert facts["xavier_1"].n == facts["zero_1"].n == 0  # not stored
    assert sentences(found)["en measured"] == make.PARTIAL


def test_sentences_fill_with_one_seed_and_with_no_run_at_all():
    assert "±" not in "".join(sentences(results(run("he"))).values())
    assert sentences(results())["en measured"] == "There are no runs to show."
