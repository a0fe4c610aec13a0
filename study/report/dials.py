"""The live figures of the page: scripts and styles of ``templates/dials``, and the images of one.

Those of a lecture's section compute in the reader's browser, with a network of their own
(``network.js``). The one that trains carries its images in the page. They are in the repository, so
that a report needs no data set; this made them from ``data=mnist5k``::

    python -m study.report.dials
"""

import base64
import functools
import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study import data
from study.data import Split
from study.data.subsets import stratified
from study.network.streams import RngStreams
from study.paths import templates_folder

SCRIPTS = ("network.js", "parts.js", "initial_values.js", "overfitting.js")
NARROWING = ("parts.js", "settings.js")  # of specification curves
IMAGES = 300  # to train on, and as many to test with
SEED = 0
PACKED = "images.gz"


def folder() -> Path:
    """Where everything of the live figures is."""
    return templates_folder() / "dials"


def style() -> str:
    """Their rules, to follow those of the page."""
    return (folder() / "dials.css").read_text(encoding="utf-8")


def script(names: Iterable[str] = SCRIPTS) -> str:
    """Their code, to precede the page's own, whose functions it calls once the page is there.

    Args:
        names: the files, each of which counts once.
    """
    files = dict.fromkeys(names)
    return "".join((folder() / name).read_text(encoding="utf-8") for name in files)


@functools.cache
def digits() -> str:
    """The packed images (``pack``) in Base64."""
    return base64.b64encode((folder() / PACKED).read_bytes()).decode()


def choose() -> tuple[Split, Split]:
    """300 training images of ``mnist5k``, those of a run with ``train_size=300 seed=0``, and 300
    of its test images: 30 of each digit.
    """
    every = data.load("mnist5k")
    train = stratified(every.train.labels, IMAGES, RngStreams.from_seed(SEED).subset)
    test = stratified(every.test.labels, IMAGES, RngStreams.from_seed(SEED).probe)
    return every.train.take(train), every.test.take(test)


def pack(*splits: Split) -> bytes:
    """Samples one after the other, compressed by gzip: a byte for the label, one for each pixel.

    Args:
        splits: with pixels that are multiples of 1/255.
    """
    rows = [np.column_stack([split.labels, np.rint(split.images * 255)]) for split in splits]
    return gzip.compress(np.concatenate(rows).astype(np.uint8).tobytes(), mtime=0)


def unpack(packed: bytes, pixels: int = 784) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The labels, shape ``(n,)``, and pixels, shape ``(n, pixels)``, that ``pack`` packed."""
    rows = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(-1, 1 + pixels)
    return rows[:, 0], rows[:, 1:]


if __name__ == "__main__":
    (folder() / PACKED).write_bytes(pack(*choose()))
