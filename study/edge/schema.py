"""The typed schema of the whole configuration, registered with Hydra as ``schema``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

import study
from study.records.config import RunConfig


@dataclass
class ReportConfig:
    """Where the report goes: ``<folder>/<name>/index.html``; null derives the name."""

    folder: str = "reports"
    name: str | None = None


@dataclass
class AppConfig(RunConfig):
    """One run's configuration, and how to execute it; only the former is in a run's address.

    Attributes:
        study: preset of sizes for the experiments (``conf/study``).
        store: folder of the run records.
        workers: worker processes, >= 1; null for one on each core.
        timeout: seconds one run may take, > 0; null for no limit.
        report: where the report goes.
    """

    study: dict[str, Any] = field(default_factory=dict)
    store: str = "runs"
    workers: int | None = None
    timeout: float | None = None
    report: ReportConfig = field(default_factory=ReportConfig)


def conf_folder() -> Path:
    """The configuration files: in the installed package, or at the top of the checkout."""
    package = Path(study.__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def register() -> None:
    """Make the schema and the resolvers of ``conf/experiment`` known."""
    ConfigStore.instance().store(name="schema", node=AppConfig, provider="study")
    OmegaConf.register_new_resolver("seeds", lambda n: list(range(n)), replace=True)
    OmegaConf.register_new_resolver(
        "logspace",
        lambda start, stop, n: [float(f"{x:.6g}") for x in np.logspace(start, stop, n)],
        replace=True,
    )
