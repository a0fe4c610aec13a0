"""``python -m study.check``: has a result changed since the baseline, has accuracy dropped? For CI.

See docs/gate.md. Exit codes: 0 pass, 1 regression, 2 runs failed, 3 nothing comparable, 4 wrong
usage, 5 results changed, 6 the gate itself crashed.
"""

if __name__ == "__main__":  # before the imports: Ctrl-C may come at once, and a module be broken
    import sys

    from study.endings import expect_crash, expect_interrupt

    # git bisect takes 1, where Python ends after an exception, for a bad commit: 125 is none
    expect_crash(125 if "--bisect" in sys.argv else 6)
    expect_interrupt()

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from study.edge.gate import exact_cells, exact_state, gate_cells, read_records, run_gate
from study.endings import quiet_endings
from study.errors import StudyError
from study.gate.against import gate_changes
from study.gate.baseline import Baseline, BaselineError, make_baseline
from study.gate.baseline_text import read_baseline, write_baseline
from study.gate.compare import check, setting_changes
from study.gate.exact import Exact
from study.gate.history import append_run
from study.gate.output import annotations, as_json, as_junit, as_markdown, as_text
from study.gate.result import (
    EXIT_USAGE,
    INCOMPARABLE,
    RUNS_FAILED,
    CheckResult,
)
from study.gate.rules import Rules, load_rules
from study.records.config import RunConfig
from study.records.provenance import code_fingerprint, commit
from study.records.record import RunRecord

__all__ = ["Baseline", "CheckResult", "Rules", "check", "load_rules", "main", "read_baseline"]

BASELINE = Path("baselines/gate.json")
# What `git bisect run` makes of an exit code: 125 cannot be judged, 128 and more ends the search.
SKIP, ABORT = 125, 128
BISECT = {"regression": {0: 0, 1: 1, 5: 0}, "change": {0: 0, 1: 1, 5: 1}}


class _Parser(argparse.ArgumentParser):
    """Wrong usage has an exit code of its own: argparse's 2 says here that runs failed."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        code = ABORT if "--bisect" in sys.argv else EXIT_USAGE
        self.exit(code, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _options(arguments)
    try:
        code = _trend(options) if options.trend else _run(options)
    except StudyError as error:
        print(error, file=sys.stderr)
        code = EXIT_USAGE
    return BISECT[options.bisect].get(code, SKIP) if options.bisect else code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    summary, *rest = (__doc__ or "").strip().split("\n\n")
    parser = _Parser(prog="python -m study.check", description=summary, epilog=" ".join(rest))
    add = parser.add_argument
    add("--exact", action="store_true", help="only the exact tier: seconds instead of a minute")
    add("--baseline", type=Path, default=BASELINE, metavar="FILE", help=f"default: {BASELINE}")
    add("--runs", type=Path, metavar="FOLDER", help="take the records there instead of running")
    add("--store", type=Path, metavar="FOLDER", help="keep the records there (default: nowhere)")
    add("--workers", type=int, metavar="N", help="worker processes (default: one on each core)")
    add("--update", action="store_true", help="write the baseline")
    add("--reason", default="", help="why it changes, with --update")
    add("--against", metavar="REF", help="say how the gate itself differs from that commit's")
    words = "end as `git bisect run` expects: 1 for a regression (a change), 125 for neither"
    add("--bisect", nargs="?", const="regression", choices=tuple(BISECT), help=words)
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    usual = "$GITHUB_STEP_SUMMARY where that is set"
    add("--summary", type=Path, metavar="FILE", help=f"add Markdown to it (default: {usual})")
    add("--history", type=Path, metavar="FILE", help="add a line with the means of this run to it")
    add("--trend", type=Path, metavar="FILE", help="draw such a history as FILE.html, run nothing")
    options = parser.parse_args(arguments)
    if options.update and not options.reason.strip():
        parser.error("--update needs a reason: --reason '…'")
    if options.reason and not options.update:
        parser.error("--reason is for --update")
    if options.runs and (options.store or (options.workers is not None and not options.update)):
        parser.error("--runs takes records as they are: no --store, no --workers")
    if options.runs and options.runs.exists() and not options.runs.is_dir():
        parser.error(f"--runs: expected a folder, {options.runs} is a file")
    if options.exact and (options.runs or options.update or options.history):
        parser.error("--exact runs a part of the gate: no --runs, no --update, no --history")
    if options.bisect and options.update:
        parser.error("--bisect judges a commit: no --update")
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers: expected a number >= 1, got {options.workers}")
    written: dict[Path, str] = {}
    for name in ("baseline", "json", "junit", "summary", "history", "trend"):
        path = getattr(options, name)
        if path is not None and (other := written.setdefault(path.resolve(), name)) != name:
            parser.error(f"--{other} and --{name} are the same file: {path}")
    return options


def _run(options: argparse.Namespace) -> int:
    rules, cells = load_rules(), {} if options.exact else gate_cells()
    against = gate_changes(options.against, options.baseline) if options.against else []
    baseline, problem = _baseline(options)
    if not options.update:
        reasons = [problem] if problem else []
        if baseline is not None and not options.exact:
            reasons += _other_settings(baseline, cells)
        if reasons:  # before any run
            found = CheckResult(INCOMPARABLE, incomparable=reasons, baseline=baseline)
            return _tell(replace(found, against=against), options)
    records, exact, problems = _records(options, cells, baseline)
    if options.runs and not records and not problems:
        reasons = [f"none of the gate's runs is in {options.runs}"]
        return _tell(CheckResult(INCOMPARABLE, incomparable=reasons, baseline=baseline), options)
    result = replace(check(baseline, records, rules, exact=exact), against=against)
    if options.runs:
        result = replace(result, notes=[*result.notes, *_other_code(records)])
    for message in problems:
        print(f"left out: {message}", file=sys.stderr)
    if not options.update:
        return _tell(result, options)
    if baseline is not None:
        _tell(result, options)
    return _update(options, cells, records, rules, exact or Exact(), baseline)


def _baseline(options: argparse.Namespace) -> tuple[Baseline | None, str | None]:
    """The baseline, or why there is none; one with merge conflicts cannot be replaced, either."""
    try:
        return read_baseline(options.baseline), None
    except BaselineError as error:
        if options.update and "merge conflicts" in str(error):
            raise
        return None, str(error)


def _other_settings(baseline: Baseline, cells: Mapping[str, RunConfig]) -> list[str]:
    """Why none of ``cells`` can be compared; empty if some can."""
    if set(cells) & set(baseline.runs):
        return []
    configs = {address: config.to_dict() for address, config in cells.items()}
    changes, _ = setting_changes(baseline, set(cells), configs)
    return changes or ["other settings: the baseline has none of the gate's cells"]


def _records(
    options: argparse.Namespace, cells: Mapping[str, RunConfig], baseline: Baseline | None
) -> tuple[list[RunRecord], Exact | None, list[str]]:
    """The records to judge, the exact tier's findings, and what is wrong with other records."""
    records: list[RunRecord] = []
    problems: list[str] = []
    if options.runs is not None:
        wanted = set(cells) | set(baseline.runs if baseline and not options.update else ())
        records, problems = read_records(options.runs, wanted)
        if not options.update:  # nobody knows what arithmetic they had
            return records, None, problems
    console = Console(stderr=True, highlight=False, markup=False)
    own = exact_cells()
    to_run = {**own.configs, **({} if options.runs else cells)}
    with tempfile.TemporaryDirectory(prefix="study-gate-") as temporary:
        folder = options.store or Path(temporary)
        run_gate(to_run, folder, workers=options.workers, console=console)
        traced, damaged = read_records(folder, set(own.configs))
        if options.runs is None:
            records, problems = read_records(folder, set(cells))
    exact = exact_state(own, {record.address: record for record in traced})
    return records, exact, problems + damaged


def _other_code(records: Sequence[RunRecord]) -> list[str]:
    """A note if runs that were kept are not what the code that is here would give."""
    older = 0
    for record in records:
        config = record.run_config
        targets = sorted(str(choice["_target_"]) for choice in config.choices.values())
        older += record.provenance.get("code") != code_fingerprint(tuple(targets))
    if not older:
        return []
    return [f"{older} of {len(records)} runs were made by other code than what is here"]


def _tell(result: CheckResult, options: argparse.Namespace) -> int:
    """Write the verdict wherever it is wanted; return the exit code."""
    width = max(shutil.get_terminal_size((140, 24)).columns, 80)
    print(as_text(result, width))
    if os.environ.get("GITHUB_ACTIONS"):
        for line in annotations(result):
            print(line)
    summary = options.summary
    if summary is None and os.environ.get("GITHUB_STEP_SUMMARY"):
        summary = Path(os.environ["GITHUB_STEP_SUMMARY"])
    if options.json:
        text = json.dumps(as_json(result), ensure_ascii=False, indent=1, allow_nan=False)
        _write(options.json, text + "\n")
    if options.junit:
        _write(options.junit, as_junit(result))
    if summary:
        _write(summary, as_markdown(result), mode="a")
    if options.history:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        append_run(options.history, result, date=now, commit=commit())
    return result.exit_code


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StudyError(f"{path}: cannot be written ({error.strerror})") from None


def _update(
    options: argparse.Namespace,
    cells: Mapping[str, RunConfig],
    records: Sequence[RunRecord],
    rules: Rules,
    exact: Exact,
    before: Baseline | None,
) -> int:
    """Write the baseline, unless a run has no result."""
    missing = len(cells) - len(records)
    failed = sum(record.status == "failed" for record in records) + len(exact.failed)
    if missing or failed:
        print(
            f"the baseline stays as it was: {failed} runs failed, {missing} are missing",
            file=sys.stderr,
        )
        return CheckResult(RUNS_FAILED).exit_code
    today = datetime.now(UTC).date().isoformat()
    baseline = make_baseline(
        records, rules, reason=options.reason, date=today, exact=exact, before=before
    )
    write_baseline(baseline, options.baseline)
    print(
        f"baseline: {options.baseline} ({len(baseline.runs)} runs, {len(baseline.cells)} cells;"
        f" exact tier: {len(exact.traces)} runs, {len(exact.cells)} cells)"
    )
    return 0


def _trend(options: argparse.Namespace) -> int:
    """Draw a history."""
    from study.edge.gate_trend import write_trend  # takes a second to import

    print(f"trend: {write_trend(options.trend)}")
    return 0


if __name__ == "__main__":
    with quiet_endings():
        sys.exit(main())
