"""What each layer does besides its gradient: statistics, masks, buffers, precision."""

import numpy as np
import pytest

from study.network.layers import Affine, BatchNorm, Dropout, Rows, Scale, constant
from study.network.streams import RngStreams


def dropout(width, rate, *, seed=0, dtype=np.float64, scaling="training"):
    rng = RngStreams.from_seed(seed).dropout
    return Dropout(width, dtype, rate=rate, rng=rng, scaling=scaling)


class TestBuffers:
    def test_rows_of_one_buffer_are_handed_out_without_allocating(self):
        rows = Rows(4, np.float32)
        large = rows(10)
        assert large.shape == (10, 4)
        assert np.shares_memory(rows(3), large)
        assert rows(10).shape == (10, 4)
        assert np.shares_memory(rows(10), large)
        assert rows(11).shape == (11, 4)

    def test_a_constant_is_one_array_that_nobody_can_change(self):
        ones = constant(1, (5,), np.dtype(np.float32))
        np.testing.assert_array_equal(ones, np.ones(5, np.float32))
        assert ones.dtype == np.float32
        assert constant(1, (5,), np.dtype(np.float32)) is ones
        assert constant(1, (5,), np.dtype(np.float64)).dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            ones[0] = 2


class TestAffine:
    def test_output_is_x_w_plus_b(self):
        layer = Affine(np.array([[1.0, 2.0], [3.0, 4.0]]))
        layer.params["bias"][:] = [10.0, 20.0]
        np.testing.assert_array_equal(
            layer.forward(np.array([[1.0, 1.0], [0.0, -1.0]]), training=True), [[14, 26], [7, 16]]
        )

    def test_without_bias_there_is_no_bias_to_train(self):
        assert Affine(np.ones((2, 3)), bias=False).params.keys() == {"weight"}


class TestBatchNorm:
    @pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
    def test_normalised_batch_has_mean_zero_and_variance_just_below_one(self, scale):
        """Var x̂ = σ² / (σ² + ε), not 1: ε matters where σ² is of its size."""
        rng = np.random.default_rng(0)
        x = scale * (rng.standard_normal((100, 8)) + 3 * rng.standard_normal(8))
        layer = BatchNorm(8, np.float64)
        out = layer.forward(x, training=True)
        np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-13)
        np.testing.assert_allclose(
            out.var(axis=0), x.var(axis=0) / (x.var(axis=0) + layer.eps), rtol=1e-12
        )

    def test_gamma_and_beta_set_the_scale_and_the_mean(self):
        layer = BatchNorm(2, np.float64, eps=1e-12)
        layer.params["gamma"][:] = [2.0, 0.5]
        layer.params["beta"][:] = [-1.0, 3.0]
        out = layer.forward(np.random.default_rng(0).standard_normal((50, 2)), training=True)
        np.testing.assert_allclose(out.mean(axis=0), [-1.0, 3.0], rtol=1e-12)
        np.testing.assert_allclose(out.std(axis=0), [2.0, 0.5], rtol=1e-9)

    def test_batchnorm_makes_a_bias_before_it_idle(self):
        x = np.random.default_rng(0).standard_normal((50, 3))
        one = BatchNorm(3, np.float64).forward(x, training=True)
        other = BatchNorm(3, np.float64).forward(x + np.array([5.0, -2.0, 0.1]), training=True)
        np.testing.assert_allclose(one, other, atol=1e-13)

    def test_running_statistics_follow_with_momentum_and_the_unbiased_variance(self):
        rng = np.random.default_rng(1)
        layer = BatchNorm(3, np.float64, momentum=0.3)
        mean, var = np.zeros(3), np.ones(3)
        for rows in (20, 20, 7):
            x = 2 + rng.standard_normal((rows, 3))
            layer.forward(x, training=True)
            mean = 0.7 * mean + 0.3 * x.mean(axis=0)
            var = 0.7 * var + 0.3 * x.var(axis=0, ddof=1)
            np.testing.assert_allclose(layer.state["running_mean"], mean, rtol=1e-13)
            np.testing.assert_allclose(layer.state["running_var"], var, rtol=1e-13)

    def test_batchnorm_uses_running_statistics_in_evaluation(self):
        layer = BatchNorm(2, np.float64)
        layer.state["running_mean"][:] = [1.0, -1.0]
        layer.state["running_var"][:] = [4.0, 0.25]
        x = np.array([[3.0, 0.0], [1.0, -1.0], [100.0, 7.0]])
        expected = (x - [1.0, -1.0]) / np.sqrt(np.array([4.0, 0.25]) + 1e-5)
        out = layer.forward(x, training=False).copy()
        np.testing.assert_allclose(out, expected, rtol=1e-13)
        alone = layer.forward(x[2:], training=False)
        np.testing.assert_array_equal(alone[0], out[2])  # a sample's neighbours do not matter

    def test_evaluation_leaves_the_running_statistics_alone(self):
        layer = BatchNorm(2, np.float64)
        layer.forward(np.random.default_rng(0).standard_normal((9, 2)), training=True)
        before = {name: value.copy() for name, value in layer.state.items()}
        layer.forward(np.full((5, 2), 1e6), training=False)
        for name, value in before.items():
            np.testing.assert_array_equal(layer.state[name], value)

    def test_one_row_moves_the_running_mean_but_not_the_running_variance(self):
        """One number has no unbiased variance: a last batch of one must not shrink it."""
        layer = BatchNorm(2, np.float64)
        layer.state["running_var"][:] = 4.0
        with np.errstate(all="raise"):
            out = layer.forward(np.array([[3.0, -5.0]]), training=True)
            grad_in = layer.backward(np.array([[1.0, 2.0]]))
        np.testing.assert_array_equal(out, [[0.0, 0.0]])
        np.testing.assert_array_equal(grad_in, [[0.0, 0.0]])
        np.testing.assert_allclose(layer.state["running_mean"], [0.3, -0.5])
        np.testing.assert_array_equal(layer.state["running_var"], [4.0, 4.0])

    def test_a_constant_feature_is_mapped_to_beta_without_a_warning(self):
        layer = BatchNorm(1, np.float32)
        with np.errstate(all="raise"):  # 8 rows: their average has no rounding
            out = layer.forward(np.full((8, 1), 7.0, np.float32), training=True)
            layer.backward(np.ones((8, 1), np.float32))
        np.testing.assert_array_equal(out, np.zeros((8, 1)))

    def test_a_large_common_offset_costs_no_variance(self):
        """Var = E(x − μ)², not E x² − μ², which would lose every digit in float32."""
        x = (1e4 + np.random.default_rng(0).standard_normal((1000, 1))).astype(np.float32)
        layer = BatchNorm(1, np.float32, momentum=1.0)
        layer.forward(x, training=True)
        assert layer.state["running_var"][0] == pytest.approx(
            x.astype(np.float64).var(ddof=1), rel=1e-3
        )


class TestScale:
    def test_output_and_gradient_are_the_factor_times_what_comes_in(self):
        layer, x = Scale(3, np.float64, 0.25), np.arange(6.0).reshape(2, 3)
        for training in (True, False):
            np.testing.assert_array_equal(layer.forward(x, training=training), x / 4)
        np.testing.assert_array_equal(layer.backward(2 * x), x / 2)


class TestDropout:
    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
    def test_dropped_share_is_the_rate(self, rate):
        mask = dropout(1000, rate).sample_mask(500)
        standard_error = np.sqrt(rate * (1 - rate) / mask.size)
        assert abs((mask == 0).mean() - rate) < 5 * standard_error

    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
    def test_kept_units_are_scaled_so_that_the_expectation_is_the_input(self, rate):
        layer = dropout(1000, rate)
        mask = layer.sample_mask(500)
        scale = mask.max()
        assert set(np.unique(mask)) == {0.0, scale}
        assert scale == pytest.approx(1 / (1 - rate), rel=1e-4)  # rates are multiples of 2⁻¹⁶
        x = np.random.default_rng(0).standard_normal((1, 1000)).repeat(500, axis=0)
        mean_out = np.mean([layer.forward(x, training=True).mean(axis=0) for _ in range(4)], axis=0)
        standard_error = np.abs(x[0]) * np.sqrt(rate / (1 - rate) / 2000)
        assert (np.abs(mean_out - x[0]) < 5.5 * standard_error).all()

    def test_scale_is_exact_for_the_probability_that_is_drawn(self):
        """The threshold is a multiple of 1/65536; kept share × scale is 1 over all 65,536 words."""
        layer = dropout(4, 0.2)
        words = np.arange(Dropout.LEVELS, dtype=np.uint16)

        class AllWords:
            def random_raw(self, n):
                return words.view(np.uint64)

        class Generator:
            bit_generator = AllWords()

        mask = layer.sample_mask(Dropout.LEVELS // 4, Generator())
        assert mask.mean() == pytest.approx(1, rel=1e-12)

    def test_rows_and_units_are_dropped_independently(self):
        dropped = (dropout(60, 0.3).sample_mask(4000) == 0).astype(float)
        bound = 5.5 / np.sqrt(4000)
        for values in (dropped, dropped[: 60 * 60].reshape(60, -1)[:, :3600].T):
            correlation = np.corrcoef(values, rowvar=False)
            assert np.abs(correlation[np.triu_indices(60, k=1)]).max() < bound

    def test_every_training_forward_draws_a_new_mask(self):
        layer, x = dropout(50, 0.5), np.ones((10, 50))
        one = layer.forward(x, training=True).copy()
        assert not np.array_equal(layer.forward(x, training=True), one)

    def test_the_same_seed_draws_the_same_masks_whatever_the_precision(self):
        single = dropout(30, 0.5, dtype=np.float32).sample_mask(20)
        double = dropout(30, 0.5, dtype=np.float64).sample_mask(20)
        np.testing.assert_array_equal(single == 0, double == 0)

    def test_evaluation_is_the_identity_and_draws_nothing(self):
        layer, x = dropout(6, 0.5), np.random.default_rng(0).standard_normal((5, 6))
        assert layer.forward(x, training=False) is x
        untouched = dropout(6, 0.5).sample_mask(5)
        np.testing.assert_array_equal(layer.sample_mask(5), untouched)

    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
    def test_scaled_in_evaluation_it_gives_there_what_training_gives_on_average(self, rate):
        layer = dropout(1000, rate, scaling="evaluation")
        x = np.random.default_rng(0).standard_normal((1, 1000)).repeat(500, axis=0)
        evaluated = layer.forward(x, training=False).copy()
        np.testing.assert_allclose(evaluated, (1 - rate) * x, rtol=1e-4)
        mean_out = np.mean([layer.forward(x, training=True).mean(axis=0) for _ in range(4)], axis=0)
        standard_error = np.abs(x[0]) * np.sqrt(rate * (1 - rate) / 2000)
        assert (np.abs(mean_out - evaluated[0]) < 5.5 * standard_error).all()

    def test_both_kinds_drop_the_same_units_and_differ_by_a_factor(self):
        x = np.random.default_rng(0).standard_normal((20, 30))
        inverted, plain = dropout(30, 0.3), dropout(30, 0.3, scaling="evaluation")
        one = inverted.forward(x, training=True).copy()
        other = plain.forward(x, training=True).copy()
        assert set(np.unique(other / x)) == {0.0, 1.0}
        keep = plain.forward(np.ones((1, 30)), training=False)[0, 0]
        np.testing.assert_allclose(one * keep, other, rtol=1e-12)
        grads = [layer.backward(x).copy() for layer in (inverted, plain)]
        np.testing.assert_allclose(grads[0] * keep, grads[1], rtol=1e-12)

    def test_scaled_in_evaluation_the_factor_is_the_probability_that_is_drawn(self):
        layer = dropout(4, 0.2, scaling="evaluation")
        threshold = round(0.2 * Dropout.LEVELS)
        factor = layer.forward(np.ones((1, 4)), training=False)
        np.testing.assert_array_equal(factor, 1 - threshold / Dropout.LEVELS)

    def test_scaled_in_evaluation_it_leaves_its_input_and_the_stream_alone(self):
        layer, x = dropout(6, 0.5, scaling="evaluation"), np.ones((5, 6))
        layer.forward(x, training=False)
        np.testing.assert_array_equal(x, 1)
        untouched = dropout(6, 0.5, scaling="evaluation").sample_mask(5)
        np.testing.assert_array_equal(layer.sample_mask(5), untouched)

    def test_a_measurements_own_stream_leaves_the_training_stream_alone(self):
        layer, untouched = dropout(40, 0.5), dropout(40, 0.5)
        one = layer.sample_mask(5, RngStreams.from_seed(9).probe).copy()
        np.testing.assert_array_equal(one, layer.sample_mask(5, RngStreams.from_seed(9).probe))
        np.testing.assert_array_equal(layer.sample_mask(5), untouched.sample_mask(5))

    def test_gradient_passes_only_through_kept_units(self):
        layer = dropout(40, 0.5)
        out = layer.forward(np.ones((3, 40)), training=True).copy()
        np.testing.assert_array_equal(layer.backward(np.full((3, 40), 2.0)), 2 * out)

    def test_no_rate_below_one_drops_everything_for_ever(self):
        mask = dropout(1000, 1 - 1e-9).sample_mask(1000)
        assert np.isfinite(mask).all()
        assert (mask > 0).any()
