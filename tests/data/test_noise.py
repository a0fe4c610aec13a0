"""Label noise: how many labels are wrong, and that they are wrong evenly."""

import numpy as np
import pytest

from study.data.noise import noisy_labels

LABELS = np.random.default_rng(5).integers(0, 10, 10_000)


def noisy(share: float, seed: int = 0, classes: int = 10) -> np.ndarray:
    return noisy_labels(LABELS % classes, share, classes, np.random.default_rng(seed))


@pytest.mark.parametrize("share", [0, 0.00004, 0.1, 0.25, 1])
def test_just_the_share_of_the_labels_is_wrong(share: float) -> None:
    before = LABELS.copy()
    assert (noisy(share) != LABELS).sum() == round(share * len(LABELS))
    np.testing.assert_array_equal(LABELS, before)


def test_each_other_class_is_equally_likely_whatever_the_label() -> None:
    found = noisy(1)
    shift = (found - LABELS) % 10
    assert found.min() == 0
    assert found.max() == 9
    counts = np.zeros((10, 10))
    np.add.at(counts, (LABELS, shift), 1)
    assert (counts[:, 0] == 0).all()
    expected = counts.sum(axis=1, keepdims=True) / 9
    chi_squared = ((counts[:, 1:] - expected) ** 2 / expected).sum()
    assert chi_squared < 80 + 5 * np.sqrt(2 * 80)  # 10 · 8 degrees of freedom


def test_every_sample_is_as_likely_to_be_wrong_as_any_other() -> None:
    labels = np.zeros(50, int)
    drawn = [noisy_labels(labels, 0.2, 3, np.random.default_rng(seed)) for seed in range(500)]
    shares = (np.array(drawn) != 0).mean(axis=0)
    assert (np.abs(shares - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 500)).all()


def test_of_two_classes_the_other_one_is_left() -> None:
    np.testing.assert_array_equal(noisy(1, classes=2), 1 - LABELS % 2)


def test_the_wrong_labels_of_a_smaller_share_are_among_those_of_a_larger_one() -> None:
    small, large = noisy(0.1), noisy(0.3)
    wrong = small != LABELS
    np.testing.assert_array_equal(small[wrong], large[wrong])
    assert (noisy(0.1, seed=1) != small).any()
