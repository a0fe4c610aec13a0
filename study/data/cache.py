"""The user's cache folder: files that can be made again, shared by processes that run at once.

Files appear whole or not at all (written aside, then renamed), and whoever reads one checks its
hash, so nothing here has to be trusted. A folder that cannot be written costs time, never a run.
"""

import contextlib
import functools
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)


def folder() -> Path:
    """``STUDY_CACHE_DIR``, else the platform's cache folder for *study*; it need not exist."""
    chosen = os.environ.get("STUDY_CACHE_DIR") or platformdirs.user_cache_dir("study")
    return Path(chosen).expanduser().absolute()


def publish(path: Path, content: bytes) -> bool:
    """Put a file in the cache in one step; False, with a warning in the log, where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
                stream.write(content)
            Path(aside).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(aside).unlink()
            raise
    except OSError as error:
        _warn_once(path.parent, error.strerror or str(error))
        return False
    return True


@functools.cache
def _warn_once(unwritable: Path, reason: str) -> None:
    log.warning(
        "%s cannot be written (%s); working without the cache, which makes every start slower. "
        "Set STUDY_CACHE_DIR to a folder that can be written.",
        unwritable,
        reason,
    )


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time do the work called ``name``.

    Only saves work, correctness rests on :func:`publish`: where there are no file locks (Windows,
    some network file systems, a cache that cannot be written) everyone simply goes ahead. The
    system drops the lock of a process that dies.
    """
    with contextlib.ExitStack() as stack:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                folder().mkdir(parents=True, exist_ok=True)
                stream = stack.enter_context((folder() / f"{name}.lock").open("ab"))
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield
