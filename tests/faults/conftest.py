"""A tiny study that is swept in a second, and a starter of sweeps."""

from collections.abc import Iterator

import pytest
from starter import Starter, own_chapter

TINY = """\
experiments:
  tiny:
    fixed: {hidden: [8], num_epochs: 3, evaluation.points: 3, evaluation.test_samples: 200}
    axes:
      init: [he, xavier]
      seed: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The words of a sweep of 20 runs that no figure wants: its report takes no time."""
    known = own_chapter(tmp_path_factory.mktemp("conf"), TINY)
    words = (known, "experiment=tiny", "report.name=tiny")
    return ("-m", *words, "data=gaussian", "workers=2")


@pytest.fixture(scope="module")
def sweep() -> Iterator[Starter]:
    """Starts the command; nothing of it outlives the module."""
    starter = Starter()
    yield starter
    starter.close()
