"""The baseline as a text file that can be reviewed.

It is JSON with one line for each cell, run and part of a claim, always in the same order, so that
a change of one result is a change of one line. Numbers have all their digits: equal ones are equal
bit by bit. ``docs/gate.md`` describes the fields.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from study.analysis.verdicts import VERDICTS
from study.errors import StudyError
from study.gate.baseline import (
    PLATFORM,
    Baseline,
    BaselineError,
    ClaimPart,
    ClaimState,
    Run,
)
from study.gate.declared import Declaration
from study.gate.exact import Exact, Trace
from study.gate.names import commonest, flatten, nested
from study.records.config import RunConfig
from study.records.record import METRICS, Status
from study.records.store import write_atomically

SCHEMA = 2
_COLUMNS = ["cell", "seed", "status", *METRICS, "digest"]
_TRACE = ["cell", "seed", "status", *METRICS, "digest", "start", "curve", "end"]
_CONFLICT = ("<<<<<<< ", ">>>>>>> ", "=======")
_UPDATE = 'make a new one with --update --reason "…"'


def to_text(baseline: Baseline) -> str:
    """The file's content; ``from_text`` reads it."""
    flat = {name: flatten(config) for name, config in baseline.cells.items()}
    for config in flat.values():
        del config["seed"]
    shared, own = _shared(flat)
    runs = [
        [run.cell, run.seed, run.status, *(_json(run.final[m]) for m in METRICS), run.digest]
        for run in baseline.runs.values()
    ]
    lines = [
        f'"schema": {SCHEMA}',
        *(f'"{k}": {_dump(getattr(baseline, k))}' for k in ("reason", "date", "code", "commit")),
        f'"history": {_block("[", [_dump(entry) for entry in baseline.history], "]")}',
        f'"platform": {_dump(baseline.platform)}',
        f'"data": {_dump(baseline.data)}',
        f'"settings": {_dump(shared)}',
        f'"cells": {_block("{", _named(own), "}")}',
        f'"columns": {_dump(_COLUMNS)}',
        f'"runs": {_block("[", [_dump(run) for run in runs], "]")}',
        f'"claims": {_block("[", [_dump(line) for line in _claim_lines(baseline)], "]")}',
        *_exact_lines(baseline.exact),
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _shared(flat: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What most have, and by name what each has otherwise."""
    shared = commonest(list(flat.values()))
    own = {
        name: {key: value for key, value in values.items() if (key, value) not in shared.items()}
        for name, values in flat.items()
    }
    return shared, own


def _sorted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same whatever order they were read in."""
    return dict(sorted(values.items()))


def _named(own: Mapping[str, Any]) -> list[str]:
    return [f"{_dump(name)}: {_dump(values)}" for name, values in own.items()]


def _claim_lines(baseline: Baseline) -> list[list[Any]]:
    return [
        [id_, state.verdict, name, part.verdict, {k: _json(v) for k, v in part.effects.items()}]
        for id_, state in sorted(baseline.claims.items())
        for name, part in state.parts.items()
    ]


def _exact_lines(exact: Exact) -> list[str]:
    """The fields of the exact tier."""
    shared, own = _shared({name: _sorted(cell) for name, cell in exact.cells.items()})
    traces = [
        [t.cell, t.seed, t.status, *(_json(t.final[m]) for m in METRICS), t.digest, t.start,
         t.curve, t.end]
        for t in exact.traces.values()
    ]  # fmt: skip
    values = {name: _sorted(declared.values) for name, declared in exact.study.items()}
    usual, special = _shared(values)
    study = {
        name: {"runs": declared.cells, "digest": declared.digest} | special[name]
        for name, declared in exact.study.items()
    }
    return [
        f'"arithmetic": {_dump({"fingerprint": exact.arithmetic, "words": exact.words})}',
        f'"exact_settings": {_dump(shared)}',
        f'"exact_cells": {_block("{", _named(own), "}")}',
        f'"exact_columns": {_dump(_TRACE)}',
        f'"exact_runs": {_block("[", [_dump(line) for line in traces], "]")}',
        f'"study_settings": {_dump(usual)}',
        f'"study": {_block("{", _named(study), "}")}',
        f'"study_claims": {_dump(exact.claims)}',
    ]


def _block(opening: str, lines: Sequence[str], closing: str) -> str:
    if not lines:
        return opening + closing
    return "\n  ".join([opening, ",\n  ".join(lines)]) + "\n" + closing


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_baseline(path: Path) -> Baseline:
    """The baseline in the file ``path``.

    Raises:
        BaselineError: there is none, or it cannot be read; says what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BaselineError(f"no baseline at {path}: {_UPDATE}") from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BaselineError(f"{path}: cannot be read (not a text file)") from None
    try:
        return from_text(text)
    except BaselineError as error:
        raise BaselineError(f"{path}: {error}") from None


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write the file, whole or not at all; raises StoreError."""
    write_atomically(path, to_text(baseline))


def from_text(text: str) -> Baseline:
    """Read what ``to_text`` wrote.

    Raises:
        BaselineError: it is not a baseline, or another version's; whatever the text is, there is
            no other error.
    """
    if any(line.startswith(_CONFLICT) for line in text.splitlines()):
        raise BaselineError(
            "has merge conflicts: take the file of one side (git checkout --ours or --theirs),"
            " and make a new one from the merged code with --update"
        )
    try:
        content = json.loads(text)
    except ValueError as error:  # also what is nested too deeply or has too many digits
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "unreadable"
        raise BaselineError(f"not a baseline: no JSON ({where})") from None
    except RecursionError:
        raise BaselineError("not a baseline: no JSON (nested too deeply)") from None
    if not isinstance(content, dict) or "schema" not in content:
        raise BaselineError("not a baseline: a field schema is missing")
    schema = content["schema"]
    if type(schema) is not int or schema != SCHEMA:
        raise BaselineError(
            f"baseline of schema {schema!r}, this version reads {SCHEMA}: {_UPDATE}"
        )
    try:
        return _from_content(content)
    except BaselineError:
        raise
    except KeyError as error:
        raise BaselineError(f"not a baseline: {error.args[0]!r} is missing") from None
    except StudyError as error:
        raise BaselineError(f"not a baseline: {error}") from None
    except Exception:  # anything may stand in the file
        raise BaselineError(
            "not a baseline: a value is not of the kind that it should be"
        ) from None


def _from_content(content: dict[str, Any]) -> Baseline:
    for key in ("reason", "date", "code"):
        _expect(f"{key} is no text", isinstance(content[key], str))
    _expect("commit is no text", content["commit"] is None or isinstance(content["commit"], str))
    for key in ("platform", "data"):
        texts = all(isinstance(value, str) for value in content[key].values())
        _expect(f"{key} is not made of texts", texts)
    _expect("platform is not whole", set(content["platform"]) == set(PLATFORM))
    _expect(f"columns are not {', '.join(_COLUMNS)}", content["columns"] == _COLUMNS)
    cells = {
        name: _typed(nested({**content["settings"], **own, "seed": 0}))
        for name, own in content["cells"].items()
    }
    runs = {}
    for cell, seed, status, *values, digest in content["runs"]:
        _expect(f"no cell {cell!r}", cell in cells)
        final = _final(cell, seed, status, values)
        _expect(f"{cell}: digest {digest!r}", isinstance(digest, str))
        address = replace(cells[cell], seed=seed).address
        _expect(f"{cell}, seed {seed} stands twice", address not in runs)
        runs[address] = Run(cell, seed, status, final, digest)
    _expect("no runs", len(runs) > 0)
    history = [(date, reason) for date, reason in content["history"]]
    _expect("history is not made of texts", all(isinstance(t, str) for e in history for t in e))
    return Baseline(
        reason=content["reason"],
        date=content["date"],
        code=content["code"],
        commit=content["commit"],
        platform=content["platform"],
        data=content["data"],
        cells={name: asdict(config) for name, config in cells.items()},
        runs=runs,
        claims=_claims(content["claims"]),
        exact=_exact(content),
        history=history,
    )


def _final(cell: str, seed: Any, status: Any, values: Sequence[Any]) -> dict[str, float]:
    """The metrics of a run, whose seed and status are looked at, too."""
    _expect(f"{cell}: seed {seed!r}", type(seed) is int and seed >= 0)
    _expect(f"{cell}: status {status!r}", status in get_args(Status) and status != "failed")
    final = {
        name: math.nan if value is None else float(value)
        for name, value in zip(METRICS, values, strict=True)
    }
    finite = all(map(math.isfinite, final.values()))
    _expect(f"{cell}, seed {seed}: metrics", finite == (status == "completed"))
    for name, value in final.items():
        most = 1 if name.endswith("accuracy") else math.inf
        fits = math.isnan(value) or 0 <= value <= most
        _expect(f"{cell}, seed {seed}: {name} = {value:g}, not in [0, {most:g}]", fits)
    return final


def _exact(content: dict[str, Any]) -> Exact:
    """What the exact tier compares with."""
    _expect(f"exact_columns are not {', '.join(_TRACE)}", content["exact_columns"] == _TRACE)
    cells = {n: {**content["exact_settings"], **o} for n, o in content["exact_cells"].items()}
    traces = {}
    for cell, seed, status, *values, digest, start, curve, end in content["exact_runs"]:
        _expect(f"no cell {cell!r}", cell in cells)
        final = _final(cell, seed, status, values)
        points = {int(step): str(point) for step, point in curve.items()}
        _expect(f"{cell}, seed {seed} stands twice", (cell, seed) not in traces)
        texts = all(isinstance(text, str) for text in (digest, start, end))
        _expect(f"{cell}, seed {seed}: a digest is no text", texts)
        traces[cell, seed] = Trace(cell, seed, status, digest, start, points, end, final)
    study = {}
    for name, own in content["study"].items():
        values = {k: v for k, v in own.items() if k not in ("runs", "digest")}
        every = {**content["study_settings"], **values}
        _expect(f"{name}: values are not lists", all(isinstance(v, list) for v in every.values()))
        study[name] = Declaration(int(own["runs"]), str(own["digest"]), every)
    origin = content["arithmetic"]
    return Exact(
        arithmetic=str(origin["fingerprint"]),
        words=str(origin["words"]),
        cells=cells,
        traces=traces,
        study=study,
        claims={str(name): str(digest) for name, digest in content["study_claims"].items()},
    )


def _typed(values: dict[str, Any]) -> RunConfig:
    config = RunConfig.from_dict(values)
    config.check_values()
    return config


def _claims(lines: Sequence[Any]) -> dict[str, ClaimState]:
    verdicts: dict[str, str] = {}
    parts: dict[str, dict[str, ClaimPart]] = {}
    for id_, verdict, name, own, effects in lines:
        known = {verdict, own} <= set(VERDICTS) and verdicts.setdefault(id_, verdict) == verdict
        _expect(f"claim {id_}: verdict {verdict!r}, {own!r}", known)
        values = {str(k): math.nan if v is None else float(v) for k, v in effects.items()}
        parts.setdefault(id_, {})[str(name)] = ClaimPart(own, values)
    return {id_: ClaimState(verdict, parts[id_]) for id_, verdict in verdicts.items()}


def _expect(otherwise: str, valid: bool) -> None:
    if not valid:
        raise BaselineError(f"not a baseline: {otherwise}")
