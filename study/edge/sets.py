"""Data sets in MNIST's format: where they lie, what identifies them, and those a map draws over.

``settings.sets`` of an experiment lists folders, or is ``found`` for those below
``STUDY_DATA_DIR``. Where there are any, each setting draws one of the study's own data set and
these: the axis ``data``, after the others, which draw what they draw without it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study import data
from study.data import idx
from study.errors import ConfigError, DataError
from study.records.config import DataConfig
from study.records.plan import data_name

DATA, SETS, FOUND = "data", "sets", "found"
RAW = "raw"  # below a set's folder, where torchvision keeps its files
SECTION = tuple(DataConfig.__dataclass_fields__)
# Two sizes of the same images: who studies one of them has no further data set in the other.
SAME = ("mnist", "mnist5k")

Dataset = dict[str, Any]
"""The section ``data`` of a configuration."""


def located(root: str) -> str:
    """``data.root``: the folder of this name below ``STUDY_DATA_DIR``; as it is if there is none.

    It then counts from the current folder. Files may lie in ``raw`` below it.
    """
    base = _base()
    below = base / root if base else None
    return str(_files(below if below is not None and below.is_dir() else Path(root)))


def _files(folder: Path) -> Path:
    """Where the files of a data set lie: in its folder, or in ``raw`` below that."""
    raw = folder / RAW
    return raw if _holds(raw) and not _holds(folder) else folder


def identify(dataset: Dataset, known: dict[str, str] | None = None) -> None:
    """Give a data set its folder, and one that is not known in advance its identity.

    Args:
        known: checksums by folder, of those that have been read; one that is read is added.

    Raises:
        ConfigError, DataError: it cannot be found or read.
    """
    known = {} if known is None else known
    if dataset["root"]:
        dataset["root"] = located(dataset["root"])
    if dataset["name"] == "idx" and dataset["checksum"] is None:
        root = str(dataset["root"])
        if root not in known:
            known[root] = data.checksum("idx", root=dataset["root"])
        dataset["checksum"] = known[root]


def with_sets(experiment: str, grid: Mapping[str, Any], own: Dataset) -> dict[str, Any]:
    """``grid`` with the axis that its ``settings.sets`` stands for.

    Args:
        own: the study's own data set, identified.

    Raises:
        ConfigError, DataError: a folder cannot be used; names the experiment and the folder.
    """
    settings = grid.get("settings")
    if not isinstance(settings, Mapping) or SETS not in settings:
        return dict(grid)
    kept = {key: value for key, value in settings.items() if key != SETS}
    place = f"experiment {experiment}: settings.{SETS}"
    further = _further(place, settings[SETS], own)
    axes = kept.get("axes")
    if further and isinstance(axes, Mapping):  # another one is refused with all else
        if DATA in axes:
            raise ConfigError(place, "no sets where data is an axis", settings[SETS])
        own_set = {key: own[key] for key in SECTION if own[key] is not None}
        choice = [_overrides(each) for each in (own_set, *further)]
        kept["axes"] = {**axes, DATA: {"choice": choice}}
    return {**grid, "settings": kept}


def _further(place: str, sets: Any, own: Dataset) -> list[Dataset]:
    """The sets that are not the study's own, each once."""
    known: set[str] = set()
    if sets == FOUND:
        folders = _found(place)
        if own["name"] in SAME:
            known |= {data.checksum(name) for name in SAME}
    elif isinstance(sets, list) and all(isinstance(each, str) for each in sets):
        folders = [Path(located(each)) for each in sets]
    else:
        raise ConfigError(place, f"a list of folders, or {FOUND}", sets)
    if folders:
        known.add(own["checksum"] or data.checksum(own["name"], root=own["root"]))
    further: list[Dataset] = []
    for folder in folders:
        if not _holds(folder):
            expected = "folders with the four files of a data set, below STUDY_DATA_DIR or as paths"
            raise ConfigError(place, expected, str(folder))
        checksum = data.checksum("idx", root=folder)
        if checksum not in known:
            known.add(checksum)
            found = {"name": "idx", "root": str(folder), "label": _label(folder)}
            further.append(found | {"checksum": checksum})
    names = [data_name(each) for each in (own, *further)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        expected = "folders whose names differ from each other and from the study's own data set"
        raise ConfigError(place, expected, twice[0])
    return further


def _found(place: str) -> list[Path]:
    """The folders below ``STUDY_DATA_DIR`` that hold a data set."""
    base = _base()
    if base is None or not base.is_dir():
        raise ConfigError(place, f"STUDY_DATA_DIR, a folder of data sets, for {FOUND}", FOUND)
    return [folder for folder in map(_files, sorted(base.iterdir())) if _holds(folder)]


def _label(folder: Path) -> str:
    return folder.parent.name if folder.name == RAW else folder.name


def _holds(folder: Path) -> bool:
    """Whether ``folder`` has the four files of one data set."""
    try:
        return folder.is_dir() and idx.find(folder, prefixed=True) is not None
    except DataError:
        return False


def _overrides(dataset: Dataset) -> dict[str, Any]:
    """The overrides that choose a data set."""
    options = {f"{DATA}.{key}": value for key, value in dataset.items() if key != "name"}
    return {DATA: dataset["name"], **options}


def _base() -> Path | None:
    named = os.environ.get("STUDY_DATA_DIR")
    return Path(named).expanduser().absolute() if named else None
