"""Verdicts for other programs: ``claims.json`` (``docs/claims.md``)."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from study.analysis import verdicts
from study.analysis.claims import Judgement, spent
from study.analysis.findings import Finding
from study.analysis.intervals import LEVEL, Estimate
from study.records.plan import StudyPlan

SCHEMA = 2


def to_json(judgements: Sequence[Judgement], plan: StudyPlan) -> dict[str, Any]:
    """Every verdict with its numbers as plain JSON values; see ``docs/claims.md``."""
    return {
        "schema": SCHEMA,
        "study": plan.name,
        "command": plan.command,
        "data": plan.data,
        "preset": plan.preset,
        "confidence": LEVEL,
        "alpha": verdicts.ALPHA,
        "fewest_seeds": verdicts.FEWEST,
        "settings": plan.settings,
        "looks": [
            {"seeds": seeds, "alpha": alpha}
            for seeds, alpha in zip([None, *plan.looks], spent(plan), strict=True)
        ],
        "claims": [_claim_json(judgement) for judgement in judgements],
    }


def _claim_json(judgement: Judgement) -> dict[str, Any]:
    claim = judgement.claim
    return {
        "id": claim.id,
        "section": claim.section,
        "figure": claim.figure,
        "chapter": claim.chapter,
        "beyond": claim.beyond,
        "digest": claim.digest,
        "statement": claim.statement,
        "scope": {name: [_number(value) for value in v] for name, v in judgement.scope.items()},
        "settings": list(judgement.settings),
        "verdict": judgement.verdict,
        "uncorrected": judgement.uncorrected,
        "case": judgement.case,
        "reason": judgement.reason,
        "p": _number(judgement.p),
        "p_corrected": _number(judgement.p_corrected),
        "alpha": judgement.alpha,
        "seeds": judgement.seeds,
        "seeds_needed": judgement.seeds_needed,
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
        "detail": dict(finding.detail),
        "p": _number(finding.p),
        "p_corrected": _number(finding.p_corrected),
        "effect": _estimate_json(finding.effect),
        "effect_90": _estimate_json(finding.narrow),
        "treatment_mean": _estimate_json(finding.treatment),
        "control_mean": None if finding.control is None else _estimate_json(finding.control),
        "pairs": len(pairs),
        "diverged": finding.diverged,
        "censored": finding.censored,
        "levels": {side: [list(level) for level in own] for side, own in finding.levels.items()},
        "edges": list(finding.edges),
        "seeds_needed": finding.seeds_needed,
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
