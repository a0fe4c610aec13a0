"""The IDX file format of MNIST: finding, reading, checking and writing its four files.

An IDX file is a magic number (two zero bytes, the element type, the number of axes), one
big-endian 32-bit length per axis, and then the elements in C order; here they are always unsigned
bytes. Source: http://yann.lecun.com/exdb/mnist/, "File formats".

Nothing in a file is believed before it is checked: what is read is bounded by what the file may
hold, so that neither a compressed bomb nor a lying header can fill the memory.
"""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from study.errors import DataError

ROLES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
"""The four files of a data set, in the order used throughout this package."""

AXES = {"images": 3, "labels": 1}

MAX_BYTES = 1 << 30
"""The largest file of an unknown data set; the largest of EMNIST's has 0.51 GiB."""

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_FILE_NAME = re.compile(
    r"(?P<prefix>.+-)?(?P<part>train|t10k|test)-(?P<kind>images|labels)"
    r"[-.]idx(?P<axes>[13])-ubyte(\.gz)?"
)


def file_name(role: str) -> str:
    """The canonical name, e.g. ``train-images-idx3-ubyte`` for the role ``train-images``."""
    return f"{role}-idx{axes_of(role)}-ubyte"


def axes_of(role: str) -> int:
    """How many axes the array of a role has: 3 for images, 1 for labels."""
    return AXES[role.rpartition("-")[2]]


def find(folder: Path, *, prefixed: bool = False) -> dict[str, Path] | None:
    """The four files in ``folder`` by role, or None where there is none of them.

    Accepts ``train-images-idx3-ubyte`` and ``train-images.idx3-ubyte``, each with or without
    ``.gz`` (uncompressed wins), and ``test`` for ``t10k``; with ``prefixed`` also one common
    prefix such as EMNIST's ``emnist-digits-``.

    Raises:
        DataError: only some of the four are there, or several prefixes are, or the folder cannot
            be listed.
    """
    sets: dict[str, dict[str, Path]] = {}
    try:
        # Sorted, "…-ubyte" comes before "…-ubyte.gz".
        for path in sorted(folder.iterdir()):
            match = _FILE_NAME.fullmatch(path.name)
            if match and path.is_file() and int(match["axes"]) == AXES[match["kind"]]:
                part = "train" if match["part"] == "train" else "t10k"
                sets.setdefault(match["prefix"] or "", {}).setdefault(
                    f"{part}-{match['kind']}", path
                )
    except OSError as error:
        raise DataError(
            f"{folder}: expected a readable folder, found {error.strerror or error}"
        ) from error
    if "" not in sets and not (prefixed and sets):
        return None
    if "" not in sets and len(sets) > 1:
        raise DataError(
            f"{folder}: expected the files of one data set, found those of "
            f"{', '.join(name.rstrip('-') for name in sets)}. Put one set in a folder of its own."
        )
    prefix, files = ("", sets[""]) if "" in sets else next(iter(sets.items()))
    if missing := [prefix + file_name(role) for role in ROLES if role not in files]:
        raise DataError(
            f"{folder}: expected the four IDX files (gzipped or not), found only "
            f"{', '.join(path.name for path in files.values())}. Add {', '.join(missing)}."
        )
    return {role: files[role] for role in ROLES}


def is_gzip(path: Path) -> bool:
    """Whether the content is gzip, whatever the name says (browsers strip one, not the other)."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def read(path: Path, limit: int) -> bytes:
    """The uncompressed content of a file, cut off after ``limit + 1`` bytes.

    The one byte more lets the caller see that there is too much.

    Raises:
        DataError: unreadable, or a truncated or damaged gzip stream.
    """
    with _opened(path) as stream:
        return stream.read(limit + 1)


def read_declared(path: Path, role: str) -> bytes:
    """Like :func:`read`, the limit taken from the file's own header after it is checked."""
    with _opened(path) as stream:
        header = stream.read(4 + 4 * axes_of(role))
        shape = _shape(header, role, where=str(path))
        return header + stream.read(math.prod(shape) + 1)


def parse(content: bytes, role: str, *, where: str) -> NDArray[np.uint8]:
    """The array in an IDX file.

    Args:
        content: the whole file, uncompressed.
        role: one of :data:`ROLES`; decides which magic number is right.
        where: how messages name the file.

    Returns:
        uint8, read-only: (n, height, width) for images, (n,) for labels; no axis is empty.

    Raises:
        DataError: wrong magic number, an empty axis, more than :data:`MAX_BYTES`, or a size other
            than the header's.
    """
    shape = _shape(content, role, where=where)
    offset = 4 + 4 * len(shape)
    expected = offset + math.prod(shape)
    if len(content) != expected:
        found = f"{len(content):,}" if len(content) < expected else f"at least {len(content):,}"
        raise DataError(
            f"{where}: expected {expected:,} bytes for shape {shape}, found {found}. "
            "The file is damaged; fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=offset).reshape(shape)


def encode(array: NDArray[np.uint8]) -> bytes:
    """The IDX file of a uint8 array; the inverse of :func:`parse`."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def looks_like(content: bytes) -> str:
    """What a file with wrong content seems to be, for an error message."""
    if content.lstrip()[:1] == b"<":
        return "an HTML page"
    return f"{content[:4]!r}…" if content else "an empty file"


def _shape(content: bytes, role: str, *, where: str) -> tuple[int, ...]:
    axes = axes_of(role)
    magic = bytes([0, 0, _UNSIGNED_BYTE, axes])
    if content[:4] != magic:
        raise DataError(
            f"{where}: expected IDX {role} with the magic number {int.from_bytes(magic, 'big')}, "
            f"found {int.from_bytes(content[:4], 'big')} (the file is {looks_like(content)}). "
            "Replace the file."
        )
    if len(content) < 4 + 4 * axes:
        raise DataError(
            f"{where}: expected a header of {4 + 4 * axes} bytes, found {len(content)} bytes. "
            "The file is truncated; fetch it again."
        )
    shape: tuple[int, ...] = struct.unpack_from(f">{axes}I", content, 4)
    if 0 in shape or math.prod(shape) > MAX_BYTES:
        raise DataError(
            f"{where}: expected a shape with 1 to {MAX_BYTES:,} elements, found {shape}. "
            "Replace the file."
        )
    return shape


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile | BinaryIO]:
    try:
        if is_gzip(path):
            with gzip.open(path) as stream:
                yield stream
        else:
            with path.open("rb") as plain:
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: expected a complete gzip file, found a truncated or damaged one of "
            f"{path.stat().st_size:,} bytes ({error}). Fetch the file again."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: expected a readable file, found {error.strerror or error}"
        ) from error
