"""Correlations between units: by layer, with and without dropout, judged by seed."""

import builders_own as make
import numpy as np
import pytest
from builders_runs import texts

from study.figures import style
from study.figures.own import correlations


def run(rate, seed=0, **options):
    correlation = 0.1 if rate else 0.3
    counts = [0, 30, 10, 0] if rate else [10, 10, 10, 10]
    return make.record(
        dropout=rate,
        seed=seed,
        layers=[
            {"layer": n, "hidden": True, "mean_abs_correlation": correlation * n,
             "effective_units": 10.0 if rate else 5.0}
            for n in (1, 2)
        ] + [{"layer": 3, "hidden": False}],
        measurements={"correlations": {"layers": [make.histogram(counts, -1, 1)] * 2}},
        **options,
    )  # fmt: skip


@pytest.fixture
def study():
    return make.results("dropout", [run(rate, seed) for rate in (0, 0.1, 0.2) for seed in (0, 1)])


def test_correlations_are_drawn_by_layer_with_and_without(study):
    with style.house_style():
        figure = correlations.draw_correlations(study, str)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in panels] == ["layer 1", "layer 2"]
    for axes in panels:
        without, _, with_dropout, _ = (patch.get_data().values for patch in axes.patches)
        np.testing.assert_allclose(without, 0.25)
        np.testing.assert_allclose(with_dropout, [0, 0.75, 0.25, 0])
    assert [text.get_text() for text in panels[1].texts] == ["0.600", "0.200", "mean |r|"]
    assert panels[1].get_title("right") == "−0.400 ± 0.000"
    assert panels[1]._right_title.get_fontweight() == "bold"


def test_correlation_and_effective_units_by_layer(study):
    table = correlations.table_correlations(study).set_index("layer")
    assert table.index.tolist() == [1, 2]
    assert table.loc[2, "mean |r| without dropout"].mean == pytest.approx(0.6)
    assert table.loc[2, "mean |r| with dropout"].mean == pytest.approx(0.2)
    assert table.loc[1, "effective units with dropout"].mean == 10
    assert table.loc[1, "effective units without dropout"].n == 2


def test_a_rate_whose_runs_all_diverged_does_not_break_the_correlations():
    runs = [run(0.0), make.diverged(dropout=0.2)]
    study = make.results("dropout", runs)
    with style.house_style():
        figure = correlations.draw_correlations(study, str)
    assert [text.get_text() for text in figure.legends[0].texts] == ["without dropout (p = 0)"]
    assert correlations.table_correlations(study).loc[0, "mean |r| with dropout"].n == 0


@pytest.mark.parametrize(
    ("shifts", "case"),
    [
        ((-0.1, -0.11, -0.12), "lower"),
        ((0.1, 0.11, 0.12), "higher"),
        ((-0.1, 0.0, 0.12), "unclear"),
        ((-0.1,), "unclear"),
    ],
)
def test_correlations_are_judged_by_seed_over_all_layers(shifts, case):
    runs = []
    for seed, shift in enumerate(shifts):
        without, with_it = run(0, seed), run(0.2, seed)
        for before, after in zip(without.layers["end"], with_it.layers["end"], strict=True):
            if before["hidden"]:
                after["mean_abs_correlation"] = before["mean_abs_correlation"] + shift
        runs += [without, with_it]
    facts = correlations.facts_correlations(make.results("dropout", runs))
    assert (facts["case"], facts["layers"]) == (case, 2)
    assert facts["average"].mean == pytest.approx(np.mean(shifts))
    assert facts["average"].n == len(shifts)
    assert (facts["lower"], facts["higher"]) == (2 * (case == "lower"), 2 * (case == "higher"))
    assert make.sentences("correlations", facts)["en measured"].startswith("With dropout the corr")


@pytest.mark.parametrize(
    "runs",
    [
        [make.failed(dropout=0.2)],
        [run(0.0), make.failed(dropout=0.2)],
        [run(0.2)],
        [run(0.0), make.diverged(dropout=0.2)],
        [make.diverged(dropout=rate) for rate in (0.0, 0.2)],
    ],
)
def test_whatever_is_missing_or_diverged_there_is_a_sentence(runs):
    facts = correlations.facts_correlations(make.results("dropout", runs, missing=2))
    assert facts["case"] in make.cases("correlations")
    make.sentences("correlations", facts)


def test_nothing_but_failed_and_missing_runs_is_no_error():
    study = make.results("dropout", [make.failed(dropout=0.2)], missing=2)
    with style.house_style():
        figure = correlations.draw_correlations(study, str)
    assert any(text.get_text() == "no finished run" for a in figure.axes for text in a.texts)
    assert correlations.table_correlations(study).empty


def test_every_word_is_translated(study):
    with style.house_style():
        figure = correlations.draw_correlations(study, lambda text: "한" * len(text))
    words = texts(figure)
    left = {c for word in words for c in word if c.isalpha() and c != "한"}
    assert left <= set("p")
