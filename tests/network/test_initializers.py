"""Initial weights by their sample statistics: a scheme that is off by a factor fails here."""

import numpy as np
import pytest
from scipy import stats

from study.errors import ConfigError
from study.network.initializers import Constant, RandomNormal, VarianceScaling

SHAPES = [(784, 100), (100, 100), (100, 10), (30, 500), (500, 30)]
# name, scheme, its variance as a formula of the lecture or the paper
SCHEMES = [
    ("normal std=1", RandomNormal(1.0), lambda fan_in, fan_out: 1.0),
    ("normal std=0.01", RandomNormal(0.01), lambda fan_in, fan_out: 1e-4),
    ("xavier", VarianceScaling(1.0, "fan_in"), lambda fan_in, fan_out: 1 / fan_in),
    ("he", VarianceScaling(2.0, "fan_in"), lambda fan_in, fan_out: 2 / fan_in),
    ("glorot", VarianceScaling(2.0, "fan_sum"), lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    ("he by fan_out", VarianceScaling(2.0, "fan_out"), lambda fan_in, fan_out: 2 / fan_out),
]
NAMES = [name for name, _, _ in SCHEMES]
FALSE_ALARM = 1e-6  # probability that a right scheme fails a bound, had the seed not been fixed


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "scheme", "variance"), SCHEMES, ids=NAMES)
def test_sample_variance_is_that_of_the_formula(name, scheme, variance, shape):
    """n s² / σ² of n normal numbers with known mean 0 follows χ² with n degrees of freedom."""
    weight = scheme.sample(np.random.default_rng(1), *shape)
    assert weight.shape == shape
    statistic = np.square(weight).sum() / variance(*shape)
    low, high = stats.chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], weight.size)
    assert low < statistic < high


@pytest.mark.parametrize(("name", "scheme", "variance"), SCHEMES, ids=NAMES)
def test_sample_mean_is_zero(name, scheme, variance):
    weight = scheme.sample(np.random.default_rng(2), 300, 200)
    standard_error = np.sqrt(variance(300, 200) / weight.size)
    assert abs(weight.mean()) < 5 * standard_error


@pytest.mark.parametrize(("name", "scheme", "variance"), SCHEMES, ids=NAMES)
def test_distribution_is_normal_and_not_truncated(name, scheme, variance):
    weight = scheme.sample(np.random.default_rng(3), 300, 200).ravel() / np.sqrt(variance(300, 200))
    assert stats.kstest(weight, "norm").pvalue > 1e-4
    assert np.abs(weight).max() > 3.5  # a truncation at 2 sd would cap it


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_schemes_draw_the_same_directions_from_the_same_seed(shape):
    standard = [
        scheme.sample(np.random.default_rng(4), *shape) / np.sqrt(variance(*shape))
        for _, scheme, variance in SCHEMES
    ]
    for other in standard[1:]:
        np.testing.assert_allclose(other, standard[0], rtol=1e-12)


def test_schemes_leave_the_stream_at_the_same_place():
    """So that the second layer has the same directions too."""
    after = []
    for _, scheme, _ in SCHEMES:
        rng = np.random.default_rng(5)
        scheme.sample(rng, 20, 30)
        after.append(rng.standard_normal())
    assert len(set(after)) == 1


def test_he_doubles_the_variance_of_xavier_and_not_the_standard_deviation():
    he, xavier = VarianceScaling(2.0), VarianceScaling(1.0)
    assert he.std(100, 50) / xavier.std(100, 50) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("value", [0.01, 0.0, -2.5])
def test_constant_fills_the_matrix_with_its_value(value):
    weight = Constant(value).sample(np.random.default_rng(0), 7, 5)
    np.testing.assert_array_equal(weight, np.full((7, 5), value))


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Constant(np.nan), "init.value"),
        (lambda: Constant(np.inf), "init.value"),
        (lambda: RandomNormal(0.0), "init.std"),
        (lambda: RandomNormal(-1.0), "init.std"),
        (lambda: RandomNormal(np.nan), "init.std"),
        (lambda: VarianceScaling(0.0), "init.scale"),
        (lambda: VarianceScaling(np.inf), "init.scale"),
        (lambda: VarianceScaling(1.0, "fan_avg"), "init.mode"),
    ],
)
def test_an_impossible_value_is_refused_by_name(make, key):
    with pytest.raises(ConfigError, match=rf"^{key}: expected") as caught:
        make()
    assert caught.value.key == key
