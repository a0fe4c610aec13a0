"""A rule of thumb: found where there is one, not said where there is none."""

import itertools

import numpy as np
import pandas as pd
import pytest

from study.analysis.thumb import Condition, _best_tree, between, rule_of_thumb


def space(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "train_size": np.exp(rng.uniform(7, 10, n)).round(),
            "depth": rng.integers(1, 7, n),
            "activation": rng.choice(["relu", "tanh", "sigmoid"], n),
            "batchnorm": rng.choice([True, False], n),
        }
    )


def noise(n: int, sd: float = 0.005, seed: int = 1) -> np.ndarray:
    return sd * np.random.default_rng(seed).standard_normal(n)


def test_a_threshold_is_found_and_its_effects_are_those_of_the_other_half() -> None:
    axes = space(60)
    effect = np.where(axes["train_size"] <= 4000, 0.03, -0.02) + noise(60)
    found = rule_of_thumb(effect, axes)
    assert found.said
    assert (found.fitted, found.judged) == (30, 30)
    assert found.gain > 0.8
    conditions = [leaf.conditions[0] for leaf in found.leaves]
    assert {condition.axis for condition in conditions} == {"train_size"}
    assert 3000 < conditions[0].at_most < 5000  # type: ignore[operator]
    assert conditions[0].negated != conditions[-1].negated
    for leaf in found.leaves:
        inside = np.all([c.holds(axes) for c in leaf.conditions], axis=0)
        true = effect[inside].mean()
        assert leaf.effect.low < true < leaf.effect.high
        # the half that fitted and the half that judges are not the same settings
        assert leaf.effect.mean != leaf.predicted
        assert leaf.effect.n < inside.sum()


def test_two_splits_are_found_where_both_decide() -> None:
    axes = space(120)
    where = (axes["depth"] <= 3) & (axes["activation"] == "tanh")
    found = rule_of_thumb(np.where(where, 0.05, 0.0) + noise(120), axes)
    assert found.said
    assert len(found.leaves) == 3
    (inner,) = [leaf for leaf in found.leaves if leaf.predicted > 0.03]
    assert {condition.axis for condition in inner.conditions} == {"depth", "activation"}
    inside = np.all([c.holds(axes) for c in inner.conditions], axis=0)
    assert (inside == where).all()


def test_leaves_divide_the_space() -> None:
    axes = space(60)
    for seed in range(5):
        found = rule_of_thumb(noise(60, seed=seed), axes, seed=seed)
        inside = [np.all([c.holds(axes) for c in leaf.conditions], axis=0) for leaf in found.leaves]
        assert (np.sum(inside, axis=0) == 1).all()


def test_where_there_is_no_rule_it_is_said_in_one_of_twenty_maps_at_most() -> None:
    """300 maps; at 5 % more than 24 are said in one of 100 such tests."""
    said = 0
    for seed in range(300):
        effect = np.random.default_rng(seed).standard_t(3, 40)
        said += rule_of_thumb(effect, space(40, seed + 1000), seed=seed).said
    assert 0 < said <= 24


def test_the_same_effect_everywhere_is_no_rule() -> None:
    found = rule_of_thumb(np.full(40, 0.02), space(40))
    assert not found.said


def test_few_settings_or_axes_that_do_not_vary_have_no_rule() -> None:
    for effect, axes in (
        (noise(11), space(11)),
        (noise(40), pd.DataFrame({"depth": [3] * 40})),
        (noise(40), pd.DataFrame(index=range(40))),
    ):
        found = rule_of_thumb(effect, axes)
        assert found.leaves == ()
        assert not found.said


def test_the_same_settings_give_the_same_rule() -> None:
    axes = space(40)
    effect = np.where(axes["batchnorm"], 0.03, 0.0) + noise(40)
    assert rule_of_thumb(effect, axes) == rule_of_thumb(effect, axes)
    (condition,) = {leaf.conditions[0].axis for leaf in rule_of_thumb(effect, axes).leaves}
    assert condition == "batchnorm"


def test_the_best_tree_is_the_best_of_all_trees() -> None:
    """Against trying every tree by itself."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        effect, inside = rng.standard_normal(15), rng.random((7, 15)) < 0.5

        def error(leaves: list[np.ndarray], effect: np.ndarray = effect) -> float:
            if any(leaf.sum() < 3 for leaf in leaves):
                return np.inf
            return sum(float(((effect[own] - effect[own].mean()) ** 2).sum()) for own in leaves)

        def of(tree: list[tuple[tuple[int, bool], ...]], inside: np.ndarray = inside) -> float:
            return error([np.all([inside[i] == yes for i, yes in leaf], axis=0) for leaf in tree])

        both = np.vstack([inside, ~inside])
        one = min(error([a, ~a]) for a in inside)
        two = min(error([a & b, a & ~b, ~a]) for a, b in itertools.product(both, inside))
        assert of(_best_tree(effect, inside, 1)) == pytest.approx(one)
        assert of(_best_tree(effect, inside, 2)) == pytest.approx(two)


def test_settings_without_a_value_are_on_the_side_of_not() -> None:
    axes = pd.DataFrame({"std": [0.1, 0.5, None], "init": ["he", None, "normal"]})
    at_most, among = Condition("std", 0.2), Condition("init", None, ("he",))
    assert at_most.holds(axes).tolist() == [True, False, False]
    assert (~at_most).holds(axes).tolist() == [False, True, True]
    assert among.holds(axes).tolist() == [True, False, False]
    assert (~among).holds(axes).tolist() == [False, True, True]


def test_having_a_value_at_all_may_be_the_rule() -> None:
    rng = np.random.default_rng(0)
    std = [float(s) if s < 0.5 else None for s in rng.random(60)]
    effect = np.array([0.0 if s is None else 0.04 for s in std]) + noise(60)
    found = rule_of_thumb(effect, pd.DataFrame({"std": pd.Series(std, dtype=object)}))
    assert found.said
    assert len(found.leaves) == 2


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [(2, 3, 2), (1000, 16000, 4000), (0.01, 0.02, 0.01), (0.11, 0.12, 0.11), (-1, 1, 0),
     (4821, 4900, 4900 - 40), (0, 0.3, 0.1)],
)  # fmt: skip
def test_a_threshold_is_as_short_as_it_can_be(below: float, above: float, expected: float) -> None:
    found = between(below, above)
    assert below <= found < above
    assert found == pytest.approx(expected, rel=0.05, abs=0.06)
    assert len(f"{found:g}") <= 6
