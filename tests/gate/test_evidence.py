"""Many paired comparisons judged together."""

import numpy as np
import pytest
from scipy import stats

from study.analysis.intervals import holm, t_interval
from study.gate.evidence import moves


def samples(count: int, n: int = 8, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0.3 * index, 1, n) for index in range(count)]


def test_p_values_are_those_of_the_paired_t_test_with_holms_correction() -> None:
    harms = samples(6)
    found = moves(harms, [0.0] * 6, 0.05)
    expected = [stats.ttest_1samp(harm, 0).pvalue for harm in harms]
    assert found.p == pytest.approx(expected)
    assert found.p_holm == pytest.approx(holm(expected))


def test_one_comparison_has_the_plain_interval() -> None:
    (harm,) = samples(1)
    found = moves([harm], [0.0], 0.05)
    estimate = t_interval(harm)
    assert (found.low[0], found.high[0]) == pytest.approx((estimate.low, estimate.high))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_an_interval_leaves_zero_out_just_where_the_corrected_p_value_rejects(alpha: float) -> None:
    for seed in range(50):
        found = moves(samples(9, seed=seed), [0.0] * 9, alpha)
        clear = (found.low > 0) | (found.high < 0)
        assert clear.tolist() == (found.p_holm <= alpha).tolist()


def test_worse_and_better_have_to_exceed_the_margin() -> None:
    harms = [np.full(8, 0.5) + 0.01 * np.arange(8), -np.full(8, 0.5) - 0.01 * np.arange(8)]
    near = moves(harms, [0.6, 0.6], 0.05)
    assert not near.worse.any()
    assert not near.better.any()
    far = moves(harms, [0.4, 0.4], 0.05)
    assert far.worse.tolist() == [True, False]
    assert far.better.tolist() == [False, True]


def test_equal_values_leave_no_doubt() -> None:
    found = moves([np.full(6, 0.1), np.zeros(6)], [0.05, 0.05], 0.01)
    assert found.p.tolist() == [0, 1]
    assert found.worse.tolist() == [True, False]
    assert (found.low[0], found.high[0]) == (found.mean[0], found.mean[0])


def test_without_two_pairs_there_is_no_verdict() -> None:
    found = moves([np.array([5.0]), np.empty(0)], [0.1, 0.1], 0.01)
    assert np.isnan(found.p).all()
    assert not found.worse.any()


def test_false_alarms_of_normal_noise_are_at_most_alpha() -> None:
    rng = np.random.default_rng(2)
    runs = [
        moves(list(rng.standard_normal((20, 8))), [0.0] * 20, 0.1).p_holm.min() <= 0.1
        for _ in range(1000)
    ]
    assert np.mean(runs) < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 1000)
