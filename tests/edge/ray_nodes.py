"""A Ray cluster of several nodes, all of them on this machine and on loopback."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from starter import processes_with, wait_until

# In a namespace of mounts a folder can be hidden: the node is a machine that does not share it.
UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
MEMORY = 80_000_000  # the least that Ray's object store takes


@dataclass
class Nodes:
    """``ray start``, once for the head, which runs nothing, and once for each node of one core.

    Attributes:
        folder: for Ray's files and the nodes' output. Paths of sockets are short: so must it be.
    """

    folder: Path
    _marks: dict[str, str] = field(default_factory=dict)
    _token: str = field(default_factory=lambda: secrets.token_hex(16))
    _port: int = 0
    _processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of everything that talks to the cluster. The token is its own, not the user's."""
        return os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
            "RAY_USAGE_STATS_ENABLED": "0",
            # how soon the head gives a silent node up
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "5",
        }

    def start_head(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        words = ("--head", f"--port={self._port}", "--include-dashboard=false", "--num-cpus=0")
        self._start("head", 1, *words, f"--temp-dir={self.folder / 'ray'}")

    def start(self, name: str, *, hidden: Path | None = None) -> None:
        """Start a node; jobs can ask for it by its name, as a resource.

        Args:
            hidden: a folder that it cannot see.
        """
        resources = f'--resources={{"{name}": 1}}'
        words = (f"--address={self.address}", "--num-cpus=1", resources)
        self._start(name, 1 + len(self._marks), *words, hidden=hidden)

    def _start(self, name: str, number: int, *words: str, hidden: Path | None = None) -> None:
        self._marks[name] = f"node-{secrets.token_hex(8)}"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words]
        command += [f"--node-ip-address=127.0.0.{number}", f"--object-store-memory={MEMORY}"]
        command += ["--include-log-monitor=false"]
        if hidden is not None:
            mount = 'mount -t tmpfs none "$1" && shift && exec "$@"'
            command = [*UNSHARE, "sh", "-c", mount, "sh", str(hidden), *command]
        folder = self.folder / name
        folder.mkdir()
        for _ in range(3):  # on a busy machine Ray gives its own start up, after 30 s
            if self._started_within(folder, command, self._marks[name]):
                return
        raise AssertionError((folder / "output").read_text())

    def _started_within(self, folder: Path, command: list[str], mark: str) -> bool:
        output = folder / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=self.environment | {"STUDY_TEST_MARK": mark},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._processes.append(process)
        wait_until(
            lambda: "Ray runtime started" in output.read_text() or process.poll() is not None, 120
        )
        return process.poll() is None

    def kill(self, name: str) -> None:
        """The power fails: everything on the node is gone at once."""
        while found := processes_with(self._marks[name]):
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if wait_until(lambda: not processes_with(self._marks[name]), 1):
                break

    def runs_on(self, name: str) -> bool:
        """Whether a worker of a job is running there."""
        for pid in processes_with(self._marks[name]):
            with suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return True
        return False

    def stop(self) -> None:
        for name in reversed(self._marks):
            self.kill(name)
        for process in self._processes:
            process.wait()
