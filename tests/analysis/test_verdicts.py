"""The rules: four verdicts, no effect that stays undecided for ever, p-values that agree."""

import math
from itertools import product

import numpy as np
import pytest

from study.analysis.intervals import Evidence, t_evidence, t_interval
from study.analysis.verdicts import (
    ALPHA,
    DIRECTIONS,
    INCONCLUSIVE,
    Levels,
    PartLevels,
    claim_levels,
    part_levels,
    regions,
    seeds_needed,
)

S = 0.5


def around(mean: float, sd: float = 0.1, n: int = 10) -> Evidence:
    """``n`` values of this mean and standard deviation."""
    values = np.linspace(-1, 1, n)
    return t_evidence(mean + sd * values / values.std(ddof=1))


def verdict(evidence: Evidence, direction: str, smallest: float = S) -> str:
    return part_levels(evidence, direction, smallest).own.at(ALPHA)


@pytest.mark.parametrize(
    ("direction", "below", "slightly_below", "slightly_above", "above"),
    [
        ("greater", "refuted", "no_effect", "no_effect", "supported"),
        ("less", "supported", "no_effect", "no_effect", "refuted"),
        ("equal", "refuted", "supported", "supported", "refuted"),
        ("at_most", "supported", "supported", "supported", "refuted"),
        ("at_least", "refuted", "supported", "supported", "supported"),
    ],
)
def test_every_effect_is_decided_as_seeds_grow(
    direction: str, below: str, slightly_below: str, slightly_above: str, above: str
):
    effects = {-0.6: below, -0.4: slightly_below, 0.4: slightly_above, 0.6: above}
    for effect, expected in effects.items():
        assert verdict(around(effect, sd=1, n=2000), direction) == expected
        assert verdict(around(effect, sd=5, n=20), direction) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("direction", "edge"),
    [(d, e) for d, e in product(DIRECTIONS, (-S, S)) if (d, e) not in
     (("at_most", -S), ("at_least", S))],
)  # fmt: skip
def test_only_the_edge_itself_is_never_decided(direction: str, edge: float):
    for n in (10, 1000, 100_000):
        assert verdict(around(edge, n=n), direction) == INCONCLUSIVE


def test_no_effect_that_matters_is_never_a_matter_of_directions_without_a_middle():
    for direction in ("equal", "at_most", "at_least"):
        assert part_levels(around(0.0), direction, S).own.no_effect == 1.0


def by_intervals(values: np.ndarray, direction: str) -> str:
    """The verdict as its rule is said: where the intervals lie."""
    wide, narrow = t_interval(values), t_interval(values, 0.90)

    def within(region: tuple[tuple[float, float], ...]) -> bool:
        return any(low < wide.low and wide.high < high for low, high in region)

    supporting, refuting = regions(direction, S)
    if within(supporting):
        return "supported"
    if within(refuting):
        return "refuted"
    middle = direction in ("greater", "less") and narrow.low > -S and narrow.high < S
    return "no_effect" if middle else INCONCLUSIVE


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_p_values_and_intervals_say_the_same(direction: str):
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(1500):
        values = rng.uniform(-1.2, 1.2) + rng.uniform(0.1, 1) * rng.standard_normal(8)
        levels = part_levels(t_evidence(values), direction, S).own
        expected = by_intervals(values, direction)
        assert levels.at(ALPHA) == expected
        assert (levels.best()[1] <= ALPHA) == (expected != INCONCLUSIVE)
        seen.add(expected)
    assert seen == {"supported", "refuted", INCONCLUSIVE} | (
        {"no_effect"} if direction in ("greater", "less") else set()
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_value_has_no_level(direction: str):
    assert part_levels(t_evidence([0.7]), direction, S) == PartLevels(Levels(1, 1, 1), 1.0)


def test_values_that_are_all_equal_leave_no_doubt():
    assert part_levels(t_evidence([0.7] * 6), "greater", S).own == Levels(0.0, 1.0, 1.0)
    assert part_levels(t_evidence([0.2] * 6), "greater", S).own == Levels(1.0, 0.0, 1.0)


def test_mirrored_values_mirror_the_directions():
    rng = np.random.default_rng(1)
    for _ in range(50):
        values = rng.standard_normal(7)
        there, back = t_evidence(values), t_evidence(-values)
        for one, other in (("greater", "less"), ("at_most", "at_least"), ("equal", "equal")):
            assert part_levels(there, one, S).own == pytest.approx(part_levels(back, other, S).own)


# --- claims of several parts --------------------------------------------------------------------


def of_parts(*levels: tuple[float, float, float, float]) -> Levels:
    return claim_levels([PartLevels(Levels(*own), outside) for *own, outside in levels])


def test_a_claim_is_supported_where_its_weakest_part_is():
    both = of_parts((0.001, 1, 1, 0.0005), (0.04, 1, 1, 0.02))
    assert both.supported == 0.04  # intersection–union: no correction within the claim
    assert both.at(ALPHA) == "supported"


def test_one_refuted_part_refutes_after_the_correction_for_all():
    one = of_parts((0.001, 1, 1, 0.0005), (1, 1, 0.02, 1))
    assert one.refuted == 0.04
    assert one.at(ALPHA) == "refuted"
    three = of_parts((0.001, 1, 1, 0.0005), (0.001, 1, 1, 0.0005), (1, 1, 0.02, 1))
    assert three.at(ALPHA) == INCONCLUSIVE


def test_no_effect_needs_a_part_without_and_none_that_may_be_refuted():
    assert of_parts((1, 0.02, 1, 0.02), (0.001, 1, 1, 0.0005)).at(ALPHA) == "no_effect"
    assert of_parts((1, 0.02, 1, 0.02), (1, 1, 0.5, 0.4)).at(ALPHA) == INCONCLUSIVE
    assert of_parts((1, 0.03, 1, 0.03), (0.001, 1, 1, 0.0005)).at(ALPHA) == INCONCLUSIVE


def test_a_claim_of_one_part_has_its_levels():
    part = part_levels(around(0.3), "less", S)
    assert claim_levels([part]) == part.own


def test_a_correction_stops_at_one():
    assert Levels(0.3, 0.01, 1.0).times(4) == Levels(1.0, 0.04, 1.0)


# --- how many seeds -----------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "expected"), [(0.9, "supported"), (0.1, "no_effect")])
def test_as_many_seeds_as_are_said_mostly_decide(effect: float, expected: str):
    n = seeds_needed(around(effect, sd=1.0, n=6), "greater", S, ALPHA)
    assert n is not None
    rng = np.random.default_rng(2)
    found = [verdict(t_evidence(effect + rng.standard_normal(n)), "greater") for _ in range(500)]
    assert 0.7 < np.mean([each == expected for each in found]) < 0.9


def test_more_doubt_needs_more_seeds():
    open_ = around(0.6, sd=1.0, n=6)
    few, many = (seeds_needed(open_, "greater", S, alpha) for alpha in (0.05, 0.05 / 32))
    assert 6 < few < many
    assert seeds_needed(around(0.6, sd=2.0, n=6), "greater", S, 0.05) > few


def test_no_number_of_seeds_decides_what_is_on_the_edge():
    on_the_edge = t_evidence([S - 0.25, S + 0.25, S - 0.25, S + 0.25])
    assert seeds_needed(on_the_edge, "greater", S, ALPHA) is None
    assert seeds_needed(around(S + 1e-6, sd=1.0), "greater", S, ALPHA) is None
    assert seeds_needed(t_evidence([0.3]), "greater", S, ALPHA) is None
    assert seeds_needed(t_evidence([0.3] * 6), "greater", S, ALPHA) is None


def test_regions_do_not_overlap_and_have_the_margin_as_their_edge():
    for direction in DIRECTIONS:
        supporting, refuting = regions(direction, S)
        ends = {end for interval in (*supporting, *refuting) for end in interval}
        assert {abs(end) for end in ends if math.isfinite(end)} == {S}
        for (low, high), (other_low, other_high) in product(supporting, refuting):
            assert high <= other_low or other_high <= low
