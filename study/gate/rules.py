"""What the gate counts as a regression: ``conf/gate/rules.yaml`` and ``conf/gate/claims``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from study.analysis.declarations import Claim, load_claims
from study.errors import ConfigError
from study.paths import conf_folder
from study.records.record import METRICS

EXPERIMENT = "gate"  # whose cells, and what the claims of the gate call them
BETTER = ("higher", "lower")
COMPARISONS = ("difference", "ratio")


@dataclass(frozen=True)
class MetricRule:
    """When a change of one metric matters.

    Attributes:
        better: ``higher`` or ``lower`` values.
        compare: ``difference``, or ``ratio`` of positive values.
        margin: the smallest change of a cell that matters, > 0; a factor > 1 for a ratio.
        margin_all: the same for the mean of all cells.
    """

    better: str
    compare: str
    margin: float
    margin_all: float


@dataclass(frozen=True)
class Rules:
    """Everything that decides a verdict of the gate, but for the runs.

    Attributes:
        alpha: chance of a false alarm, at most, of all comparisons together.
        metrics: by name, a metric of ``RunRecord.final``.
        claims: whose verdicts may not flip; all about the experiment ``gate``.
    """

    alpha: float
    metrics: Mapping[str, MetricRule]
    claims: tuple[Claim, ...] = ()


def load_rules(folder: Path | None = None) -> Rules:
    """The rules in ``folder`` (``rules.yaml`` and the folder ``claims``); by default the study's.

    Raises:
        ConfigError: a file that cannot be used; names file and key.
    """
    folder = conf_folder() / "gate" if folder is None else folder
    path = folder / "rules.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(str(path), f"a YAML file ({reason})", path.name) from None
    _keys(str(path), content, ("alpha", "metrics"))
    alpha = content["alpha"]
    _check(f"{path}: alpha", "a number in (0, 0.5]", alpha, _number(alpha) and 0 < alpha <= 0.5)
    metrics = content["metrics"]
    named = isinstance(metrics, dict) and len(metrics) > 0 and set(metrics) <= set(METRICS)
    _check(f"{path}: metrics", f"rules of some of {', '.join(METRICS)}", metrics, named)
    rules = {name: _metric(f"{path}: metrics.{name}", rule) for name, rule in metrics.items()}
    claims = load_claims(folder / "claims", EXPERIMENT, experiments=[EXPERIMENT])
    return Rules(float(alpha), rules, tuple(claims))


def _metric(key: str, rule: Any) -> MetricRule:
    _keys(key, rule, tuple(item.name for item in fields(MetricRule)))
    for name, choices in (("better", BETTER), ("compare", COMPARISONS)):
        if rule[name] not in choices:
            raise ConfigError(f"{key}.{name}", "one of the choices", rule[name], choices)
    least = 1 if rule["compare"] == "ratio" else 0
    for name in ("margin", "margin_all"):
        value = rule[name]
        _check(f"{key}.{name}", f"a number > {least}", value, _number(value) and value > least)
    return MetricRule(**rule)


def _keys(key: str, content: Any, wanted: tuple[str, ...]) -> None:
    given = set(content) if isinstance(content, dict) else content
    _check(key, f"just the keys {', '.join(wanted)}", given, given == set(wanted))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check(key: str, expected: str, received: object, valid: bool) -> None:
    if not valid:
        raise ConfigError(key, expected, received)
