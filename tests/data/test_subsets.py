"""Stratified draws: exact shares, no sample twice, and chance only where there is a choice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data.subsets import stratified


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=80), data=st.data())
def test_each_class_has_its_share_to_within_one(labels: list[int], data: st.DataObject) -> None:
    every = np.array(labels)
    n = data.draw(st.integers(0, len(labels)))
    rows = stratified(every, n, rng(data.draw(st.integers(0, 9))))
    assert len(rows) == len(set(rows.tolist())) == n
    own = np.bincount(every[rows], minlength=7)
    assert (np.abs(own - n * np.bincount(every, minlength=7) / len(every)) < 1).all()


def test_the_largest_remainders_get_what_is_left() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    # 7 · (0.5, 0.3, 0.2) = (3.5, 2.1, 1.4)
    assert np.bincount(labels[stratified(labels, 7, rng())]).tolist() == [4, 2, 1]


def test_chance_decides_between_equal_remainders() -> None:
    labels = np.repeat(np.arange(10), 10)
    drawn = [np.bincount(labels[stratified(labels, 5, rng(s))], minlength=10) for s in range(400)]
    assert {tuple(sorted(counts)) for counts in drawn} == {(0,) * 5 + (1,) * 5}
    shares = np.mean(drawn, axis=0)
    assert (np.abs(shares - 0.5) < 5 * np.sqrt(0.25 / 400)).all()


def test_every_sample_is_as_likely_at_every_place() -> None:
    labels = np.repeat([0, 1], [8, 4])
    draws = np.array([stratified(labels, 6, rng(seed)) for seed in range(4000)])
    for place in range(6):
        shares = np.bincount(draws[:, place], minlength=12) / len(draws)
        assert (np.abs(shares - 1 / 12) < 5 * np.sqrt(1 / 12 / len(draws))).all()


def test_the_same_generator_draws_the_same_rows_and_another_others() -> None:
    labels = np.arange(500) % 10
    one, same, other = (stratified(labels, 100, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("n", [0, 30])
def test_none_and_all_can_be_drawn(n: int) -> None:
    rows = stratified(np.arange(30) % 3, n, rng())
    assert sorted(rows.tolist()) == list(range(n))
    assert rows.dtype == np.int64
