"""Errors that a user can cause, each with a message that says what to do.

They are raised before any work starts and shown without a traceback; everything else that goes
wrong is a bug and keeps its traceback.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence


class StudyError(Exception):
    """Anything the user can put right; ``str(error)`` is the whole message shown."""


class ConfigError(StudyError, ValueError):
    """A configuration value that cannot be used.

    Args:
        key: the configuration key as typed on the command line, e.g. ``dropout``.
        expected: what would have been valid, e.g. ``a number in [0, 1)``.
        received: the value that came.
        choices: the valid choices, where there is a finite list of them; one that is nearly what
            came is named.
    """

    def __init__(
        self, key: str, expected: str, received: object, choices: Iterable[object] | None = None
    ) -> None:
        message = f"{key}: expected {expected}, got {received!r}"
        if choices is not None:
            choices = list(choices)
            message += f" (choices: {', '.join(str(choice) for choice in choices)})"
            near = _nearest(str(received), [str(choice) for choice in choices])
            message += f"; did you mean {near}?" if near else ""
        super().__init__(message)
        self.key = key
        self._arguments = (key, expected, received, choices)

    def at(self, key: str) -> "ConfigError":
        """The same error of another key."""
        _, expected, received, choices = self._arguments
        return ConfigError(key, expected, received, choices)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Pickle the arguments, not the message: errors come back from worker processes."""
        return type(self), self._arguments


def _nearest(received: str, choices: Sequence[str]) -> str | None:
    """The choice that ``received`` is nearly; of dotted keys only the last words are compared."""
    by_word = {choice.rpartition(".")[2].lower(): choice for choice in reversed(choices)}
    near = difflib.get_close_matches(received.rpartition(".")[2].strip("'").lower(), by_word, n=1)
    return by_word[near[0]] if near else None


class DataError(StudyError):
    """A data set that is missing, damaged or not what its name says."""


class MergedCellsError(StudyError):
    """Runs that differ in more than what is shown apart: their mean is that of no one thing.

    Args:
        experiment: whose runs.
        differing: their values in the columns that nothing takes apart.
        overrides: what keeps one value of each, as typed on the command line.
    """

    def __init__(
        self, experiment: str, differing: Mapping[str, Sequence[object]], overrides: Sequence[str]
    ) -> None:
        listed = "; ".join(
            f"{column} ({', '.join(map(str, values))})" for column, values in differing.items()
        )
        advice = f": choose one value, e.g. {' '.join(overrides)}" if overrides else ""
        super().__init__(f"experiment {experiment}: its runs differ in {listed}, too{advice}")
        self.experiment, self.differing, self.overrides = experiment, differing, overrides

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """As that of ConfigError."""
        return type(self), (self.experiment, self.differing, self.overrides)


class StoreError(StudyError):
    """A record or a store that cannot be read or written."""
