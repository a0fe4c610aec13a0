"""Data sets of a map: where they lie, which there are, and that settings draw them."""

from pathlib import Path
from typing import Any

import pytest
from builders_data import write_set
from starter import own_chapter
from starting import Command

from study import data
from study.chapters import Chapter, varied_columns
from study.edge.gate import planned
from study.edge.planning import Planned
from study.edge.sets import located, with_sets
from study.errors import ConfigError, StudyError
from study.records.config import RunConfig

AXES = {"dropout": {"uniform": [0, 0.5]}, "depth": {"uniform": [1, 3], "integer": True}}
MNIST5K = {"name": "mnist5k", "root": None, "label": None, "checksum": None}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``STUDY_DATA_DIR`` with three data sets, and with what is none."""
    base = tmp_path / "data"
    for seed, name in enumerate(("fashion", "kmnist", "own")):
        write_set(base / name, seed)
    (base / "notes").mkdir()
    (base / "a file").write_text("")
    first, *_ = write_set(base / "half", 7).iterdir()
    first.unlink()
    monkeypatch.setenv("STUDY_DATA_DIR", str(base))
    monkeypatch.chdir(tmp_path)
    return base


def grid(sets: Any, **axes: Any) -> dict[str, Any]:
    return {
        "settings": {"count": 8, "sets": sets, "axes": AXES | axes},
        "arms": {"off": {}, "on": {"batchnorm": True}},
        "fixed": {"width": 4, "num_epochs": 1, "batch_size": 10},
    }


def drawn(given: dict[str, Any], *words: str) -> Planned:
    return planned(words, [Chapter("mine", {"en": "Mine"}, experiments={"e": given})])


def data_axis(sets: Any, own: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    axes = with_sets("e", grid(sets), own or MNIST5K)["settings"]["axes"]
    assert list(axes)[:2] == list(AXES)
    return list(axes["data"]["choice"]) if "data" in axes else []


# -- where they lie


def test_a_folder_is_looked_for_below_the_data_folder_first(folder: Path) -> None:
    assert located("fashion") == str(folder / "fashion")
    assert located("elsewhere") == "elsewhere"
    assert located("/elsewhere") == "/elsewhere"


def test_without_a_data_folder_it_counts_from_the_current_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDY_DATA_DIR")
    assert located("data/fashion") == "data/fashion"
    study = drawn(grid([]), "data=idx", "data.root=data/fashion", "data.label=null")
    assert study.plan.data.startswith("idx-")


# -- which there are


def test_the_studys_own_set_comes_first_and_each_further_one_once(folder: Path) -> None:
    own, fashion, kmnist = data_axis(["fashion", "data/kmnist", "data/fashion"])
    assert own == {"data": "mnist5k"}
    assert fashion == {
        "data": "idx", "data.root": str(folder / "fashion"), "data.label": "fashion",
        "data.checksum": data.checksum("idx", root=folder / "fashion"),
    }  # fmt: skip
    assert kmnist["data.label"] == "kmnist"


def test_found_are_those_below_the_data_folder_that_are_not_the_studys_own(folder: Path) -> None:
    names = [each.get("data.label") for each in data_axis("found")]
    assert names == [None, "fashion", "kmnist", "own"]
    own = {"name": "idx", "root": "x", "label": "mine"}
    own["checksum"] = data.checksum("idx", root=folder / "own")
    names = [each["data.label"] for each in data_axis("found", own)]
    assert names == ["mine", "fashion", "kmnist"]


def test_files_are_looked_for_in_raw_too_where_torchvision_keeps_them(folder: Path) -> None:
    raw = write_set(folder / "FashionMNIST" / "raw", 5)
    assert located("FashionMNIST") == str(raw)
    named = data_axis(["FashionMNIST"])[1]
    assert (named["data.root"], named["data.label"]) == (str(raw), "FashionMNIST")
    names = [each.get("data.label") for each in data_axis("found")]
    assert names == [None, "FashionMNIST", "fashion", "kmnist", "own"]


@pytest.mark.parametrize("sets", [[], ["own"]])
def test_without_another_set_nothing_is_drawn(folder: Path, sets: list[str]) -> None:
    own = {"name": "idx", "root": "x", "label": "mine"}
    own["checksum"] = data.checksum("idx", root=folder / "own")
    assert data_axis(sets, own) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (grid(3), "a list of folders, or found, got 3"),
        (grid([3]), r"a list of folders, or found, got \[3\]"),
        (grid("fashion"), "a list of folders, or found, got 'fashion'"),
        (grid(["fasion"]), "folders with the four files of a data set, .*, got 'fasion'"),
        (grid(["half"]), "folders with the four files of a data set, .*half'"),
        (grid(["fashion"], data={"choice": ["a"]}), "no sets where data is an axis"),
        (grid(["fashion", "again/fashion"]), "folders whose names differ .*, got 'fashion'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    folder: Path, given: dict[str, Any], message: str
) -> None:
    write_set(folder / "again" / "fashion", 5)
    with pytest.raises(ConfigError, match=f"experiment e: settings.sets: expected {message}"):
        drawn(given)


def test_nothing_can_be_found_without_a_data_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDY_DATA_DIR")
    with pytest.raises(ConfigError, match="expected STUDY_DATA_DIR, a folder of data sets"):
        drawn(grid("found"))


# -- that settings draw them


def test_each_setting_draws_a_set_and_else_what_it_draws_without(folder: Path) -> None:
    one, several = drawn(grid([])), drawn(grid(["fashion", "kmnist"]))
    before, after = one.plan.maps["e"], several.plan.maps["e"]
    assert after["axes"] == [*before["axes"], "data"]
    assert [row[:-1] for row in after["settings"]] == before["settings"]
    names = [row[-1] for row in after["settings"]]
    assert {names.count(name) for name in ("mnist5k", "fashion", "kmnist")} == {2, 3}
    for address, (setting, _) in after["cells"].items():
        own: RunConfig = several.cells[address]
        assert (own.data.label or own.data.name) == names[setting]
        assert own.data.checksum == (
            None if names[setting] == "mnist5k" else data.checksum("idx", root=own.data.root)
        )
    # a setting that draws the study's own data has the runs that it has without an axis
    same = {a for a, (setting, _) in after["cells"].items() if names[setting] == "mnist5k"}
    assert same == before["cells"].keys() & after["cells"].keys()
    assert not several.plan.added


def test_a_setting_that_is_given_has_the_studys_own_data(folder: Path) -> None:
    given = grid(["fashion"])
    given["settings"]["also"] = {"mine": {"dropout": 0.1, "depth": 2}}
    plan = drawn(given, "data=idx", "data.root=own", "data.label=mine").plan
    assert plan.maps["e"]["settings"][-1] == [-1, 0.1, 2, "mine"]


def test_an_axis_can_name_data_sets_and_their_folders(folder: Path) -> None:
    fashion = {"data": "idx", "data.root": "fashion", "data.label": "fashion"}
    given = grid([], data={"choice": ["mnist5k", fashion]})
    study = drawn(given)
    assert study.plan.maps["e"]["axes"] == ["dropout", "depth", "data"]
    assert {row[-1] for row in study.plan.maps["e"]["settings"]} == {"mnist5k", "fashion"}
    roots = {cell.data.root: cell.data.checksum for cell in study.cells.values()}
    checksum = data.checksum("idx", root=folder / "fashion")
    assert roots == {None: None, str(folder / "fashion"): checksum}
    assert "data" in varied_columns(given)
    assert "data" in varied_columns(grid("${study.settings.sets}"))
    # the axis of another experiment, too
    plain = {"fixed": given["fixed"], "axes": {"data": ["mnist5k", fashion]}}
    assert {cell.data.label for cell in drawn(plain).cells.values()} == {None, "fashion"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"data": "idx", "data.root": "nowhere"}, "data.root: expected an existing folder, got"),
        ({"data": "idx"}, "data.root: expected a folder with the four IDX files"),
        ({"data": "idx", "data.rot": "fashion"}, "data.rot: expected a key of the configuration"),
    ],
)
def test_a_folder_that_is_not_there_is_one_line(
    folder: Path, option: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=f"experiment e: {message}") as error:
        drawn(grid([], data={"choice": ["mnist5k", option]}))
    assert "\n" not in str(error.value)


TINY = """
experiments:
  tiny:
    fixed: {num_steps: 5, width: 4, depth: 1, evaluation.points: 1, batch_size: 10}
    settings:
      count: 8
      sets: SETS
      axes: {train_size: {uniform: [20, 30], integer: true}, dropout: {uniform: [0, 0.5]}}
    arms: {without: {}, with: {batchnorm: true}}
"""


def asked(tmp_path: Path, *sets: Path) -> list[str]:
    text = TINY.replace("SETS", str([str(each) for each in sets]))
    known = own_chapter(tmp_path / "conf", text)
    return ["-m", known, "experiment=tiny", "workers=1", "report.name=x"]


def test_a_set_that_is_too_small_is_named_before_any_run(
    command: Command, tmp_path: Path, folder: Path
) -> None:
    small = write_set(folder / "small", 9, train=15)
    done = command(*asked(tmp_path, folder / "fashion", small))
    assert done.returncode == 1
    assert done.stderr.startswith("data set small: train_size: expected an integer in [1, 15], got")
    assert len(done.stderr.splitlines()) == 1
    assert not command.store.folder.exists() or not command.records()


def test_a_map_of_several_sets_says_which(command: Command, tmp_path: Path, folder: Path) -> None:
    done = command(*asked(tmp_path, folder / "fashion", folder / "kmnist"))
    assert done.returncode == 0, done.stderr
    (page,) = command.folder.glob("reports/x/index.html")
    said = page.read_text(encoding="utf-8")
    assert "The data set is drawn, too: MNIST, 5,000 images; fashion; kmnist." in said
    assert "kmnist: 40 training and 20 test images" in said
    assert "experiment=tiny data=mnist5k study=default" in said


def test_a_map_of_one_set_says_that_it_speaks_of_that_one(
    command: Command, tmp_path: Path, folder: Path
) -> None:
    done = command(*asked(tmp_path))
    assert done.returncode == 0, done.stderr
    (page,) = command.folder.glob("reports/x/index.html")
    said = " ".join(page.read_text(encoding="utf-8").split())
    assert (
        "All settings are drawn on one data set (MNIST, 5,000 images); whether the same holds on "
        "other data this page does not say."
    ) in said
