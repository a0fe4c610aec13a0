"""A segment: many records in one Parquet file that never changes, named by its own SHA-256.

A row for each run, in the order of addresses:

===============  ==================================================================================
column           content
===============  ==================================================================================
``address``      of the run
``started``      when it began (``provenance.started``)
``checksum``     of the record's text, as in the file that it was
``summary``      JSON: the fields of ``RunSummary`` and the schema
``curves``       JSON: ``history``, ``layers``, ``at`` and the names of the measurements
``[m, name]``    JSON: measurement ``name`` at moment ``m``, null where a run has none
``points.…``     the learning curve once more, as numbers (``records.columns``)
``layers.…``     the statistics of layers once more, as numbers
===============  ==================================================================================

``summary``, ``curves`` and the measurements together are the whole record; the numbers are what
frames are made of, which do not need the rest.
"""

import hashlib
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from study.records import columns
from study.records.record import (
    NEWER,
    USE_NEWER,
    RecordError,
    RunRecord,
    RunSummary,
    loads,
)
from study.records.summaries import Summaries

LAYOUT = 1
_LAYOUT_KEY = b"study layout"
_INDEX = ("address", "started", "checksum")
_ADDRESS = re.compile(r"[0-9a-f]{20}")
_DAMAGED = "damaged: {}; its runs count as not stored, remove the file"


def to_table(records: Sequence[RunRecord], texts: Sequence[str]) -> pa.Table:
    """All columns of a segment with ``records``.

    Args:
        texts: of the files that they were read from.
    """
    files = [json.loads(text) for text in texts]
    split = [_split(file["record"]) for file in files]
    names = sorted({name for _, _, measured in split for name in measured})
    strings = {
        "address": [record.address for record in records],
        "started": [record.provenance["started"] for record in records],
        "checksum": [file["checksum"] for file in files],
        "summary": [summary for summary, _, _ in split],
        "curves": [curves for _, curves, _ in split],
    } | {name: [measured.get(name) for _, _, measured in split] for name in names}
    table = pa.table({name: pa.array(column, pa.string()) for name, column in strings.items()})
    for prefix in (columns.CURVE, columns.LAYERS):
        numbers = columns.to_table(records, prefix)
        for name in numbers.column_names:
            table = table.append_column(name, numbers[name])
    return table


def to_bytes(tables: Sequence[pa.Table]) -> bytes:
    """The file of a segment with the rows of ``tables``, which ``to_table`` made."""
    table = pa.concat_tables(tables, promote_options="default").sort_by("address")
    table = table.replace_schema_metadata({_LAYOUT_KEY: str(LAYOUT)})
    file = io.BytesIO()
    # a dictionary is for what repeats; numbers and records are all different
    pq.write_table(
        table, file, compression="zstd", use_dictionary=[columns.MOMENT], write_page_checksum=True
    )
    return file.getvalue()


def file_name(content: bytes) -> str:
    """What the file with ``content`` has to be called."""
    return f"{hashlib.sha256(content).hexdigest()}.parquet"


def measurement_column(moment: str, name: str) -> str:
    """What the column of a measurement is called."""
    return json.dumps([moment, name])


def _split(content: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    """The JSON of a record in parts: its summary, its curves, and each measurement."""
    curves = {name: content.pop(name) for name in ("history", "layers")}
    if "at" in content["timing"]:
        curves["at"] = content["timing"].pop("at")
    measurements = content.pop("measurements")
    curves["measured"] = {moment: list(own) for moment, own in measurements.items()}
    measured = {
        measurement_column(moment, name): json.dumps(result)
        for moment, own in measurements.items()
        for name, result in own.items()
    }
    return json.dumps(content), json.dumps(curves), measured


def _joined(summary: str, curves: str, measured: Mapping[str, str]) -> RunRecord:
    """The record whose parts ``_split`` gave."""
    content, rest = loads(summary), loads(curves)
    if "at" in rest:
        content["timing"]["at"] = rest["at"]
    measurements = {
        moment: {name: loads(measured[measurement_column(moment, name)]) for name in names}
        for moment, names in rest["measured"].items()
    }
    content |= {"history": rest["history"], "layers": rest["layers"], "measurements": measurements}
    return RunRecord.from_content(content)


class Segment:
    """A segment's file, read and verified.

    Its bytes are compared with its name before anything looks into them; as long as the file
    system shows the same file, they are not read as a whole again.

    Args:
        path: of the file.

    Attributes:
        addresses: of each row.

    Raises:
        RecordError: it is damaged, or no segment, or a newer version's; names the file.
        FileNotFoundError: it is not there any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._verify()
        index = self.read(_INDEX)
        self.addresses: list[str] = index["address"].to_pylist()
        self._index = index
        with self._blamed():
            if not all(isinstance(a, str) and _ADDRESS.fullmatch(a) for a in self.addresses):
                raise ValueError("what is no address")
            if any(index[name].type != pa.string() or index[name].null_count for name in _INDEX):
                raise ValueError("what is no text")

    def started(self, row: int) -> str:
        """When the run of a row began."""
        return str(self._index["started"][row])

    def checksum(self, row: int) -> str:
        """Of the text of the file that the record of a row was."""
        return str(self._index["checksum"][row])

    def _verify(self) -> None:
        self._seen = _signature(self.path)
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            message = (
                f"{self.path}: cannot be read ({error.strerror}); its runs count as not stored"
            )
            raise RecordError(message, "record unreadable") from None
        if file_name(content) != self.path.name:
            cause = _DAMAGED.format("the content does not match its name")
            raise RecordError(f"{self.path}: {cause}")
        with self._blamed():
            file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
            layout = int((file.schema_arrow.metadata or {})[_LAYOUT_KEY])
            self._names = set(file.schema_arrow.names)
            texts = {*_INDEX, "summary", "curves"}
            if layout == LAYOUT and not texts <= self._names:
                raise ValueError(f"lacks {', '.join(sorted(texts - self._names))}")
        if layout > LAYOUT:
            raise RecordError(f"{self.path}: written by a newer version: {USE_NEWER}", NEWER)
        if layout < LAYOUT:
            raise RecordError(
                f"{self.path}: of an older layout; run the study again", "older schema"
            )

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Whatever goes wrong with what is in the file becomes a RecordError that names it."""
        try:
            yield
        except (FileNotFoundError, RecordError):
            raise
        except Exception as error:  # somebody's own file with a right name: anything goes
            cause = _DAMAGED.format(f"not a segment of this study ({error!r})")
            raise RecordError(f"{self.path}: {cause}") from None

    def refresh(self) -> None:
        """Verify the file again if it is not the one that was read.

        Raises:
            RecordError, FileNotFoundError: as when it was read first.
        """
        if _signature(self.path) != self._seen:
            self._verify()

    def read(self, names: Iterable[str], rows: Sequence[int] | None = None) -> pa.Table:
        """Columns of the file, those rows of them."""
        self.refresh()
        # by its path: Arrow reads in a thread of its own, and a file of Python that such a thread
        # lets go of while Python ends aborts the process
        with self._blamed(), pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read([name for name in names if name in self._names], use_threads=False)
            return table if rows is None else table.take(pa.array(rows, pa.int64()))

    def numbers(
        self, rows: Sequence[int], prefix: str, asked: Collection[str] | None = None
    ) -> pa.Table:
        """The columns ``points.…`` or ``layers.…`` that ``records.columns`` describes.

        Args:
            asked: which of them, as in ``columns.check_table``.
        """
        names = sorted(name for name in self._names if name.startswith(prefix))
        names = names if asked is None else [name for name in names if name in asked]
        table = self.read(names, rows)
        with self._blamed():
            columns.check_table(table, prefix, asked)
        return table

    def record(self, row: int) -> RunRecord:
        """The whole record of a row.

        Raises:
            RecordError: it is of another schema, or none; names the file.
        """
        measured = sorted(name for name in self._names if name.startswith("["))
        (found,) = self.read(["address", "summary", "curves", *measured], [row]).to_pylist()
        with self._named(found["address"]), self._blamed():
            record = _joined(found["summary"], found["curves"], found)
            if record.address != found["address"]:
                raise RecordError(f"holds the record of {record.address}")
            return record

    def load(self, rows: Sequence[int]) -> tuple[list[int], Summaries, dict[str, RecordError]]:
        """Those of ``rows`` that can be used, their summaries, and what is wrong with others."""
        summaries, kept = Summaries(), []
        unusable: dict[str, RecordError] = {}
        texts = self.read(["summary"], rows)["summary"].to_pylist()
        for row, text in zip(rows, texts, strict=True):
            address = self.addresses[row]
            try:
                with self._named(address), self._blamed():
                    summary = RunSummary.from_content(loads(text))
                    if summary.address != address:
                        raise RecordError(f"holds the record of {summary.address}")
            except RecordError as error:
                unusable[address] = error
            else:
                summary.address = address  # the same text once
                summaries.add(summary)
                kept.append(row)
        return kept, summaries, unusable

    @contextmanager
    def _named(self, address: str) -> Iterator[None]:
        try:
            yield
        except RecordError as error:
            prefix = "" if str(error).startswith(str(self.path)) else f"{self.path}, {address}: "
            raise RecordError(f"{prefix}{error}", error.reason) from None

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
        """The result of a measurement in each of ``rows``; empty where a run has none."""
        column = measurement_column(moment, name)
        if column not in self._names:
            yield from ({} for _ in rows)
            return
        for text in self.read([column], rows)[column].to_pylist():
            with self._blamed():
                result = {} if text is None else loads(text)
                if not isinstance(result, dict):
                    raise ValueError(f"{column} is not a mapping")
            yield result


def _signature(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
