"""Further looks: more seeds for the claims that are still open, and for their cells only.

A look has a number of seeds, which the preset declares (``study.looks``), and an error level
(``study.analysis.claims.spent``). Everything follows from the plan, the claims and what is stored,
so that a loop that was interrupted goes on where it was.
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from study.analysis.claims import Judgement, judge
from study.analysis.declarations import OPEN, Claim, needs
from study.analysis.frames import Results
from study.analysis.verdicts import INCONCLUSIVE
from study.edge.running import Runner
from study.records.cells import columns
from study.records.config import RunConfig
from study.records.plan import StudyPlan


def judged(
    plan: StudyPlan,
    cells: dict[str, RunConfig],
    claims: Sequence[Claim],
    runner: Runner,
    *,
    own: int,
    run: bool,
) -> list[Judgement]:
    """The verdicts after all looks for which there are runs; ``plan.further`` lists these.

    Args:
        plan: of the study, whose own cells have been run.
        cells: of the study, by address.
        own: the study's own number of seeds (``study.seeds``).
        run: whether to run what a look needs and the store does not have.

    Raises:
        StudyError: the runs cannot be run, or not be stored.
    """
    found = judge(claims, Results(plan, runner.runs))
    for number, seeds in enumerate(plan.looks, 2):
        still = [each.claim for each in found if each.verdict == INCONCLUSIVE]
        if not still:
            break
        wanted = further_cells(plan, cells, still, seeds, own)
        if not wanted:
            continue
        new = {cell.address: cell for group in wanted.values() for cell in group}
        stock = runner.look_up(new)
        if stock.reasons and not run:
            break
        if run:
            count = f"{len(new):,} runs" + (f", {len(stock.runs):,} stored" if stock.runs else "")
            ids = ", ".join(claim.id for claim in still)
            runner.console.print(f"look {number}, {seeds} seeds: {ids} open, {count}")
        _add(plan, wanted)
        plan.write(runner.store)
        runner.run(new, stock)
        found = judge(claims, Results(plan, runner.runs))
        if any(a not in runner.runs or runner.runs[a].status == "failed" for a in new):
            break  # no further look is complete without this one
    return found


def further_cells(
    plan: StudyPlan, cells: dict[str, RunConfig], claims: Sequence[Claim], seeds: int, own: int
) -> dict[str, list[RunConfig]]:
    """By experiment, the runs that ``claims`` need for a look of ``seeds`` seeds and nobody has.

    They are the cells of the study with the seeds that it lacks, for all parts of a claim. An
    experiment with a smaller number of seeds than ``own``, which the preset gives it because it is
    large (``study.grid_seeds``), keeps that.
    """
    found: dict[str, list[RunConfig]] = {}
    for experiment, addresses in plan.experiments.items():
        parts = [part for claim in claims for part in claim.parts.values()]
        parts = [part for part in parts if part.experiment == experiment]
        if len({cells[address].seed for address in addresses}) < own:
            continue
        known = {*addresses, *plan.further.get(experiment, ())}
        seedless = {replace(cells[a], seed=0).address: cells[a] for a in addresses if parts}
        for cell in seedless.values():
            row = columns(cell.to_dict())
            for seed in range(plan.seeds_from, plan.seeds_from + seeds):
                if any(needs(part, row | {"seed": seed}) for part in parts):
                    further = replace(cell, seed=seed, measure=list(cell.measure))
                    if further.address not in known:
                        found.setdefault(experiment, []).append(further)
    return found


def _add(plan: StudyPlan, wanted: dict[str, list[RunConfig]]) -> None:
    """List further runs in the plan, whose command is then the one that asks for them."""
    if wanted and not plan.further:
        words = shlex.split(plan.command)
        named = [i for i, word in enumerate(words) if word.startswith("claim=")]
        for i in named:
            words[i] += f",{OPEN}"
        plan.command = shlex.join(words if named else [*words, f"claim={OPEN}"])
    for experiment, group in wanted.items():
        plan.further.setdefault(experiment, []).extend(cell.address for cell in group)
