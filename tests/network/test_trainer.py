"""The training loop: batches, learning curve, divergence, schedule."""

import itertools
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.network.activations import ReLU, Sigmoid
from study.network.losses import cross_entropy
from study.network.optimizer import SGD
from study.network.streams import RngStreams
from study.network.trainer import (
    Trainer,
    batches_per_epoch,
    evaluate,
    evaluation_schedule,
    minibatches,
)


@pytest.fixture
def make_trainer(make_network, make_batch):
    """A trainer on 250 samples with its own streams, all from one seed."""

    def make(*, seed=0, lr=0.1, momentum=0.0, batch_size=100, train=None, **options):
        streams = RngStreams.from_seed(seed)
        network = make_network(streams=streams, **options)
        samples = train or make_batch(250, dtype=network.dtype)
        optimizer = SGD(network, lr=lr, momentum=momentum)
        return Trainer(network, optimizer, samples, batch_size=batch_size, rng=streams.batches)

    return make


def state_of(network):
    return [array.copy() for array in network.state()]


def curve(history):
    """Everything in a history but the clock."""
    return history.status, history.diverged_at, [asdict(point) for point in history.points]


class TestMinibatches:
    @settings(deadline=None)
    @given(n=st.integers(1, 200), batch_size=st.integers(1, 250), seed=st.integers(0, 99))
    def test_each_epoch_visits_each_sample_once(self, n, batch_size, seed):
        batches = minibatches(np.random.default_rng(seed), n, batch_size)
        for _ in range(3):
            epoch = list(itertools.islice(batches, batches_per_epoch(n, batch_size)))
            assert sorted(np.concatenate(epoch)) == list(range(n))
            assert [len(batch) for batch in epoch[:-1]] == [batch_size] * (len(epoch) - 1)
            if n > 1 and batch_size > 1:
                assert 2 <= len(epoch[-1]) <= batch_size + 1
                assert (len(epoch[-1]) == batch_size + 1) == (n % batch_size == 1)

    def test_the_last_batch_holds_what_is_left(self):
        batches = minibatches(np.random.default_rng(0), 250, 100)
        assert [len(next(batches)) for _ in range(6)] == [100, 100, 50, 100, 100, 50]

    @pytest.mark.parametrize(
        ("n", "batch_size", "lengths"),
        [
            (301, 100, [100, 100, 101]),
            (302, 100, [100, 100, 100, 2]),
            (101, 100, [101]),
            (3, 2, [3]),
            (3, 1, [1, 1, 1]),
            (1, 1, [1]),
        ],
    )
    def test_a_single_sample_that_is_left_joins_the_batch_before_it(self, n, batch_size, lengths):
        batches = minibatches(np.random.default_rng(0), n, batch_size)
        assert [len(next(batches)) for _ in range(2 * len(lengths))] == lengths * 2
        assert batches_per_epoch(n, batch_size) == len(lengths)

    def test_epochs_have_different_orders(self):
        batches = minibatches(np.random.default_rng(0), 100, 100)
        assert not np.array_equal(next(batches), next(batches))

    def test_every_sample_is_as_likely_at_every_place(self):
        batches = minibatches(np.random.default_rng(0), 4, 4)
        order = np.array([next(batches) for _ in range(4000)])
        shares = np.array([(order == sample).mean(axis=0) for sample in range(4)])
        assert np.abs(shares - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 4000)


class TestEvaluate:
    def test_loss_and_accuracy_are_means_over_all_samples(self, make_network, make_batch):
        network, batch = make_network(batchnorm=True, perturb=True), make_batch(1234)
        loss, accuracy = evaluate(network, batch)
        logits = network.forward(batch.images, training=False)
        assert loss == pytest.approx(cross_entropy(logits, batch.labels).mean(), rel=1e-12)
        assert accuracy == np.mean(logits.argmax(axis=1) == batch.labels)
        assert 0 < accuracy < 1


class TestFit:
    def test_a_network_learns(self, make_trainer, make_batch):
        test = make_batch(100, classes=3, seed=1)
        trainer = make_trainer(train=make_batch(250, classes=3), classes=3)
        history = trainer.fit([0, 300], train_sample=trainer.train, test_sample=test)
        first, last = history.points
        assert history.status == "completed"
        assert history.diverged_at is None
        assert first.train_accuracy < 0.5 < 0.95 < last.train_accuracy
        assert last.train_loss < first.train_loss / 5
        assert last.test_accuracy > first.test_accuracy

    def test_training_goes_on_however_small_the_loss_is(self, make_trainer, make_batch):
        trainer = make_trainer(train=make_batch(250, classes=3), classes=3, lr=0.5)
        history = trainer.fit([600, 900], train_sample=trainer.train, test_sample=trainer.train)
        before, after = history.points
        assert before.batch_loss < 0.05
        assert before.train_loss < 0.01
        assert (after.step, after.samples_seen) == (900, 900 // 3 * 250)
        assert after.train_loss < before.train_loss
        assert history.status == "completed"

    def test_points_say_where_on_the_way_they_are(self, make_trainer):
        trainer = make_trainer()  # 250 samples: steps of 100, 100, 50
        history = trainer.fit([0, 1, 3, 5], train_sample=trainer.train, test_sample=trainer.train)
        assert [point.step for point in history.points] == [0, 1, 3, 5]
        assert [point.samples_seen for point in history.points] == [0, 100, 250, 450]
        assert [point.epoch for point in history.points] == pytest.approx([0, 1 / 3, 1, 5 / 3])
        assert history.seconds_at == sorted(history.seconds_at)
        assert history.seconds_at[-1] == history.training_seconds

    def test_samples_are_counted_where_the_last_batch_has_one_row_more(
        self, make_trainer, make_batch
    ):
        trainer = make_trainer(train=make_batch(301))  # steps of 100, 100, 101
        history = trainer.fit(
            [0, 2, 3, 4, 6], train_sample=trainer.train, test_sample=trainer.train
        )
        assert trainer.steps_per_epoch == 3
        assert [point.samples_seen for point in history.points] == [0, 200, 301, 401, 602]
        assert [point.epoch for point in history.points] == pytest.approx([0, 2 / 3, 1, 4 / 3, 2])

    def test_batch_loss_is_the_mean_since_the_point_before(self, make_trainer):
        by_hand = make_trainer()
        losses = [by_hand.step() for _ in range(5)]
        trainer = make_trainer()
        history = trainer.fit([0, 2, 5], train_sample=trainer.train, test_sample=trainer.train)
        assert math.isnan(history.points[0].batch_loss)
        assert history.points[1].batch_loss == pytest.approx(np.mean(losses[:2]), rel=1e-14)
        assert history.points[2].batch_loss == pytest.approx(np.mean(losses[2:]), rel=1e-14)

    def test_samples_of_the_curve_may_be_a_part(self, make_trainer):
        trainer = make_trainer()
        part, other = trainer.train.first(60), trainer.train.first(80)
        point = trainer.fit([3], train_sample=part, test_sample=other).points[-1]
        assert (point.train_loss, point.train_accuracy) == evaluate(trainer.network, part)
        assert (point.test_loss, point.test_accuracy) == evaluate(trainer.network, other)

    def test_validation_samples_are_evaluated_where_there_are_any(self, make_trainer):
        trainer = make_trainer()
        part, other, held_out = (trainer.train.first(n) for n in (60, 80, 90))
        samples = {"train_sample": part, "test_sample": other}
        (without,) = trainer.fit([0], **samples).points
        assert math.isnan(without.valid_loss)
        assert math.isnan(without.valid_accuracy)
        (point,) = trainer.fit([0], **samples, valid_sample=held_out).points
        assert (point.train_loss, point.train_accuracy) == evaluate(trainer.network, part)
        assert (point.test_loss, point.test_accuracy) == evaluate(trainer.network, other)
        assert (point.valid_loss, point.valid_accuracy) == evaluate(trainer.network, held_out)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_same_seed_gives_the_same_bits_and_another_seed_others(self, make_trainer, dtype):
        results = []
        for seed in (1, 1, 2):
            trainer = make_trainer(seed=seed, batchnorm=True, dropout=0.3, dtype=dtype)
            history = trainer.fit([1, 9], train_sample=trainer.train, test_sample=trainer.train)
            results.append((curve(history), np.concatenate(state_of(trainer.network))))
        (one, weights), (same, same_weights), (other, other_weights) = results
        assert one == same
        np.testing.assert_array_equal(weights, same_weights)
        assert one != other
        assert not np.array_equal(weights, other_weights)

    def test_how_often_the_curve_is_evaluated_does_not_change_the_training(self, make_trainer):
        states = []
        for steps in ([9], range(10)):
            trainer = make_trainer(batchnorm=True, dropout=0.3)
            trainer.fit(list(steps), train_sample=trainer.train, test_sample=trainer.train)
            states.append(np.concatenate(state_of(trainer.network)))
        np.testing.assert_array_equal(states[0], states[1])

    def test_full_batch_descent_is_gradient_descent_on_all_samples(self, make_trainer):
        trainer = make_trainer(batch_size=250, activation=Sigmoid)
        losses = [trainer.step() for _ in range(40)]
        assert trainer.steps_per_epoch == 1
        assert (np.diff(losses) < 0).all()
        assert trainer.step() == pytest.approx(evaluate(trainer.network, trainer.train)[0], abs=0.1)

    def test_a_step_uses_the_samples_of_its_batch(self, make_trainer):
        trainer = make_trainer()
        batches = minibatches(RngStreams.from_seed(0).batches, 250, 100)
        for _ in range(6):
            rows = next(batches)
            logits = trainer.network.predict(trainer.train.images[rows])
            expected = cross_entropy(logits, trainer.train.labels[rows]).mean()
            assert trainer.step() == pytest.approx(expected, rel=1e-12)

    def test_one_sample_more_than_whole_batches_does_not_spoil_batchnorm(
        self, make_trainer, make_batch
    ):
        """Alone in a batch it is mapped to β: logits that no other input has."""
        accuracies = {}
        for n in (300, 301):
            train, test = make_batch(n), make_batch(1000, seed=1)
            trainer = make_trainer(train=train, hidden=(50,) * 3, batchnorm=True, lr=0.05)
            for _ in range(20 * trainer.steps_per_epoch):
                trainer.step()
            accuracies[n] = (evaluate(trainer.network, s)[1] for s in (train, test))
        for one, other in zip(accuracies[300], accuracies[301], strict=True):
            assert other == pytest.approx(one, abs=0.03)

    @pytest.mark.parametrize("n", [201, 202])
    def test_a_last_batch_of_one_or_two_rows_is_no_trouble_to_batchnorm(
        self, make_trainer, make_batch, n
    ):
        trainer = make_trainer(train=make_batch(n, classes=3), classes=3, batchnorm=True)
        with np.errstate(all="raise", under="ignore"):
            losses = [trainer.step() for _ in range(300)]
        assert np.isfinite(losses).all()
        assert evaluate(trainer.network, trainer.train)[1] > 0.9


class TestDivergence:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    def test_a_loss_that_is_not_finite_ends_the_run_at_that_step(
        self, make_trainer, dtype, momentum
    ):
        options = {"lr": 1e12, "momentum": momentum, "dtype": dtype}
        by_hand = make_trainer(**options)
        step = 0
        with np.errstate(all="ignore"):
            while math.isfinite(by_hand.step()):
                step += 1
                before = state_of(by_hand.network)
        trainer = make_trainer(**options)
        history = trainer.fit([0, 100], train_sample=trainer.train, test_sample=trainer.train)
        assert 0 < step < 100
        assert (history.status, history.diverged_at) == ("diverged", step)
        assert [point.step for point in history.points] == [0]
        for now, then in zip(trainer.network.state(), before, strict=True):
            np.testing.assert_array_equal(now, then)

    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    def test_the_diverging_step_leaves_the_parameters_as_they_were(
        self, make_trainer, make_batch, momentum
    ):
        train = make_batch(250)
        trainer = make_trainer(train=train, momentum=momentum)
        for _ in range(3):
            trainer.step()
        before = trainer.network.parameters.copy()
        train.images[:] = np.nan
        assert math.isnan(trainer.step())
        np.testing.assert_array_equal(trainer.network.parameters, before)

    @pytest.mark.parametrize("which", ["train_sample", "test_sample", "valid_sample"])
    def test_an_evaluation_that_is_not_finite_ends_the_run_and_keeps_its_point(
        self, make_trainer, make_batch, which
    ):
        trainer = make_trainer()
        broken = make_batch(4)
        broken.images[:] = 1e308
        names = ("train_sample", "test_sample", "valid_sample")
        samples = dict.fromkeys(names, trainer.train) | {which: broken}
        history = trainer.fit([2, 4], **samples)
        assert (history.status, history.diverged_at) == ("diverged", 2)
        assert [point.step for point in history.points] == [2]
        point = history.points[0]
        losses = (point.train_loss, point.test_loss, point.valid_loss)
        assert sum(math.isfinite(loss) for loss in losses) == 2

    def test_a_large_finite_loss_is_no_divergence(self, make_trainer, make_batch):
        train = make_batch(250)
        train.images[:] *= 1e6
        trainer = make_trainer(train=train, lr=1e-20, activation=ReLU)
        history = trainer.fit([0, 5], train_sample=train, test_sample=train)
        assert history.status == "completed"
        assert history.points[-1].batch_loss > 1e5


class TestSchedule:
    @settings(deadline=None, max_examples=300)
    @given(
        num_steps=st.integers(0, 100_000),
        points=st.integers(1, 60),
        spacing=st.sampled_from(["linear", "log"]),
        steps_per_epoch=st.integers(1, 700),
    )
    def test_starts_at_zero_ends_at_the_last_step_and_increases(
        self, num_steps, points, spacing, steps_per_epoch
    ):
        steps = evaluation_schedule(
            num_steps, points=points, spacing=spacing, steps_per_epoch=steps_per_epoch
        )
        assert steps[0] == 0
        assert steps[-1] == num_steps
        assert all(one < other for one, other in itertools.pairwise(steps))
        assert len(steps) <= points + 2
        assert all(type(step) is int for step in steps)
        if spacing == "linear":
            assert all(step % steps_per_epoch == 0 for step in steps[:-1])

    @settings(deadline=None)
    @given(epochs=st.integers(1, 400), points=st.integers(1, 60), unit=st.integers(1, 50))
    def test_linear_points_are_at_most_one_epoch_out_of_step(self, epochs, points, unit):
        steps = evaluation_schedule(epochs * unit, points=points, steps_per_epoch=unit)
        assert len(steps) == min(points, epochs) + 1
        gaps = np.diff(steps) // unit
        assert gaps.max() - gaps.min() <= 2

    def test_the_lectures_schedules(self):
        assert evaluation_schedule(20 * 10, points=20, steps_per_epoch=10) == list(
            range(0, 201, 10)
        )
        assert evaluation_schedule(201 * 3, points=40, steps_per_epoch=3)[:4] == [0, 15, 30, 45]
        assert evaluation_schedule(100, points=3, spacing="log") == [0, 1, 10, 100]
        assert evaluation_schedule(0, points=5) == [0]
        assert evaluation_schedule(2, points=1, steps_per_epoch=5) == [0, 2]

    def test_logarithmic_points_crowd_at_the_start(self):
        steps = evaluation_schedule(2000, points=40, spacing="log")
        assert np.diff(steps)[0] == 1
        assert sum(step <= 45 for step in steps) >= len(steps) / 2 - 3  # 45 ≈ √2000
