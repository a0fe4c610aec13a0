"""Runs of a gate of three cells and eight seeds, made without training."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from study.analysis.declarations import Claim, Part
from study.gate.baseline import Baseline, make_baseline
from study.gate.declared import declaration
from study.gate.exact import Exact, gather
from study.gate.rules import MetricRule, Rules
from study.records.config import RunConfig
from study.records.provenance import provenance
from study.records.record import RunRecord

_INIT = "study.network.initializers"
HE = {"name": "he", "_target_": f"{_INIT}.VarianceScaling", "scale": 2.0, "mode": "fan_in"}
XAVIER = HE | {"name": "xavier", "scale": 1.0}
RELU = {"name": "relu", "_target_": "study.network.activations.ReLU"}
CELLS: dict[str, dict[str, Any]] = {
    "he relu": {"init": HE},
    "xavier relu": {"init": XAVIER},
    "he relu, dropout 0.2": {"init": HE, "dropout": 0.2},
}
SEEDS = 8
DATA = {"checksum": "d" * 64, "num_classes": 10, "train_samples": 1000, "test_samples": 1000}
RULES = Rules(
    alpha=0.01,
    metrics={
        "test_accuracy": MetricRule("higher", "difference", 0.01, 0.005),
        "train_loss": MetricRule("lower", "ratio", 1.05, 1.02),
    },
)
Change = Callable[[RunRecord], RunRecord]


def config(seed: int = 0, **changes: Any) -> RunConfig:
    values: dict[str, Any] = {"activation": dict(RELU), "num_epochs": 5, "seed": seed}
    values |= {key: dict(v) if isinstance(v, dict) else v for key, v in changes.items()}
    return RunConfig(**values)


def record(given: RunConfig, **final: float) -> RunRecord:
    """A completed run; its metrics are drawn from its address unless they are given."""
    rng = np.random.default_rng(int(given.address, 16))
    noise = rng.standard_normal(4)
    drawn = {
        "train_loss": 0.5 * float(np.exp(0.05 * noise[0])),
        "train_accuracy": 0.85 + 0.01 * float(noise[1]),
        "test_loss": 0.6 * float(np.exp(0.05 * noise[2])),
        "test_accuracy": 0.8 + 0.01 * float(noise[3]),
    }
    return RunRecord(
        address=given.address,
        config=given.to_dict(),
        status="completed",
        history={"step": [0, 50], "batch_loss": [float("nan"), 1.5]},
        final=drawn | final,
        timing={"total": 0.1},
        provenance=provenance([]) | {"started": "2026-01-01T00:00:00+00:00", "data": dict(DATA)},
    )


def records(cells: Mapping[str, Mapping[str, Any]] = CELLS, seeds: int = SEEDS) -> list[RunRecord]:
    return [record(config(seed, **cell)) for cell in cells.values() for seed in range(seeds)]


def baseline(rules: Rules = RULES, runs: list[RunRecord] | None = None) -> Baseline:
    given = records() if runs is None else runs
    return make_baseline(given, rules, reason="tests", date="2026-01-01")


def changed(
    change: Change, *, init: str = "he", dropout: float = 0.0, everywhere: bool = False
) -> list[RunRecord]:
    """All runs, those of one cell (or of all) changed."""
    return [
        change(run)
        if everywhere or (run.config["init"]["name"], run.config["dropout"]) == (init, dropout)
        else run
        for run in records()
    ]


def moved(by: float = 0.0, noise: float = 0.0, times: float = 1.0) -> Change:
    """Adds to the test accuracy and multiplies the losses; noise is another for each run."""

    def change(run: RunRecord) -> RunRecord:
        wiggle = noise * np.random.default_rng(run.config["seed"]).standard_normal()
        final = dict(run.final)
        final["test_accuracy"] += by + float(wiggle)
        final["train_loss"] *= times
        return replace(run, final=final)

    return change


def failed(run: RunRecord, error: str = "boom") -> RunRecord:
    return replace(
        run, status="failed", error=error, final=dict.fromkeys(run.final, float("nan")), history={}
    )


def diverged(run: RunRecord) -> RunRecord:
    return replace(
        run, status="diverged", diverged_at=7, final=dict.fromkeys(run.final, float("nan"))
    )


def claim(smallest: float = 0.5, **part: Any) -> Claim:
    """He's test accuracy is above a bound."""
    usual: dict[str, Any] = {
        "label": {"en": "accuracy", "ko": "정확도"},
        "experiment": "gate",
        "metric": "test_accuracy",
        "where": ({"dropout": (0.0,)},),
        "treatment": ({"init": ("he",)},),
        "against": 0.2,
        "direction": "greater",
        "smallest": smallest,
    }
    parts = {"only": Part(**(usual | part))}
    return Claim("high", "1.2.4", "gate", False, {"en": "x", "ko": "x"}, parts, "gate")


def exact(runs: list[RunRecord] | None = None, arithmetic: str = "a" * 16) -> Exact:
    """The exact tier's part of such runs, which are one experiment of a study as well."""
    given = records(seeds=2) if runs is None else runs
    names: dict[str, list[str]] = {}
    for run in given:
        name = f"{run.config['init']['name']} {run.config['dropout']:g}"
        names.setdefault(name, []).append(run.address)
    by_address = {run.address: run for run in given}
    configs = {address: run.config for address, run in by_address.items()}
    cells, traces, failures = gather(names, configs, by_address)
    study = {"quick: grid": declaration(run.run_config for run in given)}
    return Exact(arithmetic, "NumPy", cells, traces, study, {"D1": "d" * 16}, failures)
