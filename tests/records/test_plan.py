"""The plan says which runs a study has, and its name leads nowhere else."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from builders_records import config

from study.errors import ConfigError, StoreError
from study.records.plan import SCHEMA, StudyPlan, _checksum, check_name, plan_path, read_plan
from study.records.store import RunStore

ADDRESSES = [config(seed=seed).address for seed in range(3)]


def plan(name: str = "mine", **changes: Any) -> StudyPlan:
    values: dict[str, Any] = {
        "command": "python -m study -m seed=0",
        "data": "mnist5k",
        "preset": "quick",
        "selection": ["seed=0"],
        "experiments": {"a": ADDRESSES[:2], "b": ADDRESSES[1:]},
    }
    return StudyPlan(name, **(values | changes))


def test_a_plan_survives_its_file(store: RunStore) -> None:
    path = plan().write(store)
    assert path == store.folder / "plans" / "mine.json"
    assert read_plan(store, "mine") == plan()


def test_every_run_is_listed_once() -> None:
    assert plan().addresses == ADDRESSES


def test_without_a_name_the_last_one_is_read(store: RunStore) -> None:
    for age, name in ((20, "b"), (10, "a"), (30, "c")):
        path = plan(name).write(store)
        os.utime(path, (1e9 - age, 1e9 - age))
    assert read_plan(store).name == "a"


def test_an_unknown_name_lists_those_there_are(store: RunStore) -> None:
    with pytest.raises(StoreError, match=r"no study called 'x'.*\(there: none\)"):
        read_plan(store, "x")
    plan("first").write(store)
    plan("second").write(store)
    with pytest.raises(StoreError, match=r"no study called 'x'.*\(there: first, second\)"):
        read_plan(store, "x")


def test_an_empty_store_says_what_to_do(store: RunStore) -> None:
    with pytest.raises(StoreError, match="run `python -m study -m` first"):
        read_plan(store)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", ".hidden", "a\x00b", "a\nb", "C:x", " a", "a ",
     "a.", "x" * 200, "한" * 50, "a*"],
)  # fmt: skip
def test_a_name_is_a_plain_folder_name(store: RunStore, name: str) -> None:
    for act in (check_name, lambda n: plan_path(store, n), lambda n: plan(n).write(store)):
        with pytest.raises(ConfigError, match=r"report\.name: expected a plain folder name"):
            act(name)
    with pytest.raises(ConfigError):
        read_plan(store, name)
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "name", ["a", "mnist5k-quick-init=he,xavier", "가-나", "a b", "v1.2", "-x"]
)
def test_a_good_name_is_taken(store: RunStore, name: str) -> None:
    plan(name).write(store)
    assert read_plan(store, name).name == name


def test_a_plan_that_cannot_be_written_is_an_error_that_names_it(store: RunStore) -> None:
    store.folder.mkdir()
    (store.folder / "plans").write_text("in the way")
    with pytest.raises(StoreError, match=r"plans/mine\.json: cannot be written"):
        plan().write(store)


CONTENT: dict[str, Any] = {"schema": SCHEMA} | vars(plan())


@pytest.mark.parametrize(
    "content",
    [
        [],
        None,
        {},
        CONTENT | {"schema": SCHEMA + 1},
        CONTENT | {"extra": 1},
        {key: value for key, value in CONTENT.items() if key != "data"},
        CONTENT | {"name": "../../elsewhere"},
        CONTENT | {"name": "other"},
        CONTENT | {"command": 3},
        CONTENT | {"selection": "seed"},
        CONTENT | {"selection": [1]},
        CONTENT | {"chapters": "lecture"},
        CONTENT | {"chapters": [1]},
        CONTENT | {"folders": {}},
        CONTENT | {"experiments": []},
        CONTENT | {"experiments": {"a": "b"}},
        CONTENT | {"experiments": {"a": ["../../etc/passwd"]}},
        CONTENT | {"experiments": {"a": [1]}},
    ],
)
def test_a_wrong_plan_is_refused_by_name(store: RunStore, content: Any) -> None:
    path = plan_path(store, "mine")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(StoreError, match="run the study again") as caught:
        read_plan(store, "mine")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_plan_is_refused_by_name(store: RunStore, raw: bytes) -> None:
    path: Path = plan_path(store, "mine")
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    with pytest.raises(StoreError, match=r"mine\.json: cannot be read"):
        read_plan(store)


def of_schema_3(path: Path, **changes: Any) -> None:
    """The file as a study wrote it before there were chapters."""
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = {
        k: v for k, v in content.items() if k not in ("chapters", "folders", "maps", "checksum")
    }
    kept |= changes
    checksum = _checksum({key: value for key, value in kept.items() if key != "schema"})
    head = {"schema": 3, "checksum": checksum}
    path.write_text(json.dumps(head | {k: v for k, v in kept.items() if k != "schema"}), "utf-8")


def test_a_plan_from_before_chapters_is_one_of_the_lecture(store: RunStore) -> None:
    of_schema_3(plan().write(store))
    found = read_plan(store, "mine")
    assert found == plan()
    assert (found.chapters, found.folders) == (["lecture"], [])


def test_a_damaged_plan_from_before_chapters_is_refused(store: RunStore) -> None:
    path = plan().write(store)
    of_schema_3(path)
    path.write_text(path.read_text(encoding="utf-8").replace("quick", "quack"), encoding="utf-8")
    with pytest.raises(StoreError, match="damaged, it does not match its checksum"):
        read_plan(store, "mine")
    of_schema_3(plan().write(store), chapters="lecture")
    with pytest.raises(StoreError, match="not the plan of a study"):
        read_plan(store, "mine")


def test_chapters_and_folders_survive_the_file(store: RunStore) -> None:
    own = plan(chapters=["mine", "lecture"], folders=["conf", "/elsewhere"])
    own.write(store)
    assert read_plan(store, "mine") == own


# -- maps: settings and arms

MAP: dict[str, Any] = {
    "axes": ["train_size", "init.std"],
    "settings": [[0, 1000, 0.01], [1, 500, None], [-1, 300, 0.01]],
    "arms": ["off", "on"],
    "cells": {ADDRESSES[0]: [0, "off"], ADDRESSES[1]: [1, "on"]},
    "further": [[0, "off", [0.01], []]],
    "named": {"lecture": -1},
}


def test_settings_and_arms_survive_the_file(store: RunStore) -> None:
    plan(maps={"a": MAP}).write(store)
    assert read_plan(store, "mine") == plan(maps={"a": MAP})


def test_a_plan_of_before_there_were_any_is_read(store: RunStore) -> None:
    path = plan().write(store)
    content = json.loads(path.read_text())
    del content["maps"], content["schema"], content["checksum"]
    checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"schema": 4, "checksum": checksum} | content))
    assert read_plan(store, "mine") == plan()


@pytest.mark.parametrize(
    "changes",
    [
        {"axes": "train_size"},
        {"settings": [[0, 1000]]},
        {"settings": [["0", 1000, 0.01]]},
        {"arms": "off"},
        {"arms": [3]},
        {"cells": {ADDRESSES[0]: [0]}},
        {"cells": {ADDRESSES[0]: ["0", "off"]}},
        {"cells": {"../x": [0, "off"]}},
        {"further": [[0, "off", [0.01]]]},
        {"further": [[0, "off", ["x"], []]]},
        {"named": ["lecture"]},
        {"named": {"lecture": 0}},
        {"named": {"lecture": "-1"}},
        {"more": 1},
    ],
)
def test_settings_and_arms_that_are_none_are_refused(store: RunStore, changes: Any) -> None:
    plan(maps={"a": MAP | changes}).write(store)
    with pytest.raises(StoreError, match=r"mine\.json: not the plan of a study"):
        read_plan(store, "mine")
