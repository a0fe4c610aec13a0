"""The exact tier: has a single bit changed, where first, and by how much?

It compares runs with what the baseline keeps of the same runs (``Trace``), where the arithmetic is
the same (``arithmetic``), and the data of the study, its experiments and claims, with those that
the baseline names (``declared``).
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.gate.declared import Declaration, shown
from study.gate.names import cell_config, flatten
from study.records.record import METRICS, RunRecord, dumps

DIGITS = 16  # of a result's digest
_SHORT = 8  # of a part's
START, END = "before the first step", "in what is measured at the end"
# What two configurations may differ in and be the same cell.
_NO_SETTING = ("seed", "measure", "data.root")


@dataclass(frozen=True)
class Trace:
    """What the baseline keeps of a run, to say what changed first.

    Attributes:
        cell: its name.
        seed: of the run.
        status: ``completed`` or ``diverged``.
        digest: of everything that it computed (``RunRecord.result_digest``), 16 hex digits.
        start: of what is measured before the first step, 8 hex digits; as ``end``.
        curve: digest of each point of the learning curve, by its step.
        end: of what is measured after the last step.
        final: the metrics by name; NaN where the run diverged.
    """

    cell: str
    seed: int
    status: str
    digest: str
    start: str
    curve: Mapping[int, str]
    end: str
    final: Mapping[str, float]


@dataclass(frozen=True)
class Change:
    """A run with other bits.

    Attributes:
        cell, seed: which.
        first: where the first of them are, in words.
        size: which final metric moved most, from where to where.
        order: the earlier in a run, the smaller.
    """

    cell: str
    seed: int
    first: str
    size: str
    order: float


@dataclass(frozen=True)
class Exact:
    """Everything that the exact tier compares.

    Attributes:
        arithmetic: fingerprint of the arithmetic that the runs had.
        words: the same for a reader.
        cells: flat settings of each cell, by name.
        traces: by cell and seed.
        study: each experiment of the study under each preset, by its name.
        claims: digest of each claim of the study, by its id.
        failed: why runs have no result, by cell and seed; never in a baseline.
    """

    arithmetic: str = ""
    words: str = ""
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    traces: Mapping[tuple[str, int], Trace] = field(default_factory=dict)
    study: Mapping[str, Declaration] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[tuple[str, int], str] = field(default_factory=dict)


def trace(record: RunRecord, cell: str) -> Trace:
    """What the baseline keeps of ``record``, a run that did not fail."""
    steps = record.history.get("step", [])
    points = [
        _short({name: column[place] for name, column in record.history.items()})
        for place in range(len(steps))
    ]
    measured = {
        moment: _short([record.layers.get(moment), record.measurements.get(moment)])
        for moment in ("init", "end")
    }
    return Trace(
        cell=cell,
        seed=int(record.config["seed"]),
        status=record.status,
        digest=record.result_digest()[:DIGITS],
        start=measured["init"],
        curve={int(step): digest for step, digest in zip(steps, points, strict=True)},
        end=measured["end"],
        final={name: float(record.final[name]) for name in METRICS},
    )


def _short(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:_SHORT]


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings of a cell, without its seed and what changes no result."""
    flat = flatten(cell_config(config))
    return {key: value for key, value in flat.items() if key not in _NO_SETTING}


def changed_runs(before: Exact, now: Exact) -> list[Change]:
    """The runs that both have with other bits, those that changed earliest in the run first."""
    found = [
        change(before.traces[key], now.traces[key])
        for key in before.traces
        if key in now.traces and before.traces[key].digest != now.traces[key].digest
    ]
    return sorted(found, key=lambda each: each.order)


def change(before: Trace, now: Trace) -> Change:
    """Where two runs of a cell and seed part, and how far."""
    first, order = _first(before, now)
    size = moved(before.final, now.final)
    if before.status != now.status:
        size = f"{before.status} → {now.status}"
    return Change(now.cell, now.seed, first, size, order)


def _first(before: Trace, now: Trace) -> tuple[str, float]:
    if before.start != now.start:
        return START, -1
    for step in sorted({*before.curve, *now.curve}):
        if before.curve.get(step) != now.curve.get(step):
            return (f"at step {step}" if step else "before the first step, on the curve"), step
    if not _same(before.final, now.final):
        return "in the final metrics", math.inf
    return END, math.inf


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether the metrics are the same; NaN is where the other is."""
    return all(
        one[name] == other[name] or (math.isnan(one[name]) and math.isnan(other[name]))
        for name in METRICS
    )


def moved(before: Mapping[str, float], now: Mapping[str, float]) -> str:
    """The final metric that moved most, in words; that none did."""
    relative = {
        name: abs(now[name] - before[name]) / max(abs(before[name]), 1e-12)
        for name in METRICS
        if math.isfinite(before[name]) and math.isfinite(now[name])
    }
    if not relative or not max(relative.values()):
        return "final metrics the same"
    # an accuracy where one moved: it says more than a loss, which always does
    accuracies = {name: size for name, size in relative.items() if "accuracy" in name and size}
    chosen = accuracies or relative
    name = max(chosen, key=lambda each: chosen[each])
    words, difference = name.replace("_", " "), now[name] - before[name]
    if "accuracy" in name:
        numbers = f"{100 * before[name]:.2f} % → {100 * now[name]:.2f} %"
        return f"{words} {numbers} ({100 * difference:+.2f} points)".replace("-", "−")
    return f"{words} {before[name]:.5g} → {now[name]:.5g} ({difference:+.1e})".replace("-", "−")


def changed_settings(before: Exact, now: Exact) -> list[str]:
    """Cells of the exact tier that are gone, or have other settings, in words."""
    changes: dict[str, list[str]] = {}
    for name, own in before.cells.items():
        if name not in now.cells:
            changes.setdefault("gone", []).append(name)
            continue
        others = now.cells[name]
        keys = [key for key in {**own, **others} if own.get(key) != others.get(key)]
        # an option that came later, at what it was before there was a choice, is no change
        if not keys or _digests(before, name) == _digests(now, name):
            continue
        words = ", ".join(f"{key} {shown(own.get(key))} → {shown(others.get(key))}" for key in keys)
        changes.setdefault(words, []).append(name)
    return [f"{words} ({_counted(names)})" for words, names in changes.items()]


def _digests(of: Exact, cell: str) -> list[str]:
    return [trace.digest for (name, _), trace in of.traces.items() if name == cell]


def _counted(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} cells more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def new_cells(before: Exact, now: Exact) -> list[str]:
    """Cells that the baseline does not know."""
    return [name for name in now.cells if name not in before.cells]


def gather(
    names: Mapping[str, Iterable[str]],
    configs: Mapping[str, Mapping[str, Any]],
    records: Mapping[str, RunRecord],
) -> tuple[dict[str, Mapping[str, Any]], dict[tuple[str, int], Trace], dict[tuple[str, int], str]]:
    """Settings, traces and failures of the exact tier's cells.

    Args:
        names: addresses of each cell, by its name.
        configs: by address.
        records: by address; what is missing has failed.
    """
    cells: dict[str, Mapping[str, Any]] = {}
    traces: dict[tuple[str, int], Trace] = {}
    failed: dict[tuple[str, int], str] = {}
    for name, addresses in names.items():
        for address in addresses:
            config = configs[address]
            key = name, int(config["seed"])
            cells.setdefault(name, settings(config))
            record = records.get(address)
            if record is None:
                failed[key] = "there is no record of it"
            elif record.status == "failed":
                failed[key] = ((record.error or "").strip().splitlines() or ["no message"])[-1]
            else:
                traces[key] = trace(record, name)
    return cells, traces, failed
