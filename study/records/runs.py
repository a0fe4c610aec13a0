"""Stored runs by address: summaries in memory, curves in columns, measurements where they lie."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

from study.records.record import RunRecord, RunSummary

if TYPE_CHECKING:
    import pyarrow as pa

    from study.records.segment import Segment


class Part(Protocol):
    """Runs that lie together, by row."""

    def table(self, rows: Sequence[int], prefix: str) -> "pa.Table":
        """The columns ``points.…`` or ``layers.…`` (``records.columns``) of ``rows``."""

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        """The result of a measurement in each of ``rows``; empty where a run has none."""


@dataclass
class Loose(Part):
    """Runs whose whole records are in memory."""

    records: Sequence[RunRecord]

    @cached_property
    def _tables(self) -> "dict[str, pa.Table]":
        from study.records.columns import CURVE, LAYERS, to_table

        return {prefix: to_table(self.records, prefix) for prefix in (CURVE, LAYERS)}

    def table(self, rows: Sequence[int], prefix: str) -> "pa.Table":
        return self._tables[prefix].take(rows)

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        for row in rows:
            yield self.records[row].measurements.get(moment, {}).get(name, {})


@dataclass
class Compacted(Part):
    """Runs of a segment.

    Attributes:
        rows: of the segment, in the order of the part's own.
    """

    segment: "Segment"
    rows: Sequence[int]

    def table(self, rows: Sequence[int], prefix: str) -> "pa.Table":
        return self.segment.numbers([self.rows[row] for row in rows], prefix)

    def measured(self, moment: str, name: str, rows: Sequence[int]) -> Iterable[dict[str, Any]]:
        return self.segment.measured(moment, name, [self.rows[row] for row in rows])


@dataclass(frozen=True)
class Runs(Mapping[str, RunSummary]):
    """Runs of a store in the order in which they were asked for.

    Attributes:
        summaries: by address.
    """

    summaries: dict[str, RunSummary] = field(default_factory=dict)
    _places: dict[str, tuple[Part, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Mapping[str, RunRecord]) -> Self:
        """Runs whose whole records are in memory, by address."""
        part = Loose(list(records.values()))
        places = {address: (part, row) for row, address in enumerate(records)}
        return cls(dict(records), dict(places))

    @classmethod
    def of_segment(
        cls, segment: "Segment", rows: Sequence[int], summaries: Mapping[str, RunSummary]
    ) -> Self:
        """Those of the ``rows`` of a segment that have a summary."""
        kept = [row for row in rows if segment.addresses[row] in summaries]
        part = Compacted(segment, kept)
        places = {segment.addresses[row]: (part, place) for place, row in enumerate(kept)}
        return cls({address: summaries[address] for address in places}, dict(places))

    def __getitem__(self, address: str) -> RunSummary:
        return self.summaries[address]

    def __iter__(self) -> Iterator[str]:
        return iter(self.summaries)

    def __len__(self) -> int:
        return len(self.summaries)

    def __or__(self, other: "Runs") -> "Runs":
        """These runs, and those of ``other``, which replace them."""
        return Runs(self.summaries | other.summaries, self._places | other._places)

    def only(self, addresses: Iterable[str]) -> "Runs":
        """Those of ``addresses`` that are there, in that order."""
        there = [address for address in dict.fromkeys(addresses) if address in self.summaries]
        return Runs({a: self.summaries[a] for a in there}, {a: self._places[a] for a in there})

    def table(self, addresses: Iterable[str], prefix: str) -> "pa.Table":
        """Curves or layers of runs that are there, a row for each, in that order.

        Args:
            prefix: of the columns' names: ``points.`` or ``layers.`` (see ``records.columns``).
        """
        import pyarrow as pa

        from study.records.columns import to_table

        tables: list[pa.Table] = [to_table([], prefix)]
        order: list[int] = []
        for part, rows, positions in self._grouped(addresses):
            tables.append(part.table(rows, prefix))
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
