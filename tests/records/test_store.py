"""The store loses nothing, writes nowhere else and says what is wrong with a file."""

import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders_records import config, record

from study.errors import StoreError
from study.records import store as store_module
from study.records.store import ABANDONED_SECONDS, RunStore, write_atomically


def test_a_record_is_found_by_its_address(store: RunStore) -> None:
    given = record()
    path = store.write(given)
    assert path == store.folder / given.address[:2] / f"{given.address}.json"
    found = store.read(given.address)
    assert found is not None
    assert found.result_digest() == given.result_digest()
    assert list(store.addresses()) == [given.address]


def test_where_there_is_nothing_nothing_is_found(store: RunStore) -> None:
    assert store.read(config().address) is None
    assert list(store.addresses()) == []
    assert not store.folder.exists()


def test_a_record_is_replaced(store: RunStore) -> None:
    store.write(record())
    store.write(record(status="diverged"))
    found = store.read(config().address)
    assert found is not None
    assert found.status == "diverged"
    assert len(list(store.folder.rglob("*"))) == 2


@pytest.mark.parametrize(
    "address",
    ["", "..", "../" * 7, "/etc/passwd", "a" * 19, "a" * 21, "A" * 20, "g" * 20, "a" * 20 + "\n",
     "aa/../../aaaaaaaaaaaa", "\x00" * 20],
)  # fmt: skip
def test_no_address_leads_out_of_the_store(store: RunStore, address: str) -> None:
    with pytest.raises(StoreError, match="not a run address"):
        store.path(address)
    with pytest.raises(StoreError, match="not a run address"):
        store.read(address)
    with pytest.raises(StoreError, match="not a run address"):
        store.write(record(address=address))
    assert not store.folder.exists()


def test_other_files_are_no_records(store: RunStore) -> None:
    path = store.write(record())
    for other in ("notes.json", f".{path.stem}.abc.tmp", f"{path.stem}.json.orig"):
        (path.parent / other).write_text("x")
    (store.folder / "plans").mkdir()
    (store.folder / "plans" / f"{path.stem}.json").write_text("x")
    wrong = store.folder / "zz"
    wrong.mkdir()
    (wrong / path.name).write_text("x")
    assert list(store.addresses()) == [path.stem]


@pytest.mark.parametrize("where", ["folder", "shard"])
def test_a_store_that_cannot_be_written_is_an_error_that_names_it(
    store: RunStore, where: str
) -> None:
    address = config().address
    if where == "folder":  # a file is in the way, which stops root, too
        store.folder.write_text("")
        with pytest.raises(StoreError, match=f"store={store.folder}.*another folder"):
            store.check_writable()
    else:
        store.check_writable()
        (store.folder / address[:2]).write_text("")
    with pytest.raises(StoreError, match=f"{address}.*cannot be written"):
        store.write(record())
    with pytest.raises(StoreError, match=f"{address}.*cannot be read"):
        store.read(address)


def test_a_folder_in_a_records_place_is_an_error_that_names_it(store: RunStore) -> None:
    path = store.path(config().address)
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match=str(path)):
        store.read(config().address)
    with pytest.raises(StoreError, match=str(path)):
        store.write(record())
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_record(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.write(record())
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.write(record(status="diverged"))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_crash_in_the_middle_leaves_the_old_record_and_a_file_that_nobody_reads(
    store: RunStore,
) -> None:
    path = store.write(record())
    before = path.read_bytes()
    code = (
        "import os, sys; from pathlib import Path; from study.records.store import *;"
        "Path.replace = lambda *a: os._exit(9);"
        "write_atomically(Path(sys.argv[1]), 'half a record')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == 9
    assert path.read_bytes() == before
    assert list(store.addresses()) == [path.stem]
    assert len(list(path.parent.iterdir())) == 2


def test_only_what_is_abandoned_is_removed(store: RunStore) -> None:
    path = store.write(record())
    old, free, held = (path.with_name(f".{path.stem}.{word}.tmp") for word in "abc")
    kept = path.with_name("notes.tmp")
    for file in (old, free, held, kept):
        file.write_text("x")
    past = time.time() - ABANDONED_SECONDS - 60
    for file in (old, kept, path):
        os.utime(file, (past, past))
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert store.remove_abandoned() == 2
        assert set(path.parent.iterdir()) == {path, held, kept}
    assert store.write(record()) == path  # the next writer of the file removes it
    assert set(path.parent.iterdir()) == {path, kept}


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    """A report on a web server, a store of a group: the user's umask decides, nothing else."""
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "page.html", "hello")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o644


def test_readers_see_the_old_text_or_the_new(tmp_path: Path) -> None:
    """Two writers and a reader at once."""
    path = tmp_path / "text"
    write_atomically(path, "0" * 100_000)
    code = (
        "import sys; from pathlib import Path; from study.records.store import write_atomically\n"
        "for _ in range(150): write_atomically(Path(sys.argv[1]), sys.argv[2] * 100_000)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), c]) for c in "12"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        seen.add((text[0], len(text), len(set(text))))
    assert {writer.returncode for writer in writers} == {0}
    assert seen <= {("0", 100_000, 1), ("1", 100_000, 1), ("2", 100_000, 1)}
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_in_the_store_knows_pickle() -> None:
    source = Path(store_module.__file__).parent
    for file in source.glob("*.py"):
        assert "pickle" not in file.read_text(encoding="utf-8")
