"""The comparison itself: baseline and records in, verdict out (``check``).

Three tiers. **A**, exact: where the arithmetic is the baseline's, results are equal bit by bit, and
*changed* where they are not (``exact``). **B**: a metric of a cell, or of all cells together, is a
*regression* if its mean is worse by more than the margin and the interval of the paired
differences, corrected for everything that is compared, leaves zero out. **C**: the verdict of a
claim *flips*, and the numbers that it stands on have moved as clearly (``flips``).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis.intervals import Estimate
from study.gate.baseline import Baseline, Run, data_of, judge_claims, platform_of, summarise
from study.gate.declared import changed_claims, changed_study
from study.gate.evidence import Floats, Moves, moves
from study.gate.exact import Change, Exact, changed_runs, changed_settings, moved, new_cells
from study.gate.flips import ClaimStates, finite_or
from study.gate.names import cells_of, flatten
from study.gate.result import (
    ALL,
    CHANGED,
    FAIL,
    FLIPPED,
    IMPROVEMENT,
    INCOMPARABLE,
    NUMERICS,
    PASS,
    REGRESSION,
    RUNS_FAILED,
    UNCHANGED,
    VERDICTS,
    WITHIN,
    CheckResult,
    ClaimChange,
    Comparison,
    Failure,
)
from study.gate.rules import MetricRule, Rules, load_rules
from study.records.record import RunRecord

TINY = 1e-12  # a loss of 0 has no logarithm


@dataclass(frozen=True)
class _Pair:
    """One run, before and now; ``identical`` looks at its final metrics."""

    before: Run
    now: Run
    chance: float

    @property
    def identical(self) -> bool:
        return self.before.status == self.now.status and all(
            _same_bits(value, self.now.final[name]) for name, value in self.before.final.items()
        )

    @property
    def same(self) -> bool:
        """Whether everything that the run computed has the same bits."""
        return self.identical and self.before.digest == self.now.digest

    @property
    def change(self) -> Change:
        first = "in the learning curve or what is measured" if self.identical else "in the end"
        size = moved(self.before.final, self.now.final)
        if self.before.status != self.now.status:
            size = f"{self.before.status} → {self.now.status}"
        return Change(self.now.cell, self.now.seed, first, size, math.inf)

    def values(self, metric: str) -> tuple[float, float]:
        """The metric before and now; a diverged run guesses, which is never an improvement."""
        before, now = (run.final[metric] for run in (self.before, self.now))
        if metric.endswith("accuracy"):
            return finite_or(before, self.chance), finite_or(now, self.chance)
        guess = -math.log(self.chance)
        return (
            finite_or(before, max(guess, finite_or(now, guess))),
            finite_or(now, max(guess, finite_or(before, guess))),
        )


def check(
    baseline: Baseline | None,
    records: Iterable[RunRecord],
    rules: Rules | None = None,
    *,
    exact: Exact | None = None,
) -> CheckResult:
    """Compare the runs that both ``baseline`` and ``records`` have.

    Args:
        baseline: None if there is none.
        records: any; those that the baseline does not know are named, but change nothing. None at
            all where only the exact tier is wanted.
        rules: by default those of ``conf/gate``.
        exact: the exact tier's runs, and the arithmetic that all runs had. Without it bits are
            compared where the platforms have the same names.
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
    only_exact = exact is not None and not by_address
    changed, elsewhere = setting_changes(
        baseline, set(by_address), {record.address: record.config for record in others}
    )
    failures = [] if only_exact else _failures(baseline, by_address, elsewhere)
    pairs = {a: _pair(baseline.runs[a], record) for a, record in usable.items()}
    states = ClaimStates(baseline, judge_claims(rules, list(usable.values())) if pairs else [])
    states.complete = len(pairs) == len(baseline.runs)
    silent = _silent(baseline, exact, list(usable.values()))
    comparisons, claims = _compared(list(pairs.values()), states, rules, silent is None)
    traces = _known(baseline.exact, exact)
    changes = [] if exact is None or silent else changed_runs(baseline.exact, exact)
    if silent is None:
        changes += [pair.change for pair in pairs.values() if not pair.same]
    study = [] if exact is None else _declared(baseline.exact, exact)
    failures += [] if exact is None else _lost(baseline.exact, exact)
    changed = [] if only_exact else changed
    return CheckResult(
        outcome=_outcome(comparisons, claims, failures, bool(changes or study), changed,
                         bool(pairs or traces)),
        comparisons=comparisons,
        claims=claims,
        failures=failures,
        changes=changes,
        study=study,
        silent=silent,
        incomparable=changed,
        notes=_notes(baseline, usable, others, pairs, states, elsewhere, silent),
        remarks=[] if exact is None else _new(baseline.exact, exact),
        compared=len(pairs),
        identical=sum(pair.same for pair in pairs.values()),
        exact=len(traces),
        exact_identical=sum(
            exact.traces[key].digest == baseline.exact.traces[key].digest for key in traces
        ) if exact else 0,
        baseline=baseline,
    )  # fmt: skip


def _outcome(
    comparisons: Sequence[Comparison], claims: Sequence[ClaimChange], failures: Sequence[Failure],
    changes: bool, incomparable: Sequence[str], compared: bool,
) -> str:  # fmt: skip
    """What is found wrong for certain comes first."""
    if any(c.verdict == REGRESSION for c in comparisons) or any(
        claim.verdict == FLIPPED for claim in claims
    ):
        return FAIL
    if failures:
        return RUNS_FAILED
    if changes:
        return CHANGED
    return PASS if compared and not incomparable else INCOMPARABLE


# --- tier A -------------------------------------------------------------------------------------


def _silent(baseline: Baseline, exact: Exact | None, records: Sequence[RunRecord]) -> str | None:
    """Why other bits say nothing of the code; None if they do."""
    before = baseline.exact
    if exact is not None and exact.arithmetic and before.arithmetic:
        if exact.arithmetic == before.arithmetic:
            return None
        return f"another arithmetic ({exact.words}; the baseline's: {before.words})"
    here = {key: {platform_of(r)[key] for r in records} for key in baseline.platform}
    differing = [
        f"{key} {own} → {' and '.join(sorted(here[key]))}"
        for key, own in baseline.platform.items()
        if here[key] - {own}
    ]
    return f"another platform ({', '.join(differing)})" if differing else None


def _known(before: Exact, now: Exact | None) -> list[tuple[str, int]]:
    """The exact tier's runs that both have."""
    return [] if now is None else [key for key in before.traces if key in now.traces]


def _declared(before: Exact, now: Exact) -> list[str]:
    """What is declared otherwise than in the baseline; nothing is where it has no exact tier."""
    return [
        *changed_study(before.study, now.study),
        *changed_claims(before.claims, now.claims),
        *(f"cells of the exact tier: {words}" for words in changed_settings(before, now)),
    ]


def _lost(before: Exact, now: Exact) -> list[Failure]:
    """Runs of the exact tier without a result."""
    return [
        Failure(cell, seed, "exact tier", why)
        for (cell, seed), why in now.failed.items()
        if (cell, seed) in before.traces
    ]


def _new(before: Exact, now: Exact) -> list[str]:
    """What the baseline does not know yet."""
    kinds = (
        ("cells of the exact tier", new_cells(before, now)),
        ("experiments", sorted({n.partition(": ")[2] for n in now.study if n not in before.study})),
        ("claims of the study", [name for name in now.claims if name not in before.claims]),
    )
    return [f"{what} not in the baseline: {', '.join(names)}" for what, names in kinds if names]


def _pair(before: Run, record: RunRecord) -> _Pair:
    classes = (record.provenance.get("data") or {}).get("num_classes", 10)
    return _Pair(before, summarise(record, before.cell), 1 / classes)


def _same_bits(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


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
    states: ClaimStates,
    elsewhere: set[str],
    silent: str | None,
) -> list[str]:
    notes = []
    different = sum(not pair.same for pair in pairs.values())
    codes = {str(record.provenance.get("code")) for record in usable.values()}
    if silent is None and different and codes == {baseline.code}:
        notes.append(
            f"{different} runs have other bits with the same code and arithmetic:"
            " something besides the seed decides them"
        )
    if len(codes) > 1:
        notes.append(f"the runs come from {len(codes)} versions of the code")
    found = cells_of({record.address: record.config for record in others})
    if new := [name for name in found if name not in elsewhere]:
        notes.append(f"not in the baseline, not compared: {'; '.join(new[:3])}"
                     + (f" and {len(new) - 3} more cells" if len(new) > 3 else ""))  # fmt: skip
    for words, ids in (("not in the baseline", states.new), ("no longer declared", states.gone)):
        if ids:
            notes.append(f"claims {words}: {', '.join(ids)}")
    return notes


# --- tier B ---------------------------------------------------------------------------------------


def _compared(
    pairs: Sequence[_Pair], states: ClaimStates, rules: Rules, same_platform: bool
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
