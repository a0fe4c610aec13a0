import builders_remedies as make
import numpy as np
import pandas as pd
import pytest

from study.analysis.intervals import Estimate
from study.figures import style
from study.figures.own import overfitting

TRAIN = (0.1, 0.4, 0.6, 0.85, 0.95)
TEST = (0.1, 0.3, 0.5, 0.7, 0.75)


LAMBDA = overfitting.Remedy(
    "e", "weight_decay", name="weight decay", symbol="λ", lecture=0.1, log=True
)
RATE = overfitting.Remedy("e", "dropout", name="dropout rate", symbol="p", lecture=0.2, log=False)


def study(*records):
    return make.results("e", records)


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def drawn_gap(results, dose):
    with style.house_style():
        return overfitting.draw_gap(results, LAMBDA, dose, str).axes[0]


def test_the_gap_is_shaded_between_the_curves_and_written_beside_them():
    axes = drawn_gap(study(make.record(), make.record(seed=1)), 0.0)
    np.testing.assert_allclose(lines(axes)["train"].get_ydata(), TRAIN)
    np.testing.assert_allclose(lines(axes)["test"].get_ydata(), TEST)
    shaded = axes.collections[-1].get_paths()[0].vertices
    for height in (0.75, 0.95):
        assert np.isclose(shaded, (4, height)).all(axis=1).any()
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["test 75%", "gap 20.0 ± 0.0 points", "train 95%"]


def test_what_is_written_at_the_end_is_of_all_test_images():
    run = make.record()
    run.final["test_accuracy"] = 0.7  # of all; the last evaluation took some of them, and has 0.75
    axes = drawn_gap(study(run), 0.0)
    assert {"test 70%", "gap 25.0 points"} <= {text.get_text() for text in axes.texts}
    table = overfitting.table_gap(study(run), LAMBDA, 0.0)
    assert table["epoch"].tolist() == [0, 1, 2, 3, 4, "end, all test images"]
    assert [estimate.mean for estimate in table["test accuracy"]][-2:] == [0.75, 0.7]


def test_a_diverged_run_pulls_the_mean_to_chance_and_is_marked():
    axes = drawn_gap(study(make.record(), make.diverged(seed=1)), 0.0)
    assert lines(axes)["train"].get_ydata()[-1] == pytest.approx((0.95 + 0.1) / 2)
    assert "✕ 1/2 diverged" in [text.get_text() for text in axes.texts]


def test_the_curves_without_the_remedy_are_drawn_and_named_for_comparison():
    axes = drawn_gap(
        study(make.record(weight_decay=0.1, train=[0.1] * 5), make.record(weight_decay=0.0)), 0.1
    )
    assert any(np.allclose(line.get_ydata(), TRAIN) for line in axes.lines)
    assert {"λ = 0: 95%", "λ = 0: 75%"} <= {text.get_text() for text in axes.texts}


def test_the_table_has_about_ten_epochs_the_last_and_the_end():
    run = make.record(train=[0.5] * 41, test=[0.4] * 41)
    run.history["epoch"], run.history["step"] = list(map(float, range(41))), list(range(41))
    run.history |= {
        name: [0.5] * 41 for name in ("batch_loss", "train_loss", "test_loss", "samples_seen")
    }
    table = overfitting.table_gap(study(run), LAMBDA, 0.0)
    assert len(table) == 12
    assert table["epoch"].iloc[[0, -2]].tolist() == [0, 40]
    short = overfitting.table_gap(study(make.record(), make.record(seed=1)), LAMBDA, 0.0)
    assert short.loc[3, "gap"].mean == pytest.approx(0.15)
    assert short.loc[3, "train accuracy"].n == 2


@pytest.fixture
def doses():
    return study(
        *(make.record(weight_decay=0.0, seed=seed) for seed in (0, 1)),
        *(make.record(weight_decay=0.1, seed=seed, test=[0.8] * 5) for seed in (0, 1)),
        make.record(weight_decay=0.001),
        make.diverged(weight_decay=0.001, seed=1),
    )


def test_dose_and_response_are_means_of_the_final_metrics(doses):
    with style.house_style():
        above, below = overfitting.draw_doses(doses, LAMBDA, str).axes
    heights = [
        container.lines[0].get_ydata() for axes in (above, below) for container in axes.containers
    ]
    np.testing.assert_allclose(heights[0], [0.95, 0.525, 0.95])  # train
    np.testing.assert_allclose(heights[1], [0.75, 0.425, 0.8])  # test
    np.testing.assert_allclose(heights[2], [0.2, 0.1, 0.15])  # gap
    labels = [tick.get_text() for tick in below.get_xticklabels()]
    assert labels == ["0", "10⁻³", "0.1"]
    places = below.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(places, [-4, -3, -1])
    texts = [text.get_text() for text in above.texts]
    assert "//" in texts
    assert "✕ 1/2\ndiverged" in texts


def test_each_dose_has_its_numbers_and_the_best_test_accuracy_is_bold(doses):
    with style.house_style():
        above, below = overfitting.draw_doses(doses, LAMBDA, str).axes
    weights = {text.get_text(): text.get_fontweight() for text in above.texts}
    assert {"75.0": "normal", "42.5": "normal", "80.0": "bold"}.items() <= weights.items()
    assert {"20.0", "10.0", "15.0"} <= {text.get_text() for text in below.texts}


def test_a_linear_axis_shows_doses_where_they_are():
    results = study(make.record(dropout=0.0), make.record(dropout=0.5, seed=1))
    with style.house_style():
        above, below = overfitting.draw_doses(results, RATE, str).axes
    np.testing.assert_allclose(below.containers[0].lines[0].get_xdata(), [0, 0.5])
    assert "//" not in [text.get_text() for text in above.texts]


def test_the_table_of_doses_counts_diverged_runs(doses):
    table = overfitting.table_doses(doses, LAMBDA)
    assert list(table.columns) == ["λ", "train accuracy", "test accuracy", "gap", "diverged"]
    assert table["λ"].tolist() == [0, 0.001, 0.1]
    assert table["diverged"].tolist() == ["0/2", "1/2", "0/2"]
    assert table.loc[1, "test accuracy"].mean == pytest.approx(0.425)
    assert table.loc[2, "gap"].mean == pytest.approx(0.15)


def runs(dose, train, test, *, noise=0.001, seeds=3):
    """Runs that end at these accuracies, give or take ``noise``, different at each seed."""
    return [
        make.record(
            weight_decay=dose, seed=seed, train=[train + noise * seed * bool(dose)] * 5,
            test=[test + noise * (seed % 2) * bool(dose)] * 5,
        )
        for seed in range(seeds)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("train", "test", "noise", "case"),
    [
        (1.0, 0.8, 0.001, "test_improved"),
        (0.9, 0.7, 0.001, "training_worse"),  # under-fitting: both are worse
        (0.9, 0.75, 0.001, "training_worse"),  # the test is as before
        (0.9, 0.8, 0.001, "both"),
        (1.0, 0.7, 0.001, "wider"),
        (1.0, 0.75, 0.001, "same"),
        (0.97, 0.77, 0.03, "same"),  # no interval excludes 0
    ],
)
def test_the_gap_is_explained_by_what_changed(train, test, noise, case):
    results = study(*runs(0.0, 1.0, 0.75), *runs(0.1, train, test, noise=noise))
    facts = overfitting.facts_gap(results, LAMBDA, 0.1)
    assert facts["case"] == case
    assert facts["gap_change"].n == 3
    assert facts["gap_change"].mean == pytest.approx(
        facts["train_change"].mean - facts["test_change"].mean
    )
    words = make.sentences("1.4.1-a", facts)
    assert "λ = 0.1" in words["en alt"]


def test_a_gap_that_is_smaller_for_no_clear_reason_is_said_to_be():
    one, none = Estimate(-0.1, -0.2, -0.01, 3), Estimate(-0.1, -0.3, 0.1, 3)
    assert overfitting.reason({"train": none, "test": none, "gap": one}) == "smaller"


def test_a_diverged_remedy_is_not_praised_for_its_small_gap():
    lost = [make.diverged(weight_decay=0.1, seed=seed) for seed in range(3)]
    facts = overfitting.facts_gap(study(*runs(0.0, 1.0, 0.75), *lost), LAMBDA, 0.1)
    assert facts["case"] == "diverged"
    assert "All 3 runs with λ = 0.1 diverged" in make.sentences("1.4.1-a", facts)["en measured"]


def test_one_seed_allows_no_explanation():
    facts = overfitting.facts_gap(
        study(*runs(0.0, 1.0, 0.75, seeds=1), *runs(0.1, 0.8, 0.7, seeds=1)), LAMBDA, 0.1
    )
    assert facts["case"] == "same"
    assert "(−15.0 points)" in make.sentences("1.4.1-a", facts)["en measured"]


@pytest.mark.parametrize("records", [runs(0.0, 1, 0.7), runs(0.1, 1, 0.7), [make.failed()]])
def test_one_side_alone_is_not_compared(records):
    results = study(*records)
    assert overfitting.facts_gap(results, LAMBDA, LAMBDA.dose(results))["case"] == "missing"
    assert overfitting.facts_doses(results, LAMBDA)["case"] == "missing"


@pytest.mark.parametrize(
    ("weak", "strong", "case"),
    [
        ((1.0, 0.8), (1.0, 0.78), "gain"),
        ((1.0, 0.8), (0.8, 0.6), "gain_worse"),
        ((1.0, 0.74), (1.0, 0.70), "none"),
        ((1.0, 0.74), (0.8, 0.6), "none_worse"),
        ((1.0, 0.7501), (1.0, 0.7), "unclear"),
        ((1.0, 0.7501), (0.8, 0.6), "unclear_worse"),
    ],
)
def test_the_best_dose_and_what_the_strongest_does(weak, strong, case):
    results = study(*runs(0.0, 1.0, 0.75), *runs(0.01, *weak), *runs(0.1, *strong))
    facts = overfitting.facts_doses(results, LAMBDA)
    assert facts["case"] == case
    assert facts["best"] == ("0" if case.startswith("none") else "0.01")
    assert facts["strongest_train"].mean == pytest.approx(strong[0], abs=0.002)
    words = make.sentences("1.4.1-b", facts)["en measured"]
    assert ("under-fitting" in words) == case.endswith("worse")


def test_runs_that_all_diverged_have_no_best_dose():
    lost = [make.diverged(weight_decay=dose, seed=s) for dose in (0, 0.1) for s in (0, 1)]
    facts = overfitting.facts_doses(study(*lost), LAMBDA)
    assert facts["case"] == "missing"
    make.sentences("1.4.1-b", facts)


@pytest.mark.parametrize(
    ("dose", "text"),
    [(0.0, "0"), (0.03, "0.03"), (0.001, "10⁻³"), (3e-4, "3·10⁻⁴"), (0.5, "0.5")],
)
def test_doses_are_short(dose, text):
    assert overfitting.dose_text(dose) == text


def test_gap_limits_show_zero_and_every_mean():
    assert overfitting.gap_limits(pd.Series([0.2, 0.1])) == (0, pytest.approx(0.26))
    low, high = overfitting.gap_limits(pd.Series([-0.1, 0.1]))
    assert low < -0.1
    assert high > 0.1
