"""One run's record: a versioned JSON document that carries its own checksum."""

import base64
import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import numpy as np

from study.errors import StoreError
from study.records.config import RunConfig, Seeded
from study.records.parts import check_curves, check_summary

SCHEMA = 1
# The reason of a record that another version wrote, which this one must not replace.
NEWER = "newer schema"
USE_NEWER = "use the newer version that wrote it, or another folder with store=…"

Status = Literal["completed", "diverged", "failed"]
# How values that JSON does not have are written: mappings with just these keys.
_FLOAT, _ARRAY = {"float"}, {"dtype", "shape", "base64"}
_RESERVED = (_FLOAT, _ARRAY)
# Text with none of these has no such mapping, whatever letters are escaped in it.
_CODED = ('"float"', '"base64"', "\\u")
_HEAD, _TAIL = '{{"checksum": "{}", "record": ', "}"
METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
# of runs that hold out validation samples: in ``final`` and in ``history``
VALIDATION = ("valid_loss", "valid_accuracy")


class RecordError(StoreError):
    """A stored record that cannot be used.

    Args:
        message: names the file where it is known, and says what to do.
        reason: the same in two words, as a sweep counts it.
    """

    def __init__(self, message: str, reason: str = "record damaged") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class RunSummary:
    """What is known of one run, without what grows with its length, its layers and its probes.

    Attributes:
        address: content address of ``config``, also the record's name in the store.
        config: the resolved ``RunConfig`` as plain containers; read from a store it is complete.
        status: ``completed``; ``diverged`` (a loss was not finite: an outcome, not an error);
            ``failed`` (says why in ``error``).
        diverged_at: the step whose loss was not finite.
        error: of a failed run: the message where the user can put it right, else the traceback.
        final: metrics after the last step on *all* training and test samples, and, where there
            are any, on all validation samples; NaN where the run diverged or failed.
        timing: seconds: ``total``, ``setup``, ``training``, ``evaluation``, ``probes``; in a
            whole record also ``at``, the training seconds up to each point of the history.
        provenance: see ``provenance.provenance``; ``started`` is UTC in ISO form; ``data`` says
            which data set it was: ``checksum``, ``num_classes``, ``train_samples``,
            ``test_samples``.
    """

    address: str
    config: Mapping[str, Any]
    status: Status
    diverged_at: int | None = None
    error: str | None = None
    final: dict[str, float] = field(default_factory=lambda: dict.fromkeys(METRICS, math.nan))
    timing: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def run_config(self) -> RunConfig:
        """The configuration, typed."""
        return RunConfig.from_dict(self.config)

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """Check what ``loads`` made of a text: ``schema`` and a value for each field.

        Raises:
            RecordError: of another schema, not what a record should be, or with a configuration
                that does not lead to its address.
        """
        schema = content.pop("schema", None)
        if type(schema) is not int or schema != SCHEMA:
            newer = type(schema) is int and schema > SCHEMA
            raise RecordError(
                f"record schema {schema!r}, this version reads {SCHEMA}: "
                + (USE_NEWER if newer else "run the study again"),
                NEWER if newer else "older schema",
            )
        expected = cls.__dataclass_fields__.keys()
        if content.keys() != expected:
            wrong = ", ".join(sorted(content.keys() ^ expected))
            raise RecordError(f"fields of the record do not match its schema ({wrong})")
        if (status := content["status"]) not in get_args(Status):
            raise RecordError(f"status {status!r} (choices: {', '.join(get_args(Status))})")
        try:
            cls.check(content)
            config = Seeded(content["config"])
        except ValueError as error:
            raise RecordError(f"not a record of this study: {error}") from None
        record = cls(**content)
        if config.address != record.address:
            raise RecordError(f"the configuration does not lead to the address {record.address}")
        record.hold(config)
        return record

    @staticmethod
    def check(content: Mapping[str, Any]) -> None:
        """Raise ValueError for the first part, but ``config``, that is not what it should be."""
        check_summary(content)

    def hold(self, config: Seeded) -> None:
        """Keep ``config``, which is the run's own, checked and complete."""
        self.config = config


@dataclass
class RunRecord(RunSummary):
    """Everything that is known of one run.

    Attributes:
        history: the learning curve, a column for each field of ``trainer.Point``; those of
            ``VALIDATION`` only where there are validation samples.
        layers: ``init`` and ``end``, each a row for each layer (``probes.layer_statistics``).
        measurements: ``init`` and ``end``, each the results of the probes asked for.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    layers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    measurements: dict[str, dict[str, Any]] = field(default_factory=dict)

    def result_digest(self) -> str:
        """Hash of what was computed, without timing and provenance.

        Equal for two runs of the same configuration on the same machine, bit by bit.
        """
        content = _encode(vars(self))
        for key in ("timing", "provenance", "error"):
            del content[key]
        # as of a run from before there was a choice
        self.run_config.without_before(content["config"])
        return _digest(json.dumps(content, sort_keys=True, allow_nan=False))

    def to_json(self) -> str:
        """Serialise to ``{"checksum": …, "record": {"schema": …, …}}``.

        The checksum is that of the record's text as it stands in the file, so that a damaged
        file is found without parsing it.
        """
        return seal(dumps({"schema": SCHEMA} | vars(self)))

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """Read what ``to_json`` wrote.

        Raises:
            RecordError: not a record, damaged, of another schema, or with a configuration that
                does not lead to its address; whatever the text is, there is no other error.
        """
        body = text[len(_HEAD.format("0" * 64)) : -len(_TAIL)]
        if text != seal(body):
            raise RecordError("damaged: the content does not match its checksum")
        try:
            return cls.from_content(loads(body))
        except RecordError:
            raise
        except Exception as error:  # somebody's own file with a right checksum: anything goes
            raise RecordError(f"not a record of this study ({error!r})") from None

    @staticmethod
    def check(content: Mapping[str, Any]) -> None:
        """Raise ValueError for the first part, but ``config``, that is not what it should be."""
        check_summary(content)
        check_curves(content)

    def hold(self, config: Seeded) -> None:
        """Complete the configuration of an older record; what is JSON stays so."""
        if self.config.keys() != config.keys():
            self.config = copy.deepcopy(dict(config))


def seal(body: str) -> str:
    """A record's file: the JSON text ``body`` behind its checksum."""
    return _HEAD.format(_digest(body)) + body + _TAIL


def checksum_of(text: str) -> str:
    """The checksum in a record's file, which ``seal`` made."""
    return text.split('"', 4)[3]


def dumps(value: Any) -> str:
    """Values of a record as JSON text, in ASCII (see ``_encode``)."""
    return json.dumps(_encode(value), allow_nan=False)


def loads(text: str | bytes) -> Any:
    """What ``dumps`` wrote."""
    plain = isinstance(text, str) and not any(word in text for word in _CODED)
    return json.loads(text, object_hook=None if plain else _decode)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _encode(value: Any) -> Any:
    """Plain JSON: arrays by dtype, shape and base64; NaN as ``{"float": "nan"}``, so infinities.

    JSON has no NaN, and a record has to be readable by any program. What could not be read back
    as it was is refused.
    """
    if type(value) is float and math.isfinite(value):  # most of a record
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value) or set(value) in _RESERVED:
            raise TypeError(f"keys that a record cannot hold: {sorted(map(str, value))}")
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    if isinstance(value, np.ndarray):
        _check_kind(value.dtype)
        little = value.astype(value.dtype.newbyteorder("<"))
        return {
            "dtype": value.dtype.name,
            "shape": list(value.shape),
            "base64": base64.b64encode(little.tobytes()).decode(),
        }
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _check_kind(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biuf":  # bool, integers, floats: never objects
        raise StoreError(f"array of type {dtype} in a record")


def _decode(value: dict[str, Any]) -> Any:
    """What one JSON object stands for, those in it decoded already."""
    if value.keys() == _FLOAT:
        return float(value["float"])
    if value.keys() == _ARRAY:
        dtype = np.dtype(value["dtype"])
        _check_kind(dtype)
        raw = np.frombuffer(base64.b64decode(value["base64"]), dtype.newbyteorder("<"))
        return raw.reshape(value["shape"]).astype(dtype)
    return value
