"""A record is read back as it was written, or refused by name: never anything between."""

import base64
import hashlib
import json
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders_records import config, record
from hypothesis import given, settings
from hypothesis import strategies as st

from study.errors import StoreError
from study.records.record import SCHEMA, RunRecord
from study.records.store import RunStore


def sealed(body: str) -> str:
    """A file with the right checksum, whatever is in it."""
    checksum = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
    return f'{{"checksum": "{checksum}", "record": {body}}}'


def content(**changes: Any) -> dict[str, Any]:
    """A record as it stands in the file, with changes."""
    found: dict[str, Any] = json.loads(record().to_json())["record"]
    return found | changes


def same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(
            first, second, equal_nan=first.dtype.kind == "f"
        )
    if isinstance(first, float) and math.isnan(first):
        return math.isnan(second)
    return type(first) is type(second) and first == second


def test_a_record_survives_its_file() -> None:
    given = record()
    again = RunRecord.from_json(given.to_json())
    assert same(vars(again), vars(given))
    assert again.run_config == config()


def test_the_file_is_json_that_any_program_reads() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(record().to_json(), parse_constant=refuse)
    assert read["record"]["schema"] == SCHEMA
    assert read["record"]["final"]["test_loss"] == {"float": "inf"}
    body = record().to_json().partition('"record": ')[2][:-1]
    assert read["checksum"] == hashlib.sha256(body.encode()).hexdigest()


DTYPES = ["?", "i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_arrays_keep_values_type_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    array = np.asarray(rng.standard_normal(shape) * 50).astype(dtype)
    given = record(measurements={"end": {"probe": {"array": array}}})
    again = RunRecord.from_json(given.to_json()).measurements["end"]["probe"]["array"]
    assert again.dtype == np.dtype(dtype).newbyteorder("=")
    assert again.shape == shape
    assert np.array_equal(again, array)
    assert again.flags.writeable


@pytest.mark.parametrize("order", ["F", "strided"])
def test_arrays_in_any_layout_are_kept(order: str) -> None:
    array = np.arange(24.0).reshape(4, 6)
    array = np.asfortranarray(array) if order == "F" else array[::2, 1::2]
    given = record(measurements={"end": {"probe": {"array": array}}})
    again = RunRecord.from_json(given.to_json()).measurements["end"]["probe"]["array"]
    assert np.array_equal(again, array)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 0.1 + 0.2])
def test_every_float_is_kept(value: float) -> None:
    given = record(final={"a": value, "b": np.float64(value)})
    again = RunRecord.from_json(given.to_json()).final
    for found in again.values():
        assert math.copysign(1, found) == math.copysign(1, value)
        assert found == value or math.isnan(value)


@pytest.mark.parametrize(
    "array",
    [np.array([object()], dtype=object), np.array(["a"]), np.zeros(2, "f4,i4"), np.zeros(2, "M8")],
    ids=["object", "text", "structured", "date"],
)
def test_an_array_that_could_not_be_read_back_is_refused_when_written(array: Any) -> None:
    with pytest.raises(StoreError, match="array of type"):
        record(measurements={"end": {"a": array}}).to_json()


@pytest.mark.parametrize("value", [{1: 2}, {"float": 1}, {"dtype": 1, "shape": 2, "base64": 3}])
def test_keys_that_could_not_be_read_back_are_refused_when_written(value: Any) -> None:
    with pytest.raises(TypeError, match="keys that a record cannot hold"):
        record(measurements={"end": {"a": value}}).to_json()


def test_a_record_from_before_the_later_keys_is_read_as_if_it_had_them() -> None:
    given = config(train_size=300, batchnorm=True, train_subset="first")
    values = given.to_dict()
    for key in given.as_before():
        del values[key]
    del values["data"]["checksum"], values["evaluation"]["final_samples"]
    old = record(given, config=values)
    again = RunRecord.from_json(old.to_json())
    assert again.config == given.to_dict()
    assert again.address == given.address
    assert again.result_digest() == old.result_digest() == record(given).result_digest()


# -- the digest of the result


def test_the_digest_is_of_the_result_alone() -> None:
    given = record()
    digest = given.result_digest()
    assert replace(given, timing={"total": 9.0}).result_digest() == digest
    assert replace(given, provenance={}).result_digest() == digest
    assert replace(given, final={}).result_digest() != digest
    assert replace(given, status="diverged").result_digest() != digest
    assert replace(given, measurements={}).result_digest() != digest
    assert RunRecord.from_json(given.to_json()).result_digest() == digest


def test_the_digest_sees_the_last_bit() -> None:
    one = record(final={"test_loss": 1.0})
    other = record(final={"test_loss": float(np.nextafter(1.0, 2.0))})
    assert one.result_digest() != other.result_digest()


# -- what is no record


def refused(store: RunStore, text: str | bytes, message: str = ".") -> None:
    """Put ``text`` where a record should be and see it refused, the file named."""
    address = config().address
    path = store.path(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StoreError, match=message) as caught:
        store.read(address)
    assert str(path) in str(caught.value)


def test_a_record_cut_anywhere_is_refused(store: RunStore) -> None:
    text = record().to_json()
    for end in {0, 1, len(text) - 1, *random.Random(0).sample(range(len(text)), 60)}:
        refused(store, text[:end], "damaged")


def test_a_record_with_any_bit_flipped_is_refused(store: RunStore) -> None:
    text = record().to_json().encode()
    rng = random.Random(1)
    for position in rng.sample(range(len(text)), 120):
        flipped = bytearray(text)
        flipped[position] ^= 1 << rng.randrange(8)
        refused(store, bytes(flipped), "damaged")


@pytest.mark.parametrize("text", ["", " ", "{}", "null", "<html>404</html>", "\x00" * 500])
def test_other_files_are_refused(store: RunStore, text: str) -> None:
    refused(store, text, "damaged")


def test_text_after_the_record_is_refused(store: RunStore) -> None:
    refused(store, record().to_json() + "\n", "damaged")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    refused(RunStore(tmp_path_factory.mktemp("runs")), raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_with_a_right_checksum_is_refused_as_a_record(value: Any) -> None:
    with pytest.raises(StoreError):
        RunRecord.from_json(sealed(json.dumps(value)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(content())), JSON)
def test_any_field_may_hold_anything_and_there_is_no_other_error(key: str, value: Any) -> None:
    try:
        read = RunRecord.from_json(sealed(json.dumps(content(**{key: value}))))
    except StoreError:
        return
    assert read.run_config.address == read.address
    assert key not in ("address", "schema") or value == content()[key]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": SCHEMA - 1}, "run the study again$"),
        ({"schema": SCHEMA + 1}, "newer version that wrote it"),
        ({"schema": None}, "record schema None"),
        ({"schema": "1"}, "record schema '1'"),
        ({"colour": 1}, r"do not match its schema \(colour\)"),
        ({"address": "0" * 20}, "does not lead to the address"),
        ({"status": "splendid"}, "status 'splendid'.*completed, diverged, failed"),
        ({"history": []}, "history is not a mapping"),
        ({"provenance": None}, "provenance is not a mapping"),
        ({"config": []}, "config is not a mapping"),
        ({"config": {"colour": 1}}, "colour"),
        ({"final": {"a": {"float": "much"}}}, "not a record"),
        ({"final": {"a": {"dtype": "O", "shape": [1], "base64": "AAAAAAAAAAA="}}}, "array of type"),
        ({"final": {"a": {"dtype": "V8", "shape": [1], "base64": "AAAAAAAAAAA="}}}, "array of"),
        ({"final": {"a": {"dtype": "f8", "shape": [7], "base64": ""}}}, "not a record"),
        ({"final": {"a": {"dtype": "f8", "shape": [-1], "base64": "A"}}}, "not a record"),
        ({"final": {"a": {"dtype": "nonsense", "shape": [], "base64": ""}}}, "not a record"),
    ],
)
def test_a_wrong_record_with_a_right_checksum_is_refused(
    store: RunStore, changes: dict[str, Any], message: str
) -> None:
    refused(store, sealed(json.dumps(content(**changes))), message)


@pytest.mark.parametrize("field", sorted(set(content()) - {"schema"}))
def test_a_record_without_one_of_its_fields_is_refused(store: RunStore, field: str) -> None:
    found = content()
    del found[field]
    refused(store, sealed(json.dumps(found)), field)


def test_a_changed_configuration_is_refused(store: RunStore) -> None:
    found = content()
    found["config"]["seed"] = 1
    refused(store, sealed(json.dumps(found)), "does not lead to the address")


def test_deeply_nested_text_is_refused(store: RunStore) -> None:
    refused(store, sealed("[" * 100_000 + "]" * 100_000), "not a record")


def test_a_renamed_record_is_refused(store: RunStore) -> None:
    other = record(config(seed=1))
    refused(store, other.to_json(), f"holds the record of {other.address}")


def test_no_code_is_run_by_reading(store: RunStore, tmp_path: Any) -> None:
    found = content()
    marker = tmp_path / "touched"
    found["config"]["init"]["_target_"] = f"pathlib.Path('{marker}').touch"
    given = replace(record(), config=found["config"])
    found["address"] = given.run_config.address
    RunRecord.from_json(sealed(json.dumps(found)))
    pickled = base64.b64encode(b"cos\nsystem\n(S'true'\ntR.").decode()
    refused(
        store,
        sealed(json.dumps(content(layers={"dtype": "O", "shape": [1], "base64": pickled}))),
        "array of type",
    )
    assert not marker.exists()
