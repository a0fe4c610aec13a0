"""Stored runs by address: summaries in memory, curves and measurements where they lie."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

from study.records.record import RunRecord, RunSummary

if TYPE_CHECKING:
    import pyarrow as pa

    from study.records.segment import Segment
    from study.records.summaries import Summaries


class Part(Protocol):
    """Runs that lie together, by row."""

    def summary(self, row: int) -> RunSummary:
        """That of a run."""

    def table(self, rows: Sequence[int], prefix: str, asked: Collection[str] | None) -> "pa.Table":
        """The columns ``points.…`` or ``layers.…`` (``records.columns``) of ``rows``."""

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        """The result of a measurement in each of ``rows``; empty where a run has none."""


@dataclass
class Loose(Part):
    """Runs whose whole records are in memory."""

    records: Sequence[RunRecord]

    def summary(self, row: int) -> RunSummary:
        return self.records[row]

    @cached_property
    def _tables(self) -> "dict[str, pa.Table]":
        from study.records.columns import CURVE, LAYERS, to_table

        return {prefix: to_table(self.records, prefix) for prefix in (CURVE, LAYERS)}

    def table(self, rows: Sequence[int], prefix: str, asked: Collection[str] | None) -> "pa.Table":
        return _select(self._tables[prefix], asked).take(rows)

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        for row in rows:
            yield self.records[row].measurements.get(moment, {}).get(name, {})


@dataclass
class Compacted(Part):
    """Runs of a segment.

    Attributes:
        rows: of the segment, in the order of the part's own.
        summaries: of these.
    """

    segment: "Segment"
    rows: Sequence[int]
    summaries: "Summaries"

    def summary(self, row: int) -> RunSummary:
        return self.summaries[row]

    def table(self, rows: Sequence[int], prefix: str, asked: Collection[str] | None) -> "pa.Table":
        return self.segment.numbers([self.rows[row] for row in rows], prefix, asked)

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        return self.segment.measured(moment, name, [self.rows[row] for row in rows])


@dataclass(frozen=True)
class Runs(Mapping[str, RunSummary]):
    """Summaries of a store's runs by address, in the order in which they were asked for."""

    _places: dict[str, tuple[Part, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Mapping[str, RunRecord]) -> Self:
        """Runs whose whole records are in memory, by address."""
        part = Loose(list(records.values()))
        return cls({address: (part, row) for row, address in enumerate(records)})

    @classmethod
    def of_segment(cls, segment: "Segment", rows: Sequence[int], summaries: "Summaries") -> Self:
        """The ``rows`` of a segment, with the summary of each."""
        part = Compacted(segment, rows, summaries)
        return cls({segment.addresses[row]: (part, place) for place, row in enumerate(rows)})

    def __getitem__(self, address: str) -> RunSummary:
        part, row = self._places[address]
        return part.summary(row)

    def __contains__(self, address: object) -> bool:
        return address in self._places  # without making a summary, as a mapping does by itself

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __or__(self, other: "Runs") -> "Runs":
        """These runs, and those of ``other``, which replace them."""
        return Runs(self._places | other._places)

    def only(self, addresses: Iterable[str]) -> "Runs":
        """Those of ``addresses`` that are there, in that order."""
        places = self._places
        return Runs({a: places[a] for a in addresses if a in places})

    def table(
        self, addresses: Iterable[str], prefix: str, asked: Collection[str] | None = None
    ) -> "pa.Table":
        """Curves or layers of runs that are there, a row for each, in that order.

        Args:
            prefix: of the columns' names: ``points.`` or ``layers.`` (see ``records.columns``).
            asked: the names of the columns; all by default. What all of them need comes with them.
        """
        import pyarrow as pa

        from study.records.columns import always, to_table

        asked = None if asked is None else {*always(prefix), *asked}
        tables: list[pa.Table] = [_select(to_table([], prefix), asked)]
        order: list[int] = []
        for part, rows, positions in self._grouped(addresses):
            tables.append(part.table(rows, prefix, asked))
            order += positions
        joined = pa.concat_tables(tables, promote_options="default")
        if order == sorted(order):
            return joined
        back = sorted(range(len(order)), key=order.__getitem__)
        return joined.take(pa.array(back, pa.int64()))

    def measured(
        self, addresses: Iterable[str], moment: str, name: str,
        of: Callable[[dict[str, Any]], Any] = dict,
    ) -> Iterator[tuple[str, Any]]:  # fmt: skip
        """Address and ``of`` a measurement, for each of the runs that has it, in that order."""
        wanted = list(addresses)
        found: dict[str, Any] = {}
        for part, rows, positions in self._grouped(wanted):
            for position, result in zip(positions, part.measured(moment, name, rows), strict=True):
                if result:
                    found[wanted[position]] = of(result)
        return ((address, found[address]) for address in wanted if address in found)

    def _grouped(self, addresses: Iterable[str]) -> Iterator[tuple[Part, list[int], list[int]]]:
        """Parts with the rows that are wanted of them, and each one's place in ``addresses``."""
        groups: dict[int, tuple[Part, list[int], list[int]]] = {}
        for position, address in enumerate(addresses):
            part, row = self._places[address]
            _, rows, positions = groups.setdefault(id(part), (part, [], []))
            rows.append(row)
            positions.append(position)
        yield from groups.values()


def _select(table: "pa.Table", names: Collection[str] | None) -> "pa.Table":
    return table if names is None else table.select([n for n in table.column_names if n in names])
