"""The run store: a folder with one JSON record for each run, named by its address."""

import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from study.errors import StoreError
from study.records.record import RunRecord

ADDRESS = re.compile(r"[0-9a-f]{20}")
# A temporary file this old belongs to no writer any more: writing takes milliseconds.
ABANDONED_SECONDS = 3600.0


class RunStore:
    """Records on disk, ``<folder>/<first two digits>/<address>.json``.

    A record appears whole or not at all: it is written beside its place and renamed, so that a
    killed process leaves at most a temporary file behind.

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
        write_atomically(path, record.to_json())
        return path

    def read(self, address: str) -> RunRecord | None:
        """The record of ``address``, or None where there is none.

        Raises:
            StoreError: there is one, but it is damaged or of another schema; names the file.
        """
        path = self.path(address)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise StoreError(f"{path}: damaged: not a text file") from None
        try:
            record = RunRecord.from_json(text)
        except StoreError as error:
            raise StoreError(f"{path}: {error}") from None
        if record.address != address:
            raise StoreError(f"{path}: holds the record of {record.address}")
        return record

    def addresses(self) -> Iterator[str]:
        """Addresses of all records, in order."""
        for path in sorted(self.folder.glob("??/*.json")):
            if ADDRESS.fullmatch(path.stem) and path.parent.name == path.stem[:2]:
                yield path.stem

    def remove_abandoned(self) -> int:
        """Delete temporary files that killed writers left behind; return how many."""
        removed = 0
        for path in self.folder.glob("*/.*.tmp"):
            try:
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()
                    removed += 1
            except OSError:  # another sweep was faster
                continue
        return removed


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old content or the new, never a part.

    Folders that are missing are made.

    Raises:
        StoreError: it cannot be written; the old content is then still there.
    """
    temporary = path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
