"""Pieces that figures drawn by hand share."""

import builders_own as make
import numpy as np
import pytest
from matplotlib.figure import Figure

from study.analysis.intervals import Estimate
from study.figures.own import parts


def test_a_diverged_run_goes_on_at_chance_to_the_end():
    study = make.results("e", [make.record(), make.diverged(seed=1)])
    curves = parts.accuracy_curves(study, "e").set_index(["seed", "epoch"])["train_accuracy"]
    assert curves.loc[1].tolist() == [0.12, 0.1, 0.1, 0.1, 0.1]
    assert curves.loc[0].tolist() == [0.1, 0.4, 0.6, 0.85, 0.95]


def test_a_diverged_run_is_filled_up_to_its_own_length_only():
    longer = make.record()
    longer.config["num_epochs"] = 8
    longer.history["epoch"][-1] = 8.0
    longer.history["step"][-1] = 80
    study = make.results("e", [longer, make.record(seed=2), make.diverged(seed=1)])
    curves = parts.accuracy_curves(study, "e")
    assert curves[curves["seed"] == 1]["epoch"].max() == 4


def test_failed_runs_are_in_no_curve():
    study = make.results("e", [make.record(), make.failed(seed=1)], missing=2)
    assert set(parts.accuracy_curves(study, "e")["seed"]) == {0}
    assert len(parts.final_runs(study, "e")) == 1


def test_no_runs_at_all_give_empty_frames_with_their_columns():
    study = make.results("e", [make.failed()])
    assert list(parts.accuracy_curves(study, "e").columns) == parts.CURVE_COLUMNS
    assert parts.accuracy_curves(study, "e").empty
    assert parts.trained_layers(study, "e").empty


def test_pooled_histograms_count_every_value_once():
    first = make.histogram([1, 2, 3, 4], -2, 2, below=5)
    second = make.histogram([0, 0, 5, 0], -2, 2, above=5)
    pooled = parts.pool([first, second])
    assert pooled.total == 25
    np.testing.assert_allclose(pooled.shares, np.array([1, 2, 8, 4]) / 25)
    assert pooled.outside == pytest.approx(10 / 25)


def test_bins_beyond_the_limits_count_as_outside():
    pooled = parts.pool([make.histogram([1, 2, 3, 4], -2, 2, below=5)], (-1, 1))
    np.testing.assert_allclose(pooled.edges, [-1, 0, 1])
    np.testing.assert_allclose(pooled.shares, [2 / 15, 3 / 15])
    assert pooled.outside == pytest.approx(10 / 15)


def test_histograms_without_values_are_none():
    assert parts.pool([]) is None
    assert parts.pool([make.histogram([0, 0], 0, 1)]) is None


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.00001, "< 0.01 %"), (0.00017, "0.017 %"), (0.5, "50 %")]
)
def test_a_small_share_never_looks_like_none(share, text):
    assert parts.small_share(share) == text


def test_the_closest_positive_value_is_found():
    assert parts.closest([0.0, 0.01, 0.3], 0.1) == 0.01
    assert parts.closest([0.0], 0.1) is None


def test_diverged_runs_are_noted_and_others_are_not():
    axes = Figure().subplots()
    runs = make.results("e", [make.record(), make.diverged(seed=1)]).runs("e")
    parts.diverged_note(axes, runs[runs["status"] == "completed"], str, 0, 0)
    assert not axes.texts
    parts.diverged_note(axes, runs, str, 0, 0)
    parts.diverged_note(axes, runs, str, 0, 0, short=True)
    assert [text.get_text() for text in axes.texts] == ["✕ 1/2 diverged", "✕ 1/2"]


@pytest.mark.parametrize(
    ("low", "high", "direction"),
    [
        (0.1, 0.3, "higher"),
        (-0.3, -0.1, "lower"),
        (-0.1, 0.3, "unclear"),
        (0.0, 0.3, "unclear"),
        (np.nan, np.nan, "unclear"),
    ],
)
def test_a_difference_has_a_direction_where_its_interval_excludes_zero(low, high, direction):
    assert parts.direction(Estimate(0.2, low, high, 2)) == direction


@pytest.mark.parametrize(
    ("dose", "text"),
    [(0.0, "0"), (0.03, "0.03"), (0.001, "10⁻³"), (3e-4, "3·10⁻⁴"), (0.5, "0.5")],
)
def test_doses_are_short(dose, text):
    assert parts.dose_text(dose) == text
