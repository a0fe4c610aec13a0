"""Simulations: intervals cover what they say, and verdicts are wrong no more often than promised.

Seeds are fixed. Bounds allow for three standard deviations of what is simulated.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from study.analysis.intervals import Evidence, bootstrap_evidence, holm, t_evidence
from study.analysis.verdicts import ALPHA, p_value, verdict

DRAWS = 1000  # of the bootstrap; enough for 95 %
SMALLEST = 0.5


def by_t(n: int, simulations: int, effect: float) -> Iterator[Evidence]:
    """Differences of ``n`` pairs whose two sides share a seed that matters more than the noise."""
    rng = np.random.default_rng(n)
    seeds = 5 * rng.standard_normal((simulations, n))
    treatment = seeds + effect + rng.standard_normal((simulations, n))
    control = seeds + rng.standard_normal((simulations, n))
    for difference in treatment - control:
        yield t_evidence(difference)


def by_bootstrap(k: int, simulations: int, effect: float) -> Iterator[Evidence]:
    """Five correlated differences of each of ``k`` cells."""
    rng = np.random.default_rng(k)
    clusters = pd.Series(np.repeat(np.arange(k), 5))
    for _ in range(simulations):
        cells = effect + rng.standard_normal(k)
        values = np.repeat(cells, 5) + 0.3 * rng.standard_normal(5 * k)
        yield bootstrap_evidence(pd.Series(values), clusters, draws=DRAWS)


METHODS = {"t": (by_t, 4000), "bootstrap": (by_bootstrap, 1200)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [6, 10, 20])
def test_intervals_cover_the_true_effect(method: str, n: int):
    simulate, simulations = METHODS[method]
    estimates = [each.estimate for each in simulate(n, simulations, 1.0)]
    covered = np.mean([estimate.low <= 1.0 <= estimate.high for estimate in estimates])
    assert 0.93 <= covered <= 0.97


def alarms(found: Iterator[Evidence], direction: str) -> dict[str, float]:
    """How often each verdict is given."""
    given = [verdict(each.estimate, direction, SMALLEST) for each in found]
    return {name: given.count(name) / len(given) for name in ("supported", "refuted")}


# Effects at the very edge of where the verdict is wrong.
EDGES = [
    ("greater", SMALLEST, "supported"), ("greater", 0.0, "refuted"),
    ("less", -SMALLEST, "supported"), ("less", 0.0, "refuted"),
    ("equal", SMALLEST, "supported"), ("equal", -SMALLEST, "refuted"),
    ("at_most", SMALLEST, "supported"), ("at_most", SMALLEST, "refuted"),
    ("at_least", -SMALLEST, "supported"), ("at_least", -SMALLEST, "refuted"),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "effect", "wrong"), EDGES)
def test_false_verdicts_from_pairs_are_as_rare_as_promised(
    direction: str, effect: float, wrong: str
):
    simulations = 3000
    bound = ALPHA / 2 + 3 * math.sqrt(ALPHA / 2 / simulations)
    for n in (6, 20):
        assert alarms(by_t(n, simulations, effect), direction)[wrong] <= bound


@pytest.mark.parametrize(("direction", "effect", "wrong"), EDGES[:2])
def test_false_verdicts_from_clusters_are_as_rare_as_promised(
    direction: str, effect: float, wrong: str
):
    simulations = 1000
    bound = ALPHA / 2 + 3 * math.sqrt(ALPHA / 2 / simulations)
    for k in (6, 12):
        assert alarms(by_bootstrap(k, simulations, effect), direction)[wrong] <= bound


def test_a_true_effect_is_found():
    assert alarms(by_t(10, 500, 4.0), "greater")["supported"] > 0.95
    assert alarms(by_bootstrap(12, 200, 3.0), "greater")["supported"] > 0.95


@pytest.mark.parametrize("direction", ["greater", "less", "equal", "at_most", "at_least"])
@pytest.mark.parametrize("effect", [-1.0, 0.0, 0.6, 3.0])
def test_p_values_and_intervals_say_the_same(direction: str, effect: float):
    for found in by_t(8, 200, effect):
        decided = verdict(found.estimate, direction, SMALLEST) != "inconclusive"
        assert decided == (p_value(found, direction, SMALLEST) <= ALPHA)
    for found in by_bootstrap(8, 30, effect):
        decided = verdict(found.estimate, direction, SMALLEST) != "inconclusive"
        p = p_value(found, direction, SMALLEST)
        if abs(p - ALPHA) > 0.005:  # quantiles of finitely many draws
            assert decided == (p <= ALPHA)


@pytest.mark.parametrize(
    ("simulate", "families", "tests"), [(by_t, 1000, 20), (by_bootstrap, 200, 10)]
)
def test_any_false_verdict_in_a_table_is_as_rare_as_promised(
    simulate: Callable[[int, int, float], Iterator[Evidence]], families: int, tests: int
):
    # No effect, and any effect matters: both verdicts are wrong, each at its edge.
    found = simulate(10, families * tests, 0.0)
    p = np.array([p_value(each, "greater", 0.0) for each in found]).reshape(families, tests)
    alarm = np.mean([(holm(row) <= ALPHA).any() for row in p])
    assert alarm <= ALPHA + 3 * math.sqrt(ALPHA / families)
    assert (p <= ALPHA).any(axis=1).mean() > 0.3  # without the correction


def test_a_clear_effect_survives_the_correction_for_sixty_tests():
    rng = np.random.default_rng(0)
    values = pd.Series(np.repeat(10.0 + rng.standard_normal(10), 3))
    clear = bootstrap_evidence(values, pd.Series(np.repeat(np.arange(10), 3)))
    table = holm([p_value(clear, "greater", SMALLEST), *np.full(59, 0.5)])
    assert 0 < table[0] < 0.01
