"""``kill -9`` at any moment: what is finished stays, the rest is done by the next sweep.

``STUDY_FAULT_MOMENTS`` says at how many moments a worker, and the parent, is killed; the workflow
takes more of them on its schedule than ``make test``.
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from starter import Starter, wait_until
from sweeping import assert_same_tables, good, left_over, records

from study.records.store import RunStore

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.xdist_group("kills"),
]
MOMENTS = int(os.environ.get("STUDY_FAULT_MOMENTS", "8"))
RUNS = 20


@dataclass(frozen=True)
class Undisturbed:
    """A sweep that nobody killed.

    Attributes:
        folder: where it ran.
        words: its command line.
        seconds: how long it took.
        digests: of its results.
    """

    folder: Path
    words: tuple[str, ...]
    seconds: float
    digests: dict[str, str]

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")


def sweep_undisturbed(sweep: Starter, folder: Path, words: tuple[str, ...]) -> Undisturbed:
    started = time.monotonic()
    assert sweep(folder, *words) == 0, (folder / "output").read_text()
    seconds = time.monotonic() - started
    digests = good(RunStore(folder / "runs"))
    assert len(digests) == RUNS
    return Undisturbed(folder, words, seconds, digests)


class Disturbed:
    """A sweep that is killed and resumed, over and over, and what must never be seen of it."""

    def __init__(self, sweep: Starter, reference: Undisturbed, folder: Path) -> None:
        self.sweep, self.reference, self.folder = sweep, reference, folder
        self.store = RunStore(folder / "runs")
        self.finished: dict[str, bytes] = {}
        self.rounds = 0

    def check(self) -> None:
        """Every record is whole, and no finished one is lost or changed."""
        found = good(self.store)  # raises where a record is damaged
        now = {address: self.store.path(address).read_bytes() for address in found}
        assert {a: now.get(a) for a in self.finished} == self.finished
        self.finished = now
        assert found == {address: self.reference.digests[address] for address in found}

    def start_anew(self) -> None:
        """All runs are there, as if nothing had happened; now and then, look at the rest too."""
        self.rounds += 1
        if self.rounds % 3 == 0:
            self.complete()
        assert_same_tables(self.reference.store, self.store)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.finished = {}

    def complete(self) -> None:
        """Resume it without a kill: it is as if nothing had happened."""
        output = self.folder / "output"
        output.unlink(missing_ok=True)  # a worker that loses its parent at birth complains there
        code = self.sweep(self.folder, *self.reference.words)
        assert code == 0, output.read_text()
        self.check()
        assert_same_tables(self.reference.store, self.store)
        assert left_over(self.folder) == []
        assert self.sweep.alive() == []
        assert "Traceback" not in output.read_text()


def test_the_parent_is_killed_at_any_moment(
    sweep: Starter, tiny: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = sweep_undisturbed(sweep, _made(tmp_path / "undisturbed"), tiny)
    disturbed = Disturbed(sweep, reference, _made(tmp_path / "disturbed"))
    rng = random.Random(4)
    killed = 0
    while killed < MOMENTS:
        pid = sweep.start(disturbed.folder, *tiny)
        ends_at = time.monotonic() + rng.uniform(0.0, reference.seconds)
        time.sleep(max(ends_at - time.monotonic(), 0.0))
        with contextlib.suppress(ProcessLookupError):  # it had done all there was to do
            os.kill(pid, signal.SIGKILL)
        code = sweep.end()
        assert wait_until(lambda: not sweep.alive()), "orphans"
        disturbed.check()
        if code == -signal.SIGKILL:
            killed += 1
        if len(disturbed.finished) == RUNS:
            disturbed.start_anew()
    disturbed.complete()
    with capsys.disabled():
        print(f"\nparent killed at {killed} moments of {disturbed.rounds} sweeps", end=" ")


def test_a_worker_is_killed_at_any_moment(
    sweep: Starter, tiny: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*tiny, "num_epochs=150")
    reference = sweep_undisturbed(sweep, _made(tmp_path / "undisturbed"), words)
    disturbed = Disturbed(sweep, reference, _made(tmp_path / "disturbed"))
    rng = random.Random(5)
    killed, failed = 0, 0
    # some moments more where every kill has hit a worker that was still starting
    while killed < MOMENTS or (failed == 0 and killed < 4 * MOMENTS):
        pid = sweep.start(disturbed.folder, *words)
        here = 0
        while here < max(MOMENTS - killed, 1) and not _ended(pid):
            _wait_for_workers(sweep, pid)
            wanted = rng.randint(min(len(good(disturbed.store)), RUNS - 1), RUNS - 1)
            _wait_for_runs(disturbed.store, wanted, pid)
            time.sleep(rng.uniform(0.0, 0.2))  # about as long as one run
            for worker in rng.sample(workers, 1) if (workers := _workers(sweep, pid)) else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                    here += 1
        code = sweep.end()
        disturbed.check()
        lost = [r.error or "" for r in records(disturbed.store).values() if r.status == "failed"]
        assert len(lost) <= here
        assert all("the worker process was killed by signal 9" in error for error in lost)
        assert code == (0 if len(disturbed.finished) == RUNS else 1)
        failed, killed = failed + len(lost), killed + here
        assert wait_until(lambda: not sweep.alive()), "orphans"
        if len(disturbed.finished) == RUNS:
            disturbed.start_anew()
    disturbed.complete()
    assert failed > 0, "no kill ever hit a run"
    with capsys.disabled():
        print(f"\nworker killed at {killed} moments, {failed} of them in a run", end=" ")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _workers(sweep: Starter, parent: int) -> list[int]:
    """The workers of ``parent``, but not multiprocessing's own helper."""
    found = []
    for pid in sweep.alive():
        try:
            is_worker = b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if is_worker and pid != parent:
            found.append(pid)
    return found


def _wait_for_workers(sweep: Starter, parent: int) -> None:
    """Until ``parent`` has workers, or has none any more."""
    assert wait_until(lambda: bool(_workers(sweep, parent)) or _ended(parent))


def _wait_for_runs(store: RunStore, count: int, pid: int) -> None:
    """Until ``count`` runs are finished, or ``pid`` has ended."""
    assert wait_until(lambda: len(good(store)) >= count or _ended(pid))


def _ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()
