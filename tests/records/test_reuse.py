"""A rerun repeats what it has to, and says why."""

from typing import Any

import pytest
from builders_records import DATA, config, record

from study import data
from study.records import reuse
from study.records.config import DataConfig, RunConfig
from study.records.provenance import code_fingerprint, libraries, provenance
from study.records.record import RunRecord
from study.records.reuse import inspect, keep_measurements
from study.records.store import RunStore

GAUSSIAN = config(data=DataConfig("gaussian"), measure=["histograms"])


def stored(given: RunConfig = GAUSSIAN, **changes: Any) -> RunRecord:
    origin = provenance([]) | {
        "code": code_fingerprint(),
        "started": "2025-01-01T00:00:00+00:00",
        "data": DATA | {"checksum": data.checksum("gaussian", seed=given.seed)},
    }
    origin |= changes.pop("origin", {})
    return record(given, **{"provenance": origin} | changes)


def test_a_good_record_stands(store: RunStore) -> None:
    store.write(stored())
    reason, found = inspect(store, GAUSSIAN)
    assert reason is None
    assert found is not None
    assert found.address == GAUSSIAN.address


def test_what_is_not_there_is_new(store: RunStore) -> None:
    assert inspect(store, GAUSSIAN) == ("new", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "failed", "error": "x"}, "failed before"),
        ({"origin": {"code": "0"}}, "code changed"),
        ({"provenance": {}}, "record damaged"),
        ({"origin": {"libraries": libraries() | {"numpy": "1.0"}}}, "library changed"),
        ({"origin": {"libraries": libraries() | {"blas_version": "0"}}}, "library changed"),
        ({"origin": {"libraries": {}}}, "record damaged"),
        ({"origin": {"data": DATA}}, "data changed"),
        ({"origin": {"data": {}}}, "record damaged"),
        ({"config": {**GAUSSIAN.to_dict(), "measure": ["weights"]}}, "measurement missing"),
    ],
)
def test_the_reason_is_given(store: RunStore, changes: dict[str, Any], reason: str) -> None:
    store.write(stored(**changes))
    assert inspect(store, GAUSSIAN)[0] == reason


def test_a_checksum_in_the_configuration_keeps_a_record_that_stands(store: RunStore) -> None:
    checksum = data.checksum("gaussian", seed=GAUSSIAN.seed)
    given = config(data=DataConfig("gaussian", checksum=checksum), measure=["histograms"])
    store.write(stored(given))
    assert inspect(store, given)[0] is None
    assert inspect(store, GAUSSIAN)[0] == "new"


def test_a_damaged_record_is_run_again(store: RunStore) -> None:
    path = store.write(stored())
    path.write_text(path.read_text()[:-9])
    assert inspect(store, GAUSSIAN) == ("record damaged", None)


def test_another_kernel_of_the_same_library_does_not_repeat_a_study(store: RunStore) -> None:
    origin = provenance([])["libraries"] | {"blas_kernel": "Other", "python": "3.99"}
    store.write(stored(origin={"libraries": origin}))
    assert inspect(store, GAUSSIAN)[0] is None


def test_more_measurements_than_wanted_are_fine(store: RunStore) -> None:
    more = {**GAUSSIAN.to_dict(), "measure": ["histograms", "weights"]}
    store.write(stored(config=more))
    assert inspect(store, GAUSSIAN)[0] is None


def test_a_repeated_run_measures_what_the_old_one_did() -> None:
    given = config(measure=["weights"])
    old = record(config(measure=["histograms"]))
    old.config["measure"].append("a probe that is no more")
    keep_measurements(given, old)
    assert given.measure == ["histograms", "weights"]
    assert given.address == old.address


def test_a_strange_list_of_measurements_is_ignored() -> None:
    given = config(measure=["weights"])
    old = record()
    old.config["measure"] = None
    keep_measurements(given, old)
    assert given.measure == ["weights"]


def test_every_reason_is_looked_up_once_for_an_address_that_is_known(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(stored())
    monkeypatch.setattr(reuse, "code_fingerprint", lambda targets: code_fingerprint())
    assert inspect(store, GAUSSIAN, GAUSSIAN.address)[0] is None
