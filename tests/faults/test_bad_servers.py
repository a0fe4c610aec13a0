"""Mirrors that send anything but the file: it is verified before it is read, and never kept.

``tests/data/test_sources.py`` has the usual ones; here are those that are worse.
"""

import gzip
import hashlib
import http.server
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from study.data import Dataset, datasets, idx, load, sources
from study.errors import DataError

Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, no data at home, no proxy, little patience."""
    monkeypatch.setenv("STUDY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("STUDY_DATA_DIR", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(sources, "TIMEOUT", (1.0, 0.5))
    datasets._load_pinned.cache_clear()
    yield
    datasets._load_pinned.cache_clear()


def made(shift: int = 0) -> dict[str, bytes]:
    """The four files of a small data set, compressed as a mirror has them."""
    rng = np.random.default_rng(shift)
    return {
        role: gzip.compress(
            idx.encode(
                rng.integers(256, size=(6, 4, 3), dtype=np.uint8)
                if role.endswith("images")
                else (np.arange(6) % 3).astype(np.uint8)
            ),
            mtime=0,
        )
        for role in idx.ROLES
    }


RIGHT, WRONG = made(), made(1)
FILES = tuple(
    sources.PinnedFile(
        role,
        len(gzip.decompress(packed)),
        hashlib.sha256(gzip.decompress(packed)).hexdigest(),
        hashlib.sha256(packed).hexdigest(),
    )
    for role, packed in RIGHT.items()
)
ROLE = {f"{idx.file_name(role)}.gz": role for role in idx.ROLES}


# -- ways to answer


def respond(
    request: http.server.BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str
) -> None:
    request.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def right(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body)


def half_and_hangs_up(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])


def half_as_if_it_were_all(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body[: len(body) // 2])


def half_without_a_length(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])


def half_and_is_silent(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])
    request.wfile.flush()
    time.sleep(1.5)


def half_of_the_chunks(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    part = body[: len(body) // 2]
    request.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


def half_as_a_part(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body[: len(body) // 2], 206, Content_Range=f"bytes 0-9/{len(body)}")


def reset(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    linger = struct.pack("ii", 1, 0)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.connection.close()


def another_set(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, WRONG[ROLE[request.path.rpartition("/")[2]]])


def one_bit_wrong(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])


def the_same_compressed_otherwise(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, gzip.compress(gzip.decompress(body), 1, mtime=1))


def unpacked(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, gzip.decompress(body))


def with_an_encoding(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body, Content_Encoding="gzip")


def with_more_behind(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body + b"more")


def html(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, b"<!DOCTYPE html><title>Log in</title>", Content_Type="text/html")


def html_compressed(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, gzip.compress(b"<!DOCTYPE html><title>Log in</title>"))


def a_bomb(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, gzip.compress(bytes(50_000_000)))


def redirect_to_a_login(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    if "login" in request.path:
        html(request, body)
    else:
        respond(request, b"", 302, Location=f"/login/{request.path.rpartition('/')[2]}")


def redirect_to_a_file(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, b"", 302, Location="file:///etc/passwd")


def redirect_to_nowhere(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, b"", 302)


def redirect_for_ever(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, b"", 302, Location=request.path + "?")


def nothing(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.close_connection = True


def nothing_but_headers(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, b"")


def silence(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    time.sleep(1.5)


def not_http(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def unavailable(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body, 503)


def gone(request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    respond(request, body, 404)


BAD: list[Answer] = [
    half_and_hangs_up, half_as_if_it_were_all, half_without_a_length, half_and_is_silent,
    half_of_the_chunks, half_as_a_part, reset, another_set, one_bit_wrong,
    the_same_compressed_otherwise, unpacked, with_an_encoding, with_more_behind, html,
    html_compressed, a_bomb, redirect_to_a_login, redirect_to_a_file, redirect_to_nowhere,
    redirect_for_ever, nothing, nothing_but_headers, silence, not_http, unavailable, gone,
]  # fmt: skip


class Mirror:
    """A web server on this machine, and how it answers at present."""

    def __init__(self) -> None:
        mirror = self
        self.answer: Callable[[str], Answer] = lambda role: right

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                role = ROLE.get(self.path.rpartition("/")[2].rstrip("?"))
                if role is None:
                    respond(self, b"", 404)
                else:
                    mirror.answer(role)(self, RIGHT[role])

            def log_message(self, *args: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                pass  # who asked has hung up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/set/"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def mirrors() -> Iterator[tuple[Mirror, Mirror]]:
    both = Mirror(), Mirror()
    yield both
    for mirror in both:
        mirror.close()


@pytest.fixture
def pinned(mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch) -> sources.PinnedSet:
    """``data=mnist``, small, from those two mirrors."""
    for mirror in mirrors:
        mirror.answer = lambda role: right
    small = sources.PinnedSet(
        "mnist", FILES, sources.download, tuple(mirror.address for mirror in mirrors)
    )
    monkeypatch.setitem(datasets._PINNED, "mnist", small)
    return small


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was parsed."""
    seen: list[bytes] = []
    parse = idx.parse

    def noted(content: bytes, role: str, *, where: str) -> object:
        seen.append(content)
        return parse(content, role, where=where)

    monkeypatch.setattr(idx, "parse", noted)
    return seen


def kept(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` that is not an empty lock."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.endswith(".lock")}


GOOD_CACHE = {idx.file_name(role): gzip.decompress(packed) for role, packed in RIGHT.items()}


def assert_right(data: Dataset, read: list[bytes], folder: Path) -> None:
    assert data.checksum == datasets._combine([file.sha256 for file in FILES])
    assert set(read) <= set(GOOD_CACHE.values())
    assert kept(folder) == GOOD_CACHE


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_mirror_is_passed_over(
    mirrors: tuple[Mirror, Mirror],
    pinned: sources.PinnedSet,
    read: list[bytes],
    tmp_path: Path,
    bad: Answer,
) -> None:
    mirrors[0].answer = lambda role: bad
    assert_right(load("mnist"), read, tmp_path / "cache")


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_where_all_mirrors_are_bad_the_error_says_what_to_do_and_nothing_is_kept(
    mirrors: tuple[Mirror, Mirror],
    pinned: sources.PinnedSet,
    read: list[bytes],
    tmp_path: Path,
    bad: Answer,
) -> None:
    for mirror in mirrors:
        mirror.answer = lambda role: bad
    with pytest.raises(DataError) as caught:
        load("mnist")
    message = str(caught.value)
    for mirror in mirrors:
        assert f"{mirror.address}train-images-idx3-ubyte.gz" in message
    assert "STUDY_DATA_DIR=<folder>" in message
    assert "data=mnist5k" in message
    assert "root:" not in message  # of /etc/passwd
    assert read == []
    assert kept(tmp_path / "cache") == {}
    for mirror in mirrors:
        mirror.answer = lambda role: right
    assert_right(load("mnist"), read, tmp_path / "cache")


def test_mirrors_that_are_good_for_some_files_only_are_enough(
    mirrors: tuple[Mirror, Mirror],
    pinned: sources.PinnedSet,
    read: list[bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each file from one or the other, the other one bad in some way."""
    rng = np.random.default_rng(7)
    quick = [bad for bad in BAD if bad not in (silence, half_and_is_silent)]
    for _ in range(12):
        good_at = dict(zip(idx.ROLES, rng.integers(2, size=4), strict=True))
        ways = dict(zip(idx.ROLES, rng.choice(len(quick), size=4), strict=True))
        for number, mirror in enumerate(mirrors):
            mirror.answer = lambda role, number=number, good_at=good_at, ways=ways: (
                right if good_at[role] == number else quick[ways[role]]
            )
        folder = tmp_path / "cache"
        assert_right(load("mnist"), read, folder)
        for path in (folder / "mnist").iterdir():
            path.unlink()
        datasets._load_pinned.cache_clear()
    with capsys.disabled():
        print(f"\n{len(BAD)} kinds of bad answers, 12 mixtures of them", end=" ")
