"""What the parts of a stored record have to be, so that whoever reads one can rely on it.

A record whose checksum is right may still be somebody's own work. What gets past these checks may
be a wrong number, but it is a number: it can be drawn, and it is never run.
"""

from collections.abc import Callable, Mapping
from typing import Any

LIBRARIES = ("python", "numpy", "blas", "blas_version", "blas_kernel")


def check_summary(content: Mapping[str, Any]) -> None:
    """Raise ValueError for the first part of a run's summary that is not what it should be.

    What is in the configuration is checked by ``config.Seeded``.
    """
    for name in ("config", "final", "timing", "provenance"):
        _expect(f"{name} is not a mapping", isinstance(content[name], dict))
    failed = content["status"] == "failed"
    error, diverged_at = content["error"], content["diverged_at"]
    _expect("error is no text", error is None or isinstance(error, str))
    _expect("diverged_at is no step", diverged_at is None or _is_count(diverged_at))
    _every("final", content["final"], _is_number)
    timing = {key: value for key, value in content["timing"].items() if key != "at"}
    _every("timing", {"total": None} | timing, _is_number)
    _check_provenance(content["provenance"], with_data=not failed)


def check_curves(content: Mapping[str, Any]) -> None:
    """Raise ValueError for the first of a record's further parts that is not what it should be."""
    for name in ("history", "layers", "measurements"):
        _expect(f"{name} is not a mapping", isinstance(content[name], dict))
    _check_history(content["history"], content["timing"].get("at"))
    for moment, rows in content["layers"].items():
        _expect(f"layers.{moment} is not a list of mappings", _is_list(rows, dict))
        for row in rows:
            numbered = _is_count(row.get("layer")) and isinstance(row.get("hidden"), bool)
            _expect(f"layers.{moment} lacks layer or hidden", numbered)
            _every(f"layers.{moment}", row, lambda item: item is None or _is_number(item))
    for moment, results in content["measurements"].items():
        _expect(f"measurements.{moment} is not a mapping", isinstance(results, dict))
        for name, result in results.items():
            _expect(f"measurements.{moment}.{name} is not a mapping", isinstance(result, dict))


def _check_history(history: dict[str, Any], seconds: Any) -> None:
    columns = history if seconds is None else history | {"at": seconds}
    for name, column in columns.items():
        numbers = isinstance(column, list) and all(map(_is_number, column))
        _expect(f"history.{name} is not a list of numbers", numbers)
    lengths = {len(column) for column in columns.values()} if history else set()
    _expect("the columns of history differ in length", len(lengths) <= 1)


def _check_provenance(origin: dict[str, Any], *, with_data: bool) -> None:
    for name in ("study", "code", "started"):
        _expect(f"provenance.{name} is no text", isinstance(origin.get(name), str))
    commit = origin.get("commit")
    _expect("provenance.commit is no text", commit is None or isinstance(commit, str))
    for name, keys in (("libraries", LIBRARIES), ("machine", ("cpu", "system"))):
        part = origin.get(name)
        texts = isinstance(part, dict) and all(isinstance(part.get(key), str) for key in keys)
        _expect(f"provenance.{name} lacks one of {', '.join(keys)}", texts)
    cores = origin["machine"].get("cores")
    _expect("provenance.machine.cores is no number", cores is None or _is_count(cores))
    if with_data:
        data = origin.get("data")
        _expect("provenance.data is not a mapping", isinstance(data, dict))
        assert isinstance(data, dict)
        _expect("provenance.data.checksum is no text", isinstance(data.get("checksum"), str))
        for key in ("num_classes", "train_samples", "test_samples"):
            counted = _is_count(data.get(key)) and data[key] >= 1
            _expect(f"provenance.data.{key} is no number >= 1", counted)


def _every(part: str, values: Mapping[str, Any], valid: Callable[[Any], bool]) -> None:
    for key, value in values.items():
        _expect(f"{part}.{key} is no number", valid(value))


def _expect(otherwise: str, valid: bool) -> None:
    if not valid:
        raise ValueError(otherwise)


def _is_number(value: object) -> bool:
    """Also NaN and infinities, which are outcomes, and flags; not what no float holds."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)
