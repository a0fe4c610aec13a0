"""What decides: strengths of axes, levels, the trend."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.analysis.deciding import (
    axis_columns,
    by_level,
    is_ordered,
    is_wide,
    strengths,
    trend,
)

RNG = np.random.default_rng(0)
N = 40
SIZE = np.exp(RNG.uniform(np.log(1000), np.log(16000), N)).round()
EFFECT = 0.02 * np.log(SIZE / 4000) + 0.005 * RNG.standard_normal(N)
AXES = pd.DataFrame(
    {
        "noise": RNG.uniform(0, 0.2, N),
        "train_size": SIZE,
        "activation": RNG.choice(["relu", "tanh", "sigmoid"], N),
        "batchnorm": RNG.choice([True, False], N),
        "constant": 3,
    }
)


def test_the_strongest_axis_comes_first_and_what_does_not_vary_last() -> None:
    found = strengths(EFFECT, AXES)
    assert found[0].axis == "train_size"
    assert found[0].correlation > 0.9
    assert found[0].p_corrected < 1e-6
    assert found[-1].axis == "constant"
    assert np.isnan([found[-1].strength, found[-1].p, found[-1].p_corrected]).all()
    assert all(each.p_corrected > 0.05 for each in found[1:-1])


def test_holm_counts_the_axes_that_vary() -> None:
    found = {each.axis: each for each in strengths(EFFECT, AXES)}
    assert found["train_size"].p_corrected == pytest.approx(4 * found["train_size"].p)


def test_ranks_do_not_care_how_large_an_effect_is() -> None:
    large = np.where(EFFECT.max() == EFFECT, 1000, EFFECT)
    assert strengths(large, AXES)[0] == strengths(EFFECT, AXES)[0]


def test_of_two_names_the_strength_is_that_of_a_correlation_with_0_and_1() -> None:
    found = {each.axis: each for each in strengths(EFFECT, AXES)}["batchnorm"]
    rho = stats.spearmanr(EFFECT, AXES["batchnorm"].astype(float)).statistic
    assert found.strength == pytest.approx(abs(rho))
    assert np.isnan(found.correlation)


def test_names_that_decide_are_found() -> None:
    effect = AXES["activation"].map({"relu": 0.1, "tanh": 0.0, "sigmoid": 0.2}) + 0.01 * EFFECT
    found = strengths(effect, AXES)[0]
    assert found.axis == "activation"
    assert found.strength > 0.9
    assert found.p_corrected < 1e-4


def test_settings_without_a_value_are_left_out() -> None:
    std = pd.Series([None if i % 2 else float(i) for i in range(N)], dtype=object)
    (found,) = strengths(np.arange(N), pd.DataFrame({"init.std": std}))
    assert (found.n, found.strength) == (20, pytest.approx(1))
    (few,) = strengths(np.arange(N), pd.DataFrame({"init.std": std.where(std.index < 10)}))
    assert few.n == 5
    assert np.isnan(few.strength)


def test_the_same_effect_everywhere_has_nothing_that_decides() -> None:
    for each in strengths(np.zeros(N), AXES):
        assert each.axis == "constant" or (each.strength, each.p) == (0, 1)


def test_switches_and_lists_are_names_and_numbers_are_ordered() -> None:
    assert is_ordered(pd.Series([1, 2.5, None]))
    assert not is_ordered(pd.Series([True, False]))
    assert not is_ordered(pd.Series([10, "full"], dtype=object))
    assert not is_ordered(pd.Series([[10], [10, 10]]))


def test_levels_are_ordered_and_have_their_own_means() -> None:
    found = by_level([1, 3, 5, 7], pd.Series([2, 1, 2, 1]))
    assert list(found) == [1, 2]
    assert (found[1].mean, found[2].mean) == (5, 3)
    names = by_level([1, 3, 5], pd.Series([[10], [10, 5], [10]]))
    assert {name: each.n for name, each in names.items()} == {"[10]": 2, "[10, 5]": 1}


# -- the trend


def test_a_straight_line_is_its_own_trend() -> None:
    x = RNG.uniform(1, 10, 30)
    found = trend(x, 2 * x - 1)
    assert found is not None
    np.testing.assert_allclose(found.mean, 2 * found.x - 1, atol=1e-9)
    np.testing.assert_allclose(found.high, found.low, atol=1e-6)
    assert found.x[[0, -1]] == pytest.approx([x.min(), x.max()])


def test_a_wide_axis_is_looked_at_by_its_logarithm() -> None:
    x = np.geomspace(1, 10_000, 30)
    assert is_wide(x)
    assert is_wide(SIZE)
    assert not is_wide(np.linspace(0.001, 0.2, 20))
    assert not is_wide([0, 0, 1, 1000])
    assert not is_wide([1, 1, 1, 3])
    assert not is_wide([np.nan])
    found = trend(x, np.log(x))
    assert found is not None
    np.testing.assert_allclose(found.mean, np.log(found.x), atol=1e-9)


def test_few_settings_or_values_have_no_trend() -> None:
    assert trend([1, 2, 3, 4, 5], [0] * 5) is None
    assert trend([1, 2, 3] * 10, [0] * 30) is None
    assert trend([1, 2, 3, np.nan] * 10, [0] * 40) is None
    assert trend([1, 2, 3, 4] * 10, [0] * 40) is not None


def test_a_value_that_most_settings_have_does_not_break_the_trend() -> None:
    x = np.array([1.0] * 27 + [2, 3, 3.5])
    found = trend(x, x)
    assert found is not None
    np.testing.assert_allclose(found.mean, found.x, atol=1e-3)


def test_the_band_holds_the_line_as_often_as_it_says() -> None:
    """Pointwise, in the middle and at both ends, of 400 samples."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        x = rng.uniform(0, 10, 40)
        found = trend(x, 0.3 * x + rng.standard_normal(40))
        assert found is not None
        held.append(((found.low <= 0.3 * found.x) & (0.3 * found.x <= found.high))[[0, 30, 59]])
    assert np.abs(np.mean(held, axis=0) - 0.95).max() < 0.035


def test_axes_come_in_the_order_of_the_settings() -> None:
    settings = pd.DataFrame({"setting": [0, 1, 2], "depth": [5, 6, 7]})
    assert axis_columns(settings, [2, 0])["depth"].tolist() == [7, 5]
