"""Stores of older versions: one small one of each schema, as that version wrote it."""

import json
import shutil
from pathlib import Path

import pytest

from study.analysis.frames import Results
from study.errors import StoreError
from study.records.migration import READABLE
from study.records.plan import SCHEMA, read_plan
from study.records.store import RunStore

# Each is of weight_decay with 0 and 0.1, two epochs, one seed; the command stands in its plan.
STORES = Path(__file__).parent / "stores"
SCHEMAS = sorted(int(path.name.removeprefix("plan")) for path in STORES.iterdir())


@pytest.fixture(params=SCHEMAS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    """A copy of the store with plans of that schema."""
    folder = tmp_path / "runs"
    shutil.copytree(STORES / f"plan{request.param}", folder)
    return RunStore(folder)


def test_there_is_a_store_of_every_schema_that_can_be_read() -> None:
    assert set(SCHEMAS) >= {*READABLE, 3}
    assert set(SCHEMAS) <= {*range(1, SCHEMA + 1)}
    for schema in SCHEMAS:
        path = STORES / f"plan{schema}" / "plans" / "kept.json"
        assert json.loads(path.read_text(encoding="utf-8"))["schema"] == schema


def test_every_record_is_read_as_it_was(old: RunStore) -> None:
    loaded = old.load()
    assert loaded.errors == []
    assert len(loaded.runs) == 2
    for address in loaded.runs:
        record = old.read(address)
        assert record is not None
        assert record.run_config.address == address
        assert record.status == "completed"


def test_the_plan_leads_to_its_runs_and_frames_have_all_columns(old: RunStore) -> None:
    plan = read_plan(old, "kept")
    assert plan.preset == "quick"
    results = Results(plan, old.load(plan.addresses).runs)
    runs = results.runs("weight_decay")
    assert sorted(runs["weight_decay"]) == [0, 0.1]
    assert runs["test_accuracy"].between(0, 1).all()
    assert set(runs["dropout_scaling"].isna()) == {True}
    assert len(results.points("weight_decay")) >= 4
    assert len(results.layers("weight_decay")) == 2 * 2 * 2


@pytest.mark.parametrize("schema", [1, 2])  # later ones know
def test_of_a_part_nobody_knows_what_was_left_out_so_that_its_runs_are_the_commands_own(
    schema: int,
) -> None:
    plan = read_plan(RunStore(STORES / f"plan{schema}"), "kept")
    assert plan.added == plan.experiments
    assert plan.settings == plan.selection != []


def test_a_whole_study_of_an_older_version_is_a_whole_one(tmp_path: Path) -> None:
    content = json.loads((STORES / "plan1" / "plans" / "kept.json").read_text(encoding="utf-8"))
    (tmp_path / "plans").mkdir()
    text = json.dumps(content | {"selection": []})
    (tmp_path / "plans" / "kept.json").write_text(text, encoding="utf-8")
    plan = read_plan(RunStore(tmp_path), "kept")
    assert (plan.added, plan.settings, plan.left_out) == ({}, [], {})


def test_an_old_plan_that_was_damaged_is_refused(tmp_path: Path) -> None:
    shutil.copytree(STORES / "plan2", tmp_path / "runs")
    path = tmp_path / "runs" / "plans" / "kept.json"
    path.write_text(path.read_text().replace("quick", "quack"))
    with pytest.raises(StoreError, match="damaged, it does not match its checksum"):
        read_plan(RunStore(tmp_path / "runs"), "kept")
