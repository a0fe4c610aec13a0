"""A cache of its own for every test, a small data set with known hashes, and a local mirror."""

import gzip
import hashlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from study.data import Dataset, datasets, idx, load, sources
from study.errors import StudyError

REAL_DATA = os.environ.get("STUDY_DATA_DIR")


def forget() -> None:
    """What a fresh process knows: nothing."""
    for loader in (
        datasets._load_pinned,
        datasets._load_idx,
        datasets._idx_checksum,
        datasets._load_gaussian,
    ):
        loader.cache_clear()


@pytest.fixture(name="forget")
def forget_fixture() -> Callable[[], None]:
    return forget


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setenv("STUDY_CACHE_DIR", str(folder))
    monkeypatch.delenv("STUDY_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    forget()
    yield folder
    forget()


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """12 training and 6 test images of 4 × 3 pixels in three classes."""
    rng = np.random.default_rng(0)
    return {
        "train-images": rng.integers(256, size=(12, 4, 3), dtype=np.uint8),
        "train-labels": np.arange(12, dtype=np.uint8) % 3,
        "t10k-images": rng.integers(256, size=(6, 4, 3), dtype=np.uint8),
        "t10k-labels": np.arange(6, dtype=np.uint8) % 3,
    }


@pytest.fixture
def contents(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {role: idx.encode(array) for role, array in arrays.items()}


@pytest.fixture
def folder(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    """The small data set as a user keeps it, uncompressed."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for role, content in contents.items():
        (folder / idx.file_name(role)).write_bytes(content)
    return folder


@dataclass
class Mirror:
    """A web server on this machine; ``routes`` maps a path to how it is answered."""

    address: str
    routes: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]]
    requests: list[str] = field(default_factory=list)

    def serve(self, path: str, body: bytes, *, cut: int | None = None) -> None:
        """Answer with ``body``, or promise it and hang up after ``cut`` bytes."""

        def answer(request: http.server.BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body[:cut])

        self.routes[path] = answer

    def redirect(self, path: str, target: str) -> None:
        def answer(request: http.server.BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", target)
            request.end_headers()

        self.routes[path] = answer

    def serve_set(self, prefix: str, compressed: dict[str, bytes]) -> str:
        for role, body in compressed.items():
            self.serve(f"/{prefix}/{idx.file_name(role)}.gz", body)
        return f"{self.address}/{prefix}/"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.requests.append(self.path)
            if self.path in mirror.routes:
                mirror.routes[self.path](self)
            else:
                self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        mirror = Mirror(f"http://127.0.0.1:{server.server_port}", {})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mirror
        server.shutdown()
        thread.join()


@pytest.fixture
def compressed(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {role: gzip.compress(content, mtime=0) for role, content in contents.items()}


@pytest.fixture
def pinned(contents: dict[str, bytes], compressed: dict[str, bytes]) -> sources.PinnedSet:
    """The small data set, its hashes known in advance, without mirrors."""
    files = tuple(
        sources.PinnedFile(
            role,
            len(content),
            hashlib.sha256(content).hexdigest(),
            hashlib.sha256(compressed[role]).hexdigest(),
        )
        for role, content in contents.items()
    )
    return sources.PinnedSet("small", files, sources.download)


@pytest.fixture
def on(pinned: sources.PinnedSet) -> Callable[..., sources.PinnedSet]:
    """The small data set with the given mirrors."""
    return lambda *mirrors: replace(pinned, mirrors=mirrors)


@pytest.fixture
def real_mnist(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The canonical MNIST from ``STUDY_DATA_DIR``."""
    if not REAL_DATA:
        pytest.skip("STUDY_DATA_DIR is not set: no real MNIST to test with")
    monkeypatch.setenv("STUDY_DATA_DIR", REAL_DATA)
    try:
        return load("mnist")
    except StudyError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"STUDY_DATA_DIR cannot be used: {error}")
