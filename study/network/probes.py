"""What is measured on a network without training it: layer by layer, at the start, during the
training and at the end.

Each function takes a network and samples and returns plain numbers and arrays. The network is
left as it was: probes that need a training-mode pass work on a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.network.activations import Activation
from study.network.layers import Array, BatchNorm, Dropout
from study.network.losses import SoftmaxCrossEntropy, cross_entropy
from study.network.network import Network
from study.network.trainer import Samples

Floats = NDArray[np.float64]
Measurement = dict[str, Any]  # plain numbers and arrays, by name

NEAR_LIMIT = 0.05  # a unit is saturated when its value is this close to a limit (figures 1.2.2)
SAME_UNIT = 1e-6  # relative distance below which two units compute the same value
ROUNDING = 1e-12  # deviation relative to the largest value below which float64 values are equal
HISTOGRAM_BINS = 30
PREACTIVATION_RANGE = (-6.0, 6.0)
WEIGHT_RANGE = (-0.5, 0.5)
DRAWS = 2000  # mini-batches of each size
PERCENTILES = (15.0, 50.0, 85.0)


@dataclass
class HiddenLayer:
    """One hidden layer's values on a batch, in float64, shape ``(n, units)`` each.

    Attributes:
        preactivation: output of the affine layer.
        normalised: the activation's input: after batch norm, where there is one.
        activation: output of the activation function.
        gradient: ∂L/∂activation, L the mean loss of the batch.
        weight_gradient: ∂L/∂W, shape ``(fan_in, units)``.
        function: the activation layer itself.
    """

    preactivation: Floats
    normalised: Floats
    activation: Floats
    gradient: Floats
    weight_gradient: Floats
    function: Activation


def trace(network: Network, samples: Samples) -> list[HiddenLayer]:
    """Run one training-mode pass, without dropout, over all ``samples`` and keep every value.

    Batch norm uses the statistics of these samples, so the trace of a fresh network shows what
    its first training step would see.
    """
    copy = network.without_dropout()
    loss = SoftmaxCrossEntropy(copy.num_classes, copy.dtype)
    x: Array = samples.images
    for layer in copy.inputs:
        x = layer.forward(x, training=True)
    outputs: list[list[Floats]] = []
    for block in copy.blocks:
        outputs.append([])
        for layer in block:
            x = layer.forward(x, training=True)
            outputs[-1].append(x.astype(np.float64))  # the layers above write over it
    loss.forward(x, samples.labels)
    grad: Array | None = loss.backward()
    gradients: list[Floats] = []
    for layer in (layer for block in reversed(copy.blocks) for layer in reversed(block)):
        assert grad is not None
        if isinstance(layer, Activation):
            gradients.insert(0, grad.astype(np.float64))  # the layers below use the buffer again
        grad = layer.backward(grad)
    hidden = []
    for block, output, gradient in zip(copy.blocks[:-1], outputs, gradients, strict=False):
        place = 2 if isinstance(block[1], BatchNorm) else 1
        function = block[place]
        assert isinstance(function, Activation)
        hidden.append(
            HiddenLayer(
                preactivation=output[0],
                normalised=output[place - 1],
                activation=output[place],
                gradient=gradient,
                weight_gradient=block[0].grads["weight"].astype(np.float64),
                function=function,
            )
        )
    return hidden


def effective_units(values: Floats) -> float:
    """Participation ratio (Σλ)² / Σλ² of the covariance eigenvalues of ``(n, units)`` values.

    Between 1 (all units move together) and the number of units (all independent); 0 where
    nothing varies. The traces give both sums without the eigenvalues themselves.
    """
    centred = values - values.mean(axis=0)
    largest = np.abs(centred).max(initial=0.0)
    if largest <= ROUNDING * np.abs(values).max(initial=0.0):
        return 0.0
    centred /= largest  # squares of tiny activations would underflow
    covariance = centred.T @ centred
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())


def distinct_units(values: Floats) -> int:
    """How many columns of ``(n, units)`` differ by more than 1e-6 of the layer's RMS value.

    A column counts when its distance from every column counted before is larger than that. The
    distances come from ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b. Near copies lose no digits there, because
    what all units have in common, which no distance depends on, is subtracted first.
    """
    rms = np.sqrt(np.square(values).mean())
    if rms == 0:
        return 1
    own = (values - values.mean(axis=1, keepdims=True)) / rms
    gram = own.T @ own / len(own)
    squares = np.diag(gram)
    same = ~(squares[:, np.newaxis] + squares - 2 * gram > SAME_UNIT**2)
    distinct = np.zeros(len(same), bool)
    for unit in range(len(same)):
        distinct[unit] = not (same[unit] & distinct).any()
    return int(distinct.sum())


def unit_correlations(values: Floats) -> Floats:
    """Pearson correlations of all pairs of units that vary, shape ``(pairs,)``."""
    sd = values.std(axis=0)
    varying = values[:, sd > ROUNDING * max(np.abs(values).max(initial=0.0), 1e-300)]
    if varying.shape[1] < 2:
        return np.empty(0)
    correlation = np.asarray(np.corrcoef(varying, rowvar=False))
    return correlation[np.triu_indices(len(correlation), k=1)]


def _spread(values: Floats) -> float:
    """Largest difference between two units in any row of ``(n, units)``."""
    return float(np.ptp(values, axis=1).max())


def _skew(values: Floats) -> float:
    centred = values - values.mean()
    sd = np.sqrt(np.square(centred).mean())
    constant = sd <= ROUNDING * np.abs(values).max(initial=0.0)
    if constant:
        return float("nan")
    centred /= sd
    return float((centred * centred * centred).mean())  # ** 3 would take ten times as long


def _weight_statistics(weight: Floats) -> Measurement:
    centred = weight - weight.mean()
    largest = np.abs(centred).max(initial=0.0)
    constant = largest <= ROUNDING * np.abs(weight).max()
    scaled = np.zeros_like(centred) if constant else centred / largest
    variance = np.square(scaled).mean()
    return {
        "weight_norm": float(np.linalg.norm(weight)),
        "weight_mean_square": float(np.square(weight).mean()),
        "weight_max": float(np.abs(weight).max()),
        # 3 for a normal distribution; of a constant matrix it is not defined
        "weight_kurtosis": float((scaled**4).mean() / variance**2) if variance > 0 else np.nan,
    }


def layer_statistics(network: Network, samples: Samples) -> list[Measurement]:
    """Scalars of each layer, input to output, on one batch (tables 1.2.2–1.2.4, 1.3-a, 1.4.2-e).

    Every row has ``layer`` (1-based) and the weights' statistics; the rows of hidden layers also
    have the activations', pre-activations' and gradients'.
    """
    rows: list[Measurement] = []
    hidden = trace(network, samples)
    for index, affine in enumerate(network.affines):
        row: Measurement = {"layer": index + 1, "hidden": index < len(hidden)}
        row |= _weight_statistics(affine.params["weight"].astype(np.float64))
        if index < len(hidden):
            row |= _hidden_statistics(hidden[index])
        rows.append(row)
    return rows


def _hidden_statistics(layer: HiddenLayer) -> Measurement:
    a = layer.activation
    limits = layer.function.limits
    near = NEAR_LIMIT if limits != (0.0,) else 0.0  # ReLU: exactly 0
    saturated = [np.abs(a - limit) <= near for limit in limits]
    correlations = unit_correlations(a)
    return {
        "units": a.shape[1],
        "activation_mean": float(a.mean()),
        "activation_sd": float(a.std()),
        "activation_mean_square": float(np.square(a).mean()),
        "activation_skew": _skew(a),
        "saturated_share": float(np.logical_or.reduce(saturated).mean()) if limits else 0.0,
        "unit_spread": _spread(a),
        "effective_units": effective_units(a),
        "distinct_units": distinct_units(a),
        "mean_abs_correlation": float(np.abs(correlations).mean()) if len(correlations) else np.nan,
        "preactivation_mean": float(layer.preactivation.mean()),
        "preactivation_var": float(layer.preactivation.var()),
        "normalised_mean": float(layer.normalised.mean()),
        "normalised_var": float(layer.normalised.var()),
        # averages over units of each unit's own statistics: what batch norm sets to 0 and 1
        "unit_mean_max": float(np.abs(layer.normalised.mean(axis=0)).max()),
        "unit_var_mean": float(layer.normalised.var(axis=0).mean()),
        "gradient_norm": float(np.linalg.norm(layer.gradient)),
        "weight_gradient_norm": float(np.linalg.norm(layer.weight_gradient)),
        "weight_gradient_spread": _spread(layer.weight_gradient),
    }


def _histogram(values: Floats, limits: tuple[float, float], bins: int) -> Measurement:
    """Counts in equal bins, with what falls outside counted and not dropped."""
    counts, edges = np.histogram(values, bins=bins, range=limits)
    return {
        "counts": counts,
        "edges": edges,
        "below": int((values < limits[0]).sum()),
        "above": int((values > limits[1]).sum()),
    }


@dataclass(frozen=True)
class ProbeInput:
    """What a probe may look at.

    Attributes:
        train: all training samples of the run.
        sample: a fixed part of the test samples.
        rng: the run's ``probe`` stream.
    """

    train: Samples
    sample: Samples
    rng: np.random.Generator


def histograms(network: Network, given: ProbeInput) -> Measurement:
    """Distributions by hidden layer: activations, and pre-activations before and after BN."""
    layers = trace(network, given.sample)
    return {
        "activation": [
            _histogram(layer.activation, layer.function.range, HISTOGRAM_BINS) for layer in layers
        ],
        "preactivation": [
            _histogram(layer.preactivation, PREACTIVATION_RANGE, 2 * HISTOGRAM_BINS)
            for layer in layers
        ],
        "normalised": [
            _histogram(layer.normalised, PREACTIVATION_RANGE, 2 * HISTOGRAM_BINS)
            for layer in layers
        ],
    }


def weights(network: Network, given: ProbeInput) -> Measurement:
    """First and second weight matrix (half precision) and the numerical rank of all.

    The rank counts singular values above ``max(shape) · eps(float32) · largest``.
    """
    matrices = [affine.params["weight"] for affine in network.affines]
    epsilon = float(np.finfo(np.float32).eps)
    return {
        "matrices": [matrix.astype(np.float16) for matrix in matrices[:2]],
        "ranks": [
            int(np.linalg.matrix_rank(matrix.astype(np.float64), rtol=max(matrix.shape) * epsilon))
            for matrix in matrices
        ],
    }


def weight_histogram(network: Network, given: ProbeInput) -> Measurement:
    """Histogram of all weights of the network together (figure 1.4.1-c)."""
    matrices = [affine.params["weight"].ravel() for affine in network.affines]
    every = np.concatenate(matrices).astype(np.float64)
    return _histogram(every, WEIGHT_RANGE, 4 * HISTOGRAM_BINS)


def correlations(network: Network, given: ProbeInput) -> Measurement:
    """Histogram of the correlations between hidden units, by layer (figure 1.4.2-e)."""
    return {
        "layers": [
            _histogram(unit_correlations(layer.activation), (-1.0, 1.0), 2 * HISTOGRAM_BINS)
            for layer in trace(network, given.sample)
        ]
    }


def loss_by_size(network: Network, given: ProbeInput) -> Measurement:
    """Mean loss of N training samples, N from 10 to all, 20 draws each (figure 1.1-a)."""
    losses = cross_entropy(network.predict(given.train.images), given.train.labels)
    losses = losses.astype(np.float64)
    total = len(losses)
    sizes = np.unique(np.geomspace(min(10, total), total, 13).round().astype(int))
    means = np.array(
        [
            [losses[given.rng.choice(total, size, replace=False)].mean() for _ in range(20)]
            for size in sizes
        ]
    )
    return {"sizes": sizes, "means": means}


def minibatch_noise(network: Network, given: ProbeInput) -> Measurement:
    """Mini-batch loss and gradient against those of all training samples (figure 1.1-b).

    For each batch size: 2,000 losses of batches drawn without replacement, and for 50 of them the
    cosine between the batch's gradient and the full gradient. The mean of 2,000 batches of 100 is
    off by some 0.7 % of the loss from chance alone, a third of what claim M2 calls a bias.

    Returns:
        ``batch_sizes`` (s,), ``losses`` (s, 2,000), ``cosines`` (s, 50), ``full_loss``, ``sigma``
        (standard deviation of a single sample's loss) and ``population`` (N).
    """
    copy = network.without_dropout()
    images, labels = given.train.images, given.train.labels
    total = len(labels)
    single = cross_entropy(network.predict(images), labels).astype(np.float64)
    full_gradient = _gradient(copy, images, labels)
    sizes = [size for size in (1, 10, 100, 1000) if size <= total]
    batch_losses, cosines = [], []
    for size in sizes:
        draws = [given.rng.choice(total, size, replace=False) for _ in range(DRAWS)]
        batch_losses.append([single[rows].mean() for rows in draws])
        cosines.append(
            [_cosine(_gradient(copy, images[rows], labels[rows]), full_gradient)
             for rows in draws[:50]]
        )  # fmt: skip
    return {
        "batch_sizes": np.array(sizes),
        "losses": np.array(batch_losses),
        "cosines": np.array(cosines),
        "full_loss": float(single.mean()),
        "sigma": float(single.std()),
        "population": total,
    }


def _gradient(network: Network, images: Array, labels: NDArray[np.int64]) -> Floats:
    """Gradient of the mean loss over all rows, accumulated in blocks that fit the cache."""
    loss = SoftmaxCrossEntropy(network.num_classes, network.dtype)
    total = np.zeros(network.gradients.shape)
    for start in range(0, len(labels), 1000):
        rows = slice(start, start + 1000)
        loss.forward(network.forward(images[rows], training=True), labels[rows])
        network.backward(loss.backward())
        total += network.gradients * (len(labels[rows]) / len(labels))
    return total


def _cosine(a: Floats, b: Floats) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def voting(network: Network, given: ProbeInput, *, voters: int = 200) -> Measurement:
    """Accuracy of the averaged vote of K thinned networks, K = 1 … ``voters`` (figure 1.4.2-d).

    A thinned network is *one* dropout mask, the same for all samples; its vote is its softmax
    output. The masks come from the ``probe`` stream.

    ``single`` holds each thinned network's own accuracy, ``full`` that of the scaled full network,
    ``masks`` which units the first thinned network keeps, by hidden layer.
    """
    images, labels = given.sample.images, given.sample.labels
    hidden = [layer for block in network.blocks for layer in block]
    votes = np.zeros((len(labels), network.num_classes))
    single, ensemble = [], []
    first_masks: list[Any] = []
    for voter in range(voters):
        x: Array = images
        for layer in network.layers:
            if isinstance(layer, Dropout):
                mask = layer.sample_mask(1, given.rng)
                if voter == 0 and layer in hidden:
                    first_masks.append((mask[0] > 0).astype(np.uint8))
                x = x * mask
            else:
                x = layer.forward(x, training=False)
        shifted = np.exp(x - x.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        votes += probabilities
        single.append(float((probabilities.argmax(axis=1) == labels).mean()))
        ensemble.append(float((votes.argmax(axis=1) == labels).mean()))
    return {
        "single": np.array(single),
        "ensemble": np.array(ensemble),
        "full": network.accuracy(images, labels),
        "masks": first_masks,
    }


def normalisation(network: Network, given: ProbeInput) -> Measurement:
    """Largest |mean| and largest |variance − σ²/(σ² + ε)| of x̂ over the batch, by BN layer.

    Zero to floating-point accuracy by construction: claim B1.
    """
    copy = network.without_dropout()
    x: Array = given.sample.images
    means, variances = [], []
    for layer in copy.layers:
        if isinstance(layer, BatchNorm):
            variance = x.astype(np.float64).var(axis=0)
            x = layer.forward(x, training=True)
            x_hat = (x.astype(np.float64) - layer.params["beta"]) / layer.params["gamma"]
            means.append(float(np.abs(x_hat.mean(axis=0)).max()))
            error = x_hat.var(axis=0) - variance / (variance + layer.eps)
            variances.append(float(np.abs(error).max()))
        else:
            x = layer.forward(x, training=True)
    return {"mean_error": means, "variance_error": variances}


def unit_inputs(network: Network, given: ProbeInput) -> Measurement:
    """Percentiles of what enters the activation of the first unit of each hidden layer.

    Over the fixed test samples, after batch norm where there is one, which takes the statistics of
    these samples as in ``trace`` (Ioffe & Szegedy 2015, figure 1b, c).

    Returns:
        ``percentiles``: of ``PERCENTILES``, shape ``(hidden layers, 3)``.
    """
    x: Array = given.sample.images
    rows = []
    for layer in network.without_dropout().layers:
        if isinstance(layer, Activation):
            rows.append(np.percentile(x[:, 0].astype(np.float64), PERCENTILES))
        x = layer.forward(x, training=True)
    return {"percentiles": np.array(rows).reshape(len(rows), len(PERCENTILES))}


def gradients(network: Network, given: ProbeInput) -> Measurement:
    """Back-propagated gradients by hidden layer (Glorot & Bengio 2010, figures 7 and 9).

    Of the mean loss of the fixed test samples, as in ``layer_statistics``.

    Returns:
        ``gradient_norm`` (of ∂L/∂activation), ``weight_gradient_norm`` and ``weight_gradient_sd``
        (of ∂L/∂W), shape ``(hidden layers,)`` each.
    """
    layers = trace(network, given.sample)
    return {
        "gradient_norm": np.array([np.linalg.norm(layer.gradient) for layer in layers]),
        "weight_gradient_norm": np.array(
            [np.linalg.norm(layer.weight_gradient) for layer in layers]
        ),
        "weight_gradient_sd": np.array([layer.weight_gradient.std() for layer in layers]),
    }


Moment = Literal["init", "points", "end"]


@dataclass(frozen=True)
class Probe:
    """A measurement that an experiment may ask for.

    Attributes:
        measure: the function.
        moments: when it is taken: before the first step, after the last, or at each point of the
            learning curve, where it returns arrays that have one shape throughout a run.
    """

    measure: Callable[[Network, ProbeInput], Measurement]
    moments: tuple[Moment, ...] = ("init", "end")


PROBES: dict[str, Probe] = {
    "correlations": Probe(correlations),
    "gradients": Probe(gradients, moments=("points",)),
    "histograms": Probe(histograms),
    "loss_by_size": Probe(loss_by_size),
    "minibatch_noise": Probe(minibatch_noise),
    "normalisation": Probe(normalisation),
    "unit_inputs": Probe(unit_inputs, moments=("points",)),
    "voting": Probe(voting, moments=("end",)),
    "weight_histogram": Probe(weight_histogram),
    "weights": Probe(weights),
}
