"""The run store: a folder with one JSON record for each run, named by its address."""

import contextlib
import glob
import os
import re
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StoreError
from study.records.record import RecordError, RunRecord
from study.records.runs import Runs

if TYPE_CHECKING:
    from study.records.segment import Segment

if sys.platform != "win32":
    import fcntl

ADDRESS = re.compile(r"[0-9a-f]{20}")
SEGMENT = re.compile(r"[0-9a-f]{64}\.parquet")
# Where there are no file locks, a temporary file this old belongs to no writer any more: writing
# takes milliseconds.
ABANDONED_SECONDS = 3600.0


class RunStore:
    """Records on disk, ``<folder>/<first two digits>/<address>.json``.

    A record appears whole or not at all: it is written beside its place and renamed, so that a
    killed process leaves at most a temporary file behind, which the next writer removes.

    Where there are thousands, ``compaction`` moves them into segments, ``<folder>/compact``. What
    is there as a file of its own always counts before what a segment says of the same run.

    Args:
        folder: created at the first write.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._segments: dict[Path, Segment] = {}

    @property
    def compact_folder(self) -> Path:
        """Where the segments are, or would be."""
        return self.folder / "compact"

    def path(self, address: str) -> Path:
        """Where the record of ``address`` is, or would be."""
        if not ADDRESS.fullmatch(address):
            raise StoreError(f"not a run address: {address!r}")
        return self.folder / address[:2] / f"{address}.json"

    def check_writable(self) -> None:
        """Raise StoreError if records cannot be written, before any work is done."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise StoreError(
                f"store={self.folder}: cannot write there ({error.strerror}); "
                "choose another folder with store=…"
            ) from None

    def write(self, record: RunRecord) -> Path:
        """Store ``record``, replacing an older one of the same address; return its path.

        Raises:
            StoreError: it cannot be written; an older record is then still there.
        """
        path = self.path(record.address)
        self.check_inside(path.parent)
        write_atomically(path, record.to_json())
        return path

    def read(self, address: str) -> RunRecord | None:
        """The record of ``address``, or None where there is none.

        Raises:
            RecordError: there is one, but it is damaged or of another schema; or there may be
                one in a segment that is so. Names the file.
        """
        record = self._read_single(address)
        if record is not None:
            return record
        places, unusable = self.compacted()
        if address in places:
            segment, row = places[address]
            return segment.record(row)
        for error in unusable:
            raise error
        return None

    def _read_single(self, address: str) -> RunRecord | None:
        path = self.path(address)
        try:
            text = self.read_text(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"{path}: cannot be read ({error.strerror})"
            raise RecordError(message, "record unreadable") from None
        except UnicodeDecodeError:
            raise RecordError(f"{path}: damaged: not a text file") from None
        except StoreError as error:
            raise RecordError(str(error)) from None
        return parse(text, path)

    def load(self, addresses: Iterable[str] | None = None) -> "Stored":
        """The runs of ``addresses``, or of the whole store, and what of them cannot be used.

        A compacted run's curves and measurements stay on disk until they are asked for.
        """
        wanted = list(self.addresses() if addresses is None else dict.fromkeys(addresses))
        unusable: dict[str, RecordError] = {}
        records: dict[str, RunRecord] = {}
        left: list[str] = []
        may_be_single = self._listed(wanted)
        for address in wanted:
            try:
                record = self._read_single(address) if address in may_be_single else None
            except RecordError as error:
                unusable[address] = error
                continue
            if record is None:
                left.append(address)
            else:
                records[address] = record
        # after the single files: what was moved from there meanwhile is found here
        places, segments = self.compacted()
        runs = Runs.of(records)
        rows: dict[Segment, list[int]] = {}
        for address in left:
            if address in places:
                segment, row = places[address]
                rows.setdefault(segment, []).append(row)
        for segment, own in rows.items():
            try:
                kept, summaries, wrong = segment.load(own)
            except FileNotFoundError:  # a compaction has just moved them on
                return self.load(wanted)
            except RecordError as error:
                segments.append(error)
                continue
            runs |= Runs.of_segment(segment, kept, summaries)
            unusable |= wrong
        return Stored(runs.only(wanted), unusable, segments)

    def _listed(self, addresses: Iterable[str]) -> Collection[str]:
        """Those of ``addresses`` that may have a file of their own."""
        shards: dict[str, list[str]] = {}
        for address in addresses:
            shards.setdefault(self.path(address).parent.name, []).append(address)
        found: set[str] = set()
        for shard, own in shards.items():
            try:
                names = {entry.name for entry in os.scandir(self.folder / shard)}
            except FileNotFoundError:
                continue
            except OSError:  # reading them will say what is wrong
                found.update(own)
                continue
            found.update(address for address in own if f"{address}.json" in names)
        return found

    def compacted(self) -> "tuple[dict[str, tuple[Segment, int]], list[RecordError]]":
        """Segment and row of each run that segments have; and what is wrong with others.

        Of several rows of a run that counts which began last.
        """
        segments, unusable = self.segments()
        places: dict[str, tuple[Segment, int]] = {}
        for segment in segments:
            for row, address in enumerate(segment.addresses):
                if address in places:
                    other, place = places[address]
                    if segment.started(row) <= other.started(place):
                        continue
                places[address] = segment, row
        return places, unusable

    def segments(self) -> "tuple[list[Segment], list[RecordError]]":
        """All segments, verified; and what is wrong with those that cannot be used."""
        try:
            self.check_inside(self.compact_folder)
            names = sorted(entry.name for entry in os.scandir(self.compact_folder))
        except (FileNotFoundError, NotADirectoryError):
            return [], []
        except OSError as error:
            message = f"{self.compact_folder}: cannot be read ({error.strerror})"
            return [], [RecordError(message, "record unreadable")]
        except StoreError as error:
            return [], [RecordError(str(error))]
        found, unusable = [], []
        for path in (self.compact_folder / name for name in names if SEGMENT.fullmatch(name)):
            try:
                found.append(self._segment(path))
            except FileNotFoundError:  # all its runs are in a newer one
                continue
            except RecordError as error:
                unusable.append(error)
        return found, unusable

    def _segment(self, path: Path) -> "Segment":
        if path not in self._segments:
            # most stores have no segments, and need not load what reads them
            from study.records.segment import Segment

            try:
                self.check_plain(path)
            except StoreError as error:
                raise RecordError(str(error)) from None
            self._segments[path] = Segment(path)
        self._segments[path].refresh()
        return self._segments[path]

    def where(self, address: str) -> Path:
        """The file that holds the record of ``address``: its own, or a segment."""
        path = self.path(address)
        if path.exists():
            return path
        places, _ = self.compacted()
        return places[address][0].path if address in places else path

    def read_text(self, path: Path) -> str:
        """The text of a file of the store, wherever links lead to, as long as it is inside.

        Raises:
            StoreError: it is outside, or nothing to read to its end, such as a pipe.
            OSError, UnicodeDecodeError: as ``Path.read_text``.
        """
        self.check_plain(path)
        return path.read_text(encoding="utf-8")

    def check_plain(self, path: Path) -> None:
        """Raise StoreError if a file of the store is outside, or nothing to read to its end."""
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise StoreError(f"{path}: damaged: not a plain file")
        self.check_inside(path)

    def check_inside(self, path: Path) -> None:
        """Raise StoreError if ``path``, which is below the folder, is or has a link out of it."""
        parts = [path, *path.parents]
        links = [part for part in parts[: parts.index(self.folder)] if part.is_symlink()]
        for link in links:
            if not link.resolve().is_relative_to(self.folder.resolve()):
                raise StoreError(
                    f"{link}: a link that leads out of the store; put the files in its place"
                )

    def addresses(self) -> Iterator[str]:
        """Addresses of all records, in order."""
        single = list(self.singles())
        places, _ = self.compacted()
        yield from sorted({*single, *places})

    def singles(self) -> Iterator[str]:
        """Addresses of all records that have a file of their own, in order."""
        for path in sorted(self.folder.glob("??/*.json")):
            if ADDRESS.fullmatch(path.stem) and path.parent.name == path.stem[:2]:
                yield path.stem

    def remove_abandoned(self) -> int:
        """Delete temporary files that killed writers left behind; return how many."""
        return _remove_abandoned(self.folder.glob("*/.*.tmp"))


@dataclass(frozen=True)
class Stored:
    """What a store has of the runs that were asked for.

    Attributes:
        runs: in the order in which they were asked for.
        unusable: what is wrong with a record, by address.
        segments: what is wrong with segments; which runs are in them is not known.
    """

    runs: Runs
    unusable: dict[str, RecordError]
    segments: list[RecordError]

    @property
    def errors(self) -> list[RecordError]:
        """All that is wrong."""
        return [*self.unusable.values(), *self.segments]


def parse(text: str, path: Path) -> RunRecord:
    """The record in ``text``, which is that of the file ``path``.

    Raises:
        RecordError: as ``RunRecord.from_json``, and if it is another run's; names the file.
    """
    try:
        record = RunRecord.from_json(text)
    except RecordError as error:
        raise RecordError(f"{path}: {error}", error.reason) from None
    if record.address != path.stem:
        raise RecordError(f"{path}: holds the record of {record.address}")
    return record


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    Folders that are missing are made, and what killed writers of the same file left is removed.

    Args:
        content: text is written in UTF-8.
        durable: return only when it would survive a power failure.

    Raises:
        StoreError: it cannot be written; the old content is then still there.
    """
    stem = path.stem[:40]
    raw = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not _written(path, path.with_name(f".{stem}.{uuid.uuid4().hex}.tmp"), raw, durable):
            pass
        if durable:
            _flush_folder(path.parent)
            _flush_folder(path.parent.parent)
        _remove_abandoned(path.parent.glob(f".{glob.escape(stem)}.*.tmp"))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    if sys.platform != "win32":  # it cannot open folders, and writes names by itself
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def changed_at(path: Path) -> int | None:
    """When ``path`` was changed, in nanoseconds; None where there is nothing to be seen."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _written(path: Path, temporary: Path, content: bytes, durable: bool) -> bool:
    """Write ``content`` to ``temporary`` and rename that; False if it was taken for abandoned.

    The writer holds a lock on the file, which the system drops with the process that holds it:
    a file that can be locked belongs to nobody. Before it has its lock, and after it is closed,
    another writer may find and remove it.
    """
    try:
        with temporary.open("xb") as file:
            _lock(file.fileno(), wait=True)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        try:
            temporary.replace(path)
        except FileNotFoundError:
            if path.parent.is_dir():
                return False
            raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True


def _remove_abandoned(found: Iterable[Path]) -> int:
    removed = 0
    for path in found:
        with contextlib.suppress(OSError):  # another sweep was faster
            if _abandoned(path):
                path.unlink()
                removed += 1
    return removed


def _abandoned(temporary: Path) -> bool:
    """Whether the writer of ``temporary`` is gone."""
    if time.time() - temporary.lstat().st_mtime > ABANDONED_SECONDS:
        return True
    if not stat.S_ISREG(temporary.lstat().st_mode):
        return False
    with temporary.open("rb") as file:
        return _lock(file.fileno(), wait=False)


def _lock(file: int, *, wait: bool) -> bool:
    """Lock an open file; False if somebody else has it, or if there are no locks."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
    return False
