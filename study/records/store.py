"""The run store: a folder with one JSON record for each run, named by its address."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from study.errors import StoreError
from study.records.record import RunRecord

ADDRESS = re.compile(r"[0-9a-f]{20}")


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
        """Store ``record``, replacing an older one of the same address; return its path."""
        path = self.path(record.address)
        path.parent.mkdir(parents=True, exist_ok=True)
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
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path}: cannot be read ({error})") from None
        try:
            record = RunRecord.from_json(text)
        except (StoreError, TypeError, ValueError, KeyError) as error:
            raise StoreError(f"{path}: {error}") from None
        if record.address != address:
            raise StoreError(f"{path}: holds the record of {record.address}")
        return record

    def addresses(self) -> Iterator[str]:
        """Addresses of all records, in order."""
        for path in sorted(self.folder.glob("??/*.json")):
            if ADDRESS.fullmatch(path.stem):
                yield path.stem


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old content or the new, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
