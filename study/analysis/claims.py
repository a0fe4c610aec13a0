"""Claims put to the test: declarations and stored runs in, verdicts out.

``judge`` does all of it: the metric of each part, its cells, pairs and interval, and the correction
for the number of tests. ``to_json`` is what other programs read (``docs/claims.md``).
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import pairing, verdicts
from study.analysis.declarations import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    VERDICTS,
    Claim,
    Part,
    load_claims,
    selects,
)
from study.analysis.frames import Results
from study.analysis.intervals import (
    LEVEL,
    Estimate,
    Evidence,
    bootstrap_evidence,
    holm,
    t_evidence,
)
from study.analysis.metrics import measure
from study.records.plan import StudyPlan

__all__ = [
    "INCONCLUSIVE", "REFUTED", "SUPPORTED", "VERDICTS", "Claim", "Finding", "Judgement", "Part",
    "judge", "load_claims", "selects", "to_json",
]  # fmt: skip

SCHEMA = 1


@dataclass(frozen=True)
class Finding:
    """What the runs say about one part of a claim.

    Attributes:
        part: its declaration.
        treatment, control: means of both sides over the pairs (of a ratio: geometric means);
            control is None for a constant.
        effect: treatment minus control, or treatment / control.
        p: of the test that gives the verdict; NaN where there is no interval.
        p_holm: corrected for all tests of the table; NaN for a test that is not one of them.
        verdict: after the correction.
        uncorrected: before it.
        reason: why it is inconclusive (``verdicts.REASONS``), None where it is not.
        diverged: how many of the runs compared diverged.
        censored: how many never reached the level that the metric waits for.
        pairs: columns ``paired_by``, ``treatment``, ``control``, ``effect``; a row for each pair.
    """

    part: Part
    treatment: Estimate
    control: Estimate | None
    effect: Estimate
    p: float
    p_holm: float
    verdict: str
    uncorrected: str
    reason: str | None
    diverged: int
    censored: int
    pairs: pd.DataFrame


@dataclass(frozen=True)
class Judgement:
    """The verdict on a claim.

    Attributes:
        claim: its declaration.
        findings: by part.
        verdict: of all deciding parts together, after the correction.
        uncorrected: before it.
        case: which of the claim's sentences fits: a verdict, or one of its cases.
        reason: why it is inconclusive, None where it is not.
    """

    claim: Claim
    findings: dict[str, Finding]
    verdict: str
    uncorrected: str
    case: str
    reason: str | None


class _Measured:
    """The metrics of one study, each made once."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._frames: dict[Hashable, pd.DataFrame] = {}

    def frame(self, part: Part) -> pd.DataFrame:
        """The frame of a part's metric, prepared for pairing."""
        key = (part.experiment, part.metric, *part.options.items())
        if key not in self._frames:
            frame = measure(self._results, part.experiment, part.metric, part.options)
            self._frames[key] = pairing.prepared(frame)
        return self._frames[key]


def judge(claims: Iterable[Claim], results: Results) -> list[Judgement]:
    """The verdict on each claim, in their order; without those the study has no experiment for."""
    measured = _Measured(results)
    table = [
        (claim, {name: _finding(part, measured) for name, part in claim.parts.items()})
        for claim in claims
        if any(experiment in results.plan.experiments for experiment in claim.experiments)
    ]
    return [_judgement(claim, findings) for claim, findings in _corrected(table)]


def _finding(part: Part, measured: _Measured) -> Finding:
    """One part, before the correction for the number of tests."""
    sides = pairing.selected(part, measured.frame(part))
    table = pairing.pairs(part, sides)
    compared = pd.concat(list(sides.values())).drop_duplicates("address")
    diverged = int((compared["status"] == "diverged").sum())
    censored = int(compared["censored"].sum()) if "censored" in compared else 0
    return _tested(part, table, diverged=diverged, censored=censored)


def _tested(part: Part, table: pd.DataFrame, *, diverged: int, censored: int) -> Finding:
    """Interval, p-value and verdict of the pairs in ``table``."""
    sides = table[["treatment", "control"]].to_numpy(float)
    ratio = part.compare == "ratio"
    logarithmic = ratio and bool((sides > 0).all())
    treatment, control = (np.log(sides) if logarithmic else sides).T
    # A ratio of what is not positive is no number: such a pair may not just be left out.
    valid = logarithmic or not ratio
    differences = treatment - control if valid else np.full(len(table), np.nan)
    evidence = _evidence(part, table, differences)
    smallest = math.log(part.smallest) if ratio else part.smallest
    p = verdicts.p_value(evidence, part.direction, smallest)
    verdict, reason = INCONCLUSIVE, None
    if not len(table):
        reason = verdicts.MISSING
    elif not valid:
        reason = verdicts.NOT_POSITIVE
    elif evidence.estimate.n < verdicts.FEWEST:
        reason = verdicts.FEW_PAIRS
    else:
        verdict = verdicts.verdict(evidence.estimate, part.direction, smallest)
        reason = verdicts.WIDE if verdict == INCONCLUSIVE else None
    shown = _exponential if logarithmic else _plain
    return Finding(
        part=part,
        treatment=shown(_evidence(part, table, treatment).estimate),
        control=None if part.control is None else shown(_evidence(part, table, control).estimate),
        effect=shown(evidence.estimate),
        p=p,
        p_holm=math.nan,
        verdict=verdict,
        uncorrected=verdict,
        reason=reason,
        diverged=diverged,
        censored=censored,
        pairs=table.assign(effect=np.exp(differences) if logarithmic else differences),
    )


def _evidence(part: Part, table: pd.DataFrame, values: np.ndarray) -> Evidence:
    """Student's t, or the bootstrap where the part has clusters."""
    if not part.cluster_by:
        return t_evidence(values)
    clusters = table.groupby(list(part.cluster_by), dropna=False, sort=False).ngroup()
    return bootstrap_evidence(pd.Series(values, index=table.index), clusters)


def _plain(estimate: Estimate) -> Estimate:
    return estimate


def _exponential(estimate: Estimate) -> Estimate:
    """An estimate of logarithms as one of a geometric mean."""
    mean, low, high = (float(np.exp(value)) for value in estimate[:3])
    method = "log t" if estimate.method == "t" else estimate.method
    return Estimate(mean, low, high, estimate.n, method)


def _corrected(
    table: Sequence[tuple[Claim, dict[str, Finding]]],
) -> list[tuple[Claim, dict[str, Finding]]]:
    """Holm's correction over all deciding parts that could have given a verdict.

    A part with too few pairs is no test: it gives no verdict, so none that is false, and does not
    make the others stricter.
    """
    tests = {
        (index, name): finding.p
        for index, (_, findings) in enumerate(table)
        for name, finding in findings.items()
        if finding.part.deciding and finding.reason in (None, verdicts.WIDE)
    }
    corrected = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    return [
        (
            claim,
            {
                name: _with_correction(finding, corrected.get((index, name), math.nan))
                for name, finding in findings.items()
            },
        )
        for index, (claim, findings) in enumerate(table)
    ]


def _with_correction(finding: Finding, p_holm: float) -> Finding:
    if finding.uncorrected != INCONCLUSIVE and p_holm > verdicts.ALPHA:
        return replace(finding, p_holm=p_holm, verdict=INCONCLUSIVE, reason=verdicts.CORRECTED)
    return replace(finding, p_holm=p_holm)


def _judgement(claim: Claim, findings: dict[str, Finding]) -> Judgement:
    deciding = [finding for finding in findings.values() if finding.part.deciding]
    verdict = verdicts.together([finding.verdict for finding in deciding])
    case = next(
        (
            name
            for name, conditions in claim.cases.items()
            if all(findings[part].verdict == wanted for part, wanted in conditions.items())
        ),
        verdict,
    )
    reasons = [finding.reason for finding in deciding]
    first = next((reason for reason in verdicts.REASONS if reason in reasons), None)
    return Judgement(
        claim=claim,
        findings=findings,
        verdict=verdict,
        uncorrected=verdicts.together([finding.uncorrected for finding in deciding]),
        case=case,
        reason=first if verdict == INCONCLUSIVE else None,
    )


# --- for other programs -------------------------------------------------------------------------


def to_json(judgements: Sequence[Judgement], plan: StudyPlan) -> dict[str, Any]:
    """Every verdict with its numbers as plain JSON values; see ``docs/claims.md``."""
    findings = [finding for judgement in judgements for finding in judgement.findings.values()]
    return {
        "schema": SCHEMA,
        "study": plan.name,
        "command": plan.command,
        "data": plan.data,
        "preset": plan.preset,
        "confidence": LEVEL,
        "alpha": verdicts.ALPHA,
        "fewest_pairs": verdicts.FEWEST,
        "tests": sum(not math.isnan(finding.p_holm) for finding in findings),
        "claims": [_claim_json(judgement) for judgement in judgements],
    }


def _claim_json(judgement: Judgement) -> dict[str, Any]:
    claim = judgement.claim
    return {
        "id": claim.id,
        "section": claim.section,
        "figure": claim.figure,
        "beyond": claim.beyond,
        "statement": claim.statement,
        "verdict": judgement.verdict,
        "uncorrected": judgement.uncorrected,
        "case": judgement.case,
        "reason": judgement.reason,
        "parts": {name: _part_json(found) for name, found in judgement.findings.items()},
    }


def _part_json(finding: Finding) -> dict[str, Any]:
    part = finding.part
    pairs = finding.pairs.astype(object).where(finding.pairs.notna(), None)
    return {
        "label": part.label,
        "experiment": part.experiment,
        "metric": {"name": part.metric, **part.options},
        "where": _cells_json(part.where),
        "treatment": _cells_json(part.treatment),
        "control": None if part.control is None else _cells_json(part.control),
        "against": part.against,
        "paired_by": list(part.paired_by),
        "cluster_by": list(part.cluster_by),
        "reduce": part.reduce and asdict(part.reduce),
        "reduce_control": part.reduce_control and asdict(part.reduce_control),
        "compare": part.compare,
        "direction": part.direction,
        "smallest": part.smallest,
        "unit": part.unit,
        "deciding": part.deciding,
        "verdict": finding.verdict,
        "uncorrected": finding.uncorrected,
        "reason": finding.reason,
        "p": _number(finding.p),
        "p_holm": _number(finding.p_holm),
        "effect": _estimate_json(finding.effect),
        "treatment_mean": _estimate_json(finding.treatment),
        "control_mean": None if finding.control is None else _estimate_json(finding.control),
        "pairs": len(pairs),
        "diverged": finding.diverged,
        "censored": finding.censored,
        "values": {str(name): [_number(v) for v in pairs[name]] for name in pairs},
    }


def _cells_json(selection: Sequence[dict[str, tuple[Any, ...]]]) -> list[dict[str, list[Any]]]:
    return [{column: list(values) for column, values in cell.items()} for cell in selection]


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {name: _number(value) for name, value in estimate._asdict().items()}


def _number(value: Any) -> Any:
    """A plain value; what is not finite is null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
