"""``python -m study.check``: has accuracy dropped since the baseline? For CI; see docs/gate.md.

Exit codes: 0 pass, 1 regression, 2 runs failed, 3 nothing comparable, 4 wrong usage.
"""

if __name__ == "__main__":  # before the imports: they take a second, and Ctrl-C may come at once
    from study.endings import expect_interrupt

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

from study.edge.gate import gate_cells, read_records, run_gate
from study.endings import quiet_endings
from study.errors import StudyError
from study.gate.baseline import (
    Baseline,
    BaselineError,
    make_baseline,
    read_baseline,
    write_baseline,
)
from study.gate.compare import (
    INCOMPARABLE,
    RUNS_FAILED,
    CheckResult,
    check,
    setting_changes,
)
from study.gate.output import (
    annotations,
    as_json,
    as_junit,
    as_markdown,
    as_text,
)
from study.gate.rules import Rules, load_rules
from study.records.config import RunConfig
from study.records.provenance import code_fingerprint
from study.records.record import RunRecord

__all__ = ["Baseline", "CheckResult", "Rules", "check", "load_rules", "main", "read_baseline"]

BASELINE = Path("baselines/gate.json")
EXIT_USAGE = 4


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit code 2 says that runs failed; wrong usage has its own."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _options(arguments)
    try:
        return _run(options)
    except StudyError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").splitlines()[0]
    codes = (__doc__ or "").splitlines()[-1]
    parser = _Parser(prog="python -m study.check", description=summary, epilog=codes)
    add = parser.add_argument
    add("--baseline", type=Path, default=BASELINE, metavar="FILE", help=f"default: {BASELINE}")
    add("--runs", type=Path, metavar="FOLDER", help="take the records there instead of running")
    add("--store", type=Path, metavar="FOLDER", help="keep the records there (default: nowhere)")
    add("--workers", type=int, metavar="N", help="worker processes (default: one on each core)")
    add("--update", action="store_true", help="write the baseline")
    add("--reason", default="", help="why it changes, with --update")
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    usual = "$GITHUB_STEP_SUMMARY where that is set"
    add("--summary", type=Path, metavar="FILE", help=f"add Markdown to it (default: {usual})")
    options = parser.parse_args(arguments)
    if options.update and not options.reason.strip():
        parser.error("--update needs a reason: --reason '…'")
    if options.reason and not options.update:
        parser.error("--reason is for --update")
    if options.runs and (options.store or options.workers is not None):
        parser.error("--runs takes records as they are: no --store, no --workers")
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers: expected a number >= 1, got {options.workers}")
    return options


def _run(options: argparse.Namespace) -> int:
    rules, cells = load_rules(), gate_cells()
    baseline, problem = _baseline(options.baseline)
    if not options.update:
        reasons = [problem] if problem else _other_settings(baseline, cells)
        if reasons:  # before any run
            return _tell(
                CheckResult(INCOMPARABLE, incomparable=reasons, baseline=baseline), options
            )
    records, problems = _records(options, cells, baseline)
    if options.runs and not records and not problems:
        reasons = [f"none of the gate's runs is in {options.runs}"]
        return _tell(CheckResult(INCOMPARABLE, incomparable=reasons, baseline=baseline), options)
    result = check(baseline, records, rules)
    if options.runs:
        result = replace(result, notes=[*result.notes, *_other_code(records)])
    for message in problems:
        print(f"left out: {message}", file=sys.stderr)
    if not options.update:
        return _tell(result, options)
    if baseline is not None:
        _tell(result, options)
    return _update(options, cells, records, rules)


def _baseline(path: Path) -> tuple[Baseline | None, str | None]:
    """The baseline, or why there is none."""
    try:
        return read_baseline(path), None
    except BaselineError as error:
        return None, str(error)


def _other_settings(baseline: Baseline | None, cells: Mapping[str, RunConfig]) -> list[str]:
    """Why none of ``cells`` can be compared; empty if some can."""
    assert baseline is not None
    if set(cells) & set(baseline.runs):
        return []
    configs = {address: config.to_dict() for address, config in cells.items()}
    changes, _ = setting_changes(baseline, set(cells), configs)
    return changes or ["other settings: the baseline has none of the gate's cells"]


def _records(
    options: argparse.Namespace, cells: Mapping[str, RunConfig], baseline: Baseline | None
) -> tuple[list[RunRecord], list[str]]:
    """The records to judge, and what is wrong with others."""
    wanted = set(cells) | set(baseline.runs if baseline and not options.update else ())
    if options.runs is not None:
        return read_records(options.runs, wanted)
    console = Console(stderr=True, highlight=False, markup=False)
    with tempfile.TemporaryDirectory(prefix="study-gate-") as temporary:
        folder = options.store or Path(temporary)
        run_gate(cells, folder, workers=options.workers, console=console)
        return read_records(folder, set(cells))


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
) -> int:
    """Write the baseline, unless a run has no result."""
    missing = len(cells) - len(records)
    failed = sum(record.status == "failed" for record in records)
    if missing or failed:
        print(
            f"the baseline stays as it was: {failed} runs failed, {missing} are missing",
            file=sys.stderr,
        )
        return CheckResult(RUNS_FAILED).exit_code
    today = datetime.now(UTC).date().isoformat()
    baseline = make_baseline(records, rules, reason=options.reason, date=today)
    write_baseline(baseline, options.baseline)
    print(f"baseline: {options.baseline} ({len(baseline.runs)} runs, {len(baseline.cells)} cells)")
    return 0


if __name__ == "__main__":
    with quiet_endings():
        sys.exit(main())
