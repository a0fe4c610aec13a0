"""What a study consists of: which experiment wants which runs.

A store may hold the runs of many studies; the plan, written before the first run starts, says
which of them a report is about and which are still missing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from study.errors import ConfigError, StoreError
from study.records.migration import READABLE, WITHOUT_CHECKSUM, migrated_plan
from study.records.store import ADDRESS, RunStore, changed_at, write_atomically

MAP = ("axes", "settings", "arms", "cells", "further", "named")
SCHEMA = 5  # older ones: study.records.migration
# Longer names would not leave room for the temporary file's, on any file system.
NAME_BYTES = 120


@dataclass
class StudyPlan:
    """The expected runs of one study.

    Attributes:
        name: of the study and of its report's folder, e.g. ``mnist-full``.
        command: the command line that asked for it.
        data: what the data set is called.
        preset: name of the preset of sizes (``study=…``).
        selection: the overrides that restrict the study, as typed; empty for all of it.
        chapters: names of those whose figures and claims it is about.
        folders: of configuration that the command line added, which may hold some of them.
        experiments: addresses of the runs of each experiment, in the order of the grid.
        left_out: by experiment, the cells that it declares and this study does not have, packed
            (``pack_rows``) as their flat columns.
        added: by experiment, addresses of runs that it does not declare, because the command
            replaced a value.
        settings: the overrides that replaced them.
        looks: at how many seeds claims that are open are judged again, ascending.
        seeds_from: the first seed.
        further: by experiment, addresses of the runs of further seeds, which only claims see.
        maps: of each experiment that has settings and arms: ``axes``, the keys that are drawn;
            ``settings``, of each its number and what it has for each of these; ``arms``, their
            names; ``cells``, setting and arm by address; ``further``, of a setting and an arm
            the learning rates that follow below and above if its best one is at an edge;
            ``named``, the numbers (< 0) of the settings that are not drawn, by their names.
    """

    name: str
    command: str
    data: str
    preset: str
    selection: list[str] = field(default_factory=list)
    chapters: list[str] = field(default_factory=lambda: ["lecture"])
    folders: list[str] = field(default_factory=list)
    experiments: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    seeds_from: int = 0
    further: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        """Every run once, in order of first mention."""
        groups = (*self.experiments.values(), *self.further.values())
        return list(dict.fromkeys(a for group in groups for a in group))

    @property
    def is_part(self) -> bool:
        """Whether it lacks cells that its experiments declare."""
        return bool(self.left_out)

    def left_out_rows(self, experiment: str) -> list[dict[str, Any]]:
        """The cells of ``experiment`` that this study does not have, as flat columns."""
        packed = self.left_out.get(experiment)
        return [] if packed is None else unpack_rows(packed)

    def write(self, store: RunStore) -> Path:
        """Keep the plan beside the runs; return its path.

        Raises:
            ConfigError: the name is no plain folder name.
            StoreError: it cannot be written.
        """
        path = plan_path(store, self.name)
        store.check_inside(path.parent)
        content = asdict(self)
        head = {"schema": SCHEMA, "checksum": _checksum(content)}
        write_atomically(path, json.dumps(head | content, indent=1) + "\n")
        return path


def pack_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows with equal keys as ``shared`` (what they have in common), ``columns`` and ``rows``."""
    first = rows[0]
    varying = [key for key in first if any(row[key] != first[key] for row in rows)]
    return {
        "shared": {key: value for key, value in first.items() if key not in varying},
        "columns": varying,
        "rows": [[row[key] for key in varying] for row in rows],
    }


def unpack_rows(packed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What ``pack_rows`` packed."""
    columns = packed["columns"]
    return [packed["shared"] | dict(zip(columns, row, strict=True)) for row in packed["rows"]]


def data_name(dataset: Mapping[str, Any]) -> str:
    """What a data set (the section ``data`` of a configuration) is called."""
    name, label, checksum = (dataset.get(key) for key in ("name", "label", "checksum"))
    return str(label or (name if checksum is None else f"{name}-{checksum[:6]}"))


def plan_path(store: RunStore, name: str) -> Path:
    """Where the plan of the study ``name`` is kept."""
    check_name(name)
    return store.folder / "plans" / f"{name}.json"


def check_name(name: str) -> None:
    """Raise ConfigError unless ``name`` can be a folder's: it must not lead anywhere else."""
    plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    fits = 0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES
    if not (plain and fits and name == name.strip(". ")):
        raise ConfigError("report.name", "a plain folder name", name)


def read_plan(store: RunStore, name: str | None = None) -> StudyPlan:
    """The plan called ``name``, or the one written last.

    Raises:
        ConfigError: the name is no plain folder name.
        StoreError: there is none, or it cannot be read; says which names there are.
    """
    folder = store.folder / "plans"
    paths = sorted(folder.glob("*.json"), key=lambda path: (changed_at(path) or 0, path.name))
    if name is not None:
        path = plan_path(store, name)
    elif paths:
        path = paths[-1]
    else:
        raise StoreError(f"{folder}: no study there yet; run `python -m study -m` first")
    try:
        check_name(path.stem)
        content: Any = json.loads(store.read_text(path))
    except FileNotFoundError:
        names = ", ".join(path.stem for path in paths) or "none"
        raise StoreError(f"no study called {path.stem!r} in {store.folder} (there: {names})") from (
            None
        )
    except ConfigError:
        raise StoreError(f"{path}: not the plan of a study; remove the file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); run the study again") from None
    wanted = {item.name for item in fields(StudyPlan)}
    if not isinstance(content, dict):
        raise StoreError(f"{path}: not the plan of a study; run the study again")
    schema, checksum = content.pop("schema", None), content.pop("checksum", None)
    if schema not in (*READABLE, SCHEMA):
        raise StoreError(f"{path}: written by another version; run the study again")
    sound = schema in WITHOUT_CHECKSUM or checksum == _checksum(content)
    content = migrated_plan(content, schema)
    if set(content) != wanted or content["name"] != path.stem or not _sound(content):
        raise StoreError(f"{path}: not the plan of a study; run the study again")
    if not sound:
        raise StoreError(f"{path}: damaged, it does not match its checksum; run the study again")
    return StudyPlan(**content)


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sound(content: dict[str, Any]) -> bool:
    """Whether the values are what the fields say, the addresses among them."""
    groups = [content[key] for key in ("experiments", "added", "further")]
    lists = [content[key] for key in ("selection", "settings", "chapters", "folders")]
    return (
        all(isinstance(content[key], str) for key in ("name", "command", "data", "preset"))
        and all(isinstance(own, list) for own in lists)
        and all(isinstance(item, str) for own in lists for item in own)
        and all(isinstance(group, dict) for group in (*groups, content["left_out"]))
        and all(isinstance(own, list) for group in groups for own in group.values())
        and all(
            isinstance(item, str) and ADDRESS.fullmatch(item)
            for group in groups
            for own in group.values()
            for item in own
        )
        and all(_packed(own) for own in content["left_out"].values())
        and isinstance(content["maps"], dict)
        and all(_placed(own) for own in content["maps"].values())
        and type(content["seeds_from"]) is int
        and isinstance(content["looks"], list)
        and all(type(look) is int for look in content["looks"])
    )


def _placed(value: Any) -> bool:
    """Whether ``value`` is what ``StudyPlan.maps`` has of an experiment."""
    if not isinstance(value, dict) or set(value) != set(MAP):
        return False
    axes, settings, arms, cells, further, named = (value[key] for key in MAP)
    return (
        isinstance(axes, list)
        and all(isinstance(axis, str) for axis in axes)
        and isinstance(settings, list)
        and all(
            isinstance(row, list) and len(row) == 1 + len(axes) and type(row[0]) is int
            for row in settings
        )
        and isinstance(arms, list)
        and all(isinstance(arm, str) for arm in arms)
        and isinstance(cells, dict)
        and all(ADDRESS.fullmatch(address) for address in cells)
        and all(_place(place) for place in cells.values())
        and isinstance(further, list)
        and all(isinstance(row, list) and len(row) == 4 and _place(row[:2]) for row in further)
        and all(
            isinstance(rates, list) and all(isinstance(rate, float | int) for rate in rates)
            for row in further
            for rates in row[2:]
        )
        and isinstance(named, dict)
        and all(type(number) is int and number < 0 for number in named.values())
    )


def _place(value: Any) -> bool:
    """Whether ``value`` is a setting and an arm."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and type(value[0]) is int
        and isinstance(value[1], str)
    )


def _packed(value: Any) -> bool:
    """Whether ``value`` is what ``pack_rows`` makes."""
    if not isinstance(value, dict) or set(value) != {"shared", "columns", "rows"}:
        return False
    shared, columns, rows = value["shared"], value["columns"], value["rows"]
    return (
        isinstance(shared, dict)
        and isinstance(columns, list)
        and isinstance(rows, list)
        and all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    )
