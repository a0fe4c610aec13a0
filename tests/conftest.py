"""Less work for all tests."""

import gc
import os

import pytest


def pytest_collection_finish() -> None:
    """What has been imported by now stays: the garbage collector need not look through it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: a quarter of the time tests wait for what they started."""
    return (os.cpu_count() or 1) + 1
