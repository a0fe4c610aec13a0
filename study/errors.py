"""Errors that a user can cause, each with a message that says what to do.

They are raised before any work starts and shown without a traceback; everything else that goes
wrong is a bug and keeps its traceback.
"""

from collections.abc import Iterable


class StudyError(Exception):
    """Anything the user can put right; ``str(error)`` is the whole message shown."""


class ConfigError(StudyError, ValueError):
    """A configuration value that cannot be used.

    Args:
        key: the configuration key as typed on the command line, e.g. ``dropout``.
        expected: what would have been valid, e.g. ``a number in [0, 1)``.
        received: the value that came.
        choices: the valid choices, where there is a finite list of them.
    """

    def __init__(
        self, key: str, expected: str, received: object, choices: Iterable[object] | None = None
    ) -> None:
        message = f"{key}: expected {expected}, got {received!r}"
        if choices is not None:
            choices = list(choices)
            message += f" (choices: {', '.join(str(choice) for choice in choices)})"
        super().__init__(message)
        self.key = key
        self._arguments = (key, expected, received, choices)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Pickle the arguments, not the message: errors come back from worker processes."""
        return type(self), self._arguments


class DataError(StudyError):
    """A data set that is missing, damaged or not what its name says."""


class StoreError(StudyError):
    """A record or a store that cannot be read or written."""
