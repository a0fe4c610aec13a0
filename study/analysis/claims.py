"""Claims put to the test: declarations and stored runs in, verdicts out.

``judge`` does all of it: the numbers of each part (``findings``), the rules (``verdicts``), and the
correction for the number of claims.

A verdict belongs to a claim, not to a command. What a claim is corrected for is the number of
claims that its chapter declares, whatever was run; a claim that lacks a cell it declares is not
judged. So a part of a study gives a claim the verdict of the whole, or none.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from study.analysis import verdicts
from study.analysis.declarations import Claim
from study.analysis.findings import Finding, Measured, Tested, examine
from study.analysis.frames import Results
from study.analysis.intervals import holm
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED, Levels
from study.records.plan import StudyPlan

# What a claim was tested on, where it does not say which columns tell.
SCOPE = ("data", "train_size", "depth", "width", "lr")
# Reasons that the data give; with all others nobody knows what the p-value would have been.
_MEASURED = (verdicts.NO_VALUE, verdicts.NOT_POSITIVE, verdicts.NEITHER_LEARNS,
             verdicts.NEITHER_REACHES)  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """The verdict on a claim.

    Attributes:
        claim: its declaration.
        findings: by part.
        verdict: of all deciding parts together, after the correction.
        uncorrected: before it.
        case: which of the claim's sentences fits: a verdict, or one of its cases.
        reason: why it is open or not judged, None where it is decided.
        p, p_holm: smallest error level of any verdict, before and after the correction.
        alpha: the error level that the corrected one has to keep.
        seeds: how many seeds it was judged on, 0 where it was not.
        scope: what it was tested on: values by column, of the runs that decide.
        settings: the overrides that make it another claim than the one declared; mostly none.
        seeds_needed: how many seeds would probably decide it; None where it is decided or where
            no number would.
        runs: addresses of the runs compared, each once.
    """

    claim: Claim
    findings: dict[str, Finding]
    verdict: str
    uncorrected: str
    case: str
    reason: str | None
    p: float = math.nan
    p_holm: float = math.nan
    alpha: float = verdicts.ALPHA
    seeds: int = 0
    scope: Mapping[str, list[Any]] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    seeds_needed: int | None = None
    runs: tuple[str, ...] = ()


def spent(plan: StudyPlan) -> list[float]:
    """The error level of each look at the data, the study's own seeds first.

    Without further looks all of it; else half for the first one, and the rest in equal parts.
    Their sum is ``verdicts.ALPHA``, so that the chance of any wrong verdict at any look is at
    most that.
    """
    further = len(plan.looks)
    if not further:
        return [verdicts.ALPHA]
    half = verdicts.ALPHA / 2
    return [half, *[half / further] * further]


def judge(claims: Iterable[Claim], results: Results) -> list[Judgement]:
    """The verdict on each claim of which the study has an experiment, in their order.

    Args:
        claims: all that are declared: those of a chapter are corrected for their number.
    """
    declared = list(claims)
    judged: dict[str, Judgement] = {}
    for chapter in dict.fromkeys(claim.chapter for claim in declared):
        family = [claim for claim in declared if claim.chapter == chapter]
        judged |= _judge_family(family, results)
    planned = results.plan.experiments
    return [
        judged[claim.id]
        for claim in declared
        if any(experiment in planned for experiment in claim.experiments)
    ]


def _tests(claim: Claim, measured: Measured, upto: int | None = None) -> dict[str, Tested]:
    """The parts of a claim, with the seeds below ``upto`` only."""
    return {name: examine(part, measured, upto) for name, part in claim.parts.items()}


def _judge_family(family: Sequence[Claim], results: Results) -> dict[str, Judgement]:
    """The claims of one chapter, by id."""
    levels = spent(results.plan)
    measured = Measured(results)
    table = {claim.id: _tests(claim, measured) for claim in family}
    judged = _corrected({claim.id: claim for claim in family}, table, levels[0], measured)
    further = Measured(results.with_further())
    if further.results is results:
        return judged
    for seeds, alpha in zip(results.plan.looks, levels[1:], strict=True):
        still = {id_: each.claim for id_, each in judged.items() if each.verdict == INCONCLUSIVE}
        upto = results.plan.seeds_from + seeds
        table = {
            id_: tested
            for id_, claim in still.items()
            if _complete_look(tested := _tests(claim, further, upto), claim, seeds)
        }
        decided = sum(each.verdict not in (INCONCLUSIVE, NOT_JUDGED) for each in judged.values())
        known = all(each.verdict != NOT_JUDGED for each in judged.values()) and len(table) == len(
            still
        )
        size = len(family) - decided if known else len(family)
        chosen = {id_: still[id_] for id_ in table}
        judged |= _corrected(chosen, table, alpha, further, size=size, known=known)
    return judged


def _complete_look(tested: Mapping[str, Tested], claim: Claim, seeds: int) -> bool:
    """Whether all seeds of a look are there, for every deciding part."""
    return all(
        tested[name].evidence is not None and tested[name].finding.effect.n == seeds
        for name in claim.deciding
    )


def _corrected(
    claims: Mapping[str, Claim],
    table: Mapping[str, Mapping[str, Tested]],
    alpha: float,
    measured: Measured,
    *,
    size: int | None = None,
    known: bool | None = None,
) -> dict[str, Judgement]:
    """Judgements at the error level ``alpha``, corrected for a family of ``size`` claims.

    By Holm's method where the p-value of every claim of the family is known. Where some are not,
    because a part of the study was run, all count as if theirs were the smallest (Bonferroni):
    Holm's factors can only be smaller.
    """
    own = {id_: _claim_levels(claims[id_], tested) for id_, tested in table.items()}
    if known is None:
        known = all(levels is not None for levels in own.values())
    size = len(own) if size is None else size
    p = {id_: 1.0 if levels is None else levels.best()[1] for id_, levels in own.items()}
    if known:
        padded = [*p.values(), *[1.0] * (size - len(p))]
        corrected = dict(zip(p, holm(padded).tolist(), strict=False))
    else:
        corrected = {id_: min(size * value, 1.0) for id_, value in p.items()}
    return {
        id_: _judgement(
            claims[id_], table[id_], levels, corrected[id_], alpha,
            corrected[id_] / p[id_] if p[id_] > 0 else float(size), measured,
        )
        for id_, levels in own.items()
    }  # fmt: skip


def _claim_levels(claim: Claim, tested: Mapping[str, Tested]) -> Levels | None:
    """The levels of a claim: all 1 where the data decide nothing, None where they are not known."""
    deciding = [tested[name] for name in claim.deciding]
    reasons = [each.finding.reason for each in deciding if each.evidence is None]
    if any(reason not in _MEASURED for reason in reasons):
        return None
    if reasons:
        return Levels(1.0, 1.0, 1.0)
    return verdicts.claim_levels([each.levels for each in deciding])


def _judgement(
    claim: Claim,
    tested: Mapping[str, Tested],
    levels: Levels | None,
    p_holm: float,
    alpha: float,
    factor: float,
    measured: Measured,
) -> Judgement:
    """One claim whose error level is ``alpha`` after multiplying by ``factor``."""
    deciding = [tested[name] for name in claim.deciding]
    reasons = [each.finding.reason for each in deciding if each.evidence is None]
    findings = {
        name: _judged_part(each, alpha, factor, len(deciding), bool(reasons))
        for name, each in tested.items()
    }
    common: dict[str, Any] = {
        "claim": claim,
        "findings": findings,
        "alpha": alpha,
        "scope": _scope(claim, tested, measured),
        "settings": _other_settings(tested, measured.results.plan),
        "runs": tuple(dict.fromkeys(a for each in tested.values() for a in each.addresses)),
    }
    if reasons or levels is None:
        first = next(reason for reason in verdicts.NOT_JUDGED_REASONS if reason in reasons)
        return Judgement(
            **common, verdict=NOT_JUDGED, uncorrected=NOT_JUDGED, case=NOT_JUDGED, reason=first
        )
    verdict = levels.times(factor).at(alpha)
    case = next(
        (
            name
            for name, conditions in claim.cases.items()
            if all(findings[part].verdict == wanted for part, wanted in conditions.items())
        ),
        verdict,
    )
    uncorrected = levels.at(verdicts.ALPHA)
    reason = None
    if verdict == INCONCLUSIVE:
        reason = verdicts.INTERVAL if uncorrected == INCONCLUSIVE else verdicts.CORRECTED
    return Judgement(
        **common,
        verdict=verdict,
        uncorrected=uncorrected,
        case=case,
        reason=reason,
        p=levels.best()[1],
        p_holm=p_holm,
        seeds=min(each.finding.effect.n for each in deciding),
        seeds_needed=_seeds_needed(list(findings.values())) if verdict == INCONCLUSIVE else None,
    )


def _judged_part(
    tested: Tested, alpha: float, factor: float, parts: int, unjudged: bool
) -> Finding:
    """A part with the verdict that is left after all corrections.

    A part that decides nothing keeps its own; so that it is read beside one that does, a deciding
    part of a claim that is not judged has none.
    """
    finding = tested.finding
    if tested.evidence is None:
        return finding
    own = tested.levels.own
    if not finding.part.deciding:
        verdict = own.at(verdicts.ALPHA)
        reason = verdicts.INTERVAL if verdict == INCONCLUSIVE else None
        return replace(finding, verdict=verdict, reason=reason)
    if unjudged:
        return replace(finding, verdict=NOT_JUDGED)
    corrected = Levels(
        min(factor * own.supported, 1.0),
        min(factor * own.no_effect, 1.0),
        min(factor * parts * own.refuted, 1.0),
    )
    verdict = corrected.at(alpha)
    reason, needed = None, None
    if verdict == INCONCLUSIVE:
        lost = finding.uncorrected != INCONCLUSIVE
        reason = verdicts.CORRECTED if lost else verdicts.INTERVAL
        needed = verdicts.seeds_needed(
            tested.evidence, finding.part.direction, tested.smallest, alpha / factor
        )
    return replace(
        finding, verdict=verdict, p_holm=corrected.best()[1], reason=reason, seeds_needed=needed
    )


def _seeds_needed(findings: Sequence[Finding]) -> int | None:
    """Of the deciding parts that are open, the most; None where one of them has no number."""
    needed = [
        each.seeds_needed
        for each in findings
        if each.part.deciding and each.verdict == INCONCLUSIVE
    ]
    known = [number for number in needed if number is not None]
    return max(known) if known and len(known) == len(needed) else None


def _scope(claim: Claim, tested: Mapping[str, Tested], measured: Measured) -> dict[str, list[Any]]:
    """The values of the scope's columns in the runs that decide, each once, in order."""
    found: dict[str, dict[Any, None]] = {name: {} for name in claim.scope or SCOPE}
    for name, part in claim.deciding.items():
        if tested[name].addresses:
            rows = measured.runs(part.experiment).loc[list(tested[name].addresses)]
            for column, values in found.items():
                values |= dict.fromkeys(v for v in rows[column].tolist() if v is not None)
    return {
        column: sorted(values, key=lambda value: (isinstance(value, str), value))
        for column, values in found.items()
        if values
    }


def _other_settings(tested: Mapping[str, Tested], plan: StudyPlan) -> tuple[str, ...]:
    """The overrides that replaced what the experiments declare, where a part compares such runs."""
    for each in tested.values():
        added = set(plan.added.get(each.finding.part.experiment, ()))
        if added.intersection(each.addresses):
            return tuple(plan.settings)
    return ()
