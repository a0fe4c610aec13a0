"""Verdicts as the page shows them: numbers with units, a sentence, in one language."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.claims import Finding, Judgement, Part
from study.analysis.intervals import Estimate
from study.report.strip import Strip, strip
from study.report.text import Text, kept_together

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


@dataclass(frozen=True)
class PartView:
    """One test of a claim; every attribute is text, ready to be shown.

    Attributes:
        label: what was compared.
        effect, interval: with their unit; the interval is empty where there is none.
        n, method: how many pairs, and how the interval was made.
        verdict, uncorrected: after and before Holm's correction.
        mark: of the verdict.
        p, p_holm: two-sided.
        treatment, control: means of both sides with intervals.
        direction, smallest: what the claim says, and the smallest effect that matters.
        deciding: whether the claim's verdict depends on it.
        diverged: how many of the runs diverged.
        reason: why there is no verdict; empty where there is one.
        strip: where the interval lies, as numbers for a drawing; None where there is none.
    """

    label: str
    effect: str
    interval: str
    n: int
    method: str
    verdict: str
    uncorrected: str
    mark: str
    p: str
    p_holm: str
    treatment: str
    control: str
    direction: str
    smallest: str
    deciding: bool
    diverged: int
    reason: str
    strip: Strip | None


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict.

    Attributes:
        statement: in the page's language; ``original`` the lecture's words where that is another.
        sentence: what was found, for a student.
        command: repeats just the runs of this claim.
    """

    id: str
    section: str
    figure: str
    beyond: bool
    statement: str
    original: str
    verdict: str
    uncorrected: str
    mark: str
    reason: str
    sentence: str
    parts: list[PartView]
    command: str


def claim_view(judgement: Judgement, text: Text, command: str) -> ClaimView:
    """``judgement`` in the language of ``text``."""
    claim, language = judgement.claim, text.language
    original = claim.statement.get("ko", "") if language != "ko" and not claim.beyond else ""
    return ClaimView(
        id=claim.id,
        section=claim.section,
        figure=claim.figure,
        beyond=claim.beyond,
        statement=claim.statement[language],
        original=original,
        verdict=judgement.verdict,
        uncorrected=judgement.uncorrected,
        mark=MARKS[judgement.verdict],
        reason=_reason(judgement.reason, text),
        sentence=kept_together(sentence(judgement, text)),
        parts=[part_view(finding, text) for finding in judgement.findings.values()],
        command=command,
    )


def part_view(finding: Finding, text: Text) -> PartView:
    """One test in the language of ``text``."""
    part, unit = finding.part, finding.part.unit
    return PartView(
        label=_label(part, text),
        effect=text.quantity(finding.effect.mean, unit),
        interval=text.interval(finding.effect, unit),
        n=finding.effect.n,
        method=method(finding.effect, text),
        verdict=finding.verdict,
        uncorrected=finding.uncorrected,
        mark=MARKS[finding.verdict],
        p=_p_value(finding.p),
        p_holm=_p_value(finding.p_holm),
        treatment=_side(finding.treatment, part.side_unit, text),
        control=_side(finding.control, part.side_unit, text),
        direction=text.page[f"direction_{part.direction}"],
        smallest=text.quantity(part.smallest, unit).removeprefix("+"),
        deciding=part.deciding,
        diverged=finding.diverged,
        reason=_reason(finding.reason, text),
        strip=strip(finding.effect, part.smallest, part.compare, part.direction),
    )


def sentence(judgement: Judgement, text: Text) -> str:
    """The claim's own sentence for what was found, or a general one if it has none."""
    wordings = judgement.claim.finding.get(judgement.case)
    missing = any(math.isnan(finding.effect.mean) for finding in judgement.findings.values())
    if wordings is None or missing:
        listed = "; ".join(_in_words(finding, text) for finding in judgement.findings.values())
        return f"{text.page['verdict_' + judgement.verdict]}: {listed}"
    return text.fill(wordings[text.language], judgement.findings)


def _label(part: Part, text: Text) -> str:
    """What was compared, and with which number if that is not simply *no effect*."""
    label = part.label[text.language]
    nothing = 1 if part.compare == "ratio" else 0
    if part.against is None or part.against == nothing:
        return label
    against = text.quantity(part.against, part.side_unit)
    return f"{label} ({text.page['against_' + part.compare].format(value=against)})"


def _in_words(finding: Finding, text: Text) -> str:
    label = finding.part.label[text.language]
    if math.isnan(finding.effect.mean):
        return f"{label}: {_reason(finding.reason, text) or '–'}"
    return f"{label} {text.quantity(finding.effect, finding.part.unit)}"


def tally(views: Sequence[ClaimView]) -> dict[str, dict[str, int]]:
    """How many claims got which verdict: of the lecture, beyond it, and of all."""
    groups = {
        "lecture": [view for view in views if not view.beyond],
        "beyond": [view for view in views if view.beyond],
        "all": list(views),
    }
    return {name: _count(group) for name, group in groups.items()}


def _count(views: Sequence[ClaimView]) -> dict[str, int]:
    counts = Counter(view.verdict for view in views)
    return {"total": len(views)} | {verdict: counts[verdict] for verdict in MARKS}


def method(estimate: Estimate, text: Text) -> str:
    """How the interval of ``estimate`` was made."""
    return text.page[f"method_{estimate.method.replace(' ', '_')}"]


def interval_note(template: str | Mapping[str, str], facts: Mapping[str, Any], text: Text) -> str:
    """What the ± in ``template``, filled with ``facts``, stands for; empty where there is none."""
    found: dict[str, set[int]] = {}
    for name in text.names(template, facts):
        value = facts[name]
        if isinstance(value, Estimate) and math.isfinite(value.half_width):
            found.setdefault(method(value, text), set()).add(value.n)
    if not found:
        return ""
    parts = []
    for name, sizes in found.items():
        low, high = min(sizes), max(sizes)
        parts.append(f"{name}, n = {low}" + (f"–{high}" if high > low else ""))
    return f"{text.page['interval']}: {'; '.join(parts)}"


def _side(estimate: Estimate | None, unit: str, text: Text) -> str:
    return "–" if estimate is None else text.quantity(estimate, unit)


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _reason(reason: str | None, text: Text) -> str:
    return text.page[f"reason_{reason}"] if reason else ""
