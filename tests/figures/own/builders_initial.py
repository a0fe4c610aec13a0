"""Hand-made records for the figures of sections 1.1 and 1.2: no training, numbers known."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from study.analysis.frames import Results
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.report.text import load_text

_MODULE = "study.network.initializers"
INITS: dict[str, dict[str, Any]] = {
    "constant 0": {"name": "constant", "_target_": f"{_MODULE}.Constant", "value": 0.0},
    "constant 0.01": {"name": "constant", "_target_": f"{_MODULE}.Constant", "value": 0.01},
    "normal 1": {"name": "normal", "_target_": f"{_MODULE}.RandomNormal", "std": 1.0},
    "normal 0.01": {"name": "normal", "_target_": f"{_MODULE}.RandomNormal", "std": 0.01},
} | {
    name: {"name": name, "_target_": f"{_MODULE}.VarianceScaling", "scale": scale, "mode": "fan_in"}
    for name, scale in (("xavier", 1.0), ("he", 2.0), ("xavier_doubled", 4.0))
}
CLASSES = {
    name: f"study.network.activations.{own}"
    for name, own in (("relu", "ReLU"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh"))
}


def record(
    *,
    init: str = "he",
    activation: str = "relu",
    final: dict[str, float] | None = None,
    history: dict[str, list[float]] | None = None,
    seconds: list[float] | None = None,
    status: Any = "completed",
    diverged_at: int | None = None,
    layers: dict[str, list[dict[str, Any]]] | None = None,
    measurements: dict[str, dict[str, Any]] | None = None,
    **config: Any,
) -> RunRecord:
    """A run with the given results; metrics that are not given are NaN."""
    metrics = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    length = {} if {"num_steps", "num_epochs"} & set(config) else {"num_epochs": 1}
    run = RunConfig(
        init=INITS[init],
        activation={"name": activation, "_target_": CLASSES[activation]},
        **length,
        **config,
    )
    columns = ("step", "epoch", "samples_seen", "batch_loss", *metrics)
    points = len((history or {}).get("step", []))
    return RunRecord(
        address=run.address,
        config=run.to_dict(),
        status=status,
        diverged_at=diverged_at,
        error="Traceback" if status == "failed" else None,
        history={name: (history or {}).get(name, [0.0] * points) for name in columns},
        final=dict.fromkeys(metrics, np.nan) | (final or {}),
        layers=layers or {},
        measurements=measurements or {},
        timing={"total": 1.0, "at": seconds or [0.0] * points},
        provenance={"data": {"num_classes": 10}},
    )


def results(experiment: str, *records: RunRecord) -> Results:
    """A study of one experiment with these runs, and one run that is missing."""
    addresses = [each.address for each in records]
    plan = StudyPlan(
        "name", "command", "data", "preset", experiments={experiment: [*addresses, "missing"]}
    )
    return Results(plan, {each.address: each for each in records})


def study(**experiments: Sequence[RunRecord]) -> Results:
    """A study of several experiments."""
    addresses = {name: [each.address for each in runs] for name, runs in experiments.items()}
    records = {each.address: each for runs in experiments.values() for each in runs}
    return Results(StudyPlan("name", "command", "data", "preset", experiments=addresses), records)


def translated(text: str) -> str:
    """A language that shows which strings went through the translation."""
    return f"«{text}»"


def texts(figure: Any) -> list[str]:
    """Every string in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def sentences(spec: Any, study: Results) -> dict[str, str]:
    """Alternative text and measured sentence in both languages, all filled."""
    facts = spec.facts(study)
    filled = {
        f"{language} {key}": text.fill(text.figures[spec.id][key], facts)
        for language, text in (("en", load_text("en")), ("ko", load_text("ko")))
        for key in ("alt", "measured")
    }
    for sentence in filled.values():
        assert sentence
        assert "nan" not in sentence
        assert "{" not in sentence
    return filled
