"""How the gate itself differs from that of another commit, so that no change loosens it unseen."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError
from study.gate.declared import shown
from study.paths import conf_folder

# Data of the gate, whose values are named, and its code, whose files are.
DATA = ("conf/gate", "conf/chapter/gate/experiments/gate.yaml")
CODE = ("study/gate", "study/edge/gate.py", "study/check.py", "tests/gate", ".github/workflows")
MOST = 20  # lines of one file
_SECONDS = 30


def gate_changes(ref: str, baseline: Path) -> list[str]:
    """What of rules, claims, cells, baseline and code of the gate differs from the commit ``ref``.

    Args:
        ref: anything that git takes for a commit.
        baseline: the file, in the checkout.

    Raises:
        StudyError: there is no such commit, or this is no checkout.
    """
    root = conf_folder().resolve().parent
    if _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is None:
        raise StudyError(f"--against: expected a commit of this checkout, got {ref!r}")
    lines = []
    place = baseline.resolve()
    own = str(place.relative_to(root)) if place.is_relative_to(root) else None
    for path in _changed(root, ref, DATA):
        lines += _compared(root, ref, path, _yaml, _settings)
    if own is not None and _changed(root, ref, (own,)):
        lines += _compared(root, ref, own, _json, _results)
    if code := _changed(root, ref, CODE):
        lines.append(f"code of the gate differs: {', '.join(code)}")
    return [f"against {ref}: {line}" for line in lines]


def _changed(root: Path, ref: str, paths: tuple[str, ...]) -> list[str]:
    """Files below ``paths`` that differ from ``ref``, also those that git does not know yet."""
    tracked = _git(root, "diff", "--name-only", "--no-renames", ref, "--", *paths) or ""
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", *paths) or ""
    return sorted({*tracked.splitlines(), *new.splitlines()})


def _compared(
    root: Path,
    ref: str,
    path: str,
    parse: Callable[[str], Any],
    differences: Callable[[Any, Any], list[str]],
) -> list[str]:
    """Lines about one file."""
    text = _git(root, "show", f"{ref}:{path}")
    here = root / path
    if text is None or not here.is_file():
        return [f"{path}: {'new' if text is None else 'gone'}"]
    try:
        lines = differences(parse(text), parse(here.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        lines = ["differs, and cannot be read"]
    more = [f"{path}: {len(lines) - MOST} differences more"] if len(lines) > MOST else []
    return [f"{path}: {line}" for line in lines[:MOST]] + more


def _yaml(text: str) -> Any:
    return yaml.safe_load(text)


def _json(text: str) -> Any:
    return json.loads(text)


def _settings(before: Any, now: Any) -> list[str]:
    """Values of a YAML file that differ, by dotted key."""
    one, other = _leaves(before), _leaves(now)
    return [
        f"{key} {shown(one.get(key))} → {shown(other.get(key))}"
        for key in {**one, **other}
        if one.get(key) != other.get(key)
    ]


def _leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of nested mappings; lists of plain values are leaves."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        items = [(str(place), item) for place, item in enumerate(value)]
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= _leaves(item, f"{prefix}.{key}" if prefix else key)
    return found


def _results(before: Any, now: Any) -> list[str]:
    """What a baseline says otherwise: its reason, how many runs, and the cells that moved most."""
    lines = [f"reason {before['reason']!r} → {now['reason']!r}"]
    one, other = _runs(before), _runs(now)
    differing = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    lines.append(f"{len(differing)} of {len(other)} runs differ (before: {len(one)} runs)")
    means = [_means(each) for each in (one, other)]
    moved = [(abs(means[1][cell] - means[0][cell]), cell) for cell in means[0] if cell in means[1]]
    for size, cell in sorted(moved, reverse=True)[:5]:
        if size > 0:
            numbers = " → ".join(f"{100 * own[cell]:.2f} %" for own in means)
            lines.append(f"{cell}: mean test accuracy {numbers}")
    verdicts = [{line[0]: line[1] for line in each["claims"]} for each in (before, now)]
    lines += [f"claim {name} of the gate: {line}" for name, line in _verdicts(*verdicts)]
    return lines


def _verdicts(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (name, f"{before.get(name, '–')} → {now.get(name, '–')}")
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def _runs(content: Any) -> dict[tuple[str, int], dict[str, Any]]:
    rows = [dict(zip(content["columns"], run, strict=True)) for run in content["runs"]]
    return {(row["cell"], row["seed"]): row for row in rows}


def _means(runs: Mapping[tuple[str, int], Mapping[str, Any]]) -> dict[str, float]:
    by_cell = defaultdict(list)
    for (cell, _), row in runs.items():
        if row["test_accuracy"] is not None:
            by_cell[cell].append(row["test_accuracy"])
    return {cell: sum(values) / len(values) for cell, values in by_cell.items()}


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
