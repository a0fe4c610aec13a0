"""``python -m study`` in a folder of its own, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from starter import MARK, Starter, path_with, processes_with

from study.records.record import RunRecord
from study.records.store import RunStore

HERE = Path(__file__).parent


@dataclass
class Command:
    """The command in a folder of its own.

    Attributes:
        folder: where it runs.
        starter: starts it when it is called; None for a process of its own.
        mark: in the environment of all its own processes.
    """

    folder: Path
    starter: Starter | None = None
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": path_with(HERE), MARK: self.mark}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start ``python -m study`` itself, in a process group of its own, as a terminal does."""
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

    def afresh(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run ``python -m study`` itself to its end, with all its imports."""
        with self.start(*words) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        if self.starter is None:
            return self.afresh(*words)
        out, err = (self.folder.with_name(name) for name in ("out", "err"))
        code = self.starter(self.folder, *words, out=out, err=err)
        done = subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())
        out.unlink()
        err.unlink()
        return done

    def alive(self) -> list[int]:
        return processes_with(self.mark)

    def records(self) -> dict[str, RunRecord]:
        found = {address: self.store.read(address) for address in self.store.addresses()}
        return {address: record for address, record in found.items() if record is not None}

    def digests(self) -> dict[str, str]:
        return {address: record.result_digest() for address, record in self.records().items()}
