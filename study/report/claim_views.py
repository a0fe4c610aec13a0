"""Verdicts as the page shows them: numbers with units, a sentence, in one language."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis import verdicts
from study.analysis.claims import Judgement, spent
from study.analysis.declarations import Part
from study.analysis.findings import LEARNED, Finding
from study.analysis.intervals import Estimate
from study.analysis.metrics import label as metric_label
from study.analysis.registry import EXPLORATORY, REGISTERED, Registration
from study.analysis.typography import typeset
from study.analysis.verdicts import INCONCLUSIVE, NO_EFFECT, NOT_JUDGED
from study.figures.quantities import Each
from study.records.plan import StudyPlan
from study.report import tables
from study.report.scope import scope_words
from study.report.strip import Strip, strip
from study.report.text import Text, kept_together

MARKS = {"supported": "✓", "no_effect": "≈", "refuted": "✗", "inconclusive": "?", "not_judged": "–"}
# Claims of a chapter that are counted together: those that it is about, those at other settings,
# and what the same runs say beyond it.
GROUPS = ("declared", "settings", "beyond")
MOST_SEEDS = 10_000  # more is said as "more than"


@dataclass(frozen=True)
class PartView:
    """One test of a claim; every attribute is text, ready to be shown.

    Attributes:
        label: what was compared.
        effect, interval: with their unit; the interval is empty where there is none. Against a
            constant it is the value itself.
        claimed: where the claim says that lies, from the smallest effect that matters.
        n, method: how many seeds, and how the interval was made.
        narrow: the 90 % interval, where it is what gives the verdict.
        verdict, uncorrected: after and before the correction.
        mark: of the verdict.
        p, p_corrected: the smallest error level of a verdict, before and after the correction.
        treatment, control: means of both sides with intervals, or the constant.
        deciding: whether the claim's verdict depends on it.
        diverged: how many of the runs diverged.
        reason: why it is open or not judged; empty where it is decided.
        instead: a few words that stand for the numbers where there is none.
        needs: how many seeds would probably decide it; empty where it is decided.
        chosen: the levels that the sides are compared at, where they were chosen.
        edge: which of them is at the end of what was tried.
        strip: where the interval lies, as numbers for a drawing; None where there is none.
    """

    label: str
    effect: str
    interval: str
    narrow: str
    claimed: str
    n: int
    method: str
    verdict: str
    uncorrected: str
    mark: str
    p: str
    p_corrected: str
    treatment: str
    control: str
    deciding: bool
    diverged: int
    reason: str
    instead: str
    needs: str
    chosen: str
    edge: str
    strip: Strip | None


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict.

    Attributes:
        group: with which it is counted (``GROUPS``).
        statement: in the page's language; ``original`` the lecture's words where that is another.
        short: what it is about, in a few words.
        uncorrected: the verdict before the correction.
        note: why it is open or not judged, in a few words; empty where it is decided.
        needs: how many seeds would probably decide it; empty where it is decided.
        scope: what it was tested on.
        settings: those that make it another claim than the one declared; mostly empty.
        registration: whether it was declared before its runs.
        sentence: what was found, for a student.
        command: repeats just the runs of this claim.
    """

    id: str
    section: str
    figure: str
    group: str
    statement: str
    original: str
    short: str
    verdict: str
    uncorrected: str
    mark: str
    note: str
    needs: str
    reason: str
    scope: list[str]
    settings: str
    registration: str
    sentence: str
    parts: list[PartView]
    command: str

    @property
    def gist(self) -> PartView:
        """The part that stands for all in a line: the first one that gives the verdict."""
        deciding = [part for part in self.parts if part.deciding]
        return next((part for part in deciding if part.verdict == self.verdict), deciding[0])


def group_of(judgement: Judgement) -> str:
    """With which claims it is counted."""
    if judgement.settings:
        return "settings"
    return "beyond" if judgement.claim.beyond else "declared"


def claim_view(
    judgement: Judgement,
    text: Text,
    command: str,
    *,
    registration: Registration | None = None,
    data: str = "",
    source: str = "",
) -> ClaimView:
    """``judgement`` in the language of ``text``.

    Args:
        command: repeats just the runs of this claim.
        registration: whether it was declared before its runs; None: never.
        data: the study's data set, which the scope need not name again.
        source: the language of what the chapter is about, whose own words are shown, too.
    """
    claim = judgement.claim
    translated = text.language in claim.statement
    shows_original = translated and source != text.language and not claim.beyond
    return ClaimView(
        id=claim.id,
        section=claim.section,
        figure=claim.figure,
        group=group_of(judgement),
        statement=text.said(claim.statement),
        original=claim.statement.get(source, "") if shows_original else "",
        short=text.said(claim.short),
        verdict=judgement.verdict,
        uncorrected=judgement.uncorrected,
        mark=MARKS[judgement.verdict],
        note=_note(judgement, text),
        needs=_needs(judgement.verdict, judgement.seeds_needed, text),
        reason=_reason(judgement.reason, _reasoning(judgement), text),
        scope=scope_words(judgement.scope, text, data),
        settings=_settings(judgement, text),
        registration=_registration(
            registration or Registration(EXPLORATORY), bool(judgement.runs), text
        ),
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
    instead = _instead(finding, text)
    return PartView(
        label=part_label(part, text),
        effect=effect,
        interval="" if instead else interval,
        narrow=_narrow(finding, text),
        claimed=_claimed(part, unit, text),
        n=finding.effect.n,
        method=method(finding.effect, text),
        verdict=finding.verdict,
        uncorrected=finding.uncorrected,
        mark=MARKS[finding.verdict],
        p=_p_value(finding.p),
        p_corrected=_p_value(finding.p_corrected),
        treatment=_side(finding.treatment, part.side_unit, text),
        control=_control(finding, text),
        deciding=part.deciding,
        diverged=finding.diverged,
        reason=_reason(finding.reason, finding, text),
        instead=instead,
        needs=_needs(finding.verdict, finding.seeds_needed, text) if part.deciding else "",
        chosen=_chosen(finding, text),
        edge=_edge(finding, text),
        strip=strip(
            finding.effect,
            part.smallest,
            part.compare,
            part.direction,
            finding.narrow if finding.verdict == NO_EFFECT else None,
        ),
    )


def sentence(judgement: Judgement, text: Text) -> str:
    """The claim's own sentence for what was found, or a general one if it has none.

    What is not judged has no sentence but the reason: numbers would pass for a finding.
    """
    if judgement.verdict == NOT_JUDGED:
        return _reason(judgement.reason, _reasoning(judgement), text)
    wordings = judgement.claim.finding.get(judgement.case)
    missing = any(math.isnan(finding.effect.mean) for finding in judgement.findings.values())
    if wordings is None or missing:
        listed = "; ".join(_in_words(finding, text) for finding in judgement.findings.values())
        return f"{text.page['verdict_' + judgement.verdict]}: {listed}"
    return text.fill(text.said(wordings), judgement.findings)


def part_label(part: Part, text: Text) -> str:
    """What a part compares: its label, or else the name of its metric."""
    return str(text.said(part.label)) or text.label(metric_label(part.metric, part.options))


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
    label = part_label(finding.part, text)
    if math.isnan(finding.effect.mean):
        return f"{label}: {_instead(finding, text) or '–'}"
    return f"{label} {text.quantity(finding.effect, finding.part.unit)}"


def tally(views: Sequence[ClaimView]) -> dict[str, dict[str, int]]:
    """How many claims of each group got which verdict.

    ``corrected`` is how many of them are inconclusive by the correction alone.
    """
    return {name: _count([view for view in views if view.group == name]) for name in GROUPS}


def _count(views: Sequence[ClaimView]) -> dict[str, int]:
    counts = Counter(view.verdict for view in views)
    corrected = sum(view.verdict != view.uncorrected for view in views)
    return {
        "total": len(views), "corrected": corrected, **{name: counts[name] for name in MARKS},
    }  # fmt: skip


def summary(group: str, counts: Mapping[str, int], declared: int, text: Text) -> str:
    """What the runs say of a group's claims, in a sentence.

    Args:
        group: one of ``GROUPS``.
        counts: of ``tally``.
        declared: how many claims the chapter is about.
    """
    listed = [
        text.page[f"summary_{verdict}"].format(count=counts[verdict])
        for verdict in MARKS
        if counts[verdict]
    ]
    whole = group != "declared" or counts["total"] == declared
    said = text.page[f"summary_{group}" if whole else "summary_declared_part"].format(
        declared=declared, total=counts["total"], listed=_enumerated(listed, text)
    )
    if counts["corrected"]:
        said += " " + text.page["summary_corrected"].format(corrected=counts["corrected"])
    return said


def _enumerated(words: Sequence[str], text: Text) -> str:
    if len(words) < 2:
        return "".join(words)
    return text.page["and"].format(first=", ".join(words[:-1]), last=words[-1])


def looks(plan: StudyPlan, text: Text) -> str:
    """How the error level is spent, where claims that are open are judged again; else empty."""
    if not plan.looks:
        return ""
    first, *later = (f"{100 * level:.3g}" for level in spent(plan))
    seeds = ", ".join(str(look) for look in plan.looks)
    return text.page["looks_rule"].format(seeds=seeds, first=first, later=later[0])


def method(estimate: Estimate, text: Text) -> str:
    """How the interval of ``estimate`` was made."""
    return text.page[f"method_{estimate.method.replace(' ', '_')}"]


def interval_note(template: str, facts: Mapping[str, Any], text: Text) -> str:
    """What the ± in ``template``, filled with ``facts``, stands for; empty where there is none."""
    found: dict[str, set[int]] = {}
    for name in text.names(template):
        value = facts[name]
        if isinstance(value, Each):
            value = value.most if value.count else None
        value = getattr(value, "effect", value)  # of a finding, or of a quantity of a figure
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


def _narrow(finding: Finding, text: Text) -> str:
    """The interval of the two one-sided tests, where they say that there is no effect."""
    if NO_EFFECT not in (finding.verdict, finding.uncorrected):
        return ""
    _, interval = text.mean_and_interval(finding.narrow, finding.part.unit)
    return text.page["narrow"].format(interval=interval) if interval else ""


def _note(judgement: Judgement, text: Text) -> str:
    if judgement.reason is None:
        return ""
    return text.page[f"note_{judgement.reason}"].format(
        before=text.page[f"verdict_{judgement.uncorrected}"]
    )


def _needs(verdict: str, seeds: int | None, text: Text) -> str:
    """How many seeds would probably decide what is inconclusive."""
    if verdict != INCONCLUSIVE:
        return ""
    if seeds is None:
        return text.page["needs_unknown"]
    if seeds > MOST_SEEDS:
        return text.page["needs_many"].format(count=MOST_SEEDS)
    return text.page["needs_seeds"].format(count=seeds)


def _reasoning(judgement: Judgement) -> Finding | None:
    """The part that a claim is open, or not judged, because of."""
    deciding = [each for each in judgement.findings.values() if each.part.deciding]
    return next((each for each in deciding if each.reason == judgement.reason), None)


def _reason(reason: str | None, finding: Finding | None, text: Text) -> str:
    """A sentence for ``reason``, with what the part of which it holds gives."""
    if reason is None:
        return ""
    detail = {} if finding is None else dict(finding.detail)
    columns = str(detail.get("columns", "")).split(", ")
    words = {
        "experiment": finding.part.experiment if finding is not None else "–",
        "count": detail.get("count", 0),
        "seeds": detail.get("seeds", 0),
        "fewest": detail.get("fewest", verdicts.FEWEST),
        "columns": ", ".join(text.label(name) for name in columns),
        "learned": round(100 * LEARNED),
    }
    return text.page[f"reason_{reason}"].format(**words)


def _instead(finding: Finding, text: Text) -> str:
    """What stands where a part has no number."""
    if not math.isnan(finding.effect.mean):
        return ""
    return text.page[f"note_{finding.reason}"].format(before="") if finding.reason else ""


def _chosen(finding: Finding, text: Text) -> str:
    """``chosen: learning rate 1 (with), 0.1 (against)``; empty where nothing was."""
    sides = [
        f"{_levels(finding, side, text)} ({text.page[f'chosen_{side}']})"
        for side in ("treatment", "control")
        if finding.levels.get(side)
    ]
    return text.page["chosen"].format(levels=", ".join(sides)) if sides else ""


def _edge(finding: Finding, text: Text) -> str:
    """Which choice is at the end of what was tried: a better one may lie beyond."""
    return " ".join(
        text.page["edge"].format(
            level=_levels(finding, side, text), side=text.page[f"chosen_{side}"]
        )
        for side in finding.edges
    )


def _levels(finding: Finding, side: str, text: Text) -> str:
    """``learning rate 0.1`` for what a side was compared at; several with a semicolon."""
    part = finding.part
    reduction = part.reduce if side == "treatment" else part.reduce_control
    names = reduction.over if reduction is not None else ()
    return "; ".join(
        ", ".join(
            f"{text.label(name)} {text.label(typeset(tables.cell_text(value)))}"
            for name, value in zip(names, level, strict=True)
        )
        for level in finding.levels.get(side, ())
    )


def _settings(judgement: Judgement, text: Text) -> str:
    if not judgement.settings:
        return ""
    return text.page["settings_declared"].format(settings=", ".join(judgement.settings))


def _registration(registration: Registration, judged: bool, text: Text) -> str:
    status = registration.status
    if status == REGISTERED and not judged:  # there is no run that it could be before
        status = "only"
    day = registration.declared
    return text.page[f"registration_{status}"].format(date=day.isoformat() if day else "")
