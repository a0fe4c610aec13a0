import builders_initial as make
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from study.figures import style
from study.figures.own import gradients


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


FIGURES = {spec.id: spec for spec in gradients.FIGURES}


def run(init, activation, *, seed=0, gradients=(1e-4, 1e-2), saturated=0.5, counts=None, above=0,
        weights=(1.0, 2.0), width=100):  # fmt: skip
    """Two hidden layers of 100 values each in 10 bins over [0, 1]."""
    counts = np.array([60, 4, 4, 4, 4, 4, 4, 4, 6, 6]) if counts is None else counts
    histogram = {"counts": counts, "edges": np.linspace(0, 1, 11), "below": 0, "above": above}
    rows = [
        {
            "layer": number, "hidden": True, "activation_mean": 0.3, "activation_sd": 0.25,
            "activation_skew": 1.5, "saturated_share": saturated, "effective_units": 7.0,
            "gradient_norm": gradient, "activation_mean_square": 1.0,
            "weight_gradient_norm": weight,
        }
        for number, (gradient, weight) in enumerate(zip(gradients, weights, strict=True), start=1)
    ]  # fmt: skip
    return make.record(
        init=init,
        activation=activation,
        seed=seed,
        hidden=[width, width],
        layers={"init": [*rows, {"layer": 3, "hidden": False}]},
        measurements={"init": {"histograms": {"activation": [histogram] * len(gradients)}}},
    )


def test_the_figures_are_those_of_the_lecture_in_its_order():
    assert list(FIGURES) == [
        "1.2.2-a", "1.2.2-b", "1.2.2-c", "1.2.3-a", "1.2.3-b", "1.2.4-a", "1.2.4-b", "1.2.4-c",
    ]  # fmt: skip


def test_a_panel_for_each_layer_and_a_row_for_each_scheme():
    runs = (run("xavier", "tanh"), run("normal 1", "tanh"), run("xavier", "relu"))
    figure = FIGURES["1.2.3-b"].draw(make.results("activations", *runs), make.translated)
    assert len(figure.axes) == 4
    assert [axes.get_ylabel() for axes in figure.axes] == ["«normal 1»", "", "«xavier»", ""]
    assert numbers_above(figure.axes[0]) == {"«layer»": "1", "«sd»": "0.25", "«saturated»": "50 %"}
    assert numbers_above(figure.axes[1])["«layer»"] == "2"
    assert numbers_above(figure.axes[3]) == {"«sd»": "0.25", "«saturated»": "50 %"}


def numbers_above(axes):
    """The lines above a panel, by the names that stand on the left of its row."""
    row = axes.get_gridspec().ncols * (axes.figure.axes.index(axes) // axes.get_gridspec().ncols)
    (names,) = (text.get_text() for text in axes.figure.axes[row].texts)
    return dict(zip(names.split("\n"), axes.get_title().split("\n"), strict=True))


def test_values_above_the_range_and_saturated_ones_stand_over_the_panel():
    relu = run("he", "relu", above=100)
    figure = FIGURES["1.2.4-c"].draw(make.results("activations", relu), make.translated)
    assert numbers_above(figure.axes[0])["> 1"] == "50 %"
    sigmoid = run("normal 1", "sigmoid", saturated=0.77)
    figure = FIGURES["1.2.2-a"].draw(make.results("activations", sigmoid), make.translated)
    assert numbers_above(figure.axes[0])["«saturated»"] == "77 %"


def test_a_line_of_zeros_is_left_out():
    figure = FIGURES["1.2.2-b"].draw(
        make.results("activations", run("normal 0.01", "sigmoid", saturated=0.0)), make.translated
    )
    assert list(numbers_above(figure.axes[0])) == ["«layer»", "«sd»"]


def test_the_zeros_of_relu_are_drawn_apart_and_do_not_hide_the_rest():
    results = make.results("activations", run("he", "relu", saturated=0.5))
    axes = FIGURES["1.2.4-c"].draw(results, make.translated).axes[0]
    zeros = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [patch.get_height() for patch in zeros] == [0.5]
    assert zeros[0].get_y() == pytest.approx(0.1)  # 60 % in the first bin, 50 % of them zeros
    assert axes.get_ylim()[1] == pytest.approx(0.106)
    assert numbers_above(axes)["= 0"] == "50 %"


def test_the_table_has_a_row_for_each_layer_with_estimates_over_seeds():
    runs = [
        run("he", "relu", seed=seed, gradients=(norm, 0.01), above=100)
        for seed, norm in enumerate((1e-4, 1e-2))
    ]
    table = FIGURES["1.2.4-c"].table(make.results("activations", *runs))
    assert list(table["layer"]) == [1, 2]
    row = table.iloc[0]
    assert row["gradient norm"].mean == pytest.approx(1e-3)  # geometric
    assert (row["sd"].mean, row["sd"].n) == (0.25, 2)
    assert row["share outside the range"].mean == 0.5
    assert row["effective units"].mean == 7
    assert row["saturated share"].mean == 0.5


def test_gradients_have_a_panel_for_each_activation_and_a_line_for_each_scheme():
    runs = (
        run("normal 0.01", "sigmoid", gradients=(1e-9, 1e-3)),
        run("he", "sigmoid", gradients=(0.5, 1.0), weights=(0.1, 0.4)),
        run("he", "relu", gradients=(1.0, 1.0)),
    )
    results = make.results("activations", *runs)
    figure = gradients.draw_gradients(results, make.translated)
    sigmoid, relu, weights, relu_weights = figure.axes[:4]
    assert [axes.get_title() for axes in (sigmoid, relu)] == ["«sigmoid»", "«relu»"]
    small, he = sigmoid.lines
    assert small.get_ydata() == pytest.approx([1e-9, 1e-3])
    assert he.get_ydata() == pytest.approx([0.5, 1.0])
    assert weights.lines[1].get_ydata() == pytest.approx([0.1, 0.4])
    assert (len(relu.lines), len(relu_weights.lines)) == (1, 1)
    table = gradients.table_gradients(results)
    table = table.set_index(["gradient", "activation", "init", "width"])
    activation, weight = gradients.GRADIENTS
    small = table.loc[(activation, "sigmoid", "normal 0.01", 100)]
    assert small["first / last"].mean == pytest.approx(1e-6)
    assert table.loc[(activation, "relu", "he", 100), "layer 2"].mean == 1
    assert table.loc[(weight, "sigmoid", "he", 100), "first / last"].mean == pytest.approx(0.25)


def widths(seeds=(0, 1)):
    """Sigmoid networks whose gradients with std 1 are 0.01 × width, of the weights half that."""
    lecture = [run("normal 1", "sigmoid", seed=seed, gradients=(1, 1)) for seed in seeds]
    lecture += [run("he", "sigmoid", seed=seed, gradients=(3, 1)) for seed in seeds]
    others = [
        run("normal 1", "sigmoid", seed=seed, width=width, gradients=(0.01 * width * (1 + seed), 1),
            weights=(0.005 * width, 1))
        for width in (10, 1000)
        for seed in seeds
    ]  # fmt: skip
    return make.study(activations=lecture, activation_widths=[*others, *lecture[: len(seeds)]])


def test_what_is_left_of_both_gradients_is_drawn_against_the_width():
    figure = gradients.draw_gradients(widths(seeds=(0,)), make.translated)
    activation, weight = figure.axes[-2:]
    assert (activation.get_title(), weight.get_title()) == (
        "«activation gradient norm»", "«weight gradient norm»",
    )  # fmt: skip
    one, tenth, line = activation.lines  # He is not there: it has no other width
    assert (one.get_ydata()[0], tenth.get_ydata()[0]) == (1, 0.1)
    assert list(line.get_xdata()) == [10, 100, 1000]
    assert line.get_ydata() == pytest.approx([0.1, 1, 10])
    assert weight.lines[2].get_ydata() == pytest.approx([0.05, 0.5, 5])
    assert [tick.get_text() for tick in weight.get_xticklabels()] == ["10", "100", "1,000"]


def test_the_lectures_networks_are_drawn_above_whatever_other_widths_there_are():
    figure = gradients.draw_gradients(widths(seeds=(0,)), make.translated)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == pytest.approx([1, 3])
    table = gradients.table_gradients(widths())
    chosen = table[
        (table["init"] == "normal 1") & (table["gradient"] == "activation gradient norm")
    ]
    assert list(chosen["width"]) == [10, 100, 1000]
    assert [estimate.n for estimate in chosen["first / last"]] == [2, 2, 2]  # not twice at 100


def test_how_the_ratio_grows_with_the_width_is_fitted_by_seed():
    facts = FIGURES["1.2.2-c"].facts(widths(seeds=(0,)))
    assert facts["case"] == "measured"
    assert (facts["narrowest"], facts["widest"], facts["widths"]) == (10, 1000, 3)
    assert facts["wide_exponent"].mean == pytest.approx(1)
    assert facts["wide_unit"].mean == pytest.approx(0.01)
    assert facts["weights_wide_unit"].mean == pytest.approx(0.005)
    assert (facts["wide_vanished"], facts["weights_wide_vanished"]) == (0, 1)
    sentence = make.sentences(FIGURES["1.2.2-c"], widths(seeds=(0,)))["en measured"]
    assert "from × 0.1 to × 10 (about (0.01) × width" in sentence
    assert FIGURES["1.2.2-c"].facts(widths())["wide_exponent"].n == 2


@pytest.mark.parametrize("spec", gradients.FIGURES, ids=lambda spec: spec.id)
def test_nothing_stored_gives_a_message_and_an_empty_table(spec):
    results = make.results("activations")
    assert "«no runs»" in make.texts(spec.draw(results, make.translated))
    assert spec.table(results).empty


def test_facts_of_the_histograms_are_those_of_the_table_and_the_change_with_depth():
    runs = [run("xavier", "relu", seed=seed) for seed in range(2)]
    for each in runs:
        each.layers["init"][1]["activation_sd"] = 0.05  # 0.25 in layer 1
    results = make.results("activations", *runs)
    facts = FIGURES["1.2.4-b"].facts(results)
    assert facts["last"] == 2
    assert (facts["xavier_sd_first"].mean, facts["xavier_sd_last"].mean) == (0.25, 0.05)
    assert (facts["xavier_sd_change"].mean, facts["xavier_sd_change"].n) == (pytest.approx(0.2), 2)
    assert facts["xavier_flat_last"].mean == 0.5


def test_facts_of_xavier_compare_with_the_figures_before_it_where_they_are_there():
    results = make.results("activations", run("xavier", "sigmoid"), run("normal 1", "sigmoid"))
    facts = FIGURES["1.2.3-a"].facts(results)
    assert facts["wide_sd_last"].mean == 0.25
    assert facts["narrow_sd_last"].n == 0
    assert "– with std 0.01" in make.sentences(FIGURES["1.2.3-a"], results)["en measured"]


def test_facts_of_the_gradients_are_what_is_left_in_the_first_layer():
    results = make.results(
        "activations",
        run("normal 0.01", "sigmoid", gradients=(1e-9, 1e-3)),
        run("he", "relu", gradients=(2.0, 1.0)),
    )
    facts = FIGURES["1.2.2-c"].facts(results)
    assert facts["sigmoid_narrow"].mean == pytest.approx(1e-6)
    assert facts["relu_he"].mean == pytest.approx(2)
    assert facts["tanh_wide"].n == 0
    sentence = make.sentences(FIGURES["1.2.2-c"], results)["en measured"]
    assert "by × 1.00·10⁻⁶ with std 0.01, by – with std 1" in sentence


@pytest.mark.parametrize("spec", gradients.FIGURES, ids=lambda spec: spec.id)
def test_sentences_fill_with_one_seed_and_with_no_run_at_all(spec):
    runs = [
        run(init, activation)
        for init in ("normal 1", "normal 0.01", "xavier", "he")
        for activation in ("sigmoid", "tanh", "relu")
    ]
    filled = make.sentences(spec, make.results("activations", *runs))
    assert not any(sign in sentence for sentence in filled.values() for sign in "±–")
    assert (
        make.sentences(spec, make.results("activations"))["en alt"] == "There are no runs to show."
    )
