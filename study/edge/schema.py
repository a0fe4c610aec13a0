"""The typed schema of the whole configuration, registered with Hydra as ``schema``."""

import functools
import itertools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from study.edge.sets import located
from study.errors import ConfigError
from study.paths import templates_folder
from study.records.config import RunConfig
from study.records.plan import check_name

EXPERIMENTS = "experiments"  # where their grids stand while interpolations are filled in
RESOLVERS = ("seeds", "logspace")
MAX_CELLS = 100_000
LONGEST = 10_000  # values of a list that is not written out
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
        chapter: the question, of ``conf/chapter``; with -m also several.
        experiment: run only this experiment of the chapter; null for all. With -m also several.
        claim: run only what this claim of the chapter compares; null for all. ``open``: run
            further seeds for the claims that are inconclusive.
        store: folder of the run records.
        workers: worker processes, >= 1; null for one on each core.
        timeout: seconds one run may take, > 0; null for no limit.
        cells_per_job: runs of one job under ``hydra/launcher=ray`` and ``submitit_…``, >= 1; null
            for 25 for each of its workers.
        max_cells: a study of more cells is refused before it starts, >= 1.
        dry_run: only say what would run.
        fail_fast: stop a study at the first run that fails.
        report: where the report goes.
    """

    study: dict[str, Any] = field(default_factory=dict)
    chapter: Any = "lecture"
    experiment: Any = None
    claim: Any = None
    store: str = "runs"
    workers: int | None = None
    timeout: float | None = None
    cells_per_job: int | None = None
    max_cells: int = MAX_CELLS
    dry_run: bool = False
    fail_fast: bool = False
    report: ReportConfig = field(default_factory=ReportConfig)


def register() -> None:
    """Make the schema and the resolvers of experiments known."""
    schema = OmegaConf.structured(AppConfig)
    for group in ("init", "output_init", "activation"):
        # init.std=0.5 is right or wrong by the choice, which in a sweep is the cell's: a wrong
        # one is found when the choice is built.
        OmegaConf.set_struct(schema[group], False)
    ConfigStore.instance().store(name="schema", node=schema, provider="study")
    # Hydra copies its sources for every composition and for every group that --help lists, and
    # with them this one store, which hands out copies of what is in it anyway.
    ConfigStore.__deepcopy__ = lambda store, memo: store  # type: ignore[attr-defined]
    OmegaConf.register_new_resolver("seeds", _seeds, replace=True)
    OmegaConf.register_new_resolver("logspace", _logspace, replace=True)
    OmegaConf.register_new_resolver("names", _names, replace=True)


def _seeds(number: Any, *, _root_: DictConfig) -> Any:
    """``${seeds:6}``: six seeds, from ``study.seeds_from`` of the same configuration on.

    What is no number, or more than the study may have cells, stays as it is: an error here would
    be a traceback, and the list would fill the memory; as an axis it is refused.
    """
    most = OmegaConf.select(_root_, "max_cells", default=MAX_CELLS)
    first = OmegaConf.select(_root_, "study.seeds_from", default=0)
    if not (_integer(number, 0) and _integer(first, 0)) or number > most:
        return number
    return list(range(first, first + number))


def _logspace(start: float, stop: float, n: int) -> Any:
    """``${logspace:-4,0,16}``: so many numbers from 10^start to 10^stop, in equal ratios."""
    return n if n > LONGEST else [float(f"{x:.6g}") for x in np.logspace(start, stop, n)]


def _names(group: str, *, _root_: DictConfig) -> str:
    """``${names:init}``, ``${names:experiment}``: what a key can name, for ``--help``."""
    sources = OmegaConf.select(_root_, "hydra.runtime.config_sources") or []
    folders = [Path(each["path"]) for each in sources if each.get("path")]
    if group in ("chapter", "experiment", "claim"):
        from study.chapters import chapter_folders, contents, find_chapters

        known = find_chapters(chapter_folders(folders))
        held = (contents(path)[f"{group}s"] for path in known.values() if group != "chapter")
        names = list(known) if group == "chapter" else [name for each in held for name in each]
    else:
        names = sorted({file.stem for each in folders for file in (each / group).glob("*.yaml")})
    return ", ".join(dict.fromkeys(names))


# What values of these types are called in an error.
_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    type(None): "null",
    list[int]: "a list of integers",
    list[str]: "a list of names",
    list[float]: "a list of numbers",
}


@functools.cache
def key_types() -> dict[str, Any]:
    """The type of each key, ``report.lang`` among them; options of choices have none."""
    found: dict[str, Any] = {}
    for key, kind in typing.get_type_hints(AppConfig).items():
        found[key] = kind
        if is_dataclass(kind):
            hints = typing.get_type_hints(kind)
            found |= {f"{key}.{option}": hint for option, hint in hints.items()}
    return found


def known_keys() -> list[str]:
    """Every key of the configuration that is typed, those of sections dotted."""
    return list(key_types())


def typed(key: str, value: Any) -> Any:
    """``value`` as the schema wants ``key``, e.g. 0 as 0.0.

    Raises:
        ConfigError: the key is unknown or the value of another type.
    """
    kinds = key_types()
    if key not in kinds:
        section = key.rpartition(".")[0]
        known = sorted(each for each in kinds if each.rpartition(".")[0] == section)
        raise ConfigError(key, "a key of the configuration", key, known or sorted(kinds))
    kind = kinds[key]
    union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    members = typing.get_args(kind) if union else (kind,)
    expected = " or ".join(_NAMES.get(each, "a section of keys and values") for each in members)
    refers = isinstance(value, str) and "${" in value
    # OmegaConf takes 2 for true, and true for 1
    if (
        not refers
        and (bool in members) != isinstance(value, bool)
        and (isinstance(value, bool) or value is not None)
    ):
        raise ConfigError(key, expected, value)
    schema = _schema()
    try:
        OmegaConf.update(schema, key, value)
        if refers:
            return value
        found = OmegaConf.select(schema, key)
    except OmegaConfBaseException:
        raise ConfigError(key, expected, value) from None
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


@functools.cache
def _schema() -> Any:
    return OmegaConf.structured(AppConfig)


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
    if chosen.data.root:
        chosen.data.root = located(chosen.data.root)
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
    for key in ("store", "report.folder"):
        folder = OmegaConf.select(config, key)
        if not str(folder).strip():
            raise ConfigError(key, "a folder", folder)
    for key in ("workers", "timeout", "cells_per_job"):
        value = config[key]
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(key, "a number > 0 or null", value)
    if config.max_cells < 1:
        raise ConfigError("max_cells", "an integer >= 1", config.max_cells)
    if config.report.name is not None:
        check_name(config.report.name)
    known = sorted(file.stem for file in (templates_folder() / "text").glob("*.yaml"))
    if config.report.lang not in known:
        raise ConfigError("report.lang", "a language", config.report.lang, known)
