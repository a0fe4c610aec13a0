"""The typed schema of the whole configuration, registered with Hydra as ``schema``."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from study.errors import ConfigError
from study.paths import templates_folder
from study.records.config import RunConfig
from study.records.plan import check_name

RUN_KEYS = tuple(item.name for item in fields(RunConfig))


@dataclass
class ReportConfig:
    """Where the report goes, ``<folder>/<name>/index.html``, and in which language it is.

    Attributes:
        folder: of all reports.
        name: of this one; null derives it from the study.
        lang: of ``index.html``; the pages in the other languages lie beside it.
    """

    folder: str = "reports"
    name: str | None = None
    lang: str = "en"


@dataclass
class AppConfig(RunConfig):
    """One run's configuration, and how to execute it; only the former is in a run's address.

    Attributes:
        study: preset of sizes for the experiments (``conf/study``).
        claim: run only what this claim (``conf/claims``) compares; null for all. ``open``: run
            further seeds for the claims that are inconclusive.
        store: folder of the run records.
        workers: worker processes, >= 1; null for one on each core.
        timeout: seconds one run may take, > 0; null for no limit.
        cells_per_job: runs of one job under ``hydra/launcher=ray`` and ``submitit_…``, >= 1; null
            for 25 for each of its workers.
        report: where the report goes.
    """

    study: dict[str, Any] = field(default_factory=dict)
    claim: str | None = None
    store: str = "runs"
    workers: int | None = None
    timeout: float | None = None
    cells_per_job: int | None = None
    report: ReportConfig = field(default_factory=ReportConfig)


def register() -> None:
    """Make the schema and the resolvers of ``conf/experiment`` known."""
    schema = OmegaConf.structured(AppConfig)
    for group in ("init", "activation"):
        # init.std=0.5 is right or wrong by the choice, which in a sweep is the cell's: a wrong
        # one is found when the choice is built.
        OmegaConf.set_struct(schema[group], False)
    ConfigStore.instance().store(name="schema", node=schema, provider="study")
    # Hydra copies its sources for every composition and for every group that --help lists, and
    # with them this one store, which hands out copies of what is in it anyway.
    ConfigStore.__deepcopy__ = lambda store, memo: store  # type: ignore[attr-defined]
    OmegaConf.register_new_resolver("seeds", _seeds, replace=True)
    OmegaConf.register_new_resolver(
        "logspace",
        lambda start, stop, n: [float(f"{x:.6g}") for x in np.logspace(start, stop, n)],
        replace=True,
    )


def _seeds(number: Any, *, _root_: DictConfig) -> Any:
    """``${seeds:6}``: six seeds, from ``study.seeds_from`` of the same configuration on.

    What is no number stays as it is: an error here would be a traceback; as an axis it is refused.
    """
    first = OmegaConf.select(_root_, "study.seeds_from", default=0)
    if not (_integer(number, 0) and _integer(first, 0)):
        return number
    return list(range(first, first + number))


def plain(config: Any, key: str, *, resolve: bool = True) -> Any:
    """What ``key`` is in ``config``, in plain containers.

    Args:
        resolve: whether to follow interpolations and to refuse missing values.

    Raises:
        ConfigError: a value is missing, or refers to one that is not there.
    """
    try:
        node = config[key]
        if not OmegaConf.is_config(node):
            return node
        return OmegaConf.to_container(node, resolve=resolve, throw_on_missing=resolve)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(error.full_key or key, "a value", reason) from None


def run_config(config: DictConfig) -> RunConfig:
    """The part of the composed configuration that decides a run's result, validated.

    Raises:
        ConfigError: a value that cannot be used.
    """
    chosen = RunConfig.from_dict({key: plain(config, key) for key in RUN_KEYS})
    chosen.validate()
    return chosen


def check_preset(study: Mapping[str, Any]) -> None:
    """Raise ConfigError if a preset's numbers of seeds cannot be used."""
    for key, least in (("seeds", 1), ("grid_seeds", 1), ("seeds_from", 0)):
        if key in study and not _integer(study[key], least):
            raise ConfigError(f"study.{key}", f"an integer >= {least}", study[key])
    looks = study.get("looks", [])
    fewest = study.get("seeds", 0)
    sound = isinstance(looks, list) and all(_integer(look, 1) for look in looks)
    if not (sound and all(a < b for a, b in itertools.pairwise([fewest, *looks]))):
        expected = f"a list of ascending integers > study.seeds = {fewest}"
        raise ConfigError("study.looks", expected, looks)


def _integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_execution(config: DictConfig) -> None:
    """Raise ConfigError if what concerns only the execution cannot be used."""
    for key in ("workers", "timeout", "cells_per_job"):
        value = config[key]
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(key, "a number > 0 or null", value)
    if config.report.name is not None:
        check_name(config.report.name)
    known = sorted(file.stem for file in (templates_folder() / "text").glob("*.yaml"))
    if config.report.lang not in known:
        raise ConfigError("report.lang", "a language", config.report.lang, known)
