"""Small data sets in MNIST's format."""

from pathlib import Path

import numpy as np

from study.data import idx


def write_set(folder: Path, seed: int = 0, train: int = 40, test: int = 20) -> Path:
    """A folder with the four files: images of 3 × 2 pixels in ten classes."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for part, n in (("train", train), ("t10k", test)):
        images = rng.integers(256, size=(n, 3, 2), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        for kind, array in (("images", images), ("labels", labels)):
            role = f"{part}-{kind}"
            (folder / idx.file_name(role)).write_bytes(idx.encode(array))
    return folder
