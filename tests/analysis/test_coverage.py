"""Simulations: intervals cover what they say, and verdicts are wrong no more often than promised.

A handful of the settings of ``benchmarks/verdicts.py``, whose functions decide whole arrays; that
they decide as the project's own is tested first. Random numbers are the same each time; bounds
allow for four standard deviations of what is simulated.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import verdicts as simulation

from study.analysis.claims import spent
from study.analysis.intervals import t_interval
from study.analysis.verdicts import ALPHA, DIRECTIONS, REFUTED, SUPPORTED
from study.records.plan import StudyPlan

STUDIES = 10_000
Part, EDGE = simulation.Part, simulation.EDGE


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def assert_at_most_alpha(wrong: float, studies: int = STUDIES) -> None:
    assert wrong <= ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / studies)


@pytest.mark.parametrize("n", [6, 10, 20])
def test_intervals_cover_the_true_effect(n: int):
    """Differences of pairs whose two sides share a seed that matters more than the noise."""
    random = rng()
    seeds = 5 * random.standard_normal((4000, n))
    treatment = seeds + 1.0 + random.standard_normal((4000, n))
    control = seeds + random.standard_normal((4000, n))
    estimates = [t_interval(each) for each in treatment - control]
    covered = np.mean([estimate.low <= 1.0 <= estimate.high for estimate in estimates])
    assert 0.93 <= covered <= 0.97


def test_the_simulation_decides_as_the_project_does():
    assert simulation.check(rng(), studies=4) == 150 * 2 * 4


def test_truth_of_a_claim_is_that_of_its_parts():
    yes, no = Part("greater", 1.0, 2.0), Part("greater", 1.0, -2.0)
    between, edge = Part("greater", 1.0, 0.0), Part("greater", 1.0, 1.0)
    assert simulation.truth([yes, yes]) == SUPPORTED
    assert simulation.truth([yes, between, no]) == REFUTED
    for parts in ([yes, between], [edge], [Part("equal", 1.0, 1.0)]):
        assert simulation.truth(parts) == "no_effect"


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_wrong_verdicts_on_a_claim_are_as_rare_as_promised(direction: str, count: int):
    random = rng()
    effects = (-1 - EDGE, -1.0, -1 + EDGE, 0.0, 0.5, 1 - EDGE, 1.0, 1 + EDGE)
    for n in (6, 20):
        noises = [simulation.drawn(random, STUDIES, count, n, each) for each in (0.0, 0.9)]
        for smallest in (0.02, 1.0, 3.0):
            for effect in effects:
                parts = (Part(direction, smallest, effect * smallest),) * count
                for noise in noises:
                    setting = simulation.Setting(parts, n)
                    assert_at_most_alpha(simulation.rate_of_wrong(setting, noise))


@pytest.mark.parametrize("correlation", [0.0, 0.8])
@pytest.mark.parametrize("name", simulation.MIXTURES)
def test_any_wrong_verdict_in_a_family_is_as_rare_as_promised(name: str, correlation: float):
    claims, studies = simulation.family(simulation.MIXTURES[name], 12), 4000
    values = simulation.family_values(rng(), claims, studies, 10, correlation)
    codes = simulation.verdicts_of(claims, simulation.summarised(values), ALPHA / len(claims))
    assert_at_most_alpha(simulation.any_wrong(claims, codes), studies)
    without = simulation.verdicts_of(claims, simulation.summarised(values), ALPHA)
    if name == "all just outside the margin":
        assert simulation.any_wrong(claims, without) > 0.1


@pytest.mark.parametrize("name", ["all just outside the margin", "of everything"])
def test_looks_do_not_make_wrong_verdicts_more_frequent(name: str):
    looks = list(simulation.LOOKS)
    levels = spent(StudyPlan("", "", "", "", looks=looks[1:]))
    assert sum(levels) == pytest.approx(ALPHA)
    claims, studies = simulation.family(simulation.MIXTURES[name], 6), 4000
    values = simulation.family_values(rng(), claims, studies, looks[-1], 0.0)
    codes, seeds = simulation.looked(claims, values, looks, levels)
    assert_at_most_alpha(simulation.any_wrong(claims, codes), studies)
    careless, _ = simulation.looked(claims, values, looks, [ALPHA] * 4)
    assert simulation.any_wrong(claims, careless) > simulation.any_wrong(claims, codes)
    assert set(np.unique(seeds)) <= set(looks)


def test_holm_would_be_wrong_too_often():
    """Why all claims of a chapter have one level."""
    holm, level = simulation.holm_is_wrong(rng(), 150_000, 0.8)
    assert holm > 0.052
    assert_at_most_alpha(level, 150_000)


def power(part: simulation.Part, counts: Sequence[int], claims: int = 32) -> list[float]:
    random = rng()
    return [
        simulation.right(
            [(part,)],
            simulation.verdicts_of(
                [(part,)], simulation.drawn(random, 2000, 1, n, 0.0), ALPHA / claims
            ),
        )
        for n in counts
    ]


def test_clear_effects_and_clearly_none_are_found_among_many_claims():
    assert power(Part("greater", 2.0, 4.0), [10])[0] > 0.9
    assert power(Part("greater", 2.0, -4.0), [10])[0] > 0.9
    assert power(Part("greater", 2.0, 0.0), [10])[0] > 0.85
    assert power(Part("equal", 2.0, 0.0), [16])[0] > 0.95
    for effect in (2.0, 0.5, -2.0):  # more seeds decide more, between 0 and the margin as well
        few, some, many = power(Part("greater", 1.0, effect), [6, 16, 64])
        assert few < some < many
        assert many > 0.8
