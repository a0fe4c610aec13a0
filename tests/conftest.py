"""Less work for all tests."""

import gc


def pytest_collection_finish() -> None:
    """What has been imported by now stays: the garbage collector need not look through it."""
    gc.collect()
    gc.freeze()
