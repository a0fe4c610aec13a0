"""Records and sentences of the lecture's figures that are drawn by hand; numbers are known."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from study.analysis.frames import Results
from study.chapters import chapter_folders, load_chapters
from study.figures.words import ALT, SAID, template
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.report.text import load_text

(LECTURE,) = load_chapters(["lecture"], chapter_folders())
FIGURES = {figure.own: figure for figure in LECTURE.figures if figure.own is not None}
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


def sentences(name: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Alternative text and sentence of a figure in both languages (``en alt``, …), all filled."""
    filled = {}
    for language in ("en", "ko"):
        text = load_text(language)
        for which in (ALT, SAID):
            words = template(FIGURES[name], facts, which, text.page, language)
            sentence = filled[f"{language} {which}"] = text.fill(words, facts)
            assert sentence
            assert not re.search(r"nan|None|[{}]", sentence), sentence
    return filled


PARTIAL = load_text("en").page["auto_partial"]  # where a number that is named is not there


def cases(name: str) -> set[str]:
    """The cases that a figure has words for, the same in both sentences."""
    figure = FIGURES[name]
    assert set(figure.alt) == set(figure.measured)
    return set(figure.alt)


def lacking(run: Callable[..., RunRecord]) -> list[list[RunRecord]]:
    """Runs of a figure with and without batch norm of which one side, or both, cannot be shown.

    Args:
        run: makes one that can.
    """
    return [
        [failed(batchnorm=True)],
        [run(batchnorm=True), failed(batchnorm=False)],
        [run(batchnorm=False)],
        [run(batchnorm=False), diverged(batchnorm=True)],
        [diverged(batchnorm=side, init=normal(1.0)) for side in (False, True)],
    ]
