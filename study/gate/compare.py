"""The comparison itself: baseline and records in, verdict out (``check``).

Three tiers. **A**: on the platform of the baseline, equal results are equal bit by bit, and
*numerics changed* where they are not; that alone is a warning. **B**: a metric of a cell, or of
all cells together, is a *regression* if its mean is worse by more than the margin and the
interval of the paired differences, corrected for everything that is compared, leaves zero out.
**C**: the verdict of a claim *flips*, and the numbers that it stands on have moved as clearly.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.analysis.claims import Judgement
from study.analysis.intervals import Estimate
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED
from study.gate.baseline import (
    Baseline,
    ClaimPart,
    Run,
    cells_of,
    claim_states,
    data_of,
    flatten,
    judge_claims,
    platform_of,
    summarise,
)
from study.gate.evidence import Floats, Moves, moves
from study.gate.rules import MetricRule, Rules, load_rules
from study.records.record import RunRecord

ALL = "all cells"
UNCHANGED, WITHIN, NUMERICS, IMPROVEMENT, FLIPPED, REGRESSION = VERDICTS = (
    "unchanged", "within noise", "numerics changed", "improvement", "flipped", "regression",
)  # fmt: skip
PASS, FAIL, RUNS_FAILED, INCOMPARABLE = OUTCOMES = (
    "pass", "regression", "runs failed", "nothing comparable",
)  # fmt: skip
TINY = 1e-12  # a loss of 0 has no logarithm


@dataclass(frozen=True)
class Comparison:
    """One metric of one cell, or of all cells together.

    Attributes:
        cell: its name, or ``ALL``.
        metric: which.
        baseline, now: means over the pairs; geometric ones where the ratio is compared. Diverged
            runs count at chance.
        change: now minus baseline, or now / baseline, with the interval that decides.
        p, p_holm: two-sided, before and after the correction.
        verdict: one of ``VERDICTS``.
        why: in words.
        severity: how far it is on the way to a regression, to put the worst first.
    """

    cell: str
    metric: str
    baseline: float
    now: float
    change: Estimate
    p: float
    p_holm: float
    verdict: str
    why: str
    severity: float


@dataclass(frozen=True)
class ClaimChange:
    """The verdict of a claim, before and now.

    Attributes:
        claim: its id.
        before, now: the claim's verdicts.
        part: the part that moved most; None where nothing can be compared.
        baseline_effect, now_effect: its means.
        change: of its effect, paired (of a ratio, as a ratio), with the interval that decides.
        p_holm: corrected, together with all other comparisons.
        verdict: ``unchanged``, ``within noise`` (the same verdict, or one lost to noise),
            ``improvement`` (decided now), ``flipped``.
        why: in words.
    """

    claim: str
    before: str
    now: str
    part: str | None
    baseline_effect: float
    now_effect: float
    change: Estimate
    p_holm: float
    verdict: str
    why: str


@dataclass(frozen=True)
class Failure:
    """A run that the baseline has and that gave no result now."""

    cell: str
    seed: int
    address: str
    why: str


@dataclass(frozen=True)
class CheckResult:
    """What came of the comparison.

    Attributes:
        outcome: one of ``OUTCOMES``.
        comparisons: all of them, the worst first.
        claims: all of them, flipped ones first.
        failures: runs without a result.
        incomparable: what could not be compared, and why.
        notes: what else a reader should know.
        compared, identical: how many runs, and how many of these with the same bits.
        baseline: that it was compared with.
    """

    outcome: str
    comparisons: Sequence[Comparison] = ()
    claims: Sequence[ClaimChange] = ()
    failures: Sequence[Failure] = ()
    incomparable: Sequence[str] = ()
    notes: Sequence[str] = ()
    compared: int = 0
    identical: int = 0
    baseline: Baseline | None = field(default=None, repr=False)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 2 runs failed, 3 nothing comparable."""
        return OUTCOMES.index(self.outcome)

    def of_cells(self) -> list[Comparison]:
        """The worst comparison of each cell, the worst cell first."""
        worst: dict[str, Comparison] = {}
        for comparison in self.comparisons:
            worst.setdefault(comparison.cell, comparison)
        return list(worst.values())

    def having(self, verdict: str) -> list[Comparison]:
        """All comparisons with this verdict."""
        return [comparison for comparison in self.comparisons if comparison.verdict == verdict]

    @property
    def flips(self) -> list[ClaimChange]:
        """The claims whose verdicts flipped."""
        return [claim for claim in self.claims if claim.verdict == FLIPPED]


@dataclass(frozen=True)
class _Pair:
    """One run, before and now."""

    before: Run
    now: Run
    chance: float

    @property
    def identical(self) -> bool:
        return self.before.status == self.now.status and all(
            _same_bits(value, self.now.final[name]) for name, value in self.before.final.items()
        )

    def values(self, metric: str) -> tuple[float, float]:
        """The metric before and now; a diverged run guesses, which is never an improvement."""
        before, now = (run.final[metric] for run in (self.before, self.now))
        if metric.endswith("accuracy"):
            return _or(before, self.chance), _or(now, self.chance)
        guess = -math.log(self.chance)
        return _or(before, max(guess, _or(now, guess))), _or(now, max(guess, _or(before, guess)))


def check(
    baseline: Baseline | None, records: Iterable[RunRecord], rules: Rules | None = None
) -> CheckResult:
    """Compare the runs that both ``baseline`` and ``records`` have.

    Args:
        baseline: None if there is none.
        records: any; those that the baseline does not know are named, but change nothing.
        rules: by default those of ``conf/gate``.
    """
    if baseline is None:
        return CheckResult(INCOMPARABLE, incomparable=["there is no baseline"])
    rules = load_rules() if rules is None else rules
    by_address = {record.address: record for record in records}
    known = {a: by_address[a] for a in baseline.runs if a in by_address}
    usable = {a: record for a, record in known.items() if record.status != "failed"}
    others = [record for a, record in by_address.items() if a not in baseline.runs]
    if reasons := _other_data(baseline, usable.values()):
        return CheckResult(INCOMPARABLE, incomparable=reasons, baseline=baseline)
    changed, elsewhere = setting_changes(
        baseline, set(by_address), {record.address: record.config for record in others}
    )
    failures = _failures(baseline, by_address, elsewhere)
    pairs = {a: _pair(baseline.runs[a], record) for a, record in usable.items()}
    states = _ClaimStates(baseline, judge_claims(rules, list(usable.values())) if pairs else [])
    same_platform = all(platform_of(r) == baseline.platform for r in usable.values())
    states.complete = len(pairs) == len(baseline.runs)
    comparisons, claims = _compared(list(pairs.values()), states, rules, same_platform)
    return CheckResult(
        outcome=_outcome(comparisons, claims, failures, changed, bool(pairs)),
        comparisons=comparisons,
        claims=claims,
        failures=failures,
        incomparable=changed,
        notes=_notes(baseline, usable, others, pairs, states, elsewhere),
        compared=len(pairs),
        identical=sum(pair.identical for pair in pairs.values()),
        baseline=baseline,
    )


def _outcome(
    comparisons: Sequence[Comparison], claims: Sequence[ClaimChange],
    failures: Sequence[Failure], changed: Sequence[str], compared: bool,
) -> str:  # fmt: skip
    """What is found wrong for certain comes first."""
    if any(c.verdict == REGRESSION for c in comparisons) or any(
        claim.verdict == FLIPPED for claim in claims
    ):
        return FAIL
    if failures:
        return RUNS_FAILED
    return PASS if compared and not changed else INCOMPARABLE


def _pair(before: Run, record: RunRecord) -> _Pair:
    classes = (record.provenance.get("data") or {}).get("num_classes", 10)
    return _Pair(before, summarise(record, before.cell), 1 / classes)


def _same_bits(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


# --- what can be compared -----------------------------------------------------------------------


def _other_data(baseline: Baseline, records: Iterable[RunRecord]) -> list[str]:
    """Data sets whose checksum is another one."""
    found = {data_of(record) for record in records}
    return [
        f"other data: {name} has the checksum {checksum[:12]}, the baseline's {before[:12]}"
        for name, checksum in sorted(found)
        if (before := baseline.data.get(name, "unknown")) != checksum
    ]


def setting_changes(
    baseline: Baseline, addresses: set[str], others: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], set[str]]:
    """Cells of the baseline that are there with other settings only.

    Args:
        addresses: of the runs there are.
        others: configurations, by address, of those that the baseline does not know.

    Returns:
        What changed, in words, and the names of those cells.
    """
    seen = {run.cell for address, run in baseline.runs.items() if address in addresses}
    new = [flatten(next(iter(cell.values()))) for cell in cells_of(others).values()]
    changes: dict[str, list[str]] = {}
    for name in baseline.cells:
        before = flatten(baseline.cells[name])
        alike = [now for now in new if _choices(now) == _choices(before)]
        if name in seen or not alike:
            continue
        differing = {id(now): _differing(before, now) for now in alike}
        nearest = min(alike, key=lambda now: len(differing[id(now)]))
        new = [now for now in new if now is not nearest]
        words = ", ".join(
            f"{key} {before.get(key)} → {nearest.get(key)}" for key in differing[id(nearest)]
        )
        changes.setdefault(words or "other seeds", []).append(name)
    reasons = [
        f"other settings: {words} ({_counted(names, len(baseline.cells))})"
        for words, names in changes.items()
    ]
    return reasons, {name for names in changes.values() for name in names}


def _choices(flat: Mapping[str, Any]) -> list[Any]:
    return [flat["init.name"], flat["activation.name"], flat["data.name"]]


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The keys that make another cell of one."""
    keys = [key for key in {**before, **now} if key not in ("seed", "measure", "data.root")]
    return [key for key in keys if before.get(key) != now.get(key)]


def _counted(names: Sequence[str], total: int) -> str:
    if len(names) == total:
        return "all cells"
    return "; ".join(names) if len(names) <= 3 else f"{len(names)} of {total} cells"


def _failures(
    baseline: Baseline, records: Mapping[str, RunRecord], elsewhere: set[str]
) -> list[Failure]:
    """Runs of the baseline that failed, or that are not there."""
    failures = []
    for address, run in baseline.runs.items():
        record = records.get(address)
        if record is not None and record.status == "failed":
            why = ((record.error or "").strip().splitlines() or ["no message"])[-1]
        elif record is None and run.cell not in elsewhere:
            why = "there is no record of it"
        else:
            continue
        failures.append(Failure(run.cell, run.seed, address, why))
    return failures


def _notes(
    baseline: Baseline,
    usable: Mapping[str, RunRecord],
    others: Sequence[RunRecord],
    pairs: Mapping[str, _Pair],
    states: "_ClaimStates",
    elsewhere: set[str],
) -> list[str]:
    notes = []
    here = {key: {platform_of(r)[key] for r in usable.values()} for key in baseline.platform}
    differing = [
        f"{key} {before} → {' and '.join(sorted(here[key]))}"
        for key, before in baseline.platform.items()
        if here[key] - {before}
    ]
    different = sum(not pair.identical for pair in pairs.values())
    codes = {str(record.provenance.get("code")) for record in usable.values()}
    if differing:
        notes.append(f"another platform, bits may differ: {', '.join(differing)}")
    elif different and codes == {baseline.code}:
        notes.append(
            f"{different} runs have other bits with the same code on the same platform:"
            " something besides the seed decides them"
        )
    if len(codes) > 1:
        notes.append(f"the runs come from {len(codes)} versions of the code")
    quiet = sum(pair.identical and pair.before.digest != pair.now.digest for pair in pairs.values())
    if quiet:
        notes.append(f"{quiet} runs differ only in their learning curves or measurements")
    found = cells_of({record.address: record.config for record in others})
    if new := [name for name in found if name not in elsewhere]:
        notes.append(f"not in the baseline, not compared: {'; '.join(new[:3])}"
                     + (f" and {len(new) - 3} more cells" if len(new) > 3 else ""))  # fmt: skip
    for words, ids in (("not in the baseline", states.new), ("no longer declared", states.gone)):
        if ids:
            notes.append(f"claims {words}: {', '.join(ids)}")
    return notes


# --- tiers A and B ------------------------------------------------------------------------------


def _compared(
    pairs: Sequence[_Pair], states: "_ClaimStates", rules: Rules, same_platform: bool
) -> tuple[list[Comparison], list[ClaimChange]]:
    """All comparisons and claims, judged as one family of tests."""
    cells: dict[str, list[_Pair]] = {}
    for pair in pairs:
        cells.setdefault(pair.before.cell, []).append(pair)
    questions = [
        _Question(cell, metric, rule, own)
        for metric, rule in rules.metrics.items()
        for cell, own in cells.items()
    ]
    if len(cells) > 1:
        together = {metric: _together(questions, metric) for metric in rules.metrics}
        questions += [q for q in together.values() if q is not None]
    harms = [question.harm for question in questions] + [part.change for part in states.parts]
    margins = [question.margin for question in questions] + [0.0] * len(states.parts)
    judged = moves(harms, margins, rules.alpha)
    comparisons = [
        question.answer(judged, index, rules.alpha, same_platform)
        for index, question in enumerate(questions)
    ]
    comparisons.sort(key=lambda c: (-VERDICTS.index(c.verdict), -c.severity, c.cell, c.metric))
    return comparisons, states.changes(judged, len(questions), rules.alpha)


class _Question:
    """A metric of a cell, to be compared."""

    def __init__(self, cell: str, metric: str, rule: MetricRule, pairs: Sequence[_Pair]) -> None:
        self.cell, self.metric, self.rule = cell, metric, rule
        self.seeds = [pair.before.seed for pair in pairs]
        self.identical = all(pair.identical for pair in pairs)
        values = np.array([pair.values(metric) for pair in pairs], dtype=float)
        self.diverged = [
            sum(run.status == "diverged" for run in runs)
            for runs in ([p.before for p in pairs], [p.now for p in pairs])
        ]
        self.values = np.log(np.maximum(values, TINY)) if self.ratio else values
        self.margin = math.log(rule.margin) if self.ratio else rule.margin

    @property
    def ratio(self) -> bool:
        return self.rule.compare == "ratio"

    @property
    def sign(self) -> int:
        """Of harm."""
        return 1 if self.rule.better == "lower" else -1

    @property
    def harm(self) -> Floats:
        return np.asarray(self.sign * (self.values[:, 1] - self.values[:, 0]))

    def answer(self, judged: Moves, index: int, alpha: float, same_platform: bool) -> Comparison:
        worse, better = bool(judged.worse[index]), bool(judged.better[index])
        mean, low, high = (float(each[index]) for each in judged[:3])
        p_holm = float(judged.p_holm[index])
        if self.identical:
            verdict = UNCHANGED
        elif worse or better:
            verdict = REGRESSION if worse else IMPROVEMENT
        else:
            verdict = NUMERICS if same_platform else WITHIN
        ends = sorted((self.sign * low, self.sign * high))
        shown = [self.sign * mean, *ends]
        before, now = (float(side) for side in self.values.mean(axis=0))
        if self.ratio:
            shown = [math.exp(value) for value in shown]
            before, now = math.exp(before), math.exp(now)
        method = "log t" if self.ratio else "t"
        return Comparison(
            cell=self.cell,
            metric=self.metric,
            baseline=before,
            now=now,
            change=Estimate(shown[0], shown[1], shown[2], len(self.values), method),
            p=float(judged.p[index]),
            p_holm=p_holm,
            verdict=verdict,
            why=self._why(verdict, mean, p_holm, alpha),
            severity=mean / self.margin,
        )

    def _why(self, verdict: str, mean: float, p_holm: float, alpha: float) -> str:
        if verdict == UNCHANGED:
            return "same bits"
        size = self.rule_margin if self.ratio else 100 * self.rule_margin
        margin = f"{size:g} ×" if self.ratio else f"{size:g} point{'' if size == 1 else 's'}"
        if verdict in (REGRESSION, IMPROVEMENT):
            words = f"beyond {margin}, p = {p_holm:.1g}"
            before, now = self.diverged
            return words if now == before else f"{words}; {now} diverged, before {before}"
        if abs(mean) <= self.margin:
            return f"within {margin}"
        return f"noise: p = {p_holm:.1g}" if p_holm > alpha or math.isnan(p_holm) else "few pairs"

    @property
    def rule_margin(self) -> float:
        return self.rule.margin_all if self.cell == ALL else self.rule.margin


def _together(questions: Sequence[_Question], metric: str) -> _Question | None:
    """The mean of all cells, for each seed that all of them have."""
    own = [question for question in questions if question.metric == metric]
    seeds = sorted(set.intersection(*(set(question.seeds) for question in own)))
    if not seeds:
        return None
    together = _Question(ALL, metric, own[0].rule, [])
    by_seed = [dict(zip(q.seeds, q.values, strict=True)) for q in own]
    together.values = np.array([np.mean([q[seed] for q in by_seed], axis=0) for seed in seeds])
    together.seeds = seeds
    together.identical = all(question.identical for question in own)
    together.diverged = [sum(question.diverged[side] for question in own) for side in (0, 1)]
    margin = together.rule.margin_all
    together.margin = math.log(margin) if together.ratio else margin
    return together


# --- tier C -------------------------------------------------------------------------------------


class _Part:
    """One deciding part of a claim, before and now."""

    def __init__(self, name: str, ratio: bool, before: ClaimPart, now: ClaimPart) -> None:
        self.name, self.ratio, self.before, self.now = name, ratio, before, now
        keys = [key for key in before.effects if key in now.effects]
        both = np.array([(before.effects[k], now.effects[k]) for k in keys], float).reshape(-1, 2)
        if ratio:
            with np.errstate(divide="ignore", invalid="ignore"):
                both = np.log(both)
        self.values = both[np.isfinite(both).all(axis=1)]
        self.change: Floats = self.values[:, 1] - self.values[:, 0]

    @property
    def lost(self) -> bool:
        """Whether there were numbers, and are none."""
        return len(self.before.effects) > 0 and len(self.values) == 0


class _ClaimStates:
    """Each claim's verdict and numbers, before and now."""

    complete = True  # whether every run of the baseline is there

    def __init__(self, baseline: Baseline, judgements: Sequence[Judgement]) -> None:
        now = claim_states(judgements)
        self.new = sorted(now.keys() - baseline.claims.keys())
        self.gone = sorted(baseline.claims.keys() - now.keys()) if now else []
        self.verdicts = {
            judgement.claim.id: (baseline.claims[judgement.claim.id].verdict, judgement.verdict)
            for judgement in judgements
            if judgement.claim.id in baseline.claims
        }
        self._of: dict[str, list[_Part]] = {}
        for judgement in judgements:
            id_ = judgement.claim.id
            if id_ in self.verdicts:
                before = baseline.claims[id_].parts
                self._of[id_] = [
                    _Part(name, finding.part.compare == "ratio", before[name], now[id_].parts[name])
                    for name, finding in judgement.findings.items()
                    if name in before and name in now[id_].parts
                ]

    @property
    def parts(self) -> list[_Part]:
        """All parts, in the order of ``changes``."""
        return [part for parts in self._of.values() for part in parts]

    def changes(self, judged: Moves, first: int, alpha: float) -> list[ClaimChange]:
        """What became of each claim; its parts' tests begin at ``first``."""
        index = {id(part): first + place for place, part in enumerate(self.parts)}
        changes = [
            self._change(id_, [(part, index[id(part)]) for part in parts], judged, alpha)
            for id_, parts in self._of.items()
        ]
        return sorted(changes, key=lambda change: -VERDICTS.index(change.verdict))

    def _change(
        self, id_: str, parts: Sequence[tuple[_Part, int]], judged: Moves, alpha: float
    ) -> ClaimChange:
        before, now = self.verdicts[id_]
        flipped = before not in (INCONCLUSIVE, now)
        # the parts that make the difference, else all of them; the one that moved most
        moved = [item for item in parts if item[0].before.verdict != item[0].now.verdict]
        by_p = sorted(moved or parts, key=lambda item: _or(float(judged.p[item[1]]), 2.0))
        part, index = by_p[0] if by_p else (None, None)
        p_holm = math.nan if index is None else float(judged.p_holm[index])
        if all((item.change == 0).all() for item, _ in parts) and not flipped:
            verdict, why = UNCHANGED, "same numbers"
        elif now == NOT_JUDGED != before:
            verdict = FLIPPED if self.complete else WITHIN
            why = f"{before} → not judged" + ("" if self.complete else ": runs are missing")
        elif flipped and any(item.lost for item, _ in moved):
            verdict = FLIPPED if self.complete else WITHIN
            why = "its runs have no such numbers any more" if self.complete else "runs are missing"
        elif flipped and p_holm <= alpha:
            verdict, why = FLIPPED, f"{before} → {now}, p = {p_holm:.1g}"
        elif flipped:
            verdict, why = WITHIN, f"{before} → {now}, but within noise: p = {p_holm:.1g}"
        elif before == INCONCLUSIVE != now:
            verdict, why = IMPROVEMENT, f"{before} → {now}"
        else:
            verdict, why = WITHIN, f"still {now}"
        unknown = Estimate(math.nan, math.nan, math.nan, 0)
        if part is None or index is None or not len(part.values):
            name = part.name if part else None
            return ClaimChange(
                id_, before, now, name, math.nan, math.nan, unknown, p_holm, verdict, why
            )
        shown = [float(each[index]) for each in judged[:3]]
        effects = [float(value) for value in part.values.mean(axis=0)]
        if part.ratio:
            shown, effects = [math.exp(v) for v in shown], [math.exp(v) for v in effects]
        method = "log t" if part.ratio else "t"
        change = Estimate(shown[0], shown[1], shown[2], len(part.values), method)
        return ClaimChange(
            id_, before, now, part.name, effects[0], effects[1], change, p_holm, verdict, why
        )
