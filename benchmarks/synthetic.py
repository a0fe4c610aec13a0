"""Stores of any size for benchmarks: copies of real records that differ in their seed."""

import itertools
from dataclasses import replace

from study.records.plan import StudyPlan, read_plan
from study.records.store import RunStore

SEED_STEP = 10_000  # seeds of studies are below


def fill(source: RunStore, target: RunStore, count: int) -> StudyPlan:
    """Write ``count`` copies of the runs of the last study in ``source``, and their plan."""
    plan = read_plan(source, None)
    records = [record for address in plan.addresses if (record := source.read(address))]
    made: dict[str, list[str]] = {}
    for number, record in enumerate(itertools.islice(itertools.cycle(records), count)):
        shift = number // len(records) * SEED_STEP
        config = replace(record.run_config, seed=record.config["seed"] + shift)
        target.write(replace(record, address=config.address, config=config.to_dict()))
        made.setdefault(record.address, []).append(config.address)
    experiments = {
        experiment: [address for original in group for address in made.get(original, ())]
        for experiment, group in plan.experiments.items()
    }
    larger = replace(plan, experiments=experiments)
    larger.write(target)
    return larger
