"""The training loop: mini-batches in, a learning curve out."""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from study.network.layers import Array, Rows
from study.network.losses import SoftmaxCrossEntropy, cross_entropy
from study.network.network import Network
from study.network.optimizer import SGD

Status = Literal["completed", "diverged"]


class Samples(Protocol):
    """Images and their labels."""

    @property
    def images(self) -> NDArray[Any]:
        """Inputs, shape ``(n, features)``."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class ids, shape ``(n,)``."""
        ...


@dataclass
class Point:
    """One evaluation on the learning curve, all metrics in evaluation mode but ``batch_loss``.

    Attributes:
        step: updates done so far.
        epoch: passes over the training samples so far, ``step / steps per epoch``.
        samples_seen: training samples used so far, counting repeats.
        batch_loss: mean loss of the mini-batches since the previous point, each before its update.
        train_loss, train_accuracy: on (a part of) the training samples; accuracy in [0, 1].
        test_loss, test_accuracy: on (a part of) the test samples.
        valid_loss, valid_accuracy: on (a part of) the validation samples; NaN without any.
    """

    step: int
    epoch: float
    samples_seen: int
    batch_loss: float
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    valid_loss: float = math.nan
    valid_accuracy: float = math.nan


@dataclass
class History:
    """What a training run leaves behind.

    Attributes:
        status: ``diverged`` as soon as a loss is not finite, else ``completed``.
        diverged_at: the step whose loss was not finite.
        points: the learning curve.
        seconds_at: training seconds (without evaluation) up to each point.
        training_seconds, evaluation_seconds: totals.
    """

    status: Status = "completed"
    diverged_at: int | None = None
    points: list[Point] = field(default_factory=list)
    seconds_at: list[float] = field(default_factory=list)
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0


def minibatches(rng: np.random.Generator, n: int, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Row indices of mini-batches without end: each epoch is a new permutation of ``n`` samples.

    The last batch of an epoch holds what is left, so that each sample is seen once per epoch. A
    single sample that is left joins the batch before it (101 rows of 301 samples): alone it has
    no variance, batch norm would make β of it, whatever it is, and train on that.
    """
    last = (batches_per_epoch(n, batch_size) - 1) * batch_size
    while True:
        order = rng.permutation(n)
        for start in range(0, last, batch_size):
            yield order[start : start + batch_size]
        yield order[last:]


def batches_per_epoch(n: int, batch_size: int) -> int:
    """How many ``minibatches`` there are of ``n`` samples."""
    full, left = divmod(n, batch_size)
    return max(full + (left > 1), 1)


def evaluate(network: Network, samples: Samples) -> tuple[float, float]:
    """Mean loss and accuracy in [0, 1] in evaluation mode."""
    logits = network.predict(samples.images)
    loss = float(cross_entropy(logits, samples.labels).mean(dtype=np.float64))
    return loss, float((logits.argmax(axis=1) == samples.labels).mean())


class Trainer:
    """Trains a network and evaluates it at given steps.

    Args:
        network: trained in place.
        optimizer: updates it.
        train: training samples.
        batch_size: samples per update, in [1, n]; n is full-batch gradient descent. See
            ``minibatches`` for the last batch of an epoch.
        rng: the stream of the mini-batch order.
        rates: the learning rate of each update; None for the optimiser's own in all.
    """

    def __init__(
        self,
        network: Network,
        optimizer: SGD,
        train: Samples,
        *,
        batch_size: int,
        rng: np.random.Generator,
        rates: Iterator[float] | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.train = train
        self.batch_size = batch_size
        self._rates = rates
        self.steps_per_epoch = batches_per_epoch(len(train.labels), batch_size)
        self._batches = minibatches(rng, len(train.labels), batch_size)
        self._images = Rows(train.images.shape[1], train.images.dtype)
        self._loss = SoftmaxCrossEntropy(network.num_classes, network.dtype)

    def step(self) -> float:
        """One update on the next mini-batch; return its loss, computed before the update.

        A loss that is not finite leaves the parameters as they were.
        """
        rows = next(self._batches)
        images, labels = self._gather(rows)
        loss = self._loss.forward(self.network.forward(images, training=True), labels)
        if math.isfinite(loss):
            self.network.backward(self._loss.backward())
            if self._rates is not None:
                self.optimizer.lr = next(self._rates)
            self.optimizer.step()
        return loss

    def _gather(self, rows: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
        if len(rows) == len(self.train.labels):  # a full batch needs no order, and no copy
            return self.train.images, self.train.labels
        # mode="clip" lets take write into the buffer directly; the indices are valid anyway.
        images = np.take(self.train.images, rows, axis=0, out=self._images(len(rows)), mode="clip")
        return images, self.train.labels[rows]

    def fit(
        self,
        evaluation_steps: Sequence[int],
        *,
        train_sample: Samples,
        test_sample: Samples,
        valid_sample: Samples | None = None,
        observe: Callable[[int], None] | None = None,
    ) -> History:
        """Train up to the last of ``evaluation_steps`` and evaluate at each of them.

        Args:
            evaluation_steps: increasing; 0 evaluates the untrained network.
            train_sample, test_sample, valid_sample: what the learning curve is evaluated on; None
                for no validation.
            observe: called with the step after each evaluation whose losses are finite; it must
                leave the network as it is. Its time is in none of the totals.

        A loss that is not finite, of a mini-batch or at an evaluation, ends the run as *diverged*.
        """
        history = History()
        evaluated = [train_sample, test_sample, *([] if valid_sample is None else [valid_sample])]
        step = samples_seen = 0
        # Overflow on the way to divergence is an outcome that the loss reports.
        with np.errstate(over="ignore", invalid="ignore"):
            for target in evaluation_steps:
                batch_losses: list[float] = []
                started = time.perf_counter()
                while step < target:
                    batch_losses.append(self.step())
                    if not math.isfinite(batch_losses[-1]):
                        break
                    samples_seen += self._batch_rows(step)
                    step += 1
                history.training_seconds += time.perf_counter() - started
                if step < target:
                    history.status, history.diverged_at = "diverged", step
                    return history
                started = time.perf_counter()
                point = Point(
                    step,
                    step / self.steps_per_epoch,
                    samples_seen,
                    math.fsum(batch_losses) / len(batch_losses) if batch_losses else math.nan,
                    *itertools.chain(*(evaluate(self.network, each) for each in evaluated)),
                )
                history.evaluation_seconds += time.perf_counter() - started
                history.points.append(point)
                history.seconds_at.append(history.training_seconds)
                losses = (point.train_loss, point.test_loss, point.valid_loss)
                if not all(map(math.isfinite, losses[: len(evaluated)])):
                    history.status, history.diverged_at = "diverged", step
                    return history
                if observe is not None:
                    observe(step)
        return history

    def _batch_rows(self, step: int) -> int:
        """Samples in the mini-batch of ``step``."""
        place = step % self.steps_per_epoch
        if place < self.steps_per_epoch - 1:
            return self.batch_size
        return len(self.train.labels) - place * self.batch_size


def evaluation_schedule(
    num_steps: int,
    *,
    points: int,
    spacing: str = "linear",
    steps_per_epoch: int = 1,
) -> list[int]:
    """Steps at which to evaluate: 0, the last one, and about ``points`` between.

    Args:
        num_steps: updates in the run, >= 0.
        points: how many evaluations after step 0, >= 1.
        spacing: ``linear``, or ``log`` where the first steps matter most.
        steps_per_epoch: linear schedules are rounded to multiples of it.

    Returns:
        Increasing steps without repeats, the first 0 and the last ``num_steps``.
    """
    if num_steps == 0:
        return [0]
    if spacing == "log":
        steps = np.geomspace(1, num_steps, points)
    else:
        epochs = num_steps / steps_per_epoch
        steps = np.linspace(0, epochs, min(points, max(math.floor(epochs), 1)) + 1)
        steps = steps.round() * steps_per_epoch
    return sorted({0, num_steps, *(int(step) for step in steps.round() if step < num_steps)})
