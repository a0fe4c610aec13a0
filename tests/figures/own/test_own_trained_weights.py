import builders_own as make
import numpy as np
import pytest

from study.figures import style
from study.figures.own import trained_weights


def layers(scale):
    """Two weight matrices, of 400 and 100 weights."""
    return [
        {"layer": 1, "hidden": True, "weight_norm": 20 * scale, "weight_mean_square": scale**2,
         "weight_kurtosis": 3.0, "weight_max": 0.5 * scale},
        {"layer": 2, "hidden": False, "weight_norm": 15 * scale,
         "weight_mean_square": 2.25 * scale**2, "weight_kurtosis": 8.0, "weight_max": 0.9 * scale},
    ]  # fmt: skip


def run(decay, *, seed=0, scale=1.0, **options):
    counts = [0, 10, 80, 10, 0] if decay else [20, 20, 20, 20, 18]
    return make.record(
        weight_decay=decay,
        seed=seed,
        layers=layers(scale),
        measurements={
            "weight_histogram": make.histogram(counts, -0.5, 0.5, above=0 if decay else 2)
        },
        **options,
    )


@pytest.fixture
def study():
    runs = [
        run(decay, seed=seed, scale=scale, train=train)
        for decay, scale, train in (
            (0.0, 1.0, [0.1, 0.5, 0.8, 0.9, 1.0]),
            (0.01, 0.9, [0.1, 0.5, 0.8, 0.9, 0.9]),
            (0.1, 0.5, [0.1, 0.5, 0.6, 0.7, 0.8]),
        )
        for seed in (0, 1)
    ]
    return make.results("weight_decay", runs)


def test_weights_are_drawn_as_shares_with_those_outside_counted(study):
    with style.house_style():
        figure = trained_weights.draw_weights(study, str)
    off, _, on, _ = (patch.get_data().values for patch in figure.axes[0].patches)
    np.testing.assert_allclose(off, [0.2, 0.2, 0.2, 0.2, 0.18])
    np.testing.assert_allclose(on, [0, 0.1, 0.8, 0.1, 0])
    assert [text.get_text().split("\n") for text in figure.legends[0].texts] == [
        ["λ = 0", "mean square 1.2", "kurtosis 4.00", "|w| > 0.5: 2 %"],
        ["λ = 0.1", "mean square 0.31", "kurtosis 4.00", "|w| > 0.5: 0 %"],
    ]


def test_all_layers_together_are_weighted_by_their_size(study):
    table = trained_weights.table_weights(study).set_index(["λ", "layer"])
    assert set(table.index) == {(decay, layer) for decay in (0, 0.1) for layer in ("1", "2", "all")}
    row = table.loc[(0.0, "all")]
    assert row["mean square"].mean == pytest.approx(625 / 500)
    assert row["kurtosis"].mean == pytest.approx((400 * 3 + 100 * 8) / 500)
    assert row["largest weight"].mean == pytest.approx(0.9)
    assert table.loc[(0.1, "1"), "mean square"].mean == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("kurtosis", "case"),
    [((2.5, 2.6, 2.7), "lower"), ((3.4, 3.5, 3.6), "higher"), ((2.8, 3.0, 3.3), "unclear")],
)
def test_the_spread_of_the_weights_is_judged_by_their_kurtosis(kurtosis, case):
    runs = [run(0.0, seed=seed) for seed in range(3)]
    for seed, value in enumerate(kurtosis):
        decayed = run(0.1, seed=seed, scale=0.5)
        for row in decayed.layers["end"]:
            row["weight_kurtosis"] += value - 3
        runs.append(decayed)
    facts = trained_weights.facts_weights(make.results("weight_decay", runs))
    assert facts["case"] == case
    assert facts["ratio"].mean == pytest.approx(0.25)
    assert facts["difference"].mean == pytest.approx(np.mean(kurtosis) - 3)
    assert "λ = 0.1" in make.sentences("trained_weights", facts)["en measured"]


def test_one_seed_says_nothing_of_the_spread():
    study = make.results("weight_decay", [run(0.0), run(0.1, scale=0.5)])
    facts = trained_weights.facts_weights(study)
    assert facts["case"] == "unclear"
    make.sentences("trained_weights", facts)


@pytest.mark.parametrize(
    "runs",
    [
        [make.failed(weight_decay=0.1)],
        [run(0.0), make.failed(weight_decay=0.1)],
        [run(0.1)],
        [run(0.0), make.diverged(weight_decay=0.1)],
        [make.diverged(weight_decay=decay) for decay in (0.0, 0.1)],
    ],
)
def test_whatever_is_missing_or_diverged_there_is_a_sentence(runs):
    facts = trained_weights.facts_weights(make.results("weight_decay", runs, missing=2))
    assert facts["case"] in make.cases("trained_weights")
    assert all(make.sentences("trained_weights", facts).values())


def test_nothing_but_failed_and_missing_runs_is_no_error():
    study = make.results("weight_decay", [make.failed(weight_decay=0.1)], missing=2)
    with style.house_style():
        figure = trained_weights.draw_weights(study, str)
    assert any(text.get_text() == "no finished run" for a in figure.axes for text in a.texts)
    assert trained_weights.table_weights(study).empty


def test_every_word_is_translated(study):
    with style.house_style():
        figure = trained_weights.draw_weights(study, lambda text: "한" * len(text))
    words = [
        text.get_text() for a in figure.axes for text in (*a.texts, a.xaxis.label, a.yaxis.label)
    ]
    words += [text.get_text() for legend in figure.legends for text in legend.texts]
    left = {c for word in words for c in word if c.isalpha() and c != "한"}
    assert left <= set("λw")
