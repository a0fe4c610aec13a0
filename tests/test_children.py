"""Children end with their parent, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from starter import kill, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
PARENT = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from study.children import end_with_parent

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, context, end_with_parent) as pool:
        pids = {pool.submit(os.getpid).result() for _ in range(2)}
        waiting = [pool.submit(time.sleep, 600) for _ in range(2)]
        print(*pids, flush=True)
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_killed_parent_leaves_no_child(start: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    words = [sys.executable, str(script), start]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        try:
            assert len(children) > 0
            assert all(_exists(pid) for pid in children)
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
            assert wait_until(lambda: not any(map(_exists, children)), 30.0)
        finally:
            parent.kill()
            kill(children)


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
