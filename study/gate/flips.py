"""Tier C: a claim whose verdict flipped, and whose numbers have moved beyond noise."""

import math
from collections.abc import Sequence

import numpy as np

from study.analysis.claims import Judgement
from study.analysis.intervals import Estimate
from study.analysis.verdicts import INCONCLUSIVE, NOT_JUDGED
from study.gate.baseline import Baseline, ClaimPart, claim_states
from study.gate.evidence import Floats, Moves
from study.gate.result import FLIPPED, IMPROVEMENT, UNCHANGED, VERDICTS, WITHIN, ClaimChange


def finite_or(value: float, otherwise: float) -> float:
    """``value``, unless it is not finite."""
    return value if math.isfinite(value) else otherwise


class Part:
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


class ClaimStates:
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
        self._of: dict[str, list[Part]] = {}
        for judgement in judgements:
            id_ = judgement.claim.id
            if id_ in self.verdicts:
                before = baseline.claims[id_].parts
                self._of[id_] = [
                    Part(name, finding.part.compare == "ratio", before[name], now[id_].parts[name])
                    for name, finding in judgement.findings.items()
                    if name in before and name in now[id_].parts
                ]

    @property
    def parts(self) -> list[Part]:
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
        self, id_: str, parts: Sequence[tuple[Part, int]], judged: Moves, alpha: float
    ) -> ClaimChange:
        before, now = self.verdicts[id_]
        flipped = before not in (INCONCLUSIVE, now)
        # the parts that make the difference, else all of them; the one that moved most
        moved = [item for item in parts if item[0].before.verdict != item[0].now.verdict]
        by_p = sorted(moved or parts, key=lambda item: finite_or(float(judged.p[item[1]]), 2.0))
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
