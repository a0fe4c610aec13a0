"""Configurations and records to store, without training any."""

from dataclasses import replace
from typing import Any

import numpy as np

from study.records.config import RunConfig
from study.records.provenance import provenance
from study.records.record import RunRecord

HE = {
    "name": "he",
    "_target_": "study.network.initializers.VarianceScaling",
    "scale": 2.0,
    "mode": "fan_in",
}
DATA = {"checksum": "0", "num_classes": 10, "train_samples": 4000, "test_samples": 1000}
RELU = {"name": "relu", "_target_": "study.network.activations.ReLU"}


def config(**changes: Any) -> RunConfig:
    """A valid configuration with ``changes``."""
    return replace(RunConfig(init=dict(HE), activation=dict(RELU), num_epochs=20), **changes)


def record(given: RunConfig | None = None, **changes: Any) -> RunRecord:
    """A record of every kind of value that a run leaves behind."""
    given = given or config()
    filled = RunRecord(
        address=given.address,
        config=given.to_dict(),
        status="completed",
        history={"step": [0, 40], "batch_loss": [float("nan"), 1.5]},
        final={
            "train_loss": 0.25,
            "train_accuracy": 0.9,
            "test_loss": float("inf"),
            "test_accuracy": 0.8,
        },
        layers={"init": [{"layer": 1, "hidden": True, "weight_norm": 1.25, "gradient_norm": None}]},
        measurements={"end": {"weights": {"matrix": np.arange(6, dtype=np.float32).reshape(2, 3)}}},
        timing={"total": 1.0, "at": [0.0, 0.5]},
        provenance=provenance([]) | {"started": "2025-01-01T00:00:00+00:00", "data": DATA},
    )
    return replace(filled, **changes)
