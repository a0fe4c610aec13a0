"""A tiny sweep that can be started, killed and resumed, and what is left of it."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.frames import layers_frame, points_frame, runs_frame
from study.records.record import RunRecord
from study.records.store import RunStore

HERE = Path(__file__).parent
# A superuser makes a namespace of mounts; anybody else, where that is allowed, one of users too.
ROOT = os.geteuid() == 0
UNSHARE = ("unshare", "--mount") if ROOT else ("unshare", "--mount", "--map-root-user")
NAMESPACES = ("--mount",) if ROOT else ("--mount", "--user", "--preserve-credentials")


def processes_with(mark: str) -> list[int]:
    """Processes that have inherited ``mark`` in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether ``condition`` holds within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


class Starter:
    """``zygote.py``: starts the command without the second that its imports take.

    Args:
        inside: words of a command that runs the rest of its words somewhere else.
    """

    def __init__(self, *inside: str) -> None:
        self.mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            [*inside, sys.executable, str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"STUDY_TEST_MARK": self.mark, "COLUMNS": "200"}
            | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, folder: Path, *words: str) -> int:
        """Start the command in ``folder``; return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(folder), words]) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Wait for the command's end; return its exit code, minus the signal that killed it."""
        return int(self._line())

    def __call__(self, folder: Path, *words: str) -> int:
        """Run the command to its end."""
        self.start(folder, *words)
        return self.end()

    def alive(self) -> list[int]:
        """What runs of the command and of its workers."""
        return [pid for pid in processes_with(self.mark) if pid != self._process.pid]

    def inside(self, path: Path) -> Path:
        """``path`` as the command sees it, with the folders that are mounted there."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def within(self, *words: str) -> None:
        """Run a command where ``inside`` leads to."""
        target = f"--target={self._process.pid}"
        subprocess.run(["nsenter", target, *NAMESPACES, *words], check=True)

    def close(self) -> None:
        self._process.communicate()


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
