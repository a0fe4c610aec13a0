"""``python -m study`` in a folder of its own, and what it leaves behind."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from starter import Starter

from study.records.record import RunRecord
from study.records.store import RunStore

HERE = Path(__file__).parent


@dataclass
class Command:
    """The command in a folder of its own.

    Attributes:
        folder: where it runs.
        starter: starts it.
    """

    folder: Path
    starter: Starter

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start ``python -m study`` itself, in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", "study", *words],
            cwd=self.folder,
            env=self.starter.environment,
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
        out, err = (self.folder.with_name(name) for name in ("out", "err"))
        code = self.starter(self.folder, *words, out=out, err=err)
        done = subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())
        out.unlink()
        err.unlink()
        return done

    def alive(self) -> list[int]:
        return self.starter.alive()

    def records(self) -> dict[str, RunRecord]:
        found = {address: self.store.read(address) for address in self.store.addresses()}
        return {address: record for address, record in found.items() if record is not None}

    def digests(self) -> dict[str, str]:
        return {address: record.result_digest() for address, record in self.records().items()}
