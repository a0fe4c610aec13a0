"""The cells that a command line asks for, and what looking them up in a store takes.

    python benchmarks/cells.py STORE experiment=width seed=0,1

does what ``python -m study -m`` with these words does before its first run, and prints how many of
the cells have to be run.
"""

import sys

from study.edge.gate import planned
from study.edge.running import check_all_data, take_stock
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.store import RunStore


def cells_of(*words: str) -> tuple[dict[str, RunConfig], StudyPlan]:
    """The cells of ``python -m study -m`` with these words, by address, and the plan."""
    found = planned(words)
    return found.cells, found.plan


def look_up(store: RunStore, words: list[str]) -> int:
    """How many of the cells are to be run."""
    cells, _ = cells_of(*words)
    stock = take_stock(store, cells)
    check_all_data(cells[address] for address in stock.reasons)
    return len(stock.reasons)


if __name__ == "__main__":
    print(look_up(RunStore(sys.argv[1]), sys.argv[2:]))
