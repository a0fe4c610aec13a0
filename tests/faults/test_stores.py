"""Whatever happens to a store: it is named, and either done again or refused with what to do."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from starter import UNSHARE, Starter, wait_until
from sweeping import assert_same_tables, good, left_over, records

from study.records import compaction
from study.records.segment import file_name
from study.records.store import RunStore
from study.report.__main__ import main as report

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="mounts, and looks into /proc"),
    pytest.mark.xdist_group("stores"),
]
RUNS = 20
TURNS = 3


@pytest.fixture(scope="module")
def sweep() -> Iterator[Starter]:
    """Starts the command where its mounts are its own."""
    starter = Starter(*UNSHARE)
    yield starter
    starter.close()


@pytest.fixture(scope="module")
def finished(
    sweep: Starter, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Where a sweep that nothing happened to has run."""
    folder = tmp_path_factory.mktemp("finished")
    assert sweep(folder, *tiny) == 0, said(folder)
    assert len(good(RunStore(folder / "runs"))) == RUNS
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to do something to."""
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / "output").unlink()
    return tmp_path / "copy"


def said(folder: Path) -> str:
    """What the commands in ``folder`` have printed since the last look; never a traceback."""
    path = folder / "output"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    assert "Traceback" not in text, text
    return text


def table(output: str) -> str:
    """The line of outcomes."""
    found = re.search(r"^\d+ completed, \d+ diverged, \d+ failed.*$", output, re.MULTILINE)
    assert found, output
    return found[0]


# -- two at once


def test_two_sweeps_at_once_share_a_store(
    sweep: Starter, tiny: tuple[str, ...], finished: Path, tmp_path: Path
) -> None:
    other = Starter()
    try:
        for turn in range(TURNS):
            folder = tmp_path / str(turn)
            folder.mkdir()
            sweep.start(folder, *tiny)
            # the second time they also differ in what they want: half of it is the same
            narrowed = ("seed=5,6,7,8,9,10,11,12", "report.name=other") if turn % 2 else ()
            code = other(folder, *tiny[: 4 if narrowed else None], *narrowed, "data=gaussian")
            assert (sweep.end(), code) == (0, 0), said(folder)
            said(folder)
            store = RunStore(folder / "runs")
            expected = good(RunStore(finished / "runs"))
            found = good(store)
            assert expected.items() <= found.items()
            assert len(found) == RUNS + (6 if turn % 2 else 0)
            assert left_over(folder) == []
    finally:
        other.close()


# -- disks


@contextmanager
def mounted(sweep: Starter, where: Path, *how: str) -> Iterator[Path]:
    """Mount something on ``where`` for the commands of ``sweep``; yields it as they see it."""
    sweep.within("mount", *how, str(where))
    yield sweep.inside(where)
    sweep.within("umount", str(where))


@contextmanager
def read_only(sweep: Starter, where: Path) -> Iterator[Path]:
    """``where`` read-only for the commands of ``sweep``, also for a superuser's."""
    sweep.within("mount", "--bind", str(where), str(where))
    with mounted(sweep, where, "-o", "remount,bind,ro") as inside:
        yield inside


@contextmanager
def disk(sweep: Starter, where: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of its own on ``where`` for the commands of ``sweep``."""
    with mounted(sweep, where, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs") as inside:
        yield inside


def test_a_read_only_store_is_refused_before_anything_runs(
    sweep: Starter, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    with read_only(sweep, tmp_path / "runs"):
        for words in (tiny, ("data=gaussian", "hidden=[4]", "num_epochs=1")):
            assert sweep(tmp_path, *words) == 1
            (line,) = said(tmp_path).splitlines()
            assert line == (
                "store=runs: cannot write there (Read-only file system); "
                "choose another folder with store=…"
            )
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_read_only_store_can_be_read(
    sweep: Starter, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(sweep, folder / "runs") as store:
        with pytest.raises(OSError, match="Read-only"):
            (store / "x").touch()
        assert report(["--store", str(store), "--folder", str(folder / "again")]) == 0
        one = next(iter(records(RunStore(folder / "runs")).values()))
        words = ("hidden=[8]", "num_epochs=3", "evaluation.points=3", "data=gaussian",
                 f"init={one.config['init']['name']}", f"seed={one.config['seed']}",
                 "evaluation.test_samples=200")  # fmt: skip
        assert sweep(folder, *words) == 0
        assert "already stored: runs/" in said(folder)
    assert (folder / "again" / "tiny" / "index.html").exists()
    assert "left out" not in capsys.readouterr().err


def test_a_read_only_folder_of_reports_costs_the_report_only(
    sweep: Starter, tiny: tuple[str, ...], folder: Path
) -> None:
    shutil.rmtree(folder / "reports" / "tiny")
    with read_only(sweep, folder / "reports"):
        assert sweep(folder, *tiny) == 1
    assert len(good(RunStore(folder / "runs"))) == RUNS
    output = said(folder)
    assert f"{RUNS} completed, 0 diverged, 0 failed" in output
    assert re.search(r"the report was not written: reports/tiny.*Read-only file system", output)


@pytest.mark.parametrize("kilobytes", [4, 64])
def test_a_full_disk_costs_only_what_does_not_fit(
    sweep: Starter, tiny: tuple[str, ...], finished: Path, tmp_path: Path, kilobytes: int
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with disk(sweep, runs, kilobytes) as inside:
        assert sweep(tmp_path, *tiny) == 1
        store = RunStore(inside)
        found, expected = good(store), good(RunStore(finished / "runs"))
        output = said(tmp_path)
        assert found.items() <= expected.items()
        assert len(found) < RUNS
        if found:
            missing = RUNS - len(found)
            assert f"{len(found)} completed, 0 diverged, 0 failed, {missing} missing" in output
            assert output.count("not stored: ") == min(missing, 5) + (missing > 5)
        assert re.search(r"runs/.*cannot be written \(No space left on device\)", output)
        assert left_over(store.folder) == []

        sweep.within("mount", "-o", "remount,size=4m", str(runs))
        assert sweep(tmp_path, *tiny) == 0
        assert f"{len(found)} stored, {RUNS - len(found)} to run" in said(tmp_path)
        assert_same_tables(RunStore(finished / "runs"), store)


def test_a_full_disk_leaves_the_old_report(
    sweep: Starter, tiny: tuple[str, ...], folder: Path
) -> None:
    page = folder / "reports" / "tiny" / "index.html"
    before = page.read_bytes()
    size = len(before) // 1024 * 3 // 2 + 8
    with disk(sweep, folder / "reports", size) as reports:
        inside = reports / "tiny" / "index.html"
        inside.parent.mkdir()
        inside.write_bytes(before)
        assert sweep(folder, *tiny) == 1
        assert inside.read_bytes() == before
        assert left_over(reports) == []
    assert re.search(r"the report was not written: .*No space left on device", said(folder))


# -- moved


def test_a_store_that_was_moved_is_whole(
    sweep: Starter, tiny: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "archive" / "of 2025"
    elsewhere.parent.mkdir()
    (folder / "runs").rename(elsewhere)
    before = {path: path.stat().st_mtime_ns for path in elsewhere.glob("??/*")}
    assert sweep(folder, *tiny, f"store='{elsewhere}'") == 0
    assert f"{RUNS} stored" in said(folder)
    assert {path: path.stat().st_mtime_ns for path in elsewhere.glob("??/*")} == before
    assert not (folder / "runs").exists()
    assert report(["--store", str(elsewhere), "--folder", str(tmp_path / "again")]) == 0


def test_a_store_that_is_moved_while_a_sweep_fills_it_is_missed(
    sweep: Starter, tiny: tuple[str, ...], finished: Path, tmp_path: Path
) -> None:
    words = (*tiny, "num_epochs=150")
    sweep.start(tmp_path, *words)
    runs, moved = tmp_path / "runs", tmp_path / "moved"
    assert wait_until(lambda: len(list(runs.glob("??/*.json"))) >= 2)
    runs.rename(moved)
    assert sweep.end() == 1
    gone, rest = good(RunStore(moved)), good(RunStore(runs))
    assert gone
    assert re.search(rf"{len(rest)} completed, .*, {RUNS - len(rest)} missing", said(tmp_path))
    assert sweep(tmp_path, *words) == 0
    assert f"{len(rest)} stored, {RUNS - len(rest)} to run" in said(tmp_path)
    assert gone.items() <= good(RunStore(runs)).items()


# -- compacted


@pytest.fixture
def compacted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of the finished sweep, all its records in one segment."""
    monkeypatch.setattr(compaction, "SEEN_SECONDS", 0.0)
    assert compaction.compact(RunStore(folder / "runs"), many=1) == RUNS
    assert list((folder / "runs").glob("??/*.json")) == []
    return folder


def test_a_compacted_store_is_whole_also_moved_and_read_only(
    sweep: Starter, tiny: tuple[str, ...], finished: Path, compacted: Path, tmp_path: Path
) -> None:
    assert sweep(compacted, *tiny) == 0
    assert f"{RUNS} stored" in said(compacted)
    assert_same_tables(RunStore(finished / "runs"), RunStore(compacted / "runs"))
    (compacted / "runs").rename(tmp_path / "archive")
    with read_only(sweep, tmp_path / "archive") as store:
        assert report(["--store", str(store), "--folder", str(tmp_path / "again")]) == 0
    page = tmp_path / "again" / "tiny" / "index.html"
    assert page.read_bytes() == (finished / "reports" / "tiny" / "index.html").read_bytes()


def test_a_single_run_says_which_segment_it_is_in(sweep: Starter, compacted: Path) -> None:
    one = next(iter(records(RunStore(compacted / "runs")).values()))
    words = ("hidden=[8]", "num_epochs=3", "evaluation.points=3", "data=gaussian",
             f"init={one.config['init']['name']}", f"seed={one.config['seed']}",
             "evaluation.test_samples=200")  # fmt: skip
    assert sweep(compacted, *words) == 0
    assert "already stored: runs/compact/" in said(compacted)


@pytest.mark.parametrize("damage", ["cut", "one_bit_flipped", "emptied", "a_pipe", "a_link_out"])
def test_whatever_is_done_to_a_segment_it_is_named_and_its_runs_are_run_again(
    sweep: Starter,
    tiny: tuple[str, ...],
    finished: Path,
    compacted: Path,
    capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:
    (path,) = (compacted / "runs" / "compact").iterdir()
    globals()[damage](path, random.Random(damage))
    words = ["--store", str(compacted / "runs"), "--folder", str(compacted / "again")]
    assert report(words) == 1  # there is nothing left to report
    assert re.search(rf"left out: .*{path.name}", capsys.readouterr().err)
    assert sweep(compacted, *tiny) == 0
    output = said(compacted)
    assert f"0 stored, {RUNS} to run ({RUNS} new)" in output
    assert re.search(rf"run again: .*{path.name}", output)
    assert len(list((compacted / "runs").glob("??/*.json"))) == RUNS
    path.unlink()
    assert_same_tables(RunStore(finished / "runs"), RunStore(compacted / "runs"))


def test_a_newer_versions_segment_is_left_alone(
    sweep: Starter, tiny: tuple[str, ...], compacted: Path
) -> None:
    (path,) = (compacted / "runs" / "compact").iterdir()
    table = pq.read_table(path).replace_schema_metadata({b"study layout": b"2"})
    pq.write_table(table, path)
    newer = path.rename(path.with_name(file_name(path.read_bytes())))
    assert sweep(compacted, *tiny) == 1
    (line,) = said(compacted).splitlines()
    assert newer.name in line
    assert "use the newer version that wrote it, or another folder with store=…" in line


# -- records that were changed


def rewritten(path: Path, **changes: object) -> None:
    """Change a record and give it the checksum of what it is now."""
    import hashlib

    body = json.dumps(json.loads(path.read_text())["record"] | changes)
    checksum = hashlib.sha256(body.encode()).hexdigest()
    path.write_text(f'{{"checksum": "{checksum}", "record": {body}}}')


def cut(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(1, path.stat().st_size)])


def emptied(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def one_bit_flipped(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))


def zeros_in_it(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    at = rng.randrange(len(content))
    path.write_bytes(content[:at] + bytes(len(content) - at))


def older(path: Path, rng: random.Random) -> None:
    rewritten(path, schema=0)


def without_a_schema(path: Path, rng: random.Random) -> None:
    rewritten(path, schema=None)


def better_than_it_was(path: Path, rng: random.Random) -> None:
    text = path.read_text()
    assert text.count('"test_accuracy": 0.') == 1
    path.write_text(text.replace('"test_accuracy": 0.', '"test_accuracy": 1.'))


def somebody_elses(path: Path, rng: random.Random) -> None:
    others = [other for other in path.parents[1].glob("??/*.json") if other != path]
    path.write_bytes(rng.choice(others).read_bytes())


def a_pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_out(path: Path, rng: random.Random) -> None:
    """To the very record: what is outside does not belong to the store."""
    outside = path.parents[2] / path.name
    path.rename(outside)
    path.symlink_to(outside)


def an_endless_link(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGES: list[Callable[[Path, random.Random], None]] = [
    cut, emptied, one_bit_flipped, zeros_in_it, older, without_a_schema, better_than_it_was,
    somebody_elses, a_pipe, a_link_out, an_endless_link,
]  # fmt: skip


def test_whatever_is_done_to_a_record_it_is_named_and_run_again(
    sweep: Starter,
    tiny: tuple[str, ...],
    finished: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(6)
    store = RunStore(folder / "runs")
    rounds = 3
    for _ in range(rounds):
        damaged = rng.sample(sorted(store.folder.glob("??/*.json")), len(DAMAGES))
        sound = dict(good(store))
        for damage, path in zip(DAMAGES, damaged, strict=True):
            damage(path, rng)
            sound.pop(path.stem)

        # the report without a sweep: what cannot be read is named, and missing in it
        assert report(["--store", str(store.folder), "--folder", str(folder / "again")]) == 1
        error = capsys.readouterr().err.replace("\n", "")
        for path in damaged:
            assert re.search(rf"left out: .*{path.stem}", error), (path, error)
        page = (folder / "again" / "tiny" / "index.html").read_text(encoding="utf-8")
        assert f"{RUNS - len(damaged)} completed" in page
        assert f"{len(damaged)} missing" in page

        assert sweep(folder, *tiny) == 0
        output = said(folder)
        assert (
            f"{len(sound)} stored, {len(damaged)} to run "
            f"(2 older schema, {len(damaged) - 2} record damaged)"
        ) in output
        for path in damaged:
            assert path.is_file()
            assert not path.is_symlink()
        assert_same_tables(RunStore(finished / "runs"), store)
        for outside in folder.glob("*.json"):  # nothing was written to where a link led
            outside.unlink()
    with capsys.disabled():
        print(f"\n{rounds * len(DAMAGES)} records changed in {len(DAMAGES)} ways", end=" ")


def test_a_sweep_names_the_records_it_cannot_use(
    sweep: Starter, tiny: tuple[str, ...], folder: Path
) -> None:
    path = sorted((folder / "runs").glob("??/*.json"))[7]
    emptied(path, random.Random(0))
    assert sweep(folder, *tiny) == 0
    assert path.stem in said(folder)


def test_a_newer_versions_record_is_left_alone(
    sweep: Starter, tiny: tuple[str, ...], folder: Path
) -> None:
    store = RunStore(folder / "runs")
    path = store.path(next(store.addresses()))
    rewritten(path, schema=2)
    before = path.read_bytes()
    assert sweep(folder, *tiny) == 1
    (line,) = said(folder).splitlines()
    assert str(path.relative_to(folder)) in line
    assert "use the newer version that wrote it, or another folder with store=…" in line
    assert path.read_bytes() == before
    assert sweep(folder, *tiny, "store=other") == 0


@pytest.mark.parametrize("shard", ["link", "file"])
def test_a_shard_that_leads_elsewhere_is_not_written_to(
    sweep: Starter, tiny: tuple[str, ...], folder: Path, tmp_path: Path, shard: str
) -> None:
    store = RunStore(folder / "runs")
    path = store.path(next(store.addresses()))
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(path.parent)
    path.parent.symlink_to(outside) if shard == "link" else path.parent.write_text("x")
    assert sweep(folder, *tiny) == 1
    output = said(folder)
    assert re.search(rf"not stored: .*{path.parent.name}", output)
    assert re.search(r"completed, 0 diverged, 0 failed, \d missing", output)
    assert list(outside.iterdir()) == []


def test_a_record_that_may_not_be_read_is_named(
    sweep: Starter, tiny: tuple[str, ...], folder: Path
) -> None:
    """As another user: a superuser reads everything."""
    store = RunStore(folder / "runs")
    path = store.path(next(store.addresses()))
    path.chmod(0)
    code = (
        "import sys; from study.records.store import RunStore\n"
        "try: RunStore(sys.argv[1]).read(sys.argv[2])\n"
        "except Exception as error: print(type(error).__name__, error.reason, error)"
    )
    words = [sys.executable, "-c", code, str(store.folder), path.stem]
    if os.geteuid() == 0:
        for part in (*path.parents, *store.folder.glob("??")):
            if "pytest" in str(part):
                part.chmod(0o755)
        words = ["setpriv", "--reuid=65534", "--clear-groups", *words]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.startswith(f"RecordError record unreadable {path}: cannot be read"), done
    assert sweep(folder, *tiny) == 0
    assert_same_tables(store, RunStore(folder / "runs"))
