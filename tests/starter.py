"""Starts the command as a user does, but quickly, and finds what is left of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

MARK = "STUDY_TEST_MARK"
PATIENCE = 120.0  # seconds for what takes a moment, on a machine that has a lot else to do
# A superuser makes a namespace of mounts; anybody else, where that is allowed, one of users too.
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
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


def kill(pids: Iterable[int]) -> None:
    """Kill those that have not ended by themselves."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether ``condition`` holds within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def path_with(folder: Path) -> str:
    """``PYTHONPATH`` with ``folder`` before it."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def own_chapter(folder: Path, text: str, name: str = "mine") -> str:
    """Write a chapter's file, without its title, into ``folder``; return what makes it known."""
    (folder / "chapter").mkdir(parents=True, exist_ok=True)
    path = folder / "chapter" / f"{name}.yaml"
    path.write_text(f"title: {{en: The chapter {name}}}\n{text}", encoding="utf-8")
    return f"hydra.searchpath=[file://{folder}]"


class Starter:
    """``zygote.py``: starts the command without the second that its imports take.

    Args:
        inside: words of a command that runs the rest of its words somewhere else.
        modules: a folder of modules that configurations name.

    Attributes:
        mark: in the environment of all its processes.
    """

    def __init__(self, *inside: str, modules: Path | None = None) -> None:
        self.mark = uuid.uuid4().hex
        environment = os.environ | {MARK: self.mark, "COLUMNS": "200"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        if modules:
            environment["PYTHONPATH"] = path_with(modules)
        self._process = subprocess.Popen(
            [*inside, sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(
        self, folder: Path, *words: str, out: Path | None = None, err: Path | None = None
    ) -> int:
        """Start the command in ``folder``; return its process id.

        What it prints goes to ``out`` and ``err``, by default both to ``folder``/output.
        """
        assert self._process.stdin is not None
        output = folder / "output"
        order = {"folder": folder, "words": words, "out": out or output, "err": err or output}
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Wait for the command's end; return its exit code, minus the signal that killed it."""
        return int(self._line())

    def __call__(self, folder: Path, *words: str, **output: Path) -> int:
        """Run the command to its end."""
        self.start(folder, *words, **output)
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
        """End the process that forks, and all that it has left."""
        self._process.communicate()
        kill(self.alive())
