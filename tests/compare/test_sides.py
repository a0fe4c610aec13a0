"""Stores, reports and claims.json are read alike, and what is none of them is said in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.compare.sides import read_side
from study.errors import StoreError
from study.notebook import run
from study.records.plan import StudyPlan
from study.records.store import RunStore

REFERENCE = Path(__file__).parents[2] / "reports" / "mnist-full"

in_a_checkout = pytest.mark.skipif(not REFERENCE.is_dir(), reason="not in a checkout")


@in_a_checkout
def test_a_report_is_read_whole_by_its_folder_and_by_its_page_and_its_verdicts_alone() -> None:
    folder, page, verdicts = (
        read_side(str(path))
        for path in (REFERENCE, REFERENCE / "index.ko.html", REFERENCE / "claims.json")
    )
    content = json.loads((REFERENCE / "claims.json").read_text(encoding="utf-8"))
    for each in (folder, page, verdicts):
        assert each.name == "mnist-full"
        assert {name: own.verdict for name, own in each.verdicts.items()} == {
            claim["id"]: claim["verdict"] for claim in content["claims"]
        }
    assert folder.runs is not None
    assert folder.runs.equals(page.runs)
    assert folder.runs["address"].is_unique
    assert verdicts.runs is None


@in_a_checkout
def test_the_effect_of_the_seeds_is_the_effect_that_was_judged() -> None:
    """Of every test of the reference: averaged over pairs, and of ratios the logarithm."""
    side = read_side(str(REFERENCE / "claims.json"))
    parts = [part for claim in side.verdicts.values() for part in claim.parts.values()]
    assert {part.ratio for part in parts} == {True, False}
    for part in parts:
        assert len(part.by_seed) == part.effect.n
        mean = part.by_seed.mean()
        if part.ratio:
            mean = pd.Series(mean).pipe(lambda x: 2.718281828459045**x)[0]
        assert mean == pytest.approx(part.effect.mean, rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of a run each."""
    folder = tmp_path_factory.mktemp("store")
    for seed, name in enumerate(("first", "last")):
        record = run("data=gaussian", "hidden=[5]", "num_epochs=1", f"seed={seed}", store=folder)
        plan = StudyPlan(name, "command", "gaussian", "quick", experiments={"e": [record.address]})
        plan.write(RunStore(folder))
    return folder


def test_a_store_is_its_last_study_or_the_one_whose_plan_is_named(store: Path) -> None:
    last, first = (read_side(str(path)) for path in (store, store / "plans" / "first.json"))
    assert (last.name, first.name) == ("last", "first")
    assert last.runs is not None
    assert first.runs is not None
    assert (list(last.runs["seed"]), list(first.runs["seed"])) == (["1"], ["0"])


def test_nothing_is_written_into_a_store(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    read_side(str(store))
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_damaged_record_is_named(store: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(store, tmp_path / "copy")
    for path in copy.glob("??/*.json"):
        path.write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError, match=r"[0-9a-f]{20}\.json"):
        read_side(str(copy))


GOOD: dict[str, Any] = {"schema": 2, "study": "s", "command": "c", "data": "d", "preset": "p",
                        "claims": []}  # fmt: skip
EXPECTED = "expected a store, a report or a claims.json, found "


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", EXPECTED + "no JSON"),
        ("[" * 100_000, EXPECTED + "no JSON"),
        ("[]", EXPECTED + "another JSON file"),
        (json.dumps({"schema": 2}), EXPECTED + "another JSON file"),
        (json.dumps(GOOD | {"schema": 1}), "expected schema 2, found 1; write the report again"),
        (json.dumps(GOOD | {"claims": [{}]}), "not the verdicts of a study"),
        (json.dumps(GOOD | {"claims": 3}), "not the verdicts of a study"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "study"}), "not the verdicts"),
        (json.dumps(GOOD | {"claims": [{"id": "X", "verdict": "true", "parts": {}}]}),
         "the verdict 'true'"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_verdicts_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "claims.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StoreError) as caught:
        read_side(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=EXPECTED + "nothing there"):
        read_side(str(tmp_path / "runs"))
    with pytest.raises(StoreError, match=EXPECTED + "a folder without"):
        read_side(str(tmp_path))


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "claims.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (tmp_path / "runs.csv").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="expected a table of runs"):
        read_side(str(tmp_path))
