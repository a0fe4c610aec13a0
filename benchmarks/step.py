"""Time of one training step, as a ratio to its bare matrix products and to PyTorch.

    python benchmarks/step.py

The network is the lecture's, 784-5×100-10 with ReLU, batch 100, float32, weight decay on, one
thread. All variants take turns in one process, so that a noisy machine slows all alike, and what
counts is processor time; printed are medians over the rounds and the ratio's quartiles.
"""

import itertools
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from study.network.activations import ReLU
from study.network.initializers import VarianceScaling
from study.network.network import Network
from study.network.optimizer import SGD
from study.network.streams import RngStreams
from study.network.trainer import Trainer

WIDTHS = [784, 100, 100, 100, 100, 100, 10]
BATCH, LR, DECAY = 100, 0.01, 1e-3
ROUNDS, STEPS = 150, 6
VARIANTS = {
    "plain": (False, 0.0),
    "dropout": (False, 0.2),
    "batch norm": (True, 0.0),
    "both": (True, 0.2),
}


class Samples:
    """Random images and labels of MNIST's shape."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.random((4000, WIDTHS[0]), dtype=np.float32)
        self.labels = rng.integers(0, WIDTHS[-1], 4000)


def bare_products() -> Callable[[], None]:
    """The matrix products of a step and nothing else: forward, ∂L/∂W, ∂L/∂x but the first."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    layers = [
        (array(BATCH, a), array(a, b), array(BATCH, b), array(a, b), array(BATCH, a))
        for a, b in itertools.pairwise(WIDTHS)
    ]

    def step() -> None:
        for x, weight, out, _, _ in layers:
            np.matmul(x, weight, out=out)
        for index, (x, weight, out, grad, grad_in) in reversed(list(enumerate(layers))):
            np.matmul(x.T, out, out=grad)
            if index:
                np.matmul(out, weight.T, out=grad_in)

    return step


def ours(batchnorm: bool, dropout: float) -> Callable[[], object]:
    """A training step of this project, with its mini-batch."""
    streams = RngStreams.from_seed(0)
    network = Network.build(
        num_features=WIDTHS[0], hidden=WIDTHS[1:-1], num_classes=WIDTHS[-1],
        initializer=VarianceScaling(2.0), activation=ReLU, batchnorm=batchnorm, dropout=dropout,
        streams=streams,
    )  # fmt: skip
    optimizer = SGD(network, lr=LR, weight_decay=DECAY)
    return Trainer(network, optimizer, Samples(), batch_size=BATCH, rng=streams.batches).step


def pytorch(batchnorm: bool, dropout: float) -> Callable[[], object]:
    """The same step in PyTorch, eager mode, decay on weight matrices only."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(WIDTHS[:-1]):
        layers.append(nn.Linear(a, b, bias=not batchnorm))
        layers += [nn.BatchNorm1d(b)] if batchnorm else []
        layers.append(nn.ReLU())
        layers += [nn.Dropout(dropout)] if dropout else []
    model = nn.Sequential(*layers, nn.Linear(WIDTHS[-2], WIDTHS[-1]))
    weights = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": DECAY}, {"params": others}], lr=LR
    )
    loss = nn.CrossEntropyLoss()
    samples = Samples()
    images, labels = torch.from_numpy(samples.images), torch.from_numpy(samples.labels)
    rows = torch.Generator().manual_seed(0)

    def step() -> None:
        chosen = torch.randint(len(labels), (BATCH,), generator=rows)
        optimizer.zero_grad()
        loss(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()

    return step


def main() -> None:
    """Time all variants and print a Markdown table."""
    steps: dict[str, Callable[[], object]] = {"bare products": bare_products()}
    for name, options in VARIANTS.items():
        steps[f"ours, {name}"] = ours(*options)
        steps[f"PyTorch, {name}"] = pytorch(*options)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            step()
            started = time.process_time()
            for _ in range(STEPS):
                step()
            seconds[name].append((time.process_time() - started) / STEPS)
    times = {name: np.array(values) for name, values in seconds.items()}
    bare = times["bare products"]
    print(f"bare products: {np.median(bare) * 1e3:.3f} ms\n")
    print("| step | ours | PyTorch | ours ÷ bare products | PyTorch ÷ ours |")
    print("|---|---|---|---|---|")
    for name in VARIANTS:
        mine, theirs = times[f"ours, {name}"], times[f"PyTorch, {name}"]
        print(
            f"| {name} | {np.median(mine) * 1e3:.3f} ms | {np.median(theirs) * 1e3:.3f} ms"
            f" | {spread(mine / bare)} | {spread(theirs / mine)} |"
        )


def spread(ratios: np.ndarray) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
