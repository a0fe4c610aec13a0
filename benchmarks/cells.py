"""The cells that a command line asks for, and what looking them up in a store takes.

    python benchmarks/cells.py STORE experiment=width seed=0,1

does what ``python -m study -m`` with these words does before its first run, and prints how many of
the cells have to be run.
"""

import sys

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from study.analysis.declarations import load_claims
from study.edge.planning import plan_study
from study.edge.running import check_all_data, take_stock
from study.edge.schema import register
from study.paths import conf_folder
from study.records.config import RunConfig
from study.records.plan import StudyPlan
from study.records.store import RunStore


def cells_of(*words: str) -> tuple[dict[str, RunConfig], StudyPlan]:
    """The cells of ``python -m study -m`` with these words, by address, and the plan."""
    register()
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(words), run_mode=RunMode.MULTIRUN)
        return plan_study(config, words, config.hydra.sweeper.grids, loader)


def look_up(store: RunStore, words: list[str]) -> int:
    """How many of the cells are to be run."""
    load_claims([conf_folder() / "claims"])
    cells, _ = cells_of(*words)
    stock = take_stock(store, cells)
    check_all_data(cells[address] for address in stock.reasons)
    return len(stock.reasons)


if __name__ == "__main__":
    print(look_up(RunStore(sys.argv[1]), sys.argv[2:]))
