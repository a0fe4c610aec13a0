"""The command as a user starts it, in a folder of its own, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from study.records.record import RunRecord
from study.records.store import RunStore

HERE = Path(__file__).parent


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
        time.sleep(0.05)
    return condition()


@dataclass
class Command:
    """``python -m study`` in a folder of its own.

    Attributes:
        folder: where it runs.
        mark: in the environment of all its processes.
    """

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        return os.environ | {"PYTHONPATH": path, "STUDY_TEST_MARK": self.mark}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start it in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", "study", *words],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # a test run in the background ignores Ctrl-C, and what it starts inherits that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def alive(self) -> list[int]:
        return processes_with(self.mark)

    def records(self) -> dict[str, RunRecord]:
        found = {address: self.store.read(address) for address in self.store.addresses()}
        return {address: record for address, record in found.items() if record is not None}

    def digests(self) -> dict[str, str]:
        return {address: record.result_digest() for address, record in self.records().items()}
