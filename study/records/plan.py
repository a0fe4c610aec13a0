"""What a study consists of: which experiment wants which runs.

A store may hold the runs of many studies; the plan, written before the first run starts, says
which of them a report is about and which are still missing.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from study.errors import ConfigError, StoreError
from study.records.store import ADDRESS, RunStore, changed_at, write_atomically

SCHEMA = 2  # 1 had no checksum, and is still read
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
        experiments: addresses of the runs of each experiment, in the order of the grid.
    """

    name: str
    command: str
    data: str
    preset: str
    selection: list[str] = field(default_factory=list)
    experiments: dict[str, list[str]] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        """Every run once, in order of first mention."""
        return list(dict.fromkeys(a for group in self.experiments.values() for a in group))

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
    if schema not in (1, SCHEMA):
        raise StoreError(f"{path}: written by another version; run the study again")
    if set(content) != wanted or content["name"] != path.stem or not _sound(content):
        raise StoreError(f"{path}: not the plan of a study; run the study again")
    if checksum != (_checksum(content) if schema == SCHEMA else None):
        raise StoreError(f"{path}: damaged, it does not match its checksum; run the study again")
    return StudyPlan(**content)


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sound(content: dict[str, Any]) -> bool:
    """Whether the values are what the fields say, the addresses among them."""
    experiments = content["experiments"]
    return (
        all(isinstance(content[key], str) for key in ("name", "command", "data", "preset"))
        and isinstance(content["selection"], list)
        and all(isinstance(item, str) for item in content["selection"])
        and isinstance(experiments, dict)
        and all(isinstance(group, list) for group in experiments.values())
        and all(
            isinstance(item, str) and ADDRESS.fullmatch(item)
            for group in experiments.values()
            for item in group
        )
    )
