"""Starts the command in no time: forks a process that has imported everything already.

A line of JSON on standard input starts one: the folder, the words of the command line, and the
files that take what it prints. Its process id is printed, and its exit status once it has ended.
Nothing else differs from ``python -m study``; the workers are started as ever.
"""

import gc
import json
import os
import sys


def main() -> None:
    """Serve until standard input ends."""
    import study.edge.app
    import study.edge.sweep
    import study.report.render  # noqa: F401

    gc.freeze()  # what has been imported stays, and need not be looked through in each child
    print("ready", flush=True)
    while line := sys.stdin.readline():
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(**order)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(folder: str, words: list[str], out: str, err: str) -> None:
    """Be the command in ``folder``."""
    from study.edge.app import main as command

    os.setsid()
    os.chdir(folder)
    sys.path[0] = folder  # as with python -m
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["study", *words]
    command()
    sys.exit()


if __name__ == "__main__":
    main()
