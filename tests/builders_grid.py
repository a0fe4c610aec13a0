"""Hand-made runs of the grid: no training, accuracies known."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from study.analysis.frames import Results
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord

_MODULE = "study.network.initializers"
INITS: dict[str, dict[str, Any]] = {
    "constant 0.01": {"name": "constant", "_target_": f"{_MODULE}.Constant", "value": 0.01},
    "normal 0.01": {"name": "normal", "_target_": f"{_MODULE}.RandomNormal", "std": 0.01},
    "normal 1": {"name": "normal", "_target_": f"{_MODULE}.RandomNormal", "std": 1.0},
    "xavier": {
        "name": "xavier",
        "_target_": f"{_MODULE}.VarianceScaling",
        "scale": 1.0,
        "mode": "fan_in",
    },
    "he": {"name": "he", "_target_": f"{_MODULE}.VarianceScaling", "scale": 2.0, "mode": "fan_in"},
}
CLASSES = {
    name: f"study.network.activations.{own}"
    for name, own in (("relu", "ReLU"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh"))
}
ACTIVATIONS = ("sigmoid", "tanh", "relu")
METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
EPOCHS = (0.0, 1.0, 2.0)

ORTHOGONAL = {"name": "orthogonal", "_target_": "mine.Orthogonal"}
LEAKY_RELU = {"name": "leaky_relu", "_target_": "mine.LeakyReLU", "slope": 0.01}

Cell = tuple[str, str, bool, float, float]
CELLS: list[Cell] = list(product(INITS, ACTIVATIONS, (False, True), (0.0, 0.2), (0.0, 0.001)))


def record(
    cell: Cell,
    seed: int = 0,
    *,
    test: float = 0.5,
    train: float | None = None,
    status: Any = "completed",
    distinct: int | None = None,
    num_classes: int = 10,
    **further: Any,
) -> RunRecord:
    """A run of ``cell``; its curve rises linearly from chance, a diverged one ends after one step.

    Args:
        test, train: final accuracies.
        distinct: distinct units of both hidden layers after training.
        further: other fields of the configuration, or those of the cell once more.
    """
    init, activation, batchnorm, dropout, decay = cell
    fields: dict[str, Any] = {
        "init": INITS[init],
        "activation": {"name": activation, "_target_": CLASSES[activation]},
        "batchnorm": batchnorm,
        "dropout": dropout,
        "weight_decay": decay,
        "lr": 0.1,
        "num_epochs": int(EPOCHS[-1]),
        "hidden": [10, 10],
    }
    config = RunConfig(seed=seed, **(fields | further))
    epochs = list(EPOCHS[:1] if status == "diverged" else EPOCHS)
    train = test if train is None else train
    history: dict[str, list[float]] = {
        "step": [int(10 * epoch) for epoch in epochs],
        "epoch": epochs,
        "samples_seen": [int(1000 * epoch) for epoch in epochs],
        "batch_loss": [1.0] * len(epochs),
        "train_loss": [1.0] * len(epochs),
        "train_accuracy": [0.1 + (train - 0.1) * epoch / EPOCHS[-1] for epoch in epochs],
        "test_loss": [1.0] * len(epochs),
        "test_accuracy": [0.1 + (test - 0.1) * epoch / EPOCHS[-1] for epoch in epochs],
    }
    final = dict.fromkeys(METRICS, np.nan)
    if status == "completed":
        final |= {"train_accuracy": train, "test_accuracy": test}
    layers = [
        {"layer": layer, "hidden": layer < 3}
        | ({"units": 10, "distinct_units": distinct} if layer < 3 else {})
        for layer in (1, 2, 3)
    ]
    return RunRecord(
        address=config.address,
        config=config.to_dict(),
        status=status,
        diverged_at=1 if status == "diverged" else None,
        error="Traceback" if status == "failed" else None,
        history={} if status == "failed" else history,
        final=final,
        layers={"end": layers} if distinct is not None and status == "completed" else {},
        timing={"total": 1.0, "at": [0.0] * len(epochs)},
        provenance={"data": {"num_classes": num_classes}},
    )


def results(records: Iterable[RunRecord], missing: int = 0, experiment: str = "grid") -> Results:
    """A study of the grid alone, of which ``missing`` runs are not stored."""
    records = list(records)
    addresses = [each.address for each in records]
    addresses += [f"missing {number}" for number in range(missing)]
    plan = StudyPlan("name", "command", "data", "preset", experiments={experiment: addresses})
    return Results(plan, {each.address: each for each in records})


def full_grid(
    accuracy: Callable[[Cell, int], float], seeds: Iterable[int] = (0, 1), **options: Any
) -> list[RunRecord]:
    """A run of every cell and seed with test accuracy ``accuracy(cell, seed)``."""
    return [
        record(cell, seed, test=accuracy(cell, seed), **options) for cell in CELLS for seed in seeds
    ]


PLANTED = {"constant 0.01": 0.2, "normal 0.01": 0.4, "normal 1": 0.3, "xavier": 0.5, "he": 0.6}


def planted(cell: Cell, seed: int) -> float:
    """Batch norm adds 0.2, but nothing to constant; dropout costs 0.05, normal 1 0.1."""
    init, activation, batchnorm, dropout, _ = cell
    value = PLANTED[init] + 0.03 * (activation == "relu") + 0.01 * seed
    value += 0.2 * (batchnorm and init != "constant 0.01")
    return value - (0.1 if init == "normal 1" else 0.05) * (dropout > 0)


def partial_grid() -> Results:
    """One seed; the run of one cell diverged, that of one failed, that of one is missing."""
    changed = {
        ("normal 1", "relu", False, 0.0, 0.0): "diverged",
        ("he", "tanh", False, 0.0, 0.0): "failed",
    }
    missing = ("xavier", "sigmoid", True, 0.2, 0.001)
    return results(
        [
            record(cell, test=planted(cell, 0), status=changed.get(cell, "completed"))
            for cell in CELLS
            if cell != missing
        ],
        missing=1,
    )


def six_factors(seeds: Iterable[int] = (0, 1)) -> Results:
    """The whole grid with momentum, which adds 0.02 to every cell."""
    return results(
        record(cell, seed, test=planted(cell, seed) + 0.02 * (momentum > 0), momentum=momentum)
        for cell in CELLS
        for momentum in (0.0, 0.9)
        for seed in seeds
    )


# An initial value and an activation that the study does not have.
OWN_CHOICES: dict[str, Sequence[Any]] = {
    "init": [INITS["he"], ORTHOGONAL],
    "activation": [LEAKY_RELU, {"name": "relu", "_target_": CLASSES["relu"]}],
}
BASE = ("he", "relu", False, 0.0, 0.0)


def crossed(
    accuracy: Callable[..., float], seeds: Iterable[int] = (0, 1), **axes: Sequence[Any]
) -> list[RunRecord]:
    """A run of every combination of ``axes`` (fields of the configuration) and seed.

    Args:
        accuracy: takes the fields by name, and ``seed``.
    """
    return [
        record(BASE, seed, test=accuracy(seed=seed, **cell), **cell)
        for values in product(*axes.values())
        for cell in [dict(zip(axes, values, strict=True))]
        for seed in seeds
    ]


def texts(figure: Any) -> list[str]:
    """Every string in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]
