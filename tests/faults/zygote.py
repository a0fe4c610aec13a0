"""Starts sweeps in no time: forks a process that has imported everything already.

A line of JSON on standard input, the folder and the words of the command line, starts one. Its
process id is printed, and its exit status once it has ended. Nothing else differs from
``python -m study``; the workers are started as ever.
"""

import json
import os
import sys


def main() -> None:
    """Serve until standard input ends."""
    import study.edge.app
    import study.edge.sweep
    import study.report.render  # noqa: F401

    print("ready", flush=True)
    while line := sys.stdin.readline():
        folder, words = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(folder, words)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(folder: str, words: list[str]) -> None:
    """Be the command in ``folder``; what it prints goes to ``folder``/output."""
    from study.edge.app import main as command

    os.setsid()
    os.chdir(folder)
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["study", *words]
    command()
    sys.exit()


if __name__ == "__main__":
    main()
