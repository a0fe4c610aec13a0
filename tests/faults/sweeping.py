"""What a tiny sweep, that was killed and resumed, has left."""

from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.frames import layers_frame, points_frame, runs_frame
from study.records.record import RunRecord
from study.records.store import RunStore


def records(store: RunStore) -> dict[str, RunRecord]:
    """All records of ``store``; none of them may be damaged."""
    found = {address: store.read(address) for address in store.addresses()}
    return {address: record for address, record in found.items() if record is not None}


def good(store: RunStore) -> dict[str, str]:
    """Digest of each record that did not fail."""
    found = records(store).items()
    return {a: record.result_digest() for a, record in found if record.status != "failed"}


def left_over(folder: Path) -> list[Path]:
    """Temporary files and locks below ``folder``."""
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".lock"))]


def tables(store: RunStore) -> dict[str, Any]:
    """The three frames of a study without its clock."""
    found = list(records(store).values())
    frames = {"runs": runs_frame(found), "points": points_frame(found)}
    frames["layers"] = layers_frame(found)
    return {
        name: frame[[column for column in frame if not str(column).endswith("seconds")]]
        for name, frame in frames.items()
    }


def assert_same_tables(first: RunStore, second: RunStore) -> None:
    """The frames of two stores agree to the last bit."""
    expected, found = tables(first), tables(second)
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame, check_exact=True, obj=name)
