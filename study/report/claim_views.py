"""Verdicts as the page shows them: numbers with units, a sentence, in one language."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.claims import Judgement
from study.analysis.declarations import Part
from study.analysis.findings import Finding
from study.analysis.intervals import Estimate
from study.analysis.verdicts import INCONCLUSIVE
from study.report.strip import Strip, strip
from study.report.text import Text, kept_together

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


@dataclass(frozen=True)
class PartView:
    """One test of a claim; every attribute is text, ready to be shown.

    Attributes:
        label: what was compared.
        effect, interval: with their unit; the interval is empty where there is none. Against a
            constant it is the value itself.
        claimed: where the claim says that lies, from the smallest effect that matters.
        n, method: how many pairs, and how the interval was made.
        verdict, uncorrected: after and before Holm's correction.
        mark: of the verdict.
        p, p_holm: two-sided.
        treatment, control: means of both sides with intervals, or the constant.
        deciding: whether the claim's verdict depends on it.
        diverged: how many of the runs diverged.
        reason: why there is no verdict; empty where there is one.
        strip: where the interval lies, as numbers for a drawing; None where there is none.
    """

    label: str
    effect: str
    interval: str
    claimed: str
    n: int
    method: str
    verdict: str
    uncorrected: str
    mark: str
    p: str
    p_holm: str
    treatment: str
    control: str
    deciding: bool
    diverged: int
    reason: str
    strip: Strip | None


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict.

    Attributes:
        statement: in the page's language; ``original`` the lecture's words where that is another.
        short: what it is about, in a few words.
        uncorrected: the verdict before Holm's correction.
        note: why it is inconclusive, in a few words; empty where it is not.
        sentence: what was found, for a student.
        command: repeats just the runs of this claim.
    """

    id: str
    section: str
    figure: str
    beyond: bool
    statement: str
    original: str
    short: str
    verdict: str
    uncorrected: str
    mark: str
    note: str
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
        short=claim.short.get(language, ""),
        verdict=judgement.verdict,
        uncorrected=judgement.uncorrected,
        mark=MARKS[judgement.verdict],
        note=_note(judgement, text),
        reason=_reason(judgement.reason, text),
        sentence=kept_together(sentence(judgement, text)),
        parts=[part_view(finding, text) for finding in judgement.findings.values()],
        command=command,
    )


def part_view(finding: Finding, text: Text) -> PartView:
    """One test in the language of ``text``."""
    part = finding.part
    shown, unit = (
        (finding.treatment, part.side_unit) if _absolute(part) else (finding.effect, part.unit)
    )
    effect, interval = text.mean_and_interval(shown, unit)
    return PartView(
        label=part.label[text.language],
        effect=effect,
        interval=interval,
        claimed=_claimed(part, unit, text),
        n=finding.effect.n,
        method=method(finding.effect, text),
        verdict=finding.verdict,
        uncorrected=finding.uncorrected,
        mark=MARKS[finding.verdict],
        p=_p_value(finding.p),
        p_holm=_p_value(finding.p_corrected),
        treatment=_side(finding.treatment, part.side_unit, text),
        control=_control(finding, text),
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


def _absolute(part: Part) -> bool:
    """Whether a value is compared with a constant that is not simply *no effect*.

    Such a value says more than how far it is from the constant.
    """
    return part.against is not None and part.against != (1 if part.compare == "ratio" else 0)


def _claimed(part: Part, unit: str, text: Text) -> str:
    """Where the claim says the effect lies, or the value where that is what is shown."""
    if part.compare == "ratio":
        middle = part.against if _absolute(part) and part.against else 1.0
        low, high = middle / part.smallest, middle * part.smallest
    else:
        middle = part.against if _absolute(part) and part.against else 0.0
        low, high = middle - part.smallest, middle + part.smallest
    wording = {
        "greater": ("least", high),
        "at_least": ("least", low),
        "less": ("most", low),
        "at_most": ("most", high),
        "equal": ("between", high),
    }[part.direction]
    return text.page[f"claimed_{wording[0]}"].format(
        value=text.quantity(wording[1], unit), low=text.quantity(low, unit)
    )


def _in_words(finding: Finding, text: Text) -> str:
    label = finding.part.label[text.language]
    if math.isnan(finding.effect.mean):
        return f"{label}: {_reason(finding.reason, text) or '–'}"
    return f"{label} {text.quantity(finding.effect, finding.part.unit)}"


def tally(views: Sequence[ClaimView]) -> dict[str, dict[str, int]]:
    """How many claims got which verdict: of the lecture, beyond it, and of all.

    ``corrected`` is how many of them are inconclusive by Holm's correction alone.
    """
    groups = {
        "lecture": [view for view in views if not view.beyond],
        "beyond": [view for view in views if view.beyond],
        "all": list(views),
    }
    return {name: _count(group) for name, group in groups.items()}


def _count(views: Sequence[ClaimView]) -> dict[str, int]:
    counts = Counter(view.verdict for view in views)
    corrected = sum(view.verdict != view.uncorrected for view in views)
    return {
        "total": len(views), "corrected": corrected, **{name: counts[name] for name in MARKS},
    }  # fmt: skip


def count_tests(judgements: Sequence[Judgement]) -> int:
    """How many tests Holm's correction counts."""
    findings = (finding for each in judgements for finding in each.findings.values())
    return sum(not math.isnan(finding.p_corrected) for finding in findings)


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


def _side(estimate: Estimate, unit: str, text: Text) -> str:
    mean, interval = text.mean_and_interval(estimate, unit)
    return f"{mean} ({interval})" if interval else mean


def _control(finding: Finding, text: Text) -> str:
    """Mean of the other side with its interval, or the constant."""
    part = finding.part
    if finding.control is not None:
        return _side(finding.control, part.side_unit, text)
    return "–" if part.against is None else text.quantity(part.against, part.side_unit)


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _note(judgement: Judgement, text: Text) -> str:
    if judgement.verdict != INCONCLUSIVE:
        return ""
    if judgement.uncorrected != INCONCLUSIVE:
        return text.page["note_corrected"].format(
            before=text.page[f"verdict_{judgement.uncorrected}"]
        )
    return text.page[f"note_{judgement.reason}"]


def _reason(reason: str | None, text: Text) -> str:
    return text.page[f"reason_{reason}"] if reason else ""
