"""A grid's interactive parts in the language of the page: ranking table and explorer."""

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from study.analysis.grid import ACCURACIES, Grid
from study.analysis.intervals import Estimate
from study.figures.levels import factor_name, plain, setting
from study.report.grid_data import per_cent, ranking_data
from study.report.svg import in_page_colours
from study.report.text import Text

STATUSES = ("completed", "diverged", "failed", "missing")
WORDS = "explorer_"
NO_CHOICE = {"dashes": "", "words": []}


@dataclass(frozen=True)
class RankingCell:
    """A cell of the table: its text, and what it is sorted and filtered by."""

    text: str
    value: str


@dataclass(frozen=True)
class RankingRow:
    """A row of the ranking: a cell of the grid.

    Attributes:
        cell: its number in the heat map.
        rank, n, mean, interval, status: as their columns.
        factors: a level of each factor.
        recommended: whether the recommendation holds it.
        statuses: what can be said of its runs, of ``STATUSES``; ``completed`` only of all.
    """

    cell: int
    rank: RankingCell
    factors: list[RankingCell]
    recommended: bool
    n: int
    mean: RankingCell
    interval: RankingCell
    status: str
    statuses: list[str]


@dataclass(frozen=True)
class Filter:
    """A factor or a status to filter by: id, name, and its values with their texts."""

    id: str
    name: str
    options: list[tuple[str, str]]


@dataclass(frozen=True)
class RankingView:
    """What the template shows of the ranking; ``recommends`` says whether any cell is advised."""

    factors: list[tuple[str, str]]
    filters: list[Filter]
    rows: list[RankingRow]
    count: str
    recommends: bool


@dataclass(frozen=True)
class ExplorerView:
    """What the template shows of the explorer: its factors, and which seeds are shown."""

    factors: list[Filter]
    seeds_note: str


def ranking_view(grid: Grid, text: Text) -> RankingView | None:
    """All cells by rank (``grid_data.ranking_data``); None where there are none."""
    rows = [_ranking_row(cell, grid, text) for cell in ranking_data(grid)]
    if not rows:
        return None
    page = text.page
    filters = _factors(grid, text)
    factors = [(each.id, each.name) for each in filters]
    recommends = bool(grid.recommended)
    if recommends:
        recipe = [(value, page[f"ranking_recipe_{value}"]) for value in ("yes", "no")]
        filters.append(Filter("recipe", page["ranking_recipe"], recipe))
    present = {status for row in rows for status in row.statuses}
    statuses = [(name, page[f"ranking_{name}"]) for name in STATUSES if name in present]
    filters.append(Filter("status", page["ranking_status"], statuses))
    count = page["ranking_count"].format(shown=len(rows), all=len(rows))
    return RankingView(factors, filters, rows, count, recommends)


def _ranking_row(row: Mapping[str, Any], grid: Grid, text: Text) -> RankingRow:
    estimate: Estimate = row["test_accuracy"]
    rank = "–" if row["rank"] is None else str(row["rank"])
    low, mean, high = (_one_decimal(v) for v in (estimate.low, estimate.mean, estimate.high))
    interval = text.page["ranking_to"].format(low=low, high=high) if low != "–" else "–"
    counts = [(name, row[name]) for name in STATUSES if row[name]]
    statuses = [name for name, _ in counts if name != "completed" or len(counts) == 1]
    return RankingRow(
        cell=row["cell"],
        rank=RankingCell(rank, rank.strip("–")),
        factors=[
            RankingCell(text.label(plain(row[factor])), plain(row[factor]))
            for factor in grid.factors
        ],
        recommended=row["recommended"],
        n=row["n"],
        mean=RankingCell(mean, f"{estimate.mean:.6f}" if row["n"] else ""),
        interval=RankingCell(interval, "" if low == "–" else f"{estimate.half_width:.6f}"),
        status=", ".join(f"{count} {text.page[name]}" for name, count in counts) or "–",
        statuses=statuses,
    )


def _one_decimal(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−") if math.isfinite(share) else "–"


def explorer_json(cells: Mapping[str, Any], text: Text, command: str) -> Markup:
    """The explorer's data and all words of the page's script.

    It is safe inside ``<script type="application/json">``, whatever the labels contain.

    Args:
        cells: of the grid (``grid_data.explorer_data``).
        command: repeats the runs of the whole grid.
    """
    data: dict[str, Any] = copy.deepcopy(dict(cells))
    del data["num_seeds"]  # said by ``seeds_note``
    page = text.page
    ends = {"gap": data["gaps"]}
    data["metrics"] = [
        {
            "id": name,
            "name": page[f"{WORDS}metric_{name}"],
            "unit": page[f"{WORDS}{'points' if name == 'gap' else 'percent'}"],
            "ends": ends.get(name, (0, 100)),
        }
        for name in (*ACCURACIES, "diverged")
    ]
    for factor in data["factors"]:
        factor["name"] = text.label(factor["name"])
        for level in factor["levels"]:
            value = level.pop("value")
            level["colour"] = in_page_colours(level["colour"])
            level["id"], level["name"] = plain(value), setting(factor["id"], value, text.label)
    number = len(data["factors"])
    for _ in range(number, 2):  # a map has rows and columns
        level = {"id": "", "name": page[f"{WORDS}all"], "colour": "currentColor"}
        data["factors"].insert(0, {"id": "", "name": "", "levels": [{**level, **NO_CHOICE}]})
        for cell in data["cells"]:
            cell["at"].insert(0, 0)
    for cell in data["cells"]:
        cell["means"] = [per_cent(cell[name].mean) for name in ACCURACIES]
        cell["means"].append(per_cent(cell["diverged"] / cell["n"]) if cell["n"] else None)
        cell["texts"] = [_estimate_text(cell.pop(name), name, text) for name in ACCURACIES]
    data["command"] = command
    data["words"] = {
        key.removeprefix(WORDS): value for key, value in page.items() if key.startswith(WORDS)
    }
    if number < 2:
        data["words"] |= {name: page[f"{WORDS}{name}_{number}"] for name in ("heat_map", "curves")}
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)


def explorer_view(grid: Grid, cells: Mapping[str, Any], text: Text) -> ExplorerView | None:
    """What can be chosen; None where there are no cells.

    Args:
        cells: of the grid (``grid_data.explorer_data``).
    """
    return ExplorerView(_factors(grid, text), seeds_note(cells, text)) if grid.cells else None


def _factors(grid: Grid, text: Text) -> list[Filter]:
    return [
        Filter(
            factor,
            text.label(factor_name(factor)),
            [(plain(level), text.label(plain(level))) for level in grid.levels[factor]],
        )
        for factor in grid.factors
    ]


def seeds_note(cells: Mapping[str, Any], text: Text) -> str:
    """Which seeds the explorer shows, where there are too many to show them all."""
    shown, number = len(cells["seeds"]), cells["num_seeds"]
    return text.page["first_seeds"].format(shown=shown, all=number) if number > shown else ""


def _estimate_text(estimate: Estimate, name: str, text: Text) -> str:
    if not estimate.n:
        return "–"
    return text.fill("{value:points}" if name == "gap" else "{value:percent}", {"value": estimate})
