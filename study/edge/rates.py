"""Further learning rates: an arm whose best one is at the edge of its list goes on from there.

One rate at a time, from the declared ones below or above (``study.edge.settings``), chosen by the
validation accuracy of what is stored. Everything follows from the plan and the store, so that a
sweep that was interrupted goes on where it was, and more settings change nothing for the others.
"""

from dataclasses import replace
from itertools import count

import pandas as pd

from study.analysis.frames import Results, count_diverged
from study.analysis.multiverse import HIGH, LOW, best_rates
from study.edge.running import Runner
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.runs import Runs

Place = tuple[int, str]  # a setting and an arm


def extend_rates(plan: StudyPlan, cells: dict[str, RunConfig], runner: Runner) -> None:
    """Run further rates, round by round, until no arm's best one is at an edge that goes on.

    Args:
        plan: of the study, whose cells have been run; the further ones are added to it.
        cells: of the study, by address; likewise.

    Raises:
        StudyError: the runs cannot be run, or not be stored.
    """
    for number in count(1):
        wanted = further_rates(plan, cells, runner.runs)
        if not wanted:
            return
        new: dict[str, RunConfig] = {}
        for experiment, group in wanted.items():
            for place, cell in group.items():
                same = cells.setdefault(cell.address, cell)
                same.measure = sorted({*same.measure, *cell.measure})
                new[cell.address] = same
                plan.experiments[experiment].append(cell.address)
                plan.maps[experiment]["cells"][cell.address] = list(place)
        stock = runner.look_up(new)
        stored = f", {len(stock.runs):,} stored" if stock.runs else ""
        names = ", ".join(wanted)
        runner.console.print(f"further rates {number}: {names}, {len(new):,} runs{stored}")
        plan.write(runner.store)
        runner.run(new, stock)


def further_rates(
    plan: StudyPlan, cells: dict[str, RunConfig], runs: Runs
) -> dict[str, dict[Place, RunConfig]]:
    """By experiment, the next rate of each arm whose best one so far is at an edge.

    An arm of which a run is missing or failed is left as it is: with it the best may be another.
    """
    results = Results(plan, runs)
    found: dict[str, dict[Place, RunConfig]] = {}
    for experiment, drawn in plan.maps.items():
        planned: dict[Place, list[str]] = {}
        for address, (setting, arm) in drawn["cells"].items():
            planned.setdefault((setting, arm), []).append(address)
        going_on = {(row[0], row[1]): (row[2], row[3]) for row in drawn["further"]}
        frame = count_diverged(results.runs(experiment))
        frame = frame[[place in going_on for place in _places(frame)]]
        best = best_rates(frame)
        for place, edge, rates in zip(_places(best), best["edge"], best["rates"], strict=True):
            addresses = planned[place]
            if rates < len(addresses) or edge is None:
                continue
            tried = {cells[address].lr for address in addresses}
            beyond = going_on[place][(LOW, HIGH).index(edge)]
            rate = next((rate for rate in beyond if rate not in tried), None)
            if rate is not None:
                cell = cells[addresses[0]]
                further = replace(cell, lr=rate, measure=list(cell.measure))
                found.setdefault(experiment, {})[place] = further
    return found


def _places(frame: pd.DataFrame) -> list[Place]:
    return list(zip(frame["setting"].tolist(), frame["arm"].tolist(), strict=True))
