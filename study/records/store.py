"""The run store: a folder with one JSON record for each run, named by its address."""

import contextlib
import glob
import re
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from study.errors import StoreError
from study.records.record import RecordError, RunRecord

if sys.platform != "win32":
    import fcntl

ADDRESS = re.compile(r"[0-9a-f]{20}")
# Where there are no file locks, a temporary file this old belongs to no writer any more: writing
# takes milliseconds.
ABANDONED_SECONDS = 3600.0


class RunStore:
    """Records on disk, ``<folder>/<first two digits>/<address>.json``.

    A record appears whole or not at all: it is written beside its place and renamed, so that a
    killed process leaves at most a temporary file behind, which the next writer removes.

    Args:
        folder: created at the first write.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

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
            RecordError: there is one, but it is damaged or of another schema; names the file.
        """
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
        try:
            record = RunRecord.from_json(text)
        except RecordError as error:
            raise RecordError(f"{path}: {error}", error.reason) from None
        if record.address != address:
            raise RecordError(f"{path}: holds the record of {record.address}")
        return record

    def read_text(self, path: Path) -> str:
        """The text of a file of the store, wherever links lead to, as long as it is inside.

        Raises:
            StoreError: it is outside, or nothing to read to its end, such as a pipe.
            OSError, UnicodeDecodeError: as ``Path.read_text``.
        """
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise StoreError(f"{path}: damaged: not a plain file")
        self.check_inside(path)
        return path.read_text(encoding="utf-8")

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
        for path in sorted(self.folder.glob("??/*.json")):
            if ADDRESS.fullmatch(path.stem) and path.parent.name == path.stem[:2]:
                yield path.stem

    def remove_abandoned(self) -> int:
        """Delete temporary files that killed writers left behind; return how many."""
        return _remove_abandoned(self.folder.glob("*/.*.tmp"))


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old content or the new, never a part.

    Folders that are missing are made, and what killed writers of the same file left is removed.

    Raises:
        StoreError: it cannot be written; the old content is then still there.
    """
    stem = path.stem[:40]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not _written(path, path.with_name(f".{stem}.{uuid.uuid4().hex}.tmp"), text):
            pass
        _remove_abandoned(path.parent.glob(f".{glob.escape(stem)}.*.tmp"))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def changed_at(path: Path) -> int | None:
    """When ``path`` was changed, in nanoseconds; None where there is nothing to be seen."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _written(path: Path, temporary: Path, text: str) -> bool:
    """Write ``text`` to ``temporary`` and rename that; False if it was taken for abandoned.

    The writer holds a lock on the file, which the system drops with the process that holds it:
    a file that can be locked belongs to nobody. Before it has its lock, and after it is closed,
    another writer may find and remove it.
    """
    try:
        with temporary.open("x", encoding="utf-8") as file:
            _lock(file.fileno(), wait=True)
            file.write(text)
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
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
