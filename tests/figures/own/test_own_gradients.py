"""Gradients by layer, and what the width of the network does to them."""

import builders_own as make
import builders_runs
import pytest
from builders_runs import texts, translated

from study.figures import style
from study.figures.own import gradients


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def run(init, activation, *, seed=0, gradients=(1e-4, 1e-2), weights=(1.0, 2.0), width=100):
    """Two hidden layers with these norms of both gradients."""
    layers = [
        {"layer": number, "hidden": True, "gradient_norm": gradient, "weight_gradient_norm": weight}
        for number, (gradient, weight) in enumerate(zip(gradients, weights, strict=True), start=1)
    ]
    return builders_runs.run(
        seed, init=init, activation=activation, hidden=[width, width],
        layers=[*layers, {"layer": 3, "hidden": False}],
    )  # fmt: skip


def test_gradients_have_a_panel_for_each_activation_and_a_line_for_each_scheme():
    runs = (
        run("normal 0.01", "sigmoid", gradients=(1e-9, 1e-3)),
        run("he", "sigmoid", gradients=(0.5, 1.0), weights=(0.1, 0.4)),
        run("he", "relu", gradients=(1.0, 1.0)),
    )
    results = study(*runs)
    figure = gradients.draw_gradients(results, translated)
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


def study(*runs):
    """The lecture's networks alone."""
    return builders_runs.study(activations=runs, activation_widths=[])


def sentences(results):
    return make.sentences("gradients", gradients.facts_gradients(results))


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
    return builders_runs.study(
        activations=lecture, activation_widths=[*others, *lecture[: len(seeds)]]
    )


def test_what_is_left_of_both_gradients_is_drawn_against_the_width():
    figure = gradients.draw_gradients(widths(seeds=(0,)), translated)
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
    figure = gradients.draw_gradients(widths(seeds=(0,)), translated)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == pytest.approx([1, 3])
    table = gradients.table_gradients(widths())
    chosen = table[
        (table["init"] == "normal 1") & (table["gradient"] == "activation gradient norm")
    ]
    assert list(chosen["width"]) == [10, 100, 1000]
    assert [estimate.n for estimate in chosen["first / last"]] == [2, 2, 2]  # not twice at 100


def test_how_the_ratio_grows_with_the_width_is_fitted_by_seed():
    facts = gradients.facts_gradients(widths(seeds=(0,)))
    assert facts["case"] == "measured"
    assert (facts["narrowest"], facts["widest"], facts["widths"]) == (10, 1000, 3)
    assert facts["wide_exponent"].mean == pytest.approx(1)
    assert facts["wide_unit"].mean == pytest.approx(0.01)
    assert facts["weights_wide_unit"].mean == pytest.approx(0.005)
    assert (facts["wide_vanished"], facts["weights_wide_vanished"]) == (0, 1)
    sentence = sentences(widths(seeds=(0,)))["en measured"]
    assert sentence == make.PARTIAL  # std 0.01 was not run
    assert gradients.facts_gradients(widths())["wide_exponent"].n == 2


def test_nothing_stored_gives_a_message_and_an_empty_table():
    results = study()
    assert "«no runs»" in texts(gradients.draw_gradients(results, translated))
    assert gradients.table_gradients(results).empty


def test_facts_of_the_gradients_are_what_is_left_in_the_first_layer():
    results = study(
        run("normal 0.01", "sigmoid", gradients=(1e-9, 1e-3)),
        run("he", "relu", gradients=(2.0, 1.0)),
    )
    facts = gradients.facts_gradients(results)
    assert facts["sigmoid_narrow"].mean == pytest.approx(1e-6)
    assert facts["relu_he"].mean == pytest.approx(2)
    assert facts["tanh_wide"].n == 0
    sentence = sentences(results)["en measured"]
    assert sentence == make.PARTIAL


def test_sentences_fill_with_one_seed_and_with_no_run_at_all():
    runs = [
        run(init, activation)
        for init in ("normal 1", "normal 0.01", "xavier", "he")
        for activation in ("sigmoid", "tanh", "relu")
    ]
    filled = sentences(study(*runs))
    assert not any(sign in sentence for sentence in filled.values() for sign in "±–")
    assert sentences(study())["en alt"] == "There are no runs to show."
