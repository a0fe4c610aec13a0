"""YAML files that people write: read, and checked with errors that name file and key.

Nothing of a file is trusted: whatever YAML it holds, the outcome is what was asked for or a
``ConfigError`` that says which key is wrong and how.
"""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from study.errors import ConfigError

LANGUAGES = ("en", "ko")
# PyYAML's own takes a tenth of the speed, and a ? within braces for the sign of a key, as YAML 1.1.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HUGE = 1e300  # no number of a file is that large


def read(path: Path) -> Any:
    """The content of a YAML file, whatever it is; a key that stands twice is an error."""
    try:
        # What yaml.safe_load does, with a look at the nodes on the way.
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        repeated = _repeated_key(node)
        content = None if node is None else loader.construct_document(node)
    # PyYAML raises also what its constructors do: ValueError for the date 2001-99-99, and so on.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(str(path), f"a YAML file ({reason})", path.name) from None
    if repeated is not None:
        raise ConfigError(f"{path}: {repeated}", "each key once", "the same key again")
    return content


def _repeated_key(root: yaml.Node | None) -> str | None:
    """A key that a mapping has twice (YAML would keep the last without a word)."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen:  # anchors make loops
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for name in names:
                if names.count(name) > 1:
                    return str(name)
            todo += [value for _, value in node.value]
    return None


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2  # aliases can make a small file's values exponentially large


class _Shown:
    """A value in an error message, cut to a readable length whatever it holds."""

    def __init__(self, value: Any) -> None:
        if isinstance(value, int) and abs(value) > HUGE:
            self._text = "a huge number"  # Python does not write out thousands of digits
        elif isinstance(value, str) and len(value) < 200:
            self._text = repr(value)
        else:
            self._text = _SHORT.repr(value)

    def __repr__(self) -> str:
        return self._text


@dataclass(frozen=True)
class Node:
    """A value of a YAML file and where it stands."""

    file: str
    key: str
    value: Any

    def check(self, expected: str, valid: bool, choices: Iterable[Any] | None = None) -> None:
        """Raise ConfigError unless ``valid``."""
        if not valid:
            place = f"{self.file}: {self.key}" if self.key else self.file
            raise ConfigError(place, expected, _Shown(self.value), choices)

    def choice(self, choices: Iterable[Any]) -> Any:
        """The value, which has to be one of ``choices``."""
        known = list(choices)
        self.check("one of the choices", isinstance(self.value, str) and self.value in known, known)
        return self.value

    def day(self) -> date:
        """The value, which has to be a date."""
        # a datetime is a date for Python; a moment of a day is not asked for
        self.check("a date, e.g. 2026-11-27", type(self.value) is date)
        day: date = self.value
        return day

    def text(self) -> str:
        """The value, which has to be text that is not empty."""
        self.check("text", isinstance(self.value, str) and bool(self.value.strip()))
        return str(self.value)

    def keys(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Check that this is a mapping that has all required keys and no unknown one."""
        self.check("a mapping", isinstance(self.value, dict))
        known = [*required, *optional]
        for key in self.value:
            if key not in known:
                place = Node(self.file, self._path(key), key)
                place.check("a known key", False, known)
        for key in required:
            if key not in self.value:
                Node(self.file, self._path(key), None).check("a value", False)

    def _path(self, key: object) -> str:
        shown = key if isinstance(key, str) and len(key) < 80 else _Shown(key)
        return f"{self.key}.{shown}" if self.key else f"{shown}"

    def get(self, key: str, default: Any = None) -> "Node":
        """The value of ``key``, or ``default``."""
        return Node(self.file, self._path(key), self.value.get(key, default))

    def named_items(self) -> Iterable[tuple[str, "Node"]]:
        """The items of a mapping by names that placeholders can use."""
        self.check("a mapping of names to values", isinstance(self.value, dict))
        for name in self.value:
            place = Node(self.file, self._path(name), name)
            place.check("a name (small letters, digits, _)", matches(r"[a-z][a-z0-9_]*", name))
            yield name, self.get(name)

    def items(self) -> Iterable[tuple[str, "Node"]]:
        """The items of a mapping, whose keys have to be text."""
        self.check("a mapping", isinstance(self.value, dict))
        for name in self.value:
            Node(self.file, self._path(name), name).check("a name", isinstance(name, str))
            yield name, self.get(name)

    def listed(self) -> list["Node"]:
        """The items of a list."""
        self.check("a list", isinstance(self.value, list))
        return [Node(self.file, f"{self.key}[{i}]", item) for i, item in enumerate(self.value)]

    def languages(self) -> dict[str, str]:
        """A text for each language that has one, the first of ``LANGUAGES`` always among them."""
        self.keys(LANGUAGES[:1], LANGUAGES[1:])
        return {
            language: self.get(language).text() for language in LANGUAGES if language in self.value
        }


def in_language(words: Mapping[str, Any], language: str) -> Any:
    """``words`` of this language, or of the first of ``LANGUAGES`` where there are none."""
    return words.get(language, words[LANGUAGES[0]])


def matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < HUGE
