"""The sweep: run what a study lacks, judge its claims, write its report."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from study.analysis.claims import Judgement
from study.analysis.verdicts import VERDICTS
from study.edge.looks import judged
from study.edge.own_claims import check_selections
from study.edge.planning import Planned, plan_study
from study.edge.rates import extend_rates
from study.edge.running import FailedFast, Runner, take_stock
from study.edge.schema import check_execution
from study.endings import EXIT_INTERRUPTED
from study.errors import ConfigError, StudyError
from study.records.cells import label
from study.records.plan import StudyPlan
from study.records.record import RunRecord, RunSummary

EXIT_FAILED = 1
SHOWN = 5  # how many failures are named; the report lists them all
WORDS = {"no_effect": "no effect that matters", "not_judged": "not judged"}


def sweep(
    config: DictConfig,
    arguments: Sequence[str],
    config_loader: Any,
    launcher: Any,
) -> None:
    """Run every cell of the selected experiments that is not stored yet, then write the report.

    With ``claim=open`` also the further seeds that open claims need (``study.edge.looks``). Without
    it those that are stored are kept, so that both commands give the same report.

    Args:
        config: the composed configuration of the multirun.
        arguments: the command line's overrides.
        config_loader: Hydra's, for the options of config groups.
        launcher: the launcher that Hydra instantiated.

    Raises:
        SystemExit: 0 only if every cell has a record that is not failed and the report was
            written; 1 if not, or if the configuration cannot be used and nothing was started;
            130 after Ctrl-C.
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    runner = Runner(config, launcher, console)
    try:
        check_execution(config)
        planned = plan_study(config, arguments, config_loader)
        cells, plan, claims = planned.cells, planned.plan, planned.claims
        check_selections(planned, config, arguments, config_loader)
        if planned.opening and not plan.looks:
            expected = f"further looks for claim=open (as in {_presets(config_loader)})"
            raise ConfigError("study.looks", expected, plan.looks)
        if config.dry_run:
            for line in dry_run_lines(plan, take_stock(runner.store, cells).reasons):
                print(line)
            raise SystemExit(0)
        runner.store.check_writable()
        stock = runner.look_up(cells)
        plan.write(runner.store)
        runner.store.remove_abandoned()
        failures = Failures(plan, console)
        runner.on_failure = failures.name
        console.print(_announcement(plan, stock.reasons))
        _print_some(console, "run again", stock.unreadable)
        runner.run(cells, stock)
        extend_rates(plan, cells, runner)
        own = int(config.study.seeds)
        judgements = judged(plan, cells, claims, runner, own=own, run=planned.opening)
        raise SystemExit(_finish(planned, runner, judgements, config, failures))
    except StudyError as error:
        console.print(str(error))
        raise SystemExit(EXIT_FAILED) from None
    except FailedFast:
        count = f"{runner.stored:,} of {runner.wanted:,} stored"
        console.print(f"stopped at the first failure (fail_fast=true): {count}")
        raise SystemExit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        if not runner.wanted:
            raise  # nothing has been started
        console.print(f"{runner.stored:,} of {runner.wanted:,} stored, run again to continue")
        raise SystemExit(EXIT_INTERRUPTED) from None


def _presets(config_loader: Any) -> str:
    """The presets that declare further looks, as overrides."""
    names = config_loader.get_group_options("study")
    words = [f"+study@{name}={name}" for name in names]
    composed = config_loader.load_configuration(None, words, run_mode=RunMode.RUN)
    return ", ".join(f"study={name}" for name in names if composed[name].get("looks")) or "none"


def _announcement(plan: StudyPlan, reasons: Mapping[str, str]) -> str:
    asked = sum(len(addresses) for addresses in plan.experiments.values())
    total = len(plan.addresses)
    why = Counter(reasons.values())
    text = (
        f"{plan.name}: {total:,} cells of {len(plan.experiments)} experiments"
        f" ({asked - total:,} wanted more than once), {total - why.total():,} stored"
    )
    if why:
        parts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(why.items()))
        text += f", {why.total():,} to run ({parts})"
    return text


def dry_run_lines(plan: StudyPlan, reasons: Mapping[str, str]) -> list[str]:
    """What would run: the announcement, and the same for each experiment.

    Args:
        reasons: why a cell would be run, by address.
    """
    lines = [_announcement(plan, reasons)]
    for name, addresses in plan.experiments.items():
        missing = sum(address in reasons for address in addresses)
        stored = len(addresses) - missing
        line = f"{name}: {len(addresses):,} cells, {stored:,} stored, {missing:,} to run"
        going_on = plan.maps[name]["further"] if name in plan.maps else []
        steps = sum(len(rates) for row in going_on for rates in row[2:])
        more = f"; at most {steps:,} further learning rates" if steps else ""
        lines.append(line + more)
    return lines


def _finish(
    planned: Planned,
    runner: Runner,
    judgements: Sequence[Judgement],
    config: DictConfig,
    failures: "Failures",
) -> int:
    """Say what came of this sweep's cells, write the report, and return the exit code.

    Args:
        failures: those that have been named already.
    """
    console, runs, plan = runner.console, runner.runs, planned.plan
    counts: Counter[str] = Counter(record.status for record in runs.values())
    counts["missing"] = len(plan.addresses) - len(runs)
    failures.name_rest([r for r in runs.values() if r.status == "failed"])
    _print_some(console, "not stored", runner.problems)
    console.print(
        ", ".join(
            f"{counts[status]:,} {status}"
            for status in ("completed", "diverged", "failed", "missing")
            if counts[status] or status != "missing"
        )
    )
    for line in verdict_lines(plan, judgements, planned.named):
        console.print(line)
    # what draws the figures takes a second to import: the runs do not wait for it
    from study.report.render import render_study

    try:
        page, broken = render_study(
            plan,
            runs,
            planned.chapters,
            folder=config.report.folder,
            console=console,
            language=config.report.lang,
            workers=config.workers,
            judgements=judgements,
        )
    except StudyError as error:
        console.print(f"the report was not written: {error}")
        return EXIT_FAILED
    for line in broken:
        console.print(line)
    print(f"report: {page}", file=sys.stdout)
    failed = counts["failed"] or counts["missing"] or runner.problems or broken
    return EXIT_FAILED if failed else 0


def verdict_lines(
    plan: StudyPlan, judgements: Sequence[Judgement], names: Sequence[str]
) -> list[str]:
    """What is missing of the study, the claims called by name with what was found, and the counts.

    Claims at other settings than those declared are counted apart.
    """
    from study.report.claim_views import sentence  # brings the page's libraries
    from study.report.text import load_text

    lines, text = [], load_text()
    if plan.is_part:
        left = sum(len(packed["rows"]) for packed in plan.left_out.values())
        asked = sum(len(addresses) for addresses in plan.experiments.values())
        lines.append(f"a part of the study: {left:,} of {left + asked:,} cells left out")
    for each in judgements:
        if each.claim.id in names:
            why = "" if each.reason is None else f" ({each.reason.replace('_', ' ')})"
            lines.append(f"{each.claim.id}: {_word(each.verdict)}{why}")
            lines.append(f"  {sentence(each, text)}")
    groups: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    for each in judgements:
        groups.setdefault((each.claim.chapter, each.settings), Counter())[each.verdict] += 1
    chapters = {chapter for chapter, _ in groups}
    for (chapter, settings), counts in groups.items():
        total = counts.total()
        what = f"{total:,} claim{'s' * (total != 1)}"
        what = f"{chapter}, {what}" if len(chapters) > 1 else what
        what += f" at other settings ({' '.join(settings)})" if settings else ""
        said = (f"{counts[name]:,} {_word(name)}" for name in VERDICTS if counts[name])
        lines.append(f"{what}: {', '.join(said)}")
    return lines


def _word(verdict: str) -> str:
    return WORDS.get(verdict, verdict)


class Failures:
    """Names runs that have failed, the first ``SHOWN`` of them when they do."""

    def __init__(self, plan: StudyPlan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._named: set[str] = set()

    def name(self, record: RunRecord | RunSummary) -> None:
        """Say which run has failed and why, unless that was said of enough others."""
        if len(self._named) < SHOWN and record.address not in self._named:
            self._named.add(record.address)
            self._console.print(f"failed: {_describe(record, self._plan)}")

    def name_rest(self, records: Sequence[RunSummary]) -> None:
        """Say it of those of ``records`` that were not seen before, and how many there are more."""
        for record in records:
            self.name(record)
        rest = sum(record.address not in self._named for record in records)
        if rest:
            self._console.print(f"failed: {rest:,} more")


def _print_some(console: Console, kind: str, messages: Sequence[str]) -> None:
    for message in messages[:SHOWN]:
        console.print(f"{kind}: {message}")
    if len(messages) > SHOWN:
        console.print(f"{kind}: {len(messages) - SHOWN:,} more")


def _describe(record: RunRecord | RunSummary, plan: StudyPlan) -> str:
    """Which run failed, and the last line of why."""
    config = record.run_config
    wanted = [name for name, group in plan.experiments.items() if record.address in group]
    lines = (record.error or "").strip().splitlines() or ["no message"]
    return (
        f"{', '.join(wanted)}: {label(config.init)}, {label(config.activation)},"
        f" seed {config.seed} ({record.address}): {lines[-1]}"
    )
