"""Compaction: thousands of records that have a file each become segments of thousands of rows.

Whatever ends it, at any step, no record is lost and none is read wrongly:

1. The single files are read and verified. What failed, is damaged or of another schema stays.
2. Their segment is written beside its place, flushed to the disk and renamed to its place. From
   here on the runs are there twice, and the single file counts.
3. The segment is read back and compared with its name, which is its checksum.
4. Each single file that is still, byte for byte, what the segment holds is removed. One that was
   replaced meanwhile stays, and counts.

A compaction that was killed leaves a file that nobody reads (2), or runs that are there twice (4):
the next one removes either. Two at once write the same runs twice, and of two rows of a run that
began last counts; so a record that did not begin after the row that there is stays single.
"""

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.errors import StoreError
from study.records.record import RecordError, RunRecord, checksum_of
from study.records.store import RunStore, parse, write_atomically

# A study of ordinary size keeps a file for each run, which any program reads.
MANY = 2000
COMPACTING = "moving {:,} records into segments"
SEGMENT_RUNS = 5000
# So many runs are converted at a time: whole records take ten times the memory of their columns.
BATCH = 500
# Whoever watches the store for a record, as a sweep's progress does, has seen it after this long.
SEEN_SECONDS = 5.0


@dataclass
class _Batch:
    """Records for one segment.

    Attributes:
        tables: their columns.
        digests: SHA-256 of each single file, by its path.
    """

    tables: list[Any] = field(default_factory=list)
    digests: dict[Path, str] = field(default_factory=dict)


def compact(
    store: RunStore, *, many: int = MANY, announce: Callable[[int], None] | None = None
) -> int:
    """Move single records into segments if there are at least ``many``; return how many moved.

    Where that is not possible, as in a store that is read-only or on a disk that is full, the
    records stay as they are, and nothing is said: they are read as before.

    Args:
        announce: is told how many there are before the work begins.
    """
    singles = list(store.singles())
    if len(singles) < many or not os.access(store.folder, os.W_OK):
        return 0
    if announce is not None:
        announce(len(singles))
    moved = 0
    with contextlib.suppress(OSError, StoreError):
        store.check_inside(store.compact_folder)
        for batch in _batches(store, singles, least=many // 4):
            _publish(store, batch)
            moved += sum(_remove(path, digest) for path, digest in batch.digests.items())
        _remove_superseded(store)
    return moved


def _batches(store: RunStore, singles: list[str], least: int) -> Iterator[_Batch]:
    """What can be moved, as much for each segment; no segment of fewer than ``least`` runs."""
    from study.records.columns import fits
    from study.records.segment import to_table

    places, _ = store.compacted()
    batch = _Batch()
    records: list[RunRecord] = []
    texts: list[str] = []

    def convert() -> None:
        if records:
            batch.tables.append(to_table(records, texts))
            records.clear()
            texts.clear()

    for address in singles:
        path = store.path(address)
        try:
            if time.time() - path.stat().st_mtime < SEEN_SECONDS:
                continue
            text = store.read_text(path)
            record = parse(text, path)
        except (OSError, ValueError, RecordError):  # it stays, and whoever reads it names it
            continue
        digest = hashlib.sha256(text.encode()).hexdigest()
        if address in places:
            segment, row = places[address]
            if segment.checksum(row) == checksum_of(text):  # a compaction was killed here
                _remove(path, digest)
                continue
            if record.provenance["started"] <= segment.started(row):
                continue
        if record.status == "failed" or not fits(record):  # it will be run again; it is strange
            continue
        records.append(record)
        texts.append(text)
        batch.digests[path] = digest
        if len(records) == BATCH:
            convert()
        if len(batch.digests) == SEGMENT_RUNS:
            convert()
            yield batch
            batch = _Batch()
    convert()
    if len(batch.digests) >= max(least, 1):
        yield batch


def _publish(store: RunStore, batch: _Batch) -> None:
    """Write a segment so that it is there for good, or not at all."""
    from study.records.segment import file_name, to_bytes

    content = to_bytes(batch.tables)
    path = store.compact_folder / file_name(content)
    write_atomically(path, content, durable=True)
    if path not in {segment.path for segment in store.segments()[0]}:
        path.unlink()
        raise StoreError(f"{path}: not what was written")


def _remove(path: Path, digest: str) -> bool:
    """Remove a single file if it is the one with ``digest``.

    A writer may replace it at any moment, also between the look at it and its removal. So it is
    taken aside and looked at again: what a writer has put there goes back.
    """
    aside = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")
    try:
        if _digest(path) != digest:
            return False
        path.rename(aside)
    except FileNotFoundError:
        return False
    ours = _digest(aside) == digest
    if ours or path.exists():  # if it is there again, it is newer still
        aside.unlink(missing_ok=True)
    else:
        aside.rename(path)
    return ours


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _remove_superseded(store: RunStore) -> None:
    """Remove segments all of whose runs are in newer ones."""
    places, _ = store.compacted()
    needed = {segment.path for segment, _ in places.values()}
    for segment in store.segments()[0]:
        if segment.path not in needed:
            segment.path.unlink(missing_ok=True)
