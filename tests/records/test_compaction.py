"""Compaction loses nothing and changes nothing, whatever ends it and whatever becomes of its files.

A *segment* is a Parquet file of many records.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders_records import config, record
from hypothesis import given, settings
from hypothesis import strategies as st
from test_record import same

from study.analysis.frames import (
    POINT_COLUMNS,
    Results,
    layers_frame,
    points_frame,
    runs_frame,
    stored_frames,
)
from study.errors import StoreError
from study.notebook import read
from study.records import compaction
from study.records.compaction import compact
from study.records.plan import StudyPlan
from study.records.record import RecordError, RunRecord, seal
from study.records.segment import file_name, to_bytes, to_table
from study.records.store import RunStore

RUNS = 6
LATER = "2025-01-02T00:00:00+00:00"


def whole(seed: int, **changes: Any) -> RunRecord:
    """A record whose learning curve has all columns."""
    curve = {name: [0.5 * seed, float("nan")] for name in POINT_COLUMNS}
    history = curve | {"step": [0, 40], "samples_seen": [0, 4000]}
    return replace(record(config(seed=seed), history=history), **changes)


def runs(count: int = RUNS, **changes: Any) -> list[RunRecord]:
    """Records of all kinds that stand: some diverged, some with another measurement."""
    found = [replace(whole(seed), **changes) for seed in range(count)]
    found[1].status, found[1].diverged_at = "diverged", 3
    found[2].measurements = {"init": {}, "end": {"voting": {"single": np.arange(3.0), "x": None}}}
    found[3].layers["init"][0]["novel"] = 2.5
    found[4].history, found[4].layers = {}, {}
    return found


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody watches the store: new files need not be left alone for a while."""
    monkeypatch.setattr(compaction, "SEEN_SECONDS", 0.0)


@pytest.fixture
def full(store: RunStore) -> RunStore:
    """A store with ``runs`` in files of their own."""
    for each in runs():
        store.write(each)
    return store


def segments(store: RunStore) -> list[Path]:
    return sorted(store.compact_folder.glob("*.parquet"))


def singles(store: RunStore) -> list[Path]:
    return sorted(store.folder.glob("??/*.json"))


def content(store: RunStore) -> dict[str, RunRecord]:
    """All that a new reader of the store finds; nothing in it may be damaged."""
    fresh = RunStore(store.folder)
    found = {address: fresh.read(address) for address in fresh.addresses()}
    return {address: each for address, each in found.items() if each is not None}


def assert_same(store: RunStore, expected: list[RunRecord]) -> None:
    found = content(store)
    assert set(found) == {each.address for each in expected}
    for each in expected:
        assert same(vars(found[each.address]), vars(each))


def test_a_compacted_record_is_what_it_was(full: RunStore) -> None:
    assert compact(full, many=1) == RUNS
    assert singles(full) == []
    assert len(segments(full)) == 1
    assert_same(full, runs())
    assert_same(RunStore(full.folder.rename(full.folder.with_name("moved"))), runs())


def test_few_records_keep_their_files(full: RunStore) -> None:
    assert compact(full) == 0
    assert compact(full, many=RUNS + 1) == 0
    assert len(singles(full)) == RUNS
    assert not full.compact_folder.exists()


def test_a_record_that_somebody_may_be_waiting_for_keeps_its_file(
    full: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SEEN_SECONDS", 60.0)
    for path in singles(full)[1:]:
        os.utime(path, (time.time() - 90, time.time() - 90))
    assert compact(full, many=1) == RUNS - 1
    assert len(singles(full)) == 1


def test_frames_are_the_same_before_and_after(full: RunStore) -> None:
    before = full.load()
    addresses = [*list(before.runs)[::-1], "0" * 20]
    plan = StudyPlan("n", "c", "d", "p", experiments={"a": addresses, "b": addresses[1:4]})
    compact(full, many=4)
    for changed in runs()[:2]:  # some in files, some in the segment
        full.write(changed)
    after = RunStore(full.folder).load()
    assert len(singles(full)) == 2
    for one, other in zip(stored_frames(before.runs), stored_frames(after.runs), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    records = list(content(full).values())
    direct = (runs_frame(records), points_frame(records), layers_frame(records))
    for one, other in zip(direct, stored_frames(after.runs), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    results = Results(plan, before.runs), Results(plan, after.runs)
    for experiment in plan.experiments:
        for frame in ("runs", "points", "layers"):
            one, other = (getattr(each, frame)(experiment) for each in results)
            pd.testing.assert_frame_equal(one, other, check_exact=True)
        for probe in ("weights", "voting", "nothing"):
            one, other = (list(each.measured(experiment, probe)) for each in results)
            assert len(one) == len(other)
            assert all(same(list(a), list(b)) for a, b in zip(one, other, strict=True))


def test_segments_from_before_validation_are_read_beside_later_ones(
    full: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored_frames(full.load().runs)
    later = ["points.valid_loss", "points.valid_accuracy"]
    with monkeypatch.context() as patch:
        patch.setattr("study.records.segment.to_table", lambda *given: to_table(*given).drop(later))
        assert compact(full, many=1) == RUNS
    assert_same(full, runs())
    full.write(whole(RUNS))
    compact(full, many=1)
    assert len(segments(full)) == 2
    runs_now, points, layers = stored_frames(RunStore(full.folder).load().runs)
    old = points["seed"] < RUNS
    assert points.loc[old, "valid_loss"].isna().all()
    assert points.loc[~old, "valid_loss"].tolist()[:1] == [0.5 * RUNS]
    known = [name for name in points.columns if not name.startswith("valid_")]
    pd.testing.assert_frame_equal(points.loc[old, known].reset_index(drop=True), before[1][known])
    assert len(runs_now) == RUNS + 1
    assert len(layers) > 0


def test_what_cannot_stand_is_left_where_it_is(full: RunStore) -> None:
    failed = whole(70, status="failed", error="boom")
    full.write(failed)
    strange = full.write(whole(74, history={"step": [float("nan")] * 2}))
    damaged, older, newer = (full.write(whole(seed)) for seed in (71, 72, 73))
    damaged.write_text(damaged.read_text()[:-9])
    for path, schema in ((older, 0), (newer, 2)):
        body = json.dumps(json.loads(path.read_text())["record"] | {"schema": schema})
        path.write_text(seal(body))
    kept = {full.path(failed.address), strange, damaged, older, newer}
    before = {path: path.read_bytes() for path in kept}
    assert compact(full, many=1) == RUNS
    assert {path: path.read_bytes() for path in singles(full)} == before
    stored = RunStore(full.folder).load()
    reasons = sorted(error.reason for error in stored.errors)
    assert reasons == ["newer schema", "older schema", "record damaged"]


# -- incremental


def test_a_second_compaction_takes_what_is_new(full: RunStore) -> None:
    compact(full, many=1)
    first = segments(full)
    more = [whole(seed) for seed in range(100, 103)]
    for each in more:
        full.write(each)
    assert compact(full, many=1) == 3
    assert set(first) < set(segments(full))
    assert_same(full, [*runs(), *more])
    assert compact(full, many=1) == 0


def test_large_stores_get_several_segments(full: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SEGMENT_RUNS", 4)
    monkeypatch.setattr(compaction, "BATCH", 3)
    assert compact(full, many=1) == RUNS
    assert len(segments(full)) == 2
    assert_same(full, runs())


def test_no_segment_is_made_of_a_few_runs_that_are_left(
    full: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SEGMENT_RUNS", 5)
    assert compact(full, many=RUNS + 2) == 0
    assert compact(full, many=RUNS) == 5 + 1
    assert_same(full, runs())


def newer(**changes: Any) -> RunRecord:
    """The first run once more, a day later."""
    again = runs()[0]
    origin = again.provenance | {"started": LATER}
    return replace(
        again, **{"status": "diverged", "diverged_at": 7, "provenance": origin} | changes
    )


def test_a_record_that_replaces_a_compacted_one_counts(full: RunStore) -> None:
    compact(full, many=1)
    old = segments(full)
    full.write(newer())
    assert_same(full, [newer(), *runs()[1:]])
    assert compact(full, many=1) == 1
    assert singles(full) == []
    assert_same(full, [newer(), *runs()[1:]])
    assert set(old) < set(segments(full))


def test_a_record_that_seems_no_newer_than_the_compacted_one_keeps_its_file(
    full: RunStore,
) -> None:
    """A clock may be wrong: what was written last has to count all the same."""
    compact(full, many=1)
    for started in ("2024-12-31T00:00:00+00:00", "2025-01-01T00:00:00+00:00"):
        again = newer(provenance=runs()[0].provenance | {"started": started})
        path = full.write(again)
        assert compact(full, many=1) == 0
        assert singles(full) == [path]
        assert_same(full, [again, *runs()[1:]])


def test_a_damaged_record_is_not_hidden_by_the_compacted_one(full: RunStore) -> None:
    compact(full, many=1)
    path = full.write(newer())
    path.write_text("{}")
    address = path.stem
    with pytest.raises(RecordError, match=path.name):
        RunStore(full.folder).read(address)
    stored = RunStore(full.folder).load()
    assert set(stored.unusable) == {address}
    assert address not in stored.runs


def test_a_segment_of_which_nothing_counts_any_more_is_removed(full: RunStore) -> None:
    compact(full, many=1)
    old = segments(full)
    again = [replace(each, provenance=each.provenance | {"started": LATER}) for each in runs()]
    for each in again:
        full.write(each)
    compact(full, many=1)
    assert len(segments(full)) == 1
    assert segments(full) != old
    assert_same(full, again)


def test_arrow_holds_no_file_of_python(full: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of Arrow's that lets go of one while Python ends aborts the whole process."""
    compact(full, many=1)
    given = []

    class Watched(pq.ParquetFile):  # type: ignore[misc]
        def __init__(self, source: Any, **options: Any) -> None:
            given.append(source)
            super().__init__(source, **options)

    monkeypatch.setattr(pq, "ParquetFile", Watched)
    assert_same(RunStore(full.folder), runs())
    assert all(isinstance(source, Path | pa.BufferReader) for source in given)
    assert any(isinstance(source, Path) for source in given)


# -- crashes

CRASH = """
import os, sys
from pathlib import Path
from study.records import compaction, store
compaction.SEEN_SECONDS = 0.0
countdown = int(sys.argv[2])

def dies(function):
    def step(*arguments, **options):
        global countdown
        countdown -= 1
        if countdown < 0:
            os._exit(9)
        return function(*arguments, **options)
    return step

for name in ("replace", "rename", "unlink", "mkdir"):
    setattr(Path, name, dies(getattr(Path, name)))
os.fsync = dies(os.fsync)
compaction._publish = dies(compaction._publish)
compaction.compact(store.RunStore(sys.argv[1]), many=1)
"""


def test_killed_at_any_step_it_loses_nothing_and_the_next_one_finishes(tmp_path: Path) -> None:
    finished, step = False, 0
    while not finished:
        store = RunStore(tmp_path / str(step))
        for each in runs():
            store.write(each)
        command = [sys.executable, "-c", CRASH, str(store.folder), str(step)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode in (0, 9), done.stderr
        finished = done.returncode == 0
        assert_same(store, runs())
        assert RunStore(store.folder).load().errors == []
        compact(store, many=1)
        store.remove_abandoned()
        assert singles(store) == []
        assert {path.suffix for path in store.folder.rglob("*") if path.is_file()} == {".parquet"}
        assert_same(store, runs())
        step += 1
    assert step > 2 * RUNS, "it was killed before, between and after all renames and removals"


def test_a_record_that_is_replaced_while_it_is_compacted_stays(
    full: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, rename = compaction._publish, Path.rename

    def replaced_after_reading(store: RunStore, batch: Any) -> None:
        publish(store, batch)
        full.write(newer())

    monkeypatch.setattr(compaction, "_publish", replaced_after_reading)
    assert compact(full, many=1) == RUNS - 1
    assert_same(full, [newer(), *runs()[1:]])

    def replaced_at_the_last_moment(path: Path, target: Path) -> Path:
        if path.suffix == ".json":
            monkeypatch.setattr(Path, "rename", rename)
            full.write(newer(diverged_at=8))
        return rename(path, target)

    monkeypatch.setattr(compaction, "_publish", publish)
    monkeypatch.setattr(Path, "rename", replaced_at_the_last_moment)
    assert compact(full, many=1) == 0
    assert_same(full, [newer(diverged_at=8), *runs()[1:]])
    assert len(singles(full)) == 1


def test_two_at_once_and_a_reader(tmp_path: Path) -> None:
    code = (
        "import sys; from study.records import compaction, store; compaction.SEEN_SECONDS = 0.0\n"
        "compaction.SEGMENT_RUNS = int(sys.argv[2])\n"
        "compaction.compact(store.RunStore(sys.argv[1]), many=1)"
    )
    store = RunStore(tmp_path / "runs")
    expected = [whole(seed) for seed in range(150)]
    for each in expected:
        store.write(each)
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(store.folder), size])
        for size in ("20", "35")
    ]
    while any(process.poll() is None for process in both):
        assert len(RunStore(store.folder).load().runs) == len(expected)
    assert [process.returncode for process in both] == [0, 0]
    assert singles(store) == []
    assert_same(store, expected)


# -- where it cannot be done


@pytest.mark.parametrize("in_the_way", ["file", "link"])
def test_a_store_that_cannot_be_compacted_is_read_as_before(
    full: RunStore, tmp_path: Path, in_the_way: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    if in_the_way == "file":
        full.compact_folder.write_text("")
    else:
        full.compact_folder.symlink_to(outside)
    assert compact(full, many=1) == 0
    assert len(singles(full)) == RUNS
    assert list(outside.iterdir()) == []
    assert len(RunStore(full.folder).load().runs) == RUNS


def test_a_full_disk_leaves_the_files(full: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    assert compact(full, many=1) == 0
    monkeypatch.undo()
    assert len(singles(full)) == RUNS
    assert list(full.compact_folder.iterdir()) == []
    assert_same(full, runs())


# -- what is done to a segment


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def renamed(path: Path) -> None:
    path.rename(path.with_name("0" * 64 + ".parquet"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_out(path: Path) -> None:
    outside = path.parents[2] / path.name
    path.rename(outside)
    path.symlink_to(outside)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [cut, emptied, renamed, a_pipe, a_link_out, a_folder])
def test_a_damaged_segment_is_named_and_its_runs_count_as_not_stored(
    full: RunStore, damage: Callable[[Path], None]
) -> None:
    compact(full, many=1)
    (path,) = segments(full)
    damage(path)
    (path,) = segments(full)
    store = RunStore(full.folder)
    stored = store.load([each.address for each in runs()])
    assert len(stored.runs) == 0
    (error,) = stored.segments
    assert str(path) in str(error)
    with pytest.raises(RecordError, match=path.name):
        store.read(runs()[0].address)
    for each in runs():  # run again
        store.write(each)
    assert len(store.load().runs) == RUNS


def test_any_flipped_bit_is_found(full: RunStore) -> None:
    compact(full, many=1)
    (path,) = segments(full)
    sound = path.read_bytes()
    rng = np.random.default_rng(3)
    for position in rng.integers(len(sound), size=60):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        stored = RunStore(full.folder).load()
        assert len(stored.runs) == 0
        assert "does not match its name" in str(stored.segments[0])


def test_a_segment_that_is_damaged_while_it_is_in_use_is_found(full: RunStore) -> None:
    compact(full, many=1)
    (path,) = segments(full)
    stored = RunStore(full.folder).load()
    cut(path)
    with pytest.raises(RecordError, match=path.name):
        list(stored.runs.measured(stored.runs, "end", "weights"))


def put(store: RunStore, raw: bytes) -> Path:
    """Make ``raw`` the only segment, under its right name."""
    store.compact_folder.mkdir(parents=True, exist_ok=True)
    for path in segments(store):
        path.unlink()
    path = store.compact_folder / file_name(raw)
    path.write_bytes(raw)
    return path


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_with_the_right_name_are_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    path = put(store, raw)
    stored = store.load()
    assert len(stored.runs) == 0
    assert str(path) in str(stored.segments[0])


def made() -> pa.Table:
    records = runs()
    table = to_table(records, [each.to_json() for each in records])
    return pq.read_table(pa.BufferReader(to_bytes([table])))


def parquet(table: pa.Table) -> bytes:
    file = pa.BufferOutputStream()
    pq.write_table(table, file)
    return file.getvalue().to_pybytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changed_bytes_with_the_right_name_are_refused_or_still_records(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Somebody's own segment: a number in it may be another, but it is read without a crash."""
    store = RunStore(tmp_path_factory.mktemp("runs"))
    raw = bytearray(to_bytes([to_table(runs(), [each.to_json() for each in runs()])]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    put(store, bytes(raw))
    stored = store.load()
    for address, summary in stored.runs.items():
        assert summary.run_config.address == address
        try:
            found = store.read(address)
        except RecordError:
            continue
        assert found is not None
        assert found.address == address


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def with_column(name: str, values: list[Any], kind: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(values * len(table), kind))

    return change


FLOATS = pa.list_(pa.float64())


@pytest.mark.parametrize(
    "change",
    [
        without("address"), without("summary"), without("points.step"), without("layers.moment"),
        with_column("address", [1], pa.int64()),
        with_column("address", ["../../../../../tmp/x"], pa.string()),
        with_column("address", [None], pa.string()),
        with_column("started", [None], pa.string()),
        with_column("summary", [None], pa.string()),
        with_column("summary", ["{}"], pa.string()),
        with_column("summary", ["[" * 99999], pa.string()),
        with_column("points.step", [[1.0, 2.0, 3.0]], FLOATS),
        with_column("points.step", [None], FLOATS),
        with_column("points.step", ["x"], pa.string()),
        with_column("layers.layer", [[float("nan")]], FLOATS),
        with_column("layers.moment", [[1.0]], FLOATS),
        lambda table: table.replace_schema_metadata({}),
        lambda table: table.replace_schema_metadata({b"study layout": b"x"}),
        lambda table: table.replace_schema_metadata({b"study layout": b"0"}),
        lambda table: pa.table({"x": [1]}),
    ],
)  # fmt: skip
def test_a_segment_of_somebody_elses_is_refused_by_name(
    store: RunStore, change: Callable[[pa.Table], pa.Table]
) -> None:
    path = put(store, parquet(change(made())))
    with pytest.raises(StoreError, match=path.name):
        read(store.folder)


def test_a_newer_versions_segment_is_refused_with_what_to_do(store: RunStore) -> None:
    path = put(store, parquet(made().replace_schema_metadata({b"study layout": b"2"})))
    (error,) = store.load().segments
    assert error.reason == "newer schema"
    assert f"{path}: written by a newer version: use the newer version" in str(error)


def test_a_row_that_is_another_runs_is_refused(store: RunStore) -> None:
    table = made()
    addresses = table["address"].to_pylist()
    place = table.schema.get_field_index("address")
    path = put(store, parquet(table.set_column(place, "address", pa.array(addresses[::-1]))))
    stored = store.load()
    assert set(stored.unusable) == set(addresses)
    assert all(path.name in str(error) for error in stored.errors)
    with pytest.raises(RecordError, match=f"{path.name}.*holds the record of"):
        store.read(addresses[0])


def test_other_files_are_no_segments(full: RunStore) -> None:
    compact(full, many=1)
    for name in ("notes.parquet", "x" * 64 + ".parquet", "a" * 64 + ".parquet.orig"):
        (full.compact_folder / name).write_text("x")
    assert RunStore(full.folder).load().errors == []
    assert_same(full, runs())
