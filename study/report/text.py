"""The words of the report, one YAML file for each language in ``templates/text``."""

import functools
from pathlib import Path
from typing import Any

import yaml

import study
from study.errors import ConfigError

DEFAULT_LANGUAGE = "en"


def templates_folder() -> Path:
    """The templates: in the installed package, or at the top of the checkout."""
    package = Path(study.__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


class Text:
    """All strings of one language.

    Attributes:
        language: its code.
        sections: by lecture section: ``title``, ``lecture_title``, ``says``, ``formulas``.
        figures: by figure id: ``title``, ``look``.
        page: strings of the page itself.
    """

    def __init__(self, language: str, strings: dict[str, Any]) -> None:
        self.language = language
        self.sections: dict[str, dict[str, Any]] = strings["sections"]
        self.figures: dict[str, dict[str, str]] = strings["figures"]
        self.page: dict[str, str] = strings["page"]
        self._labels: dict[str, str] = strings.get("labels") or {}

    def label(self, english: str) -> str:
        """A label of a figure or a table in this language; in English it is the key itself."""
        return self._labels.get(english, english)


@functools.cache
def load_text(language: str = DEFAULT_LANGUAGE) -> Text:
    """Read the strings of ``language``.

    Raises:
        ConfigError: there is no such language; names those there are.
    """
    folder = templates_folder() / "text"
    path = folder / f"{language}.yaml"
    choices = sorted(file.stem for file in folder.glob("*.yaml"))
    if language not in choices:
        raise ConfigError("report.lang", "a language", language, choices)
    return Text(language, yaml.safe_load(path.read_text(encoding="utf-8")))
