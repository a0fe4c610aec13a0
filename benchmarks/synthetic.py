"""Stores of any size for benchmarks: copies of real records that differ in their seed.

    python benchmarks/synthetic.py runs many --count 10000
    python benchmarks/synthetic.py runs many --count 1000000 --compacted

makes the store ``many`` of so many runs from the last study in ``runs``, with its plan, so that
``python -m study.report --store many`` draws a report of them. Compacted, the copies never are a
file each.
"""

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from study.records.compaction import SEGMENT_RUNS
from study.records.config import Seeded
from study.records.plan import StudyPlan, read_plan
from study.records.record import SCHEMA, RunRecord, checksum_of, dumps, seal
from study.records.segment import file_name, to_bytes, to_table
from study.records.store import RunStore, write_atomically

SEED_STEP = 10_000  # seeds of studies are below


class Copy(NamedTuple):
    """A copy of a record: the place of the record, its own seed and address, the file's text."""

    place: int
    seed: int
    address: str
    text: str


def copies(records: Sequence[RunRecord], count: int) -> Iterator[Copy]:
    """``count`` copies; the first ``len(records)`` are the records themselves."""
    rests = [
        dumps({key: value for key, value in vars(r).items() if key not in ("address", "config")})
        for r in records
    ]
    configs = [Seeded(record.config) for record in records]
    rounds = itertools.count(step=SEED_STEP)
    endless = ((shift, place) for shift in rounds for place in range(len(records)))
    for shift, place in itertools.islice(endless, count):
        config = Seeded.of(configs[place].cell, configs[place].seed + shift)
        address = config.address
        head = dumps({"schema": SCHEMA, "address": address, "config": dict(config)})
        yield Copy(place, config.seed, address, seal(f"{head[:-1]}, {rests[place][1:]}"))


def write_singles(store: RunStore, found: Iterator[Copy]) -> Iterator[Copy]:
    """Write each copy as a file of its own."""
    for each in found:
        path = store.path(each.address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.text, encoding="utf-8")
        yield each


def write_segments(
    store: RunStore, records: Sequence[RunRecord], found: Iterator[Copy]
) -> Iterator[Copy]:
    """Write the copies as segments, as a compaction of their files would."""
    base = to_table(records, [record.to_json() for record in records])
    summaries = [json.loads(text) for text in base["summary"].to_pylist()]
    while group := list(itertools.islice(found, SEGMENT_RUNS)):
        own = {name: [] for name in ("address", "checksum", "summary")}
        for each in group:
            summary = summaries[each.place]
            config = summary["config"] | {"seed": each.seed}
            own["address"].append(each.address)
            own["checksum"].append(checksum_of(each.text))
            own["summary"].append(json.dumps(summary | {"address": each.address, "config": config}))
        table = base.take(pa.array([each.place for each in group]))
        for name, column in own.items():
            table = table.set_column(table.column_names.index(name), name, pa.array(column))
        content = to_bytes([table])
        write_atomically(store.compact_folder / file_name(content), content)
        yield from group


def fill(
    source: RunStore,
    target: RunStore,
    count: int,
    name: str | None = None,
    *,
    compacted: bool = False,
) -> StudyPlan:
    """Write ``count`` copies of a study's runs in ``source`` to ``target``, and their plan."""
    plan = read_plan(source, name)
    stored = [source.read(address) for address in plan.addresses]
    records = [record for record in stored if record is not None]
    found = copies(records, count)
    written = write_segments(target, records, found) if compacted else write_singles(target, found)
    made: dict[str, list[str]] = {}
    for each in written:
        made.setdefault(records[each.place].address, []).append(each.address)
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
    parser.add_argument("--compacted", action="store_true", help="in segments")
    options = parser.parse_args()
    source, target = RunStore(options.source), RunStore(options.target)
    plan = fill(source, target, options.count, compacted=options.compacted)
    print(f"{len(plan.addresses):,} runs of {plan.name} in {options.target}")


if __name__ == "__main__":
    main()
