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
