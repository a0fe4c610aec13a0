"""How commands end when somebody stops them: with a code that a shell knows, not a traceback."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from types import TracebackType

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_PIPE = 141  # 128 + SIGPIPE


def expect_interrupt() -> None:
    """From here on, Ctrl-C that nobody catches ends the process in one word.

    Called before the imports that take a second, in which nobody can catch it.
    """
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            usual(kind, error, trace)
            return
        print("interrupted", file=sys.stderr, flush=True)
        os._exit(EXIT_INTERRUPTED)

    sys.excepthook = hook


def expect_crash(code: int) -> None:
    """From here on, an exception that nobody catches ends the process with ``code``, not with 1.

    For a command whose 1 says something; called before the imports, any of which may be broken.
    """

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        sys.stderr.flush()
        os._exit(code)

    sys.excepthook = hook


@contextlib.contextmanager
def quiet_endings() -> Iterator[None]:
    """End in one word on Ctrl-C, and in silence when nobody reads on (``| head -3``).

    What the encoding of the output has no letter for is shown as ``?``, not as a traceback.

    Raises:
        SystemExit: 130 or 141 in these cases.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # what is still in the buffer would fail again at the end of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(EXIT_PIPE) from None
