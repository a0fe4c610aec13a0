"""The same records and the same report, whatever the workers, the order and the interruptions."""

import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from starter import Starter, wait_until
from sweeping import assert_same_tables, good, records

from study.edge.pool import run_cells
from study.records.plan import read_plan
from study.records.store import RunStore
from study.report.__main__ import main as report

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.xdist_group("determinism"),
]
# Figures 1.2.1-a and 1.4.2-e: curves, and a measurement with dropout.
WORDS = ("-m", "experiment=[symmetry,voting]", "data=gaussian", "seed=0,1", "train_size=200",
         "hidden=[9,7]", "num_epochs=4", "report.name=x")  # fmt: skip
VARIANTS = ("1 worker", "2 workers", "4 workers", "resumed")


@pytest.fixture(scope="module")
def undisturbed(sweep: Starter, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert sweep(folder, *WORDS) == 0, (folder / "output").read_text()
    return RunStore(folder / "runs")


@pytest.fixture(scope="module", params=VARIANTS)
def other(
    request: pytest.FixtureRequest,
    sweep: Starter,
    undisturbed: RunStore,
    tmp_path_factory: pytest.TempPathFactory,
) -> RunStore:
    """The same study, done in another way."""
    folder = tmp_path_factory.mktemp("other")
    store = RunStore(folder / "runs")
    if request.param == "resumed":
        resumed(sweep, folder)
    else:
        cells = [record.run_config for record in records(undisturbed).values()]
        random.Random(request.param).shuffle(cells)
        assert run_cells(cells, store, workers=int(request.param[0])) == []
    return store


def resumed(sweep: Starter, folder: Path) -> None:
    """A sweep that was killed twice."""
    for stored in (2, 5):
        pid = sweep.start(folder, *WORDS)
        wait_until(lambda stored=stored: len(list(folder.glob("runs/??/*.json"))) >= stored)
        os.kill(pid, 9)
        assert sweep.end() == -9
        assert wait_until(lambda: sweep.alive() == [])
    assert sweep(folder, *WORDS) == 0, (folder / "output").read_text()


def test_the_records_are_the_same(undisturbed: RunStore, other: RunStore) -> None:
    assert good(other) == good(undisturbed)
    assert len(good(other)) >= 10
    assert_same_tables(undisturbed, other)


def written(store: RunStore, plan: RunStore, folder: Path) -> dict[str, bytes]:
    """The report of ``store`` as if its clock had stood still; all its files."""
    still = RunStore(folder / "still")
    for record in records(store).values():
        origin = record.provenance | {"started": "2025-01-01T00:00:00+00:00"}
        timing = json.loads(json.dumps(record.timing), parse_float=lambda _: 1.0)
        still.write(replace(record, provenance=origin, timing=timing))
    shutil.copytree(plan.folder / "plans", still.folder / "plans", dirs_exist_ok=True)
    words = ["--store", str(still.folder), "--folder", str(folder / "reports")]
    assert report(words) == 0
    pages = folder / "reports" / read_plan(still).name
    return {str(p.relative_to(pages)): p.read_bytes() for p in pages.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def expected(undisturbed: RunStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return written(undisturbed, undisturbed, tmp_path_factory.mktemp("expected"))


def test_the_report_is_the_same_to_the_last_byte(
    undisturbed: RunStore, other: RunStore, expected: dict[str, bytes], tmp_path: Path
) -> None:
    found = written(other, undisturbed, tmp_path)
    assert found.keys() == expected.keys()
    assert "index.html" in found
    assert [name for name in found if found[name] != expected[name]] == []
