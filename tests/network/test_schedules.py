"""Learning rates against numbers that can be checked by hand; PyTorch is the second opinion."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.network.schedules import SCHEDULES, learning_rates


def rates(num_steps, **options):
    return list(learning_rates(0.8, num_steps, **options))


def test_a_constant_rate_is_the_same_bits_in_every_update():
    assert rates(5) == [0.8] * 5


def test_a_warm_up_rises_in_equal_steps_to_the_rate():
    np.testing.assert_allclose(rates(8, warmup=0.5), [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8])


def test_a_step_multiplies_at_each_milestone():
    found = rates(8, schedule="step", milestones=[0.5, 0.75], factor=0.1)
    np.testing.assert_allclose(found, [0.8] * 4 + [0.08] * 2 + [0.008] * 2)


def test_milestones_are_shares_of_what_follows_the_warm_up():
    found = rates(8, schedule="step", milestones=[0.5], factor=0.5, warmup=0.25)
    np.testing.assert_allclose(found, [0.4, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4])


def test_a_cosine_starts_at_the_rate_is_half_of_it_in_the_middle_and_ends_above_zero():
    found = rates(100, schedule="cosine")
    assert found[0] == 0.8
    assert found[50] == pytest.approx(0.4)
    assert 0 < found[-1] == pytest.approx(0.8 * (1 - math.cos(math.pi / 100)) / 2)
    assert all(a > b for a, b in itertools.pairwise(found))
    assert np.mean(found) == pytest.approx(0.4, rel=0.02)  # of a whole half wave, to the last one


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(num_steps=st.integers(0, 60), warmup=st.floats(0, 0.999))
def test_every_update_has_a_rate_above_zero_and_none_is_above_the_rate(schedule, num_steps, warmup):
    found = rates(num_steps, schedule=schedule, warmup=warmup, milestones=[0.5, 0.75])
    assert len(found) == num_steps
    assert all(0 < rate <= 0.8 for rate in found)
    rising = round(warmup * num_steps)
    assert found[:rising] == sorted(found[:rising])
    assert found[rising:] == sorted(found[rising:], reverse=True)
