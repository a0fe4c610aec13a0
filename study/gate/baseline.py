"""The baseline: the results that the gate compares with, as a text file that can be reviewed.

It is JSON with one line for each cell, run and part of a claim, always in the same order, so that
a change of one result is a change of one line. Numbers have all their digits: equal ones are equal
bit by bit. ``docs/gate.md`` describes the fields.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from study.analysis.claims import Judgement, judge
from study.analysis.frames import Results
from study.analysis.verdicts import FEWEST, VERDICTS
from study.errors import StudyError
from study.gate.rules import EXPERIMENT, Rules
from study.records.cells import label, number_text
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import METRICS, RunRecord, Status
from study.records.store import write_atomically

SCHEMA = 1
# Another of these rounds differently; equal ones give equal bits.
PLATFORM = ("numpy", "blas", "blas_version", "blas_kernel", "system")
_DIGITS = 16  # of a result's digest
# What a cell's name always says; the rest only where two cells would have the same name.
_NAMED = {"init", "activation", "batchnorm", "dropout", "weight_decay", "momentum"}


class BaselineError(StudyError):
    """A baseline that is not there or cannot be read, or runs that cannot become one."""


@dataclass(frozen=True)
class Run:
    """What the baseline keeps of a run.

    Attributes:
        cell: name of its cell.
        seed: of the run.
        status: ``completed`` or ``diverged``.
        final: the metrics by name; NaN where the run diverged.
        digest: of everything that it computed (``RunRecord.result_digest``), 16 hex digits.
    """

    cell: str
    seed: int
    status: str
    final: Mapping[str, float]
    digest: str


@dataclass(frozen=True)
class ClaimPart:
    """What the baseline keeps of one part of a claim.

    Attributes:
        verdict: of the part.
        effects: by pair (its key as text); of a ratio, the ratio.
    """

    verdict: str
    effects: Mapping[str, float]


@dataclass(frozen=True)
class ClaimState:
    """What the baseline keeps of a claim: its verdict, and its deciding parts by name."""

    verdict: str
    parts: Mapping[str, ClaimPart]


@dataclass(frozen=True)
class Baseline:
    """The results to compare with.

    Attributes:
        reason: why they are the ones.
        date: when they were written, ISO 8601.
        code: fingerprint of the code that computes results, and its commit or None.
        platform: what decides how numbers are rounded (``PLATFORM``).
        data: checksum of each data set, by its label.
        cells: configuration of each cell, by its name, seed 0.
        runs: by address.
        claims: by id.
    """

    reason: str
    date: str
    code: str
    commit: str | None
    platform: Mapping[str, str]
    data: Mapping[str, str]
    cells: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, Run]
    claims: Mapping[str, ClaimState]


# --- from records -------------------------------------------------------------------------------


def platform_of(record: RunRecord) -> dict[str, str]:
    """What decides how the numbers of ``record`` were rounded."""
    origin = record.provenance
    known = {**(origin.get("machine") or {}), **(origin.get("libraries") or {})}
    return {key: str(known.get(key, "unknown")) for key in PLATFORM}


def data_of(record: RunRecord) -> tuple[str, str]:
    """Label and checksum of the data set of ``record``."""
    data = record.config["data"]
    checksum = (record.provenance.get("data") or {}).get("checksum", "unknown")
    return str(data["label"] or data["name"]), str(checksum)


def make_baseline(
    records: Iterable[RunRecord], rules: Rules, *, reason: str, date: str
) -> Baseline:
    """The baseline that ``records`` make.

    Raises:
        BaselineError: a run failed, there are too few, or they do not belong together.
    """
    records = list(records)
    if not reason.strip():
        raise BaselineError("a baseline needs a reason: --reason '…'")
    failed = [record for record in records if record.status == "failed"]
    if failed:
        raise BaselineError(f"no baseline of runs that failed ({len(failed)} of {len(records)})")
    if not records:
        raise BaselineError("no baseline of no runs")
    platforms = {tuple(platform_of(record).items()) for record in records}
    codes = {str(record.provenance.get("code")) for record in records}
    commits = {record.provenance.get("commit") for record in records}
    data = {data_of(record) for record in records}
    for what, found in (("platforms", platforms), ("versions of the code", codes)):
        if len(found) > 1:
            raise BaselineError(f"no baseline of runs of {len(found)} {what}: run them all again")
    if len(data) > len(dict(data)):
        raise BaselineError("no baseline of runs on different data of the same name")
    cells = cells_of({record.address: record.config for record in records})
    _check_seeds(cells)
    return Baseline(
        reason=" ".join(reason.split()),
        date=date,
        code=codes.pop(),
        commit=commits.pop() if len(commits) == 1 else None,
        platform=dict(platforms.pop()),
        data=dict(sorted(data)),
        cells={name: _cell_config(c[min(c)]) for name, c in sorted(cells.items())},
        runs=dict(
            sorted(
                ((record.address, summarise(record, name)) for name, record in _named(records)),
                key=lambda item: (item[1].cell, item[1].seed),
            )
        ),
        claims=claim_states(judge_claims(rules, records)),
    )


def _named(records: Sequence[RunRecord]) -> list[tuple[str, RunRecord]]:
    """Records with the names of their cells."""
    by_address = {record.address: record for record in records}
    cells = cells_of({address: record.config for address, record in by_address.items()})
    return [
        (name, by_address[RunConfig.from_dict(config).address])
        for name, configs in cells.items()
        for config in configs.values()
    ]


def _check_seeds(cells: Mapping[str, Mapping[int, Any]]) -> None:
    """All cells need the same seeds, and enough of them."""
    seeds = {name: sorted(own) for name, own in cells.items()}
    first = next(iter(seeds.values()))
    for name, own in seeds.items():
        if own != first:
            raise BaselineError(f"no baseline: cell {name!r} has seeds {own}, others {first}")
    if len(first) < FEWEST:
        raise BaselineError(f"no baseline of {len(first)} seeds: at least {FEWEST} for an interval")


def summarise(record: RunRecord, cell: str) -> Run:
    """What the baseline keeps of ``record``."""
    return Run(
        cell=cell,
        seed=int(record.config["seed"]),
        status=record.status,
        final={name: float(record.final[name]) for name in METRICS},
        digest=record.result_digest()[:_DIGITS],
    )


def judge_claims(rules: Rules, records: Sequence[RunRecord]) -> list[Judgement]:
    """The verdicts of the gate's claims on ``records``."""
    wanted = {EXPERIMENT: [record.address for record in records]}
    plan = StudyPlan(EXPERIMENT, "", "", "", experiments=wanted)
    return judge(rules.claims, Results(plan, {record.address: record for record in records}))


def claim_states(judgements: Iterable[Judgement]) -> dict[str, ClaimState]:
    """What the baseline keeps of the verdicts."""
    states = {}
    for judgement in judgements:
        parts = {}
        for name, finding in judgement.findings.items():
            if finding.part.deciding and len(finding.pairs):
                keys = finding.pairs[list(finding.part.paired_by)].itertuples(index=False)
                effects = finding.pairs["effect"].tolist()
                names = [" ".join(map(str, key)) for key in keys]
                parts[name] = ClaimPart(finding.verdict, dict(zip(names, effects, strict=True)))
        states[judgement.claim.id] = ClaimState(judgement.verdict, parts)
    return states


# --- names of cells -----------------------------------------------------------------------------


def cells_of(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[int, dict[str, Any]]]:
    """Configurations by the name of their cell and their seed.

    Args:
        configs: by address.
    """
    by_cell: dict[str, dict[int, dict[str, Any]]] = {}
    for config in configs.values():
        key = replace(RunConfig.from_dict(config), seed=0).address
        by_cell.setdefault(key, {})[int(config["seed"])] = dict(config)
    cells = list(by_cell.values())
    names = cell_names([next(iter(cell.values())) for cell in cells])
    return dict(zip(names, cells, strict=True))


def _cell_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without its seed, and without what changes no result."""
    plain: dict[str, Any] = {**config, "seed": 0, "measure": []}
    plain["data"] = {**config["data"], "root": None}
    return plain


def cell_names(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A short name for each of some cells, no two the same.

    ``he relu, batch norm, dropout 0.2``: the choices, and whatever of the usual regularisers is
    on; other settings only where they tell two cells apart.
    """
    names = [_short_name(config) for config in configs]
    flat = [flatten(_cell_config(config)) for config in configs]
    usual = _commonest(flat)
    for name, count in Counter(names).items():
        if count > 1:
            same = [index for index, own in enumerate(names) if own == name]
            for index in same:
                names[index] += "".join(
                    f", {key} {_text(value)}"
                    for key, value in flat[index].items()
                    if key.split(".")[0] not in _NAMED
                    and value != usual.get(key)
                    and any(flat[other].get(key) != value for other in same)
                )
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({RunConfig.from_dict(config).address[:6]})"
        for name, config in zip(names, map(_cell_config, configs), strict=True)
    ]


def _commonest(flat: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The most frequent value of each key that all have; of equally frequent ones the first."""
    shared = [key for key in (flat[0] if flat else {}) if all(key in own for own in flat)]
    found = {}
    for key in shared:
        counts = Counter(_dump(own[key]) for own in flat)
        found[key] = json.loads(counts.most_common(1)[0][0])
    return found


def _short_name(config: Mapping[str, Any]) -> str:
    words = [f"{label(config['init'])} {label(config['activation'])}"]
    if config["batchnorm"]:
        words.append("batch norm")
    for key, word in (("dropout", "dropout"), ("weight_decay", "decay"), ("momentum", "momentum")):
        if config[key]:
            words.append(f"{word} {number_text(config[key])}")
    return ", ".join(words)


def _text(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys and values of a configuration."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What ``flatten`` made flat."""
    config: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, last = dotted.split(".")
        node = config
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return config


# --- as text ------------------------------------------------------------------------------------


def to_text(baseline: Baseline) -> str:
    """The file's content; ``from_text`` reads it."""
    flat = {name: flatten(config) for name, config in baseline.cells.items()}
    for config in flat.values():
        del config["seed"]
    shared = _commonest(list(flat.values()))
    own = {
        name: {key: value for key, value in values.items() if (key, value) not in shared.items()}
        for name, values in flat.items()
    }
    runs = [
        [run.cell, run.seed, run.status, *(_json(run.final[m]) for m in METRICS), run.digest]
        for run in baseline.runs.values()
    ]
    lines = [
        f'"schema": {SCHEMA}',
        *(f'"{k}": {_dump(getattr(baseline, k))}' for k in ("reason", "date", "code", "commit")),
        f'"platform": {_dump(baseline.platform)}',
        f'"data": {_dump(baseline.data)}',
        f'"settings": {_dump(shared)}',
        f'"cells": {_block("{", [f"{_dump(name)}: {_dump(own[name])}" for name in own], "}")}',
        f'"columns": {_dump(["cell", "seed", "status", *METRICS, "digest"])}',
        f'"runs": {_block("[", [_dump(run) for run in runs], "]")}',
        f'"claims": {_block("[", [_dump(line) for line in _claim_lines(baseline)], "]")}',
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _claim_lines(baseline: Baseline) -> list[list[Any]]:
    return [
        [id_, state.verdict, name, part.verdict, {k: _json(v) for k, v in part.effects.items()}]
        for id_, state in sorted(baseline.claims.items())
        for name, part in state.parts.items()
    ]


def _block(opening: str, lines: Sequence[str], closing: str) -> str:
    return (
        "\n  ".join([opening, *(f"{line}," for line in lines[:-1]), *lines[-1:]]) + "\n" + closing
    )


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
        raise BaselineError(f"no baseline at {path}: make one with --update --reason '…'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path}: cannot be read ({error})") from None
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
    try:
        content = json.loads(text)
        schema = content["schema"]
        if type(schema) is not int or schema != SCHEMA:
            raise BaselineError(
                f"baseline of schema {schema!r}, this version reads {SCHEMA}:"
                " make a new one with --update --reason '…'"
            )
        return _from_content(content)
    except BaselineError:
        raise
    except Exception as error:  # anything may stand in the file
        raise BaselineError(f"not a baseline ({type(error).__name__}: {error})") from None


def _from_content(content: dict[str, Any]) -> Baseline:
    for key in ("reason", "date", "code"):
        _expect(f"{key} is no text", isinstance(content[key], str))
    _expect("commit is no text", content["commit"] is None or isinstance(content["commit"], str))
    for key in ("platform", "data"):
        texts = all(isinstance(value, str) for value in content[key].values())
        _expect(f"{key} is not made of texts", texts)
    _expect("platform is not whole", set(content["platform"]) == set(PLATFORM))
    columns = ["cell", "seed", "status", *METRICS, "digest"]
    _expect(f"columns are not {columns}", content["columns"] == columns)
    cells = {
        name: _typed(_nested({**content["settings"], **own, "seed": 0}))
        for name, own in content["cells"].items()
    }
    runs = {}
    for cell, seed, status, *values, digest in content["runs"]:
        _expect(f"no cell {cell!r}", cell in cells)
        _expect(f"{cell}: seed {seed!r}", type(seed) is int and seed >= 0)
        _expect(f"{cell}: status {status!r}", status in get_args(Status) and status != "failed")
        final = [math.nan if value is None else float(value) for value in values]
        finite = all(map(math.isfinite, final))
        _expect(f"{cell}, seed {seed}: metrics", finite == (status == "completed"))
        _expect(f"{cell}: digest {digest!r}", isinstance(digest, str))
        run = Run(cell, seed, status, dict(zip(METRICS, final, strict=True)), digest)
        address = replace(cells[cell], seed=seed).address
        _expect(f"{cell}, seed {seed} stands twice", address not in runs)
        runs[address] = run
    _expect("no runs", len(runs) > 0)
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
