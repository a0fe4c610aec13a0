"""A verdict for readers: the terminal's table, Markdown, JSON, JUnit XML, GitHub annotations."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from study.analysis.intervals import Estimate
from study.gate.result import (
    ALL,
    CHANGED,
    FLIPPED,
    IMPROVEMENT,
    INCOMPARABLE,
    REGRESSION,
    UNCHANGED,
    CheckResult,
    ClaimChange,
    Comparison,
)

SCHEMA = 2
ROWS = 14  # with head and foot, it all fits on a screen of 24 lines
NAME = 34, 16  # characters of a cell's name, at most and where there is little room
LINES = 3  # of each kind of message
STUDY = 12  # of what is declared otherwise
NAMES = 5  # of cells, after those that have a line
HEAD = ("cell", "metric", "baseline", "now", "difference", "interval", "verdict", "why")
UPDATE = 'python -m study.check --update --reason "…"'
# What JUnit's readers may refuse: not allowed in XML 1.0.
_CONTROL = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd]")


def rows(result: CheckResult) -> list[tuple[str, ...]]:
    """Flipped claims, then the worst comparison of each cell that did not stay the same."""
    claims = [_claim_row(claim) for claim in result.flips]
    cells = [_row(c) for c in result.of_cells() if c.verdict != UNCHANGED]
    return claims + cells


def _row(c: Comparison) -> tuple[str, ...]:
    form = _form(c)
    interval = f"[{_change(c.change.low, form)}, {_change(c.change.high, form)}]"
    return (
        c.cell, c.metric.replace("_", " "), _value(c.baseline, form), _value(c.now, form),
        _change(c.change.mean, form), interval, c.verdict, c.why,
    )  # fmt: skip


def _claim_row(claim: ClaimChange) -> tuple[str, ...]:
    form = "times" if claim.change.method == "log t" else "number"
    values = (claim.baseline_effect, claim.now_effect)
    before, now = (_value(value, "number") for value in values)
    interval = f"[{_change(claim.change.low, form)}, {_change(claim.change.high, form)}]"
    return (
        f"claim {claim.claim}", claim.part or "", before, now, _change(claim.change.mean, form),
        interval, claim.verdict, claim.why,
    )  # fmt: skip


def _form(c: Comparison) -> str:
    if c.change.method == "log t":
        return "times"
    return "points" if c.metric.endswith("accuracy") else "number"


def _value(value: float, form: str) -> str:
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if form == "points" else f"{value:.3g}"


def _change(value: float, form: str) -> str:
    if math.isnan(value):
        return "–"
    if form == "times":
        return f"× {value:.2f}" if value < 100 else f"× {value:.0f}"
    return (f"{100 * value:+.1f}" if form == "points" else f"{value:+.2g}").replace("-", "−")


def headline(result: CheckResult) -> str:
    """The verdict in a line."""
    cells = result.of_cells()
    counts = Counter(comparison.verdict for comparison in cells if comparison.cell != ALL)
    parts = [
        _count(count, verdict) if verdict in (REGRESSION, IMPROVEMENT) else f"{count} {verdict}"
        for verdict, count in counts.items()
    ]
    if result.flips:
        parts.insert(0, _count(len(result.flips), "claim") + " flipped")
    if result.failures:
        parts.insert(0, _count(len(result.failures), "run") + " without a result")
    if result.changes:
        parts.append(_count(len(result.changes), "run") + " with other bits")
    if result.study:
        parts.append(f"{len(result.study)} declared otherwise")
    words = {REGRESSION: "REGRESSION", CHANGED: "RESULTS CHANGED"}.get(
        result.outcome, result.outcome
    )
    if result.outcome == INCOMPARABLE and result.compared:
        words = "not everything comparable"
    if not parts and result.exact:
        parts = ["nothing changed"]
    return f"{words}: {', '.join(parts) or 'nothing was compared'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def messages(result: CheckResult) -> Iterator[tuple[str, str]]:
    """What besides the table matters, most important first: level (as GitHub has it) and text.

    A text of level ``""`` is for readers of the whole output: nothing is wrong.
    """
    for text in result.incomparable:
        yield "error", text
    for failure in result.failures[:LINES]:
        yield "error", f"no result: {failure.cell}, seed {failure.seed}: {failure.why}"
    if len(result.failures) > LINES:
        yield "error", f"no result: {len(result.failures) - LINES} runs more"
    yield from (("error", text) for text in _changes(result))
    for text in result.notes:
        yield "warning", text
    if result.silent:
        yield "", f"bits are not compared, only means: {result.silent}"
    yield from (("", text) for text in result.remarks)
    yield from (("notice", text) for text in result.against)
    improved = {comparison.cell for comparison in result.having(IMPROVEMENT)}
    if result.outcome == INCOMPARABLE or result.incomparable:
        yield "notice", f"if that is as intended, a new baseline: {UPDATE}"
    elif result.changes or result.study:
        better = f" (better in {_count(len(improved), 'row')})" if improved else ""
        yield "notice", f"if that is as intended{better}, accept it: {UPDATE}"
    elif improved:
        yield "notice", f"better in {_count(len(improved), 'row')}; to keep that: {UPDATE}"


def _changes(result: CheckResult) -> Iterator[str]:
    """What the exact tier has found: what is declared otherwise, and where bits changed first."""
    for text in result.study[:STUDY]:
        yield f"declared otherwise: {text}"
    if len(result.study) > STUDY:
        yield f"declared otherwise: {len(result.study) - STUDY} more (all: --json FILE)"
    if not result.changes:
        return
    cells = list(dict.fromkeys(change.cell for change in result.changes))
    total = _count(result.compared + result.exact, "run")
    yield f"other bits in {len(result.changes)} of {total}, {_count(len(cells), 'cell')}; first:"
    shown: set[str] = set()
    for change in result.changes:  # one of each cell: its other seeds say the same
        if change.cell not in shown and len(shown) < LINES:
            shown.add(change.cell)
            yield f"  {change.cell}, seed {change.seed}: {change.first}; {change.size}"
    if len(cells) > LINES:
        more = ", ".join(cells[LINES : LINES + NAMES])
        left = len(cells) - LINES - NAMES
        yield f"  and {more}" + (f", and {_count(left, 'cell')} more" if left > 0 else "")


def origin(result: CheckResult) -> str:
    """What it was compared with, and how much of it has the same bits."""
    if result.baseline is None:
        return ""
    same = [
        f"{identical} of {total} {what}"
        for identical, total, what in (
            (result.identical, result.compared, "runs"),
            (result.exact_identical, result.exact, "runs of the exact tier"),
        )
        if total
    ]
    bits = f"; the same bits: {', '.join(same)}" if same else ""
    return f"baseline of {result.baseline.date} ({result.baseline.reason}){bits}"


def as_text(result: CheckResult, width: int = 120) -> str:
    """The table and what else matters, for a terminal."""
    shown = rows(result)
    lines = [origin(result)] if result.baseline else []
    if shown:
        lines += _aligned([HEAD, *shown[:ROWS]], width)
        if len(shown) > ROWS:
            lines.append(f"… and {len(shown) - ROWS} rows that are no worse (all: --json FILE)")
    lines += [text for _, text in messages(result)]
    return "\n".join([*lines, headline(result)])


def _aligned(table: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Columns; where lines would be too long, the first one is cut, and then the last one."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    too_long = sum(widths) + 2 * (len(widths) - 1) - width
    most, least = NAME
    widths[0] = min(widths[0], max(least, min(most, widths[0] - too_long)))
    lines = []
    for name, *others in table:
        words = [_cut(name, widths[0]).ljust(widths[0])]
        words += [
            cell.rjust(size) if 2 <= place <= 4 else cell.ljust(size)
            for place, (cell, size) in enumerate(zip(others, widths[1:], strict=True), start=1)
        ]
        lines.append(_cut("  ".join(words).rstrip(), width))
    return lines


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def as_markdown(result: CheckResult) -> str:
    """The same for a job's summary on GitHub."""
    lines = [f"## {_plain(headline(result))}", ""]
    lines += [f"- {_plain(text)}" for text in filter(None, [origin(result)])]
    lines += [
        f"- {f'**{level}**: ' if level else ''}{_plain(text)}" for level, text in messages(result)
    ]
    shown = rows(result)
    if shown:
        lines += ["", f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
        lines += [f"| {' | '.join(map(_plain, row))} |" for row in shown]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that Markdown leaves alone."""
    escaped = re.sub(r"([\\`*_|\[\]#~])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_json(result: CheckResult) -> dict[str, Any]:
    """Everything, as plain JSON values (``docs/gate.md``)."""
    baseline = result.baseline
    return {
        "schema": SCHEMA,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "baseline": baseline
        and {
            name: getattr(baseline, name) for name in ("reason", "date", "code", "commit")
        } | {"platform": dict(baseline.platform), "data": dict(baseline.data)},
        "compared": result.compared,
        "identical": result.identical,
        "exact": {
            "compared": result.exact,
            "identical": result.exact_identical,
            "silent": result.silent,
            "changes": [_plain_json(vars(change)) for change in result.changes],
            "declared_otherwise": list(result.study),
        },
        "incomparable": list(result.incomparable),
        "against": list(result.against),
        "notes": [*result.notes, *result.remarks],
        "failures": [vars(failure) for failure in result.failures],
        "comparisons": [_plain_json(vars(comparison)) for comparison in result.comparisons],
        "claims": [_plain_json(vars(claim)) for claim in result.claims],
    }  # fmt: skip


def _plain_json(value: Any) -> Any:
    """What is not finite is null."""
    if isinstance(value, Estimate):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain_json(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_junit(result: CheckResult) -> str:
    """A test case for each cell and claim, and for each run without a result."""
    suite = ElementTree.Element("testsuite", name="study.check")
    for comparison in result.of_cells():
        text = ", ".join(f"{k} {v}" for k, v in zip(HEAD[1:], _row(comparison)[1:], strict=True))
        _case(suite, "cells", comparison.cell, text, failed=comparison.verdict == REGRESSION)
    for claim in result.claims:
        _case(suite, "claims", claim.claim, claim.why, failed=claim.verdict == FLIPPED)
    for failure in result.failures:
        case = _case(suite, "runs", f"{failure.cell}, seed {failure.seed}", "", failed=False)
        ElementTree.SubElement(case, "error", message=_xml(failure.why))
    changed = "; ".join(_changes(result))
    if result.exact or changed:
        _case(suite, "exact", "the same bits", changed, failed=bool(changed))
    for text in result.incomparable:
        case = _case(suite, "baseline", "comparable", "", failed=False)
        ElementTree.SubElement(case, "error", message=_xml(text))
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        suite.set(kind, str(sum(1 for _ in suite.iter(tag))))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(
    suite: ElementTree.Element, group: str, name: str, text: str, *, failed: bool
) -> ElementTree.Element:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"study.check.{group}", name=_xml(name)
    )
    if failed:
        ElementTree.SubElement(case, "failure", message=_xml(text))
    elif text:
        ElementTree.SubElement(case, "system-out").text = _xml(text)
    return case


def _xml(text: str) -> str:
    return _CONTROL.sub("�", text)


def annotations(result: CheckResult) -> Iterator[str]:
    """GitHub's workflow commands, the worst first: it shows ten of each kind."""
    for claim in result.flips:
        yield _command("error", f"claim {claim.claim} flipped", claim.why)
    for comparison in result.of_cells():
        row = _row(comparison)
        if comparison.verdict == REGRESSION:
            text = f"{row[1]} {row[2]} → {row[3]} ({row[4]}, interval {row[5]}): {row[7]}"
            yield _command("error", f"accuracy gate: {comparison.cell}", text)
    for level, text in messages(result):
        if level:
            yield _command(level, "accuracy gate", text.strip())


def _command(level: str, title: str, text: str) -> str:
    def escaped(words: str, more: str = "") -> str:
        for character in "%\r\n" + more:
            words = words.replace(character, f"%{ord(character):02X}")
        return words

    return f"::{level} title={escaped(title, ':,')}::{escaped(text)}"
