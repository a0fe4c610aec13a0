"""Hand-made records for the figures of sections 1.3 and 1.4: no training, numbers known."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from study.analysis.frames import Results
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.report.text import load_text

EPOCHS = (0, 1, 2, 3, 4)

HE = {
    "name": "he",
    "_target_": "study.network.initializers.VarianceScaling",
    "scale": 2.0,
    "mode": "fan_in",
}


def record(
    *,
    train: Sequence[float] = (0.1, 0.4, 0.6, 0.85, 0.95),
    test: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.75),
    status: str = "completed",
    diverged_at: int | None = None,
    layers: Sequence[Mapping[str, Any]] = (),
    measurements: Mapping[str, Any] | None = None,
    init: Mapping[str, Any] | None = None,
    **config: Any,
) -> RunRecord:
    """A run of five evaluations, ten steps apart; the last is also its final metric."""
    choice = dict(init or HE)
    run = RunConfig(
        init=choice,
        activation={"name": "relu", "_target_": "study.network.activations.ReLU"},
        **{"num_epochs": EPOCHS[-1], **config},
    )
    done = len(train)
    history: dict[str, Any] = {
        **{name: [0.5] * done for name in ("batch_loss", "train_loss", "test_loss")},
        "samples_seen": [1000 * epoch for epoch in EPOCHS[:done]],
        "step": [10 * epoch for epoch in EPOCHS[:done]],
        "epoch": [float(epoch) for epoch in EPOCHS[:done]],
        "train_accuracy": list(train),
        "test_accuracy": list(test),
    }
    result = RunRecord(
        address=run.address, config=run.to_dict(), status=status, diverged_at=diverged_at,
        history=history if status != "failed" else {}, provenance={"data": {"num_classes": 10}},
    )  # fmt: skip
    if status == "completed":
        result.final = {
            "train_loss": 0.1, "test_loss": 0.2,
            "train_accuracy": train[-1], "test_accuracy": test[-1],
        }  # fmt: skip
        result.layers = {"init": [], "end": [dict(row) for row in layers]}
        result.measurements = {"init": {}, "end": dict(measurements or {})}
    return result


def diverged(**config: Any) -> RunRecord:
    """A run that blew up in its first epoch."""
    return record(train=[0.12], test=[0.11], status="diverged", diverged_at=7, **config)


def failed(**config: Any) -> RunRecord:
    """A run that ended in an exception."""
    return record(status="failed", **config)


def results(experiment: str, records: Sequence[RunRecord], *, missing: int = 0) -> Results:
    """A study of one experiment, ``missing`` of whose runs are not stored."""
    addresses = [item.address for item in records] + [f"missing{i}" for i in range(missing)]
    plan = StudyPlan("test", "", "mnist5k", "quick", experiments={experiment: addresses})
    return Results(plan, {item.address: item for item in records})


def normal(std: float) -> dict[str, Any]:
    """The initial scheme ``normal``."""
    return {"name": "normal", "_target_": "study.network.initializers.RandomNormal", "std": std}


def histogram(
    counts: Sequence[int], low: float, high: float, below: int = 0, above: int = 0
) -> dict[str, Any]:
    """A probe's histogram."""
    edges = np.linspace(low, high, len(counts) + 1)
    return {"counts": np.array(counts), "edges": edges, "below": below, "above": above}


def seeds(build: Callable[..., RunRecord], n: int, **config: Any) -> list[RunRecord]:
    """``n`` runs that differ in their seed."""
    return [build(seed=seed, **config) for seed in range(n)]


def sentences(figure_id: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """The figure's alternative text and its sentence, filled in every language (``en alt``, …)."""
    return {
        f"{language} {key}": text.fill(text.figures[figure_id][key], facts)
        for language in ("en", "ko")
        for text in [load_text(language)]
        for key in ("alt", "measured")
    }


def cases(figure_id: str) -> set[str]:
    """The cases of a figure's texts, which have to be the same everywhere."""
    found = [
        set(load_text(language).figures[figure_id][key])
        for language in ("en", "ko")
        for key in ("alt", "measured")
    ]
    assert all(each == found[0] for each in found), figure_id
    return found[0]
