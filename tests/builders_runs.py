"""Runs for figures, without any training: what was measured is given, the rest is the usual."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml
from builders_grid import CLASSES, INITS, LEAKY_RELU, ORTHOGONAL

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.reading import Node
from study.chapters import columns_of
from study.figures.declare import Figure, read_figure
from study.figures.making import Made, make
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord

SCHEMES = {**INITS, "orthogonal": ORTHOGONAL}
FUNCTIONS = {
    **{name: {"name": name, "_target_": target} for name, target in CLASSES.items()},
    "leaky_relu": LEAKY_RELU,
}
METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def run(
    seed: int = 0,
    *,
    init: str = "he",
    activation: str = "relu",
    test: float = 0.5,
    train: float | None = None,
    loss: float = 1.0,
    curve: Sequence[float] = (),
    status: Any = "completed",
    layers: Sequence[Mapping[str, Any]] = (),
    measured: Mapping[str, Any] | None = None,
    **config: Any,
) -> RunRecord:
    """A run with these final metrics.

    Args:
        test, train, loss: in the end; ``train`` is ``test`` where it is not given.
        curve: training accuracy at epoch 0, 1, 2, …; the test accuracy is half of it.
        layers, measured: of both moments; ``measured`` by probe.
        config: keys of ``RunConfig``.
    """
    length = {} if {"num_epochs", "num_steps"} & set(config) else {"num_epochs": 2}
    own = RunConfig(
        seed=seed, init=dict(SCHEMES[init]), activation=dict(FUNCTIONS[activation]),
        **{"train_size": 100, **length, **config},
    )  # fmt: skip
    diverged = status == "diverged"
    lost = dict.fromkeys(METRICS, np.nan)
    final = {
        "train_loss": loss, "test_loss": loss, "test_accuracy": test,
        "train_accuracy": test if train is None else train,
    }  # fmt: skip
    points = [
        {"step": i, "epoch": float(i), "samples_seen": 100 * i, "batch_loss": loss}
        | {"train_loss": loss, "test_loss": loss, "train_accuracy": height}
        | {"test_accuracy": height / 2}
        for i, height in enumerate(curve)
    ]
    return RunRecord(
        address=own.address,
        config=own.to_dict(),
        status=status,
        diverged_at=1 if diverged else None,
        error="Traceback" if status == "failed" else None,
        history={name: [point[name] for point in points] for name in (points or [{}])[0]},
        final=lost if diverged else final,
        layers={moment: [dict(layer) for layer in layers] for moment in ("init", "end")},
        measurements={moment: dict(measured or {}) for moment in ("init", "end")},
        timing={"total": 1.0, "at": [float(i) for i in range(len(points))]},
        provenance={"data": {"num_classes": 10, "train_samples": 100}},
    )


def study(**experiments: Sequence[RunRecord]) -> Results:
    """A complete study of these experiments."""
    addresses = {name: [each.address for each in runs] for name, runs in experiments.items()}
    records = {each.address: each for runs in experiments.values() for each in runs}
    plan = StudyPlan("name", "command", "data", "preset", experiments=addresses)
    return Results(plan, records)


def figure(
    text: str, varying: Mapping[str, Sequence[str]], others: Mapping[str, str] | None = None
) -> Figure:
    """The figure ``a`` that YAML declares; its title is added.

    Args:
        varying: overrides that the axes of each experiment vary.
        others: further figures that it can be like.
    """
    columns = {
        name: [column for key in keys for column in columns_of(key)]
        for name, keys in varying.items()
    }
    nodes = {name: Node(name, "", yaml.safe_load(other)) for name, other in (others or {}).items()}
    content = {"title": {"en": "Title"}, **yaml.safe_load(text)}
    return read_figure(Node("figures", "a", content), "a", columns, nodes)


def made(text: str, results: Results, **varying: Sequence[str]) -> Made:
    """What the figure shows."""
    return make(figure(text, varying), Measured(results))


def translated(text: str) -> str:
    """A language that shows which strings went through the translation."""
    return f"«{text}»"


def texts(picture: Any) -> list[str]:
    """Every string in a picture."""
    from matplotlib.text import Text

    return [text.get_text() for text in picture.findobj(Text) if text.get_text()]
