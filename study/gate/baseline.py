"""The baseline: the results that the gate compares with (``baseline_text`` is its file)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from study.analysis.claims import Judgement, judge
from study.analysis.frames import Results
from study.analysis.verdicts import FEWEST
from study.errors import StudyError
from study.gate.exact import DIGITS, Exact
from study.gate.names import cell_config, cells_of
from study.gate.rules import EXPERIMENT, Rules
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.record import METRICS, RunRecord

# Another of these rounds differently; equal ones give equal bits.
PLATFORM = ("numpy", "blas", "blas_version", "blas_kernel", "system")


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
        exact: what the exact tier compares with.
        history: date and reason of the baselines before, the last one first.
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
    exact: Exact = field(default_factory=Exact)
    history: Sequence[tuple[str, str]] = ()


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
    records: Iterable[RunRecord],
    rules: Rules,
    *,
    reason: str,
    date: str,
    exact: Exact | None = None,
    before: Baseline | None = None,
) -> Baseline:
    """The baseline that ``records`` make.

    Args:
        records: the gate's runs, those of the exact tier not among them.
        rules: whose claims are judged on them.
        reason: why it is another one.
        date: of today, ISO 8601.
        exact: the exact tier's part.
        before: the baseline that it replaces, whose reason is kept.

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
        cells={name: cell_config(c[min(c)]) for name, c in sorted(cells.items())},
        runs=dict(
            sorted(
                ((record.address, summarise(record, name)) for name, record in _named(records)),
                key=lambda item: (item[1].cell, item[1].seed),
            )
        ),
        claims=claim_states(judge_claims(rules, records)),
        exact=exact or Exact(),
        history=[(before.date, before.reason), *before.history] if before else [],
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
        digest=record.result_digest()[:DIGITS],
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
