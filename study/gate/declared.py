"""The data of the study: what its experiments compose to, and that its claims are the same.

An experiment's learning rate decides its results as much as the network's code does. So the
baseline has a digest of every composed experiment, and the values of each setting beside it, to
name what changed: ``grid: lr 0.1 → 0.01``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.gate.names import flatten
from study.records.cells import number_text
from study.records.config import RunConfig, digest

DIGITS = 16
# Where the data lie, and the class behind a name, say nothing more than the others.
_LEFT_OUT = ("data.root", "init._target_", "activation._target_")


@dataclass(frozen=True)
class Declaration:
    """One experiment under one preset.

    Attributes:
        cells: how many runs it has.
        digest: 16 hex digits of all their addresses and measurements.
        values: of each setting, all values that its runs have.
    """

    cells: int
    digest: str
    values: Mapping[str, Sequence[Any]]


def declaration(configs: Iterable[RunConfig]) -> Declaration:
    """What an experiment of these runs declares."""
    runs = list(configs)
    values: dict[str, list[Any]] = {}
    for config in runs:
        for key, value in flatten(config.to_dict()).items():
            known = values.setdefault(key, [])
            if key not in _LEFT_OUT and value not in known:
                known.append(value)
    content = sorted([config.address, *sorted(config.measure)] for config in runs)
    kept = {key: found for key, found in values.items() if key not in _LEFT_OUT}
    return Declaration(len(runs), digest(content)[:DIGITS], kept)


def changed_study(before: Mapping[str, Declaration], now: Mapping[str, Declaration]) -> list[str]:
    """What changed of the experiments, in words, once for all presets where it is the same.

    Args:
        before, now: by ``preset: experiment``.
    """
    changes: dict[tuple[str, str], list[str]] = {}
    for name, declared in before.items():
        preset, _, experiment = name.partition(": ")
        if name not in now:
            words = "gone"
        elif now[name].digest == declared.digest:
            continue
        else:
            words = _difference(declared, now[name])
        changes.setdefault((experiment, words), []).append(preset)
    presets = {experiment: _presets(before, experiment) for experiment, _ in changes}
    alike: dict[str, list[str]] = {}  # many experiments may have changed in the same way
    for (experiment, words), own in changes.items():
        where = "" if own == presets[experiment] else f" ({', '.join(own)})"
        alike.setdefault(words, []).append(experiment + where)
    return [f"{', '.join(names)}: {words}" for words, names in alike.items()]


def _presets(declared: Mapping[str, Declaration], experiment: str) -> list[str]:
    return [name.partition(": ")[0] for name in declared if name.endswith(f": {experiment}")]


def _difference(before: Declaration, now: Declaration) -> str:
    words = []
    for key in {**before.values, **now.values}:
        own, others = before.values.get(key), now.values.get(key)
        if own is None or others is None:
            continue  # an option that came later; what it changes shows in the digest alone
        gone = [value for value in own if value not in others]
        new = [value for value in others if value not in own]
        if gone or new:
            words.append(f"{key} {_listed(gone)} → {_listed(new)}")
    words += [
        f"{key} {_listed(values)}, which is new"
        for key, values in now.values.items()
        if key not in before.values and len(values) > 1
    ]
    if before.cells != now.cells:
        words.append(f"{before.cells} → {now.cells} runs")
    return ", ".join(words) or "the same values in other combinations"


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(shown(value) for value in values) or "–"


def shown(value: Any) -> str:
    """A setting's value for a reader; – for none."""
    if value is None:
        return "–"
    return number_text(value) if isinstance(value, float) else str(value)


def changed_claims(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Claims of the study that are other ones now, or gone, in words."""
    return [
        f"claim {name}: "
        + ("gone" if name not in now else "another rule (cells, metric, direction)")
        for name, own in before.items()
        if now.get(name) != own
    ]
