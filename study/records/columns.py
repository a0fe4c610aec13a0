"""Curves and layers of many runs as columns of an Arrow table, a row for each run.

=================  ================================================================================
column             for each run a list with
=================  ================================================================================
``points.<name>``  a number for each evaluation: the fields of ``trainer.Point``, and ``seconds``
``layers.<name>``  an entry for each moment and layer: ``moment``, ``layer``, ``hidden`` and the
                   statistics
=================  ================================================================================

All but ``layers.moment`` are ``float64``; NaN stands for what a run does not have.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from itertools import accumulate, chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from study.network.trainer import Point
from study.records.record import VALIDATION, RunRecord

CURVE, LAYERS = "points.", "layers."  # prefixes of the names
POINTS = tuple(f"{CURVE}{item.name}" for item in fields(Point))
# what older tables, and the runs that came from them, do not have
LATER = tuple(f"{CURVE}{name}" for name in VALIDATION)
SECONDS = "points.seconds"
MOMENT = "layers.moment"
NUMBERED = ("layers.layer", "layers.hidden")  # what every row of a layer has


def to_table(records: Sequence[RunRecord], prefix: str) -> pa.Table:
    """The columns of ``records`` whose names begin with ``CURVE`` or with ``LAYERS``.

    Raises:
        ValueError: the columns of a learning curve differ in length.
    """
    return pa.table(_points(records) if prefix == CURVE else _layers(records))


def _points(records: Sequence[RunRecord]) -> dict[str, pa.Array]:
    counts = [len(record.history.get("step", ())) for record in records]
    columns: dict[str, list[Any]] = {
        name: [record.history.get(name.removeprefix(CURVE)) for record in records]
        for name in POINTS
    }
    columns[SECONDS] = [record.timing.get("at") for record in records]
    return {name: _lists(name, column, counts) for name, column in columns.items()}


def _layers(records: Sequence[RunRecord]) -> dict[str, pa.Array]:
    rows = [
        [(moment, row) for moment, own in record.layers.items() for row in own]
        for record in records
    ]
    counts = [len(own) for own in rows]
    # half a surrogate pair, which JSON can hold and Arrow cannot, becomes a question mark
    encoded = [moment.encode("utf-8", "replace") for own in rows for moment, _ in own]
    moments = pa.array(encoded, pa.binary()).cast(pa.string())
    columns = {MOMENT: pa.ListArray.from_arrays(_offsets(counts), moments)}
    names = {name for own in rows for _, row in own for name in row} | {"layer", "hidden"}
    for name in sorted(names - {"moment"}):
        values = [[row.get(name) for _, row in own] for own in rows]
        columns[LAYERS + name] = _lists(LAYERS + name, values, counts)
    return columns


def _lists(
    name: str, lists: Iterable[Sequence[float | None] | None], counts: Sequence[int]
) -> pa.Array:
    """Lists of numbers; NaNs where a run has none."""
    parts = [
        own if own and count else [np.nan] * count for own, count in zip(lists, counts, strict=True)
    ]
    if [len(part) for part in parts] != list(counts):
        raise ValueError(f"{name}: its length differs from that of the others")
    values = np.array(list(chain.from_iterable(parts)), float)  # None becomes NaN
    return pa.ListArray.from_arrays(_offsets(counts), values)


def _offsets(counts: Sequence[int]) -> NDArray[np.int32]:
    return np.fromiter(accumulate(counts, initial=0), np.int32, len(counts) + 1)


def fits(record: RunRecord) -> bool:
    """Whether what counts steps and samples in a learning curve does so: columns rely on it."""
    history = record.history
    return not history.get("step") or all(
        name in history and all(0 <= value < 2**63 for value in history[name])
        for name in ("step", "samples_seen")
    )


def always(prefix: str) -> tuple[str, ...]:
    """The columns without which the others say nothing."""
    return ("points.step",) if prefix == CURVE else (MOMENT, *NUMBERED)


def check_table(table: pa.Table, prefix: str, asked: Collection[str] | None = None) -> None:
    """Raise ValueError unless ``table`` has columns as ``to_table`` makes them.

    Args:
        asked: the names of the columns that it should have, ``always`` among them; all by default.
    """
    required: tuple[str, ...] = (MOMENT, *NUMBERED)
    further: Sequence[str] = table.column_names
    counted: tuple[str, ...] = NUMBERED
    if prefix == CURVE:
        required = (*(name for name in POINTS if name not in LATER), SECONDS)
        further = [name for name in LATER if name in table.column_names]
        counted = ("points.step", "points.samples_seen")
    if asked is not None:
        required = tuple(name for name in required if name in asked)
        counted = tuple(name for name in counted if name in asked)
    entries = _lengths(table, required[0])
    for name in dict.fromkeys([*required, *further]):
        column, kind = _joined(table, name), pa.string() if name == MOMENT else pa.float64()
        if column.type != pa.list_(kind):
            raise ValueError(f"{name} is not made of lists of {kind}")
        there = column.is_valid().to_numpy(zero_copy_only=False)
        if not there.all() and name in required:
            raise ValueError(f"{name} has gaps")
        if not np.array_equal(_lengths(table, name)[there], entries[there]):
            raise ValueError(f"{name}: its length differs from that of {required[0]}")
    for name in counted:
        if not (np.abs(values(table, name)) < 2**63).all():
            raise ValueError(f"{name} is no count")
    if prefix == LAYERS and _joined(table, MOMENT).flatten().null_count:
        raise ValueError(f"{MOMENT} is no text")


def release_unused() -> None:
    """Give back what tables took that are gone, which Arrow keeps for the next ones."""
    pa.default_memory_pool().release_unused()


def counts(table: pa.Table, name: str) -> NDArray[np.int64]:
    """How many entries each run has in the column ``name``, which every run has."""
    found: NDArray[np.int64] = _lengths(table, name).astype(np.int64)
    return found


def values(table: pa.Table, name: str) -> NDArray[np.float64]:
    """All runs' numbers in ``name``, one after the other; NaNs where a run has no such column."""
    first = POINTS[0] if name.startswith(CURVE) else MOMENT
    own = _lengths(table, first)
    column = _joined(table, name)
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    if not column.null_count:
        return np.asarray(numbers, float)
    found = np.full(int(own.sum()), np.nan)
    found[np.repeat(column.is_valid().to_numpy(zero_copy_only=False), own)] = numbers
    return found


def moments(table: pa.Table) -> NDArray[np.object_]:
    """The moment of each layer's row."""
    encoded = _joined(table, MOMENT).flatten().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), object)
    found: NDArray[np.object_] = names[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def _lengths(table: pa.Table, name: str) -> Any:
    return _joined(table, name).value_lengths().fill_null(0).to_numpy(zero_copy_only=False)


def _joined(table: pa.Table, name: str) -> Any:
    """A column in one piece."""
    column = table[name]
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
