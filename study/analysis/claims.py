"""Claims put to the test: declarations and stored runs in, verdicts out.

``judge`` does all of it: the numbers of each part (``findings``), the rules (``verdicts``), and the
correction for the number of claims.

A verdict belongs to a claim, not to a command. It is corrected for the number of claims that its
chapter declares (Bonferroni), whatever was run and however the others turn out; a claim that lacks
a cell it declares is not judged. So a part of a study gives a claim the verdict of the whole, or
none. Holm's steps would not keep the error level: his proof needs hypotheses that cannot be
rejected wrongly once another one is rejected rightly, while of each claim exactly one of three
statements stays true whatever is decided (Goeman, Solari and Stijnen, 2010, Three-sided hypothesis
testing). ``benchmarks/verdicts.py`` shows it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from study.analysis import verdicts
from study.analysis.declarations import Claim
from study.analysis.findings import Finding, Measured, Tested, examine
from study.analysis.frames import Results
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED, SUPPORTED
from study.records.plan import StudyPlan

# What a claim was tested on, where it does not say which columns tell.
SCOPE = ("data", "train_size", "depth", "width", "lr")


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
        p, p_corrected: smallest error level of any verdict, before and after the correction.
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
    p_corrected: float = math.nan
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


def _all_tests(family: Sequence[Claim], measured: Measured) -> dict[str, dict[str, Tested]]:
    """The parts of each claim; in memory are the curves of one experiment at a time."""
    found: dict[str, dict[str, Tested]] = {}
    for experiment in dict.fromkeys(name for claim in family for name in claim.experiments):
        for claim in family:
            own = {k: part for k, part in claim.parts.items() if part.experiment == experiment}
            tested = {name: examine(part, measured) for name, part in own.items()}
            found[claim.id] = found.get(claim.id, {}) | tested
        measured.forget()
    return {claim.id: {name: found[claim.id][name] for name in claim.parts} for claim in family}


def _judge_family(family: Sequence[Claim], results: Results) -> dict[str, Judgement]:
    """The claims of one chapter, by id."""
    first, *later = spent(results.plan)
    measured, size = Measured(results), len(family)
    tests = _all_tests(family, measured)
    judged = {
        claim.id: _judgement(claim, tests[claim.id], first, size, measured) for claim in family
    }
    further = Measured(results.with_further())
    if further.results is results:
        return judged
    for seeds, alpha in zip(results.plan.looks, later, strict=True):
        for claim in family:
            if _is_open(judged[claim.id]):
                tested = _tests(claim, further, results.plan.seeds_from + seeds)
                if _complete_look(tested, claim, seeds):
                    judged[claim.id] = _judgement(claim, tested, alpha, size, further)
    return judged


def _is_open(judgement: Judgement) -> bool:
    """Whether further seeds could decide it: what is decided stays so."""
    return judgement.verdict == INCONCLUSIVE or judgement.reason == verdicts.FEW_SEEDS


def _complete_look(tested: Mapping[str, Tested], claim: Claim, seeds: int) -> bool:
    """Whether all seeds of a look are there, for every deciding part."""
    return all(
        tested[name].evidence is not None and tested[name].finding.effect.n == seeds
        for name in claim.deciding
    )


def _judgement(
    claim: Claim, tested: Mapping[str, Tested], alpha: float, size: int, measured: Measured
) -> Judgement:
    """One claim of a chapter of ``size`` claims, all together at the error level ``alpha``."""
    deciding = [tested[name] for name in claim.deciding]
    reasons = [each.finding.reason for each in deciding if each.evidence is None]
    common: dict[str, Any] = {
        "claim": claim,
        "alpha": alpha,
        "scope": _scope(claim, tested, measured),
        "settings": _other_settings(tested, measured.results.plan),
        "runs": tuple(dict.fromkeys(a for each in tested.values() for a in each.addresses)),
    }
    if reasons:
        return Judgement(
            **common,
            findings={name: _part_unjudged(each) for name, each in tested.items()},
            verdict=NOT_JUDGED,
            uncorrected=NOT_JUDGED,
            case=NOT_JUDGED,
            reason=next(reason for reason in verdicts.NOT_JUDGED_REASONS if reason in reasons),
        )
    levels = verdicts.claim_levels([each.levels for each in deciding])
    corrected = levels.times(size)
    verdict, uncorrected = corrected.at(alpha), levels.at(verdicts.ALPHA)
    parts = 1 if verdict == SUPPORTED else len(deciding)
    findings = {
        name: _part_judged(each, alpha, size, parts) if each.finding.part.deciding
        else _part_unjudged(each)
        for name, each in tested.items()
    }  # fmt: skip
    case = next(
        (
            name
            for name, conditions in claim.cases.items()
            if all(findings[part].verdict == wanted for part, wanted in conditions.items())
        ),
        verdict,
    )
    reason = None
    if verdict == INCONCLUSIVE:
        reason = verdicts.INTERVAL if uncorrected == INCONCLUSIVE else verdicts.CORRECTED
    return Judgement(
        **common,
        findings=findings,
        verdict=verdict,
        uncorrected=uncorrected,
        case=case,
        reason=reason,
        p=levels.best()[1],
        p_corrected=corrected.best()[1],
        seeds=min(each.finding.effect.n for each in deciding),
        seeds_needed=_seeds_needed(list(findings.values())) if verdict == INCONCLUSIVE else None,
    )


def _part_unjudged(tested: Tested) -> Finding:
    """A part that decides nothing keeps its own verdict; one of a claim not judged has none."""
    finding = tested.finding
    if tested.evidence is None:
        return finding
    if finding.part.deciding:
        return replace(finding, verdict=NOT_JUDGED)
    verdict = tested.levels.own.at(verdicts.ALPHA)
    reason = verdicts.INTERVAL if verdict == INCONCLUSIVE else None
    return replace(finding, verdict=verdict, reason=reason)


def _part_judged(tested: Tested, alpha: float, size: int, parts: int) -> Finding:
    """A deciding part with the verdict that all corrections leave.

    Its own verdict is corrected for the number of parts; that it is supported is said without
    that where the claim is, because then all of them are.
    """
    assert tested.evidence is not None
    finding = tested.finding
    corrected = tested.levels.own.times(size * parts)
    verdict = corrected.at(alpha)
    reason, needed = None, None
    if verdict == INCONCLUSIVE:
        lost = finding.uncorrected != INCONCLUSIVE
        reason = verdicts.CORRECTED if lost else verdicts.INTERVAL
        needed = verdicts.seeds_needed(
            tested.evidence, finding.part.direction, tested.smallest, alpha / size
        )
    return replace(
        finding, verdict=verdict, p_corrected=corrected.best()[1], reason=reason,
        seeds_needed=needed,
    )  # fmt: skip


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
