"""Where an interval is drawn beside its verdict."""

import math

import pytest

from study.analysis.intervals import Estimate
from study.report.strip import strip


def effect(low, mean, high):
    return Estimate(mean, low, high, 6)


def test_interval_beyond_the_smallest_effect_lies_within_what_is_claimed():
    drawn = strip(effect(0.02, 0.03, 0.04), 0.01, "difference", "greater")
    assert drawn.zero < drawn.claimed < drawn.low < drawn.mean < drawn.high < 100
    assert drawn.claimed + drawn.claimed_width == 100


def test_claim_of_less_is_to_the_left_of_nothing():
    drawn = strip(effect(0.02, 0.03, 0.04), 0.01, "difference", "less")
    assert drawn.claimed == 0
    assert drawn.claimed_width < drawn.zero < drawn.low


def test_claim_of_equality_is_around_nothing():
    drawn = strip(effect(-0.001, 0.0, 0.001), 0.01, "difference", "equal")
    assert drawn.claimed < drawn.low < drawn.zero < drawn.high
    assert drawn.high < drawn.claimed + drawn.claimed_width


def test_claim_of_no_more_than_reaches_just_beyond_nothing():
    most = strip(effect(-0.04, -0.03, -0.02), 0.01, "difference", "at_most")
    least = strip(effect(0.02, 0.03, 0.04), 0.01, "difference", "at_least")
    assert most.claimed == 0
    assert most.claimed_width > most.zero
    assert least.claimed < least.zero
    assert least.claimed + least.claimed_width == 100


def test_half_and_double_are_equally_far_from_one():
    drawn = strip(effect(0.5, 1.0, 2.0), 1.25, "ratio", "greater")
    assert drawn.zero - drawn.low == pytest.approx(drawn.high - drawn.zero)


@pytest.mark.parametrize("low", [math.nan, -math.inf])
def test_without_an_interval_nothing_is_drawn(low):
    assert strip(effect(low, 0.5, 0.6), 0.01, "difference", "greater") is None


def test_ratio_that_is_not_positive_is_not_drawn():
    assert strip(effect(-0.1, 0.5, 0.6), 1.25, "ratio", "greater") is None


def test_smallest_effect_that_matters_is_marked_on_both_sides():
    drawn = strip(effect(0.02, 0.03, 0.04), 0.01, "difference", "greater")
    low, high = drawn.edges
    assert low < drawn.zero < high == drawn.claimed


@pytest.mark.parametrize(
    ("direction", "left", "right"),
    [
        ("greater", "refuted", "supported"),
        ("less", "supported", "refuted"),
        ("equal", "refuted", "refuted"),
        ("at_most", "supported", "refuted"),
        ("at_least", "refuted", "supported"),
    ],
)
def test_regions_that_refute_are_shown_and_touch_none_that_support(direction, left, right):
    drawn = strip(effect(-0.02, 0.0, 0.02), 0.01, "difference", direction)
    assert (drawn.left, drawn.right) == (left, right)
    claimed = drawn.claimed, drawn.claimed + drawn.claimed_width
    for start, width in drawn.refuting:
        assert width > 0
        assert start + width <= claimed[0] + 0.1 or start >= claimed[1] - 0.1
    assert len(drawn.refuting) == (2 if direction == "equal" else 1)


def test_between_the_regions_of_a_direction_nothing_is_tinted():
    drawn = strip(effect(-0.02, 0.0, 0.02), 0.01, "difference", "greater")
    ((start, width),) = drawn.refuting
    assert start + width < drawn.zero < drawn.claimed


def test_interval_of_the_two_one_sided_tests_lies_in_the_other():
    flat = Estimate(1.0, 0.95, 1.05, 6)
    drawn = strip(flat, 1.25, "ratio", "greater", Estimate(1.0, 0.96, 1.04, 6))
    start, width = drawn.narrow
    assert drawn.low < start < drawn.mean < start + width < drawn.high
    assert strip(flat, 1.25, "ratio", "greater").narrow is None
