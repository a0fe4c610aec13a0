"""Stores of any size for benchmarks: copies of real records that differ in their seed.

    python benchmarks/synthetic.py runs many --count 10000

makes the store ``many`` of 10,000 runs from the last study in ``runs``, with its plan, so that
``python -m study.report --store many`` draws a report of them.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from study.records.plan import StudyPlan, read_plan
from study.records.record import SCHEMA, RunRecord, dumps, seal
from study.records.store import RunStore

SEED_STEP = 10_000  # seeds of studies are below


def copies(records: list[RunRecord], count: int) -> Iterator[tuple[str, str, str]]:
    """Address of a record, and address and text of a copy of it, for ``count`` runs.

    The first ``len(records)`` are the records themselves.
    """
    rests = [
        dumps({key: value for key, value in vars(r).items() if key not in ("address", "config")})
        for r in records
    ]
    rounds = itertools.count(step=SEED_STEP)
    endless = (
        (shift, record, rest)
        for shift in rounds
        for record, rest in zip(records, rests, strict=True)
    )
    for shift, record, rest in itertools.islice(endless, count):
        config = replace(record.run_config, seed=record.config["seed"] + shift)
        head = dumps({"schema": SCHEMA, "address": config.address, "config": config.to_dict()})
        yield record.address, config.address, seal(f"{head[:-1]}, {rest[1:]}")


def fill(source: RunStore, target: RunStore, count: int, name: str | None = None) -> StudyPlan:
    """Write ``count`` copies of a study's runs in ``source`` to ``target``, and their plan."""
    plan = read_plan(source, name)
    found = [source.read(address) for address in plan.addresses]
    records = [record for record in found if record is not None]
    made: dict[str, list[str]] = {}
    for original, address, text in copies(records, count):
        made.setdefault(original, []).append(address)
        path = target.path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    experiments = {
        experiment: [address for original in group for address in made.get(original, ())]
        for experiment, group in plan.experiments.items()
    }
    larger = replace(plan, experiments=experiments)
    larger.write(target)
    return larger


def main() -> None:
    """Fill a store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a store with a finished study")
    parser.add_argument("target", type=Path, help="the store to make")
    parser.add_argument("--count", type=int, required=True, help="number of runs")
    options = parser.parse_args()
    plan = fill(RunStore(options.source), RunStore(options.target), options.count)
    print(f"{len(plan.addresses):,} runs of {plan.name} in {options.target}")


if __name__ == "__main__":
    main()
