"""Hand-made runs and parts of claims: no training, numbers known."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from builders_grid import CLASSES, INITS, METRICS

from study.analysis.claims import Judgement, judge
from study.analysis.declarations import Claim, Part
from study.analysis.findings import Finding
from study.analysis.frames import Results
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import RunRecord


def normal(std: float) -> dict[str, Any]:
    """The initial scheme ``normal``."""
    return {"name": "normal", "_target_": "study.network.initializers.RandomNormal", "std": std}


def run(
    seed: int = 0,
    *,
    train: float | Sequence[float] = 0.9,
    test: float | Sequence[float] = 0.8,
    loss: float = 0.5,
    status: str = "completed",
    diverged_at: int | None = None,
    layers: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    measurements: Mapping[str, Mapping[str, Any]] | None = None,
    init: str | Mapping[str, Any] = "he",
    activation: str = "relu",
    **config: Any,
) -> RunRecord:
    """A run of 1,000 samples, 100 of them in a step.

    Args:
        train, test: the learning curve, from step 0 on, an epoch between two evaluations; the last
            of it is the final metric. A number is a curve that jumps there from 0.1.
    """
    curves = [[0.1, c] if isinstance(c, float) else list(c) for c in (train, test)]
    epochs = list(range(len(curves[0])))
    settings = {"train_size": 1000, "batch_size": 100, "num_epochs": epochs[-1]} | config
    run_config = RunConfig(
        seed=seed,
        init=dict(INITS[init] if isinstance(init, str) else init),
        activation={"name": activation, "_target_": CLASSES[activation]},
        **settings,
    )
    if status == "diverged":
        diverged_at = 5 if diverged_at is None else diverged_at
        epochs = [epoch for epoch in epochs if 10 * epoch < diverged_at]
    history: dict[str, Any] = {
        "step": [10 * epoch for epoch in epochs],
        "epoch": [float(epoch) for epoch in epochs],
        "samples_seen": [1000 * epoch for epoch in epochs],
        "train_accuracy": curves[0][: len(epochs)],
        "test_accuracy": curves[1][: len(epochs)],
    } | {name: [loss] * len(epochs) for name in ("batch_loss", "train_loss", "test_loss")}
    final = dict.fromkeys(METRICS, np.nan)
    if status == "completed":
        final = dict(zip(METRICS, (loss, curves[0][-1], loss, curves[1][-1]), strict=True))
    return RunRecord(
        address=run_config.address,
        config=run_config.to_dict(),
        status=status,  # type: ignore[arg-type]
        diverged_at=diverged_at,
        history={} if status == "failed" else history,
        final=final,
        layers={moment: [dict(row) for row in rows] for moment, rows in (layers or {}).items()},
        measurements={moment: dict(found) for moment, found in (measurements or {}).items()},
        timing={"total": 2.0, "training": 1.0, "at": [0.1 * epoch for epoch in epochs]},
        provenance={"data": {"num_classes": 10, "train_samples": 1000}},
    )


def results(records: Iterable[RunRecord] = (), experiment: str = "e", missing: int = 0) -> Results:
    """A study of one experiment, ``missing`` of whose runs are not stored."""
    records = list(records)
    addresses = [record.address for record in records] + [f"missing{i}" for i in range(missing)]
    plan = StudyPlan("name", "command", "data", "preset", experiments={experiment: addresses})
    return Results(plan, {record.address: record for record in records})


def cells(**levels: Any) -> tuple[dict[str, tuple[Any, ...]], ...]:
    """A selection with one value, or a tuple of values, for each column."""
    return ({n: v if isinstance(v, tuple) else (v,) for n, v in levels.items()},)


WITH, WITHOUT = cells(weight_decay=0.1), cells(weight_decay=0.0)


def part(**keys: Any) -> Part:
    """More weight decay is better: test accuracy, paired by seed, at least one point."""
    usual: dict[str, Any] = {
        "label": {"en": "label", "ko": "이름"},
        "experiment": "e",
        "metric": "test_accuracy",
        "treatment": WITH,
        "direction": "greater",
    }
    if "against" not in keys:
        usual["control"] = WITHOUT
    if "reduce" in keys:
        usual["reduce_control"] = keys["reduce"]
    return Part(**(usual | keys))


def claim(parts: Mapping[str, Part] | None = None, **keys: Any) -> Claim:
    """A claim of one part, ``only``."""
    usual: dict[str, Any] = {
        "id": "C1",
        "section": "1.1",
        "figure": "1.1-a",
        "beyond": False,
        "statement": {"en": "It is so.", "ko": "그렇다."},
        "parts": dict(parts or {"only": part()}),
        "chapter": "lecture",
    }
    return Claim(**(usual | keys))


def as_yaml(declared: Claim) -> dict[str, Any]:
    """What declares the claim in the file of a chapter."""
    parts = {}
    for name, own in declared.parts.items():
        parts[name] = {
            "experiment": own.experiment,
            "metric": {"name": own.metric, **own.options},
            "where": [_listed(each) for each in own.where],
            "treatment": [_listed(each) for each in own.treatment],
            "direction": own.direction,
            "paired_by": list(own.paired_by),
            "compare": own.compare,
            "smallest": own.smallest,
            "deciding": own.deciding,
        }
        if own.control is None:
            parts[name]["against"] = own.against
        else:
            parts[name]["control"] = [_listed(each) for each in own.control]
        for key in ("reduce", "reduce_control"):
            reduction = getattr(own, key)
            if reduction is not None:
                values = {**vars(reduction), "over": list(reduction.over)}
                parts[name][key] = {k: v for k, v in values.items() if v not in (None, False)}
    return {"statement": declared.statement, "parts": parts}


def _listed(cell: Mapping[str, tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {column: list(values) for column, values in cell.items()}


def judgement(declared: Claim, records: Iterable[RunRecord], **options: Any) -> Judgement:
    """The verdict on one claim alone."""
    (found,) = judge([declared], results(records, **options))
    return found


def finding(declared: Part, records: Iterable[RunRecord], **options: Any) -> Finding:
    """What is found of a claim with one part."""
    return judgement(claim({"only": declared}), records, **options).findings["only"]


def both_sides(
    effect: float | Sequence[float], n: int = 10, noise: float = 0.01, seed: int = 0
) -> list[RunRecord]:
    """``n`` seeds with and without weight decay, whose test accuracy it raises by ``effect``."""
    rng = np.random.default_rng(seed)
    each = np.broadcast_to(effect, n)
    base = 0.5 + 0.1 * rng.standard_normal(n)  # seeds are far apart: only pairs show the effect
    deviation = noise * rng.standard_normal(n)
    deviation -= deviation.mean()
    records = []
    for index in range(n):
        low = float(base[index])
        high = float(low + each[index] + deviation[index])
        records += [
            run(index, test=low, weight_decay=0.0),
            run(index, test=high, weight_decay=0.1),
        ]
    return records
