import logging
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from study.data import cache


def test_folder_is_the_environments_else_the_platforms(cache_dir, monkeypatch):
    assert cache.folder() == cache_dir
    monkeypatch.delenv("STUDY_CACHE_DIR")
    assert cache.folder() == Path(platformdirs.user_cache_dir("study"))


def test_published_files_replace_older_ones_and_leave_nothing_else(cache_dir):
    for content in (b"old", b"new"):
        assert cache.publish(cache_dir / "set" / "file", content)
    assert [path.name for path in (cache_dir / "set").iterdir()] == ["file"]
    assert (cache_dir / "set" / "file").read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_publishing_keeps_the_old_file(cache_dir, monkeypatch, error):
    path = cache_dir / "file"
    cache.publish(path, b"old")

    def fail(self, target):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    try:
        published = cache.publish(path, b"new")
    except KeyboardInterrupt:
        published = False
    assert not published
    assert path.read_bytes() == b"old"
    assert [path.name for path in cache_dir.iterdir()] == ["file"]


def test_unwritable_folder_is_a_warning_once(tmp_path, monkeypatch, caplog):
    # A file in the way stops even a superuser, whom permissions do not.
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        for name in ("one", "two"):
            assert not cache.publish(cache.folder() / name, b"content")
    (message,) = caplog.messages
    assert "working without the cache" in message
    assert "STUDY_CACHE_DIR" in message


def test_lock_goes_ahead_where_the_cache_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    entered = False
    with cache.lock("work"):
        entered = True
    assert entered


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks are used on Windows")
def test_lock_keeps_other_processes_out_until_it_is_released(cache_dir):
    probe = (
        "import fcntl, sys\n"
        "try: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('held')\n"
        "else: print('free')\n"
    )

    def state() -> str:
        command = [sys.executable, "-c", probe, str(cache_dir / "work.lock")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with cache.lock("work"):
        assert state() == "held"
    assert state() == "free"
