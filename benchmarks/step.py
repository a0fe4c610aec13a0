"""Time of one training step, beside its bare matrix products, PyTorch, JAX and scikit-learn.

    python benchmarks/step.py
    python benchmarks/step.py --check   # red if a step costs more products than baselines/step.json

The network is the lecture's, 784-5×100-10 with ReLU, batch 100, float32, weight decay on weight
matrices only, one thread. All do the same work: they gather the mini-batch from 4,000 samples in an
order drawn anew for each epoch, compute and return the loss, its gradients and the update. All take
turns in one process, so that a noisy machine slows all alike, and what counts is processor time of
the whole process, which a second thread cannot hide from. Compiling is not counted. Printed are
medians over the rounds and quartiles of the ratios.
"""

import importlib.util
import itertools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import check_steps
import numpy as np
from document import Goal, goals, machine, options, publish, spread, table
from threadpoolctl import threadpool_limits

from study.network.activations import ReLU
from study.network.initializers import VarianceScaling
from study.network.network import Network
from study.network.optimizer import SGD
from study.network.streams import RngStreams
from study.network.trainer import Trainer

FEATURES, CLASSES, SAMPLES = 784, 10, 4000
LR, DECAY = 0.01, 1e-3
STEPS = 6  # in a row, of each variant in each round
NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Work:
    """What one step does; the lecture's unless said otherwise."""

    batchnorm: bool = False
    dropout: float = 0.0
    width: int = 100
    batch: int = 100

    @property
    def widths(self) -> list[int]:
        return [FEATURES, *[self.width] * 5, CLASSES]


VARIANTS = {
    "plain": Work(),
    "dropout 0.2": Work(dropout=0.2),
    "batch norm": Work(batchnorm=True),
    "both": Work(batchnorm=True, dropout=0.2),
}
# ours ÷ bare products at most, PyTorch ÷ ours at least, JAX ÷ ours at least
GOALS = {
    "plain": (1.20, 1.6, 1.0),
    "dropout 0.2": (1.45, 2.0, 1.0),
    "batch norm": (1.45, 1.5, 1.0),
    "both": (1.70, 2.0, 1.0),
}


@dataclass(frozen=True)
class Timed:
    """Something to be timed: a call, and how many steps it does."""

    call: Callable[[], object]
    steps: int = 1


class Samples:
    """Random images and labels of MNIST's shape."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.random((SAMPLES, FEATURES), dtype=np.float32)
        self.labels = rng.integers(0, CLASSES, SAMPLES)


def batches(size: int) -> Iterator[np.ndarray]:
    """Rows of mini-batches, each epoch in another order."""
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(SAMPLES)
        for start in range(0, SAMPLES, size):
            yield order[start : start + size]


def bare_products(work: Work) -> Timed:
    """The matrix products of a step and nothing else: forward, ∂L/∂W, ∂L/∂x but the first."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    n = work.batch
    layers = [
        (array(n, a), array(a, b), array(n, b), array(a, b), array(n, a))
        for a, b in itertools.pairwise(work.widths)
    ]

    def step() -> None:
        for x, weight, out, _, _ in layers:
            np.matmul(x, weight, out=out)
        for index, (x, weight, out, grad, grad_in) in reversed(list(enumerate(layers))):
            np.matmul(x.T, out, out=grad)
            if index:
                np.matmul(out, weight.T, out=grad_in)

    return Timed(step)


def ours(work: Work) -> Timed:
    """A training step of this project."""
    streams = RngStreams.from_seed(0)
    network = Network.build(
        num_features=FEATURES, hidden=work.widths[1:-1], num_classes=CLASSES,
        initializer=VarianceScaling(2.0), activation=ReLU, batchnorm=work.batchnorm,
        dropout=work.dropout, streams=streams,
    )  # fmt: skip
    optimizer = SGD(network, lr=LR, weight_decay=DECAY)
    return Timed(
        Trainer(network, optimizer, Samples(), batch_size=work.batch, rng=streams.batches).step
    )


def pytorch(work: Work, *, compiled: bool = False) -> Timed:
    """PyTorch: eager, or its forward and backward pass compiled; the fused update, its fastest."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(work.widths[:-1]):
        layers.append(nn.Linear(a, b, bias=not work.batchnorm))
        layers += [nn.BatchNorm1d(b)] if work.batchnorm else []
        layers.append(nn.ReLU())
        layers += [nn.Dropout(work.dropout)] if work.dropout else []
    model = nn.Sequential(*layers, nn.Linear(work.width, CLASSES))
    weights = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": DECAY}, {"params": others}], lr=LR, fused=True
    )
    criterion = nn.CrossEntropyLoss()

    def loss_of(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return criterion(model(images), labels)

    if compiled:
        loss_of = torch.compile(loss_of)
    samples = Samples()
    images, labels = torch.from_numpy(samples.images), torch.from_numpy(samples.labels)
    rows = batches(work.batch)

    def step() -> float:
        chosen = torch.from_numpy(next(rows))
        optimizer.zero_grad()
        loss = loss_of(images[chosen], labels[chosen])
        loss.backward()
        optimizer.step()
        return loss.item()

    return Timed(step)


def jax_jit(work: Work) -> Timed:
    """JAX: the whole step, with the gather and the update, as one compiled function."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax
    import jax.numpy as jnp

    samples = Samples()
    images, labels = jnp.asarray(samples.images), jnp.asarray(samples.labels, jnp.int32)
    rng = np.random.default_rng(0)
    params = []
    for a, b in itertools.pairwise(work.widths):
        weight = rng.standard_normal((a, b)) * np.sqrt(2 / a)
        params.append({"weight": jnp.asarray(weight, jnp.float32), "bias": jnp.zeros(b)})
        if work.batchnorm and len(params) <= 5:
            params[-1]["gamma"] = jnp.ones(b)
    running = [(jnp.zeros(work.width), jnp.ones(work.width))] * 5 if work.batchnorm else []

    def normalise(x, layer, state):  # the bias is the β of a batch norm
        mean, var = x.mean(0), x.var(0)
        x = (x - mean) * (layer["gamma"] * jax.lax.rsqrt(var + 1e-5)) + layer["bias"]
        unbiased = var * work.batch / max(work.batch - 1, 1)
        return x, (0.9 * state[0] + 0.1 * mean, 0.9 * state[1] + 0.1 * unbiased)

    def loss_of(params, running, key, x, labels):
        followed = []
        for index, layer in enumerate(params):
            x = x @ layer["weight"]
            if "gamma" in layer:
                x, state = normalise(x, layer, running[index])
                followed.append(state)
            else:
                x = x + layer["bias"]
            if layer is not params[-1]:
                x = jnp.maximum(x, 0)
                if work.dropout:
                    key, mine = jax.random.split(key)
                    keep = jax.random.bernoulli(mine, 1 - work.dropout, x.shape)
                    x = jnp.where(keep, x / (1 - work.dropout), 0)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], 1)
        return -chosen.mean(), (followed, key)

    def update(params, running, key, rows):
        grad_of = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (running, key)), grads = grad_of(params, running, key, images[rows], labels[rows])
        params = [
            {
                name: value - LR * (grad[name] + (DECAY * value if name == "weight" else 0))
                for name, value in layer.items()
            }
            for layer, grad in zip(params, grads, strict=True)
        ]
        return params, running, key, loss

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    state = [params, jax.tree.map(jnp.copy, running), jax.random.key(0)]
    rows = batches(work.batch)

    def step() -> float:
        *state[:], loss = compiled(*state, next(rows))
        return float(loss)

    return Timed(step)


def scikit_learn(work: Work) -> Timed:
    """MLPClassifier: an epoch at a time, so that its checks of the input count for little."""
    from sklearn.neural_network import MLPClassifier

    samples = Samples()
    model = MLPClassifier(
        work.widths[1:-1], solver="sgd", alpha=DECAY * work.batch, batch_size=work.batch,
        learning_rate_init=LR, momentum=0.0, nesterovs_momentum=False, random_state=0,
    )  # fmt: skip
    classes = np.arange(CLASSES)
    return Timed(
        lambda: model.partial_fit(samples.images, samples.labels, classes=classes),
        SAMPLES // work.batch,
    )


def missing(package: str) -> str | None:
    """Why a competitor cannot be measured, None if it can."""
    return None if importlib.util.find_spec(package) else NOT_INSTALLED


def no_compiler() -> str | None:
    """Why ``torch.compile`` cannot be measured: it translates to C++."""
    compiler = os.environ.get("CXX", "g++")
    return missing("torch") or (None if shutil.which(compiler) else f"no C++ compiler ({compiler})")


def competitors(work: Work, *, tiny: bool) -> dict[str, tuple[str | None, Callable[[], Timed]]]:
    """By name: why it is not measured, and how it is made."""
    skipped = "left out" if tiny else no_compiler()
    found = {
        "ours": (None, lambda: ours(work)),
        "PyTorch": (missing("torch"), lambda: pytorch(work)),
        "torch.compile": (skipped, lambda: pytorch(work, compiled=True)),
        "JAX": (missing("jax"), lambda: jax_jit(work)),
    }
    if not (work.batchnorm or work.dropout):  # it has neither
        found["scikit-learn"] = (missing("sklearn"), lambda: scikit_learn(work))
    return found


@dataclass
class Times:
    """Seconds for one step.

    Attributes:
        seconds: by name, of each round.
        threads: the largest ratio of processor time to wall time; above 1 means a second thread.
    """

    seconds: dict[str, np.ndarray]
    threads: float


def take_turns(timed: Mapping[str, Timed], rounds: int, steps: int = STEPS) -> Times:
    """Let all do ``steps`` steps in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    wall = dict.fromkeys(timed, 0.0)
    for item in timed.values():
        item.call()  # compiles
    for _ in range(rounds):
        for name, item in timed.items():
            if item.steps == 1:
                item.call()  # brings its arrays back into the cache
            calls = max(steps // item.steps, 1)
            clock, started = time.perf_counter(), time.process_time()
            for _ in range(calls):
                item.call()
            seconds[name].append((time.process_time() - started) / calls / item.steps)
            wall[name] += (time.perf_counter() - clock) / calls / item.steps
    threads = max(sum(values) / wall[name] for name, values in seconds.items())
    return Times({name: np.array(values) for name, values in seconds.items()}, threads)


def compare_variants(rounds: int, *, tiny: bool) -> list[str]:
    """The tables of the lecture's network."""
    timed = {"bare products": bare_products(Work())}
    reasons: dict[str, str] = {}
    for variant, work in VARIANTS.items():
        for name, (reason, make) in competitors(work, tiny=tiny).items():
            if reason is None:
                timed[f"{name}, {variant}"] = make()
            else:
                reasons[name] = reason
    times = take_turns(timed, rounds)
    bare, seconds = times.seconds["bare products"], times.seconds
    names = list(competitors(VARIANTS["plain"], tiny=tiny))

    def milliseconds(name: str, variant: str) -> str:
        found = seconds.get(f"{name}, {variant}")
        return reasons.get(name, "–") if found is None else f"{np.median(found) * 1e3:.3f}"

    rows, reached = [], []
    for variant in VARIANTS:
        rows.append([variant, *(milliseconds(name, variant) for name in names)])
        mine = seconds[f"ours, {variant}"]
        modes = [seconds.get(f"{name}, {variant}") for name in ("PyTorch", "torch.compile")]
        best = min((m for m in modes if m is not None), key=np.median, default=None)
        at_most, torch_goal, jax_goal = GOALS[variant]
        reached.append(
            [
                ratio_goal(f"step ÷ bare products, {variant}", at_most, mine, bare),
                ratio_goal(f"PyTorch at its best ÷ ours, {variant}", torch_goal, best, mine, True),
                ratio_goal(
                    f"JAX ÷ ours, {variant}", jax_goal, seconds.get(f"JAX, {variant}"), mine, True
                ),
            ]
        )
    text = (
        f"784-5×100-10, batch 100; bare products {np.median(bare) * 1e3:.3f} ms; medians of"
        f" {rounds} rounds in ms; processor time at most {times.threads:.2f} of wall time."
    )
    return [
        text,
        table(["step", *names], rows),
        goals(goal for kind in zip(*reached, strict=True) for goal in kind),
    ]


def ratio_goal(
    what: str,
    limit: float,
    above: np.ndarray | None,
    below: np.ndarray | None,
    at_least: bool = False,
) -> Goal:
    """A goal for the ratio of two series, round by round."""
    if above is None or below is None:
        return Goal(what, limit, None, at_least=at_least)
    ratio = above / below
    return Goal(what, limit, float(np.median(ratio)), at_least=at_least, shown=spread(ratio))


def compare_sizes(budget: float, widths: list[int], sizes: list[int]) -> list[str]:
    """How the ratios behave as the work grows.

    Args:
        budget: seconds for each cell of the table.
    """
    rows = []
    for width in widths:
        for size in sizes:
            work = Work(width=width, batch=size)
            timed = {"bare": bare_products(work), "ours": ours(work)}
            if missing("torch") is None:
                timed["PyTorch"] = pytorch(work)
            once = take_turns(timed, rounds=2, steps=2).seconds
            steps = int(np.clip(0.005 / once["ours"].min(), 1, 50))
            one_round = (steps + 1) * sum(series.min() for series in once.values())
            times = take_turns(timed, int(np.clip(budget / one_round, 5, 100)), steps).seconds
            bare, mine, torch = times["bare"], times["ours"], times.get("PyTorch")
            rows.append(
                [
                    str(width),
                    str(size),
                    f"{np.median(mine) * 1e3:.3g}",
                    spread(mine / bare),
                    NOT_INSTALLED if torch is None else spread(torch / mine),
                ]
            )
    header = ["width", "batch", "ours, ms", "ours ÷ bare products", "PyTorch ÷ ours"]
    return [
        "The same plain step, PyTorch eager, with other widths and batches:",
        table(header, rows),
    ]


def main() -> None:
    """Time all variants and sizes, or compare the ratios with those committed."""
    if {"--check", "--check-update"} & set(sys.argv[1:]):
        sys.exit(check_steps.main(sys.argv[1:]))
    chosen = options(__doc__)
    parts = compare_variants(rounds=2 if chosen.tiny else 150, tiny=chosen.tiny)
    if chosen.tiny:
        parts += compare_sizes(0.01, [100], [1, 100])
    else:
        parts += compare_sizes(4.0, [100, 500, 1000], [1, 10, 100, 1000])
    packages = ("torch", "jax", "scikit-learn")
    publish("step", [machine(*packages), *parts], write=chosen.write)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
