"""Arms at their best rates, effects of settings, shares and means."""

import numpy as np
import pandas as pd
import pytest

from study.analysis.multiverse import (
    HARMS,
    HELPS,
    NONE,
    best_rates,
    effects,
    outcomes,
    share,
    summary,
)
from study.errors import ConfigError


def runs(rows: list[tuple[int, str, float, float, float]]) -> pd.DataFrame:
    """Setting, arm, rate, validation and test accuracy."""
    columns = ["setting", "arm", "lr", "valid_accuracy", "test_accuracy"]
    return pd.DataFrame(rows, columns=columns).assign(train_accuracy=0.9, chance=0.1)


def curve(*valid: float) -> pd.DataFrame:
    """One arm with these validation accuracies at the rates 1, 2, …, in another order."""
    rows = [(0, "a", float(i), v, 0.5 + i / 100) for i, v in enumerate(valid, 1)]
    return runs(rows[::-1])


# -- best rates


@pytest.mark.parametrize(
    ("valid", "lr", "edge"),
    [
        ((0.1, 0.3, 0.2), 2, None),
        ((0.4, 0.3, 0.2), 1, "low"),
        ((0.1, 0.3, 0.4), 3, "high"),
        ((0.4, 0.4, 0.2, 0.1), 2, None),  # a plateau that reaches inside
        ((0.1, 0.4, 0.4, 0.2), 2, None),  # of two as near the middle the smaller
        ((0.4, 0.1, 0.1, 0.4), 1, "low"),
        ((0.1, 0.2), 2, "high"),
        ((0.1,), 1, None),
        ((np.nan,), 1, None),  # nothing is chosen
    ],
)
def test_the_best_rate_is_chosen_on_validation_samples(
    valid: tuple[float, ...], lr: float, edge: str | None
) -> None:
    (row,) = best_rates(curve(*valid)).itertuples()
    assert (row.lr, row.edge, row.rates) == (lr, edge, len(valid))
    assert row.test_accuracy == pytest.approx(0.5 + lr / 100)


def test_a_better_test_accuracy_chooses_nothing() -> None:
    found = best_rates(runs([(0, "a", 1, 0.5, 0.1), (0, "a", 2, 0.4, 0.9), (0, "a", 3, 0.3, 0.9)]))
    assert found["test_accuracy"].tolist() == [0.1]


def test_arms_keep_their_order_in_each_setting() -> None:
    rows = [(s, arm, 1.0, 0.5, 0.5) for s in (3, 1) for arm in ("z", "a")]
    found = best_rates(runs(rows))
    assert list(zip(found["setting"], found["arm"], strict=True)) == [
        (1, "z"), (1, "a"), (3, "z"), (3, "a"),
    ]  # fmt: skip


def test_several_rates_without_validation_or_one_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="valid_accuracy: expected a number"):
        best_rates(curve(0.1, np.nan))
    with pytest.raises(ConfigError, match="lr: expected each rate once"):
        best_rates(runs([(0, "a", 1, 0.5, 0.5)] * 2))


# -- effects


@pytest.fixture
def best() -> pd.DataFrame:
    return best_rates(
        runs(
            [
                (0, "none", 0.1, 0.80, 0.80),
                (0, "weak", 0.1, 0.82, 0.83),
                (0, "strong", 0.1, 0.81, 0.99),
                (1, "none", 0.1, 0.80, 0.80),
                (1, "weak", 0.1, 0.70, 0.70),
                (1, "strong", 0.3, 0.75, 0.76),
                (2, "none", 0.1, 0.80, 0.80),
                (2, "weak", 0.1, 0.70, 0.70),
            ]
        )
    )


def test_the_best_arm_of_a_family_by_validation_stands_for_it(best: pd.DataFrame) -> None:
    found = effects(best, ["weak", "strong"], ["none"])
    assert found["setting"].tolist() == [0, 1]  # setting 2 lacks an arm
    assert found["treatment_arm"].tolist() == ["weak", "strong"]
    assert found["treatment_lr"].tolist() == [0.1, 0.3]
    np.testing.assert_allclose(found["effect"], [0.03, -0.04])
    np.testing.assert_allclose(found["control_value"], 0.80)


def test_another_metric_is_compared_by_the_same_choice(best: pd.DataFrame) -> None:
    best = best.assign(train_accuracy=best["test_accuracy"] + 0.1 * (best["arm"] == "weak"))
    found = effects(best, ["weak"], ["none"], metric="train_accuracy")
    np.testing.assert_allclose(found["effect"], [0.13, 0.0, 0.0], atol=1e-12)


def test_where_no_side_has_left_chance_it_is_said_and_counts() -> None:
    rows = runs([(s, a, 1, 0.1, 0.1) for s in (0, 1) for a in ("on", "off")])
    rows.loc[:2, "train_accuracy"] = [0.11, 0.149, 0.16]
    found = effects(best_rates(rows), ["on"], ["off"])
    assert found["neither_learns"].tolist() == [True, False]
    assert found["effect"].tolist() == [0, 0]
    without = effects(best_rates(rows.drop(columns="chance")), ["on"], ["off"])
    assert not without["neither_learns"].any()


@pytest.mark.parametrize(("treatment", "control"), [(["a"], ["a"]), ([], ["a"]), (["a"], [])])
def test_sides_that_are_none_are_refused(treatment: list[str], control: list[str]) -> None:
    with pytest.raises(ConfigError, match="arms: expected two sides without an arm in common"):
        effects(runs([]), treatment, control)


# -- shares and means


def test_a_point_is_a_point_whatever_the_rounding() -> None:
    exact = [0.57 - 0.56, 0.0099, -0.0099, 0.56 - 0.57, 0.03, 0.0]
    assert outcomes(exact).tolist() == [HELPS, NONE, NONE, HARMS, HELPS, NONE]
    assert outcomes([0.02, -0.03], margin=0.03).tolist() == [NONE, HARMS]


def test_shares_have_wilsons_intervals() -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    for count, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                                (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = share(count, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
        assert found.share == count / n
    nothing = share(0, 0)
    assert np.isnan([nothing.share, nothing.low, nothing.high]).all()


def test_a_summary_counts_every_setting_once() -> None:
    found = summary([0.02, 0.05, 0.0, -0.02])
    assert (found.helps.count, found.no_effect.count, found.harms.count) == (2, 1, 1)
    assert found.helps.n == 4
    assert found.mean.mean == pytest.approx(0.0125)
    assert found.mean.low < 0 < found.mean.high


def test_an_effect_that_is_not_known_is_no_effect_of_zero() -> None:
    with pytest.raises(ConfigError, match="effect: expected a finite number in each setting"):
        summary([0.1, np.nan])
