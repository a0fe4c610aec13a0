"""A run that raises, exits, hangs or eats memory: all others complete, and it is named."""

import os
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from schemes import HOW
from starter import Starter, own_chapter, wait_until
from sweeping import records

from study.records.store import RunStore

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.xdist_group("bad runs"),
]
LIMIT = 8.0
# What the record says; in the console stands its last line.
SAYS = {
    "raise": r"RuntimeError: the scheme is broken",
    "raise what no handler expects": r"Strange: not even an Exception",
    "raise without a message": r"ValueError",
    "raise what cannot be shown": r"Mute: <exception str\(\) failed>",
    "recur": r"RecursionError: maximum recursion depth exceeded",
    "exit": r"the worker process ended with exit code 7",
    "abort": r"the worker process was killed by signal 6 \(Aborted\)",
    "segfault": r"the worker process was killed by signal 11 \(Segmentation fault\)",
    "leave somebody with the pipe": r"the worker process ended with exit code 7",
    "close everything": r"the worker process was killed by signal 9",
    "hang": rf"the run took more than timeout={LIMIT} s",
    "hang without letting go": rf"the run took more than timeout={LIMIT} s",
    "hang and ignore everything": rf"the run took more than timeout={LIMIT} s",
    "stop": rf"the run took more than timeout={LIMIT} s",
    "want more than there is": r"MemoryError: Unable to allocate 512. TiB",
    "eat memory": r"MemoryError|ended with exit code 1",
    "be killed for memory": r"killed by signal 9 \(out of memory\?\)",
    "print a lot": r"RuntimeError: after many words",
    "start others": r"RuntimeError: others are still there",
    "say too much": r"RuntimeError: x{1000}",
}


class Visible(HTMLParser):
    """The text of a page, as a reader sees it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def swept(
    sweep: Starter, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int, str]:
    """A sweep of good cells among all bad ones: its folder, exit code and output."""
    conf = tmp_path_factory.mktemp("bad")
    (conf / "init").mkdir()
    (conf / "init" / "bad.yaml").write_text("name: bad\n_target_: schemes.Bad\nhow: hang\n")
    bad = ", ".join(f"{{init: bad, init.how: {how}}}" for how in HOW)
    known = own_chapter(
        conf,
        "experiments:\n  mixed:\n"
        "    fixed: {hidden: [8], num_epochs: 1, evaluation.points: 1, data: gaussian}\n"
        f"    axes:\n      init: [he, {bad}, xavier]\n      seed: [0]\n",
    )
    folder = tmp_path_factory.mktemp("mixed")
    words = ("-m", known, "experiment=mixed", "data=gaussian")
    code = sweep(folder, *words, "workers=4", f"timeout={LIMIT}", "report.name=mixed")
    return folder, code, (folder / "output").read_text()


@pytest.fixture(scope="module")
def sweep() -> Iterator[Starter]:
    starter = Starter(modules=Path(__file__).parent)
    yield starter
    starter.close()


def test_every_way_to_misbehave_is_tried() -> None:
    assert set(SAYS) == set(HOW)
    assert len(HOW) >= 20


def test_the_others_complete_and_the_exit_code_says_it(swept: tuple[Path, int, str]) -> None:
    folder, code, output = swept
    assert code == 1, output
    found = records(RunStore(folder / "runs")).values()
    outcomes = {(r.config["init"]["name"], r.status) for r in found}
    assert outcomes == {("he", "completed"), ("xavier", "completed"), ("bad", "failed")}
    assert len(found) == len(HOW) + 2
    assert f"2 completed, 0 diverged, {len(HOW)} failed\n" in output


@pytest.mark.parametrize("how", HOW)
def test_the_record_says_what_went_wrong(swept: tuple[Path, int, str], how: str) -> None:
    folder, _, _ = swept
    found = [r for r in records(RunStore(folder / "runs")).values()
             if r.config["init"].get("how") == how]  # fmt: skip
    (record,) = found
    assert re.search(SAYS[how], record.error or ""), (record.error or "")[-500:]


def test_console_and_report_name_every_one(swept: tuple[Path, int, str]) -> None:
    folder, _, output = swept
    lines = [line for line in output.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 6  # five, and how many more
    assert lines[-1] == f"failed: {len(HOW) - 5} more"
    page = (folder / "reports" / "mixed" / "index.html").read_text(encoding="utf-8")
    text = Visible(page).text
    for record in records(RunStore(folder / "runs")).values():
        if record.status == "failed":
            assert record.address in text
            assert (record.error or "").strip().splitlines()[-1][:200] in text


def test_nothing_of_them_is_left(sweep: Starter, swept: tuple[Path, int, str]) -> None:
    folder, _, _ = swept
    assert list((folder / "runs").glob("*/.*")) == []
    workers = [p for p in sweep.alive() if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_run_that_never_lets_go_ends_with_its_killed_parent(
    sweep: Starter, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    (conf / "init").mkdir(parents=True)
    text = "name: bad\n_target_: schemes.Bad\nhow: hang without letting go\n"
    (conf / "init" / "bad.yaml").write_text(text)
    before = set(sweep.alive())
    pid = sweep.start(
        tmp_path, "-m", f"hydra.searchpath=[file://{conf}]", "experiment=width", "init=bad",
        "data=gaussian", "seed=0,1", "workers=2", "num_epochs=1", "hidden=[5]",
    )  # fmt: skip
    assert wait_until(lambda: len(_busy(set(sweep.alive()) - before)) == 2)
    os.kill(pid, 9)
    assert sweep.end() == -9
    assert wait_until(lambda: set(sweep.alive()) <= before), "orphans"


def _busy(pids: set[int]) -> list[int]:
    """Processes that have computed for a while without a pause in the last half second."""
    import time

    def spent(pid: int) -> int:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return -1
        return int(fields[11])

    def imported(pid: int) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    first = {pid: spent(pid) for pid in pids if imported(pid)}
    time.sleep(0.5)
    return [pid for pid, was in first.items() if was > 150 and spent(pid) > was]
