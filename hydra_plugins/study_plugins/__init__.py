"""Hydra's entry to the study: a sweeper for unions of grids and a launcher for one machine.

Every Hydra application in the same environment imports this file, so that it imports nothing
heavy: the work is in ``study.edge``.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class StudySweeper(Sweeper):
    """Runs the union of the experiments of the chosen chapters, each cell once."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from study.edge.sweep import sweep

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        return sweep(self.config, arguments, self.hydra_context.config_loader, self.launcher)


class PoolLauncher(Launcher):
    """Runs jobs in worker processes of this machine, one BLAS thread each.

    Args:
        workers: number of processes; null for one on each core.
        timeout: seconds that one run may take; null for no limit.
    """

    def __init__(self, workers: int | None, timeout: float | None) -> None:
        self.workers = workers
        self.timeout = timeout

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.config = config
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from study.edge.pool import launch

        return launch(self, job_overrides)

    def run_cells(self, cells: Sequence[Any], store: Any) -> list[str]:
        """Run cells that the sweep has composed already; return what went wrong."""
        from study.edge.pool import run_cells

        return run_cells(cells, store, workers=self.workers, timeout=self.timeout)


_store = ConfigStore.instance()
_store.store(
    group="hydra/sweeper",
    name="study",
    node={"_target_": "hydra_plugins.study_plugins.StudySweeper"},
    provider="study",
)
_store.store(
    group="hydra/launcher",
    name="pool",
    node={
        "_target_": "hydra_plugins.study_plugins.PoolLauncher",
        "workers": "${workers}",
        "timeout": "${timeout}",
    },
    provider="study",
)
