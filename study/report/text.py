"""The words of the report, one YAML file for each language in ``templates/text``.

Sentences with numbers are templates, filled by ``Text.fill`` with what was measured::

    fill("gap {gap:points}, {epochs} epochs", {"gap": Estimate(…), "epochs": None})
    -> "gap −6.6 ± 1.4 points, never epochs"
"""

import functools
import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from study.analysis.intervals import Estimate
from study.analysis.reading import in_language
from study.analysis.typography import typeset
from study.chapters import Chapter
from study.errors import ConfigError
from study.figures.labels import Place, in_words
from study.paths import templates_folder
from study.report import tables

DEFAULT_LANGUAGE = "en"
_NUMBER_AT_END = re.compile(r"(^| )([≤≥] )?[\d.]+(e[-+]\d+)?$")


class Text:
    """All strings of one language.

    Attributes:
        language: its code.
        page: strings of the page itself.
        compare: strings of a comparison of two studies.
        dials: those of the live figures by their name (``templates/dials``).
    """

    def __init__(self, language: str, strings: Mapping[str, Any]) -> None:
        self.language = language
        self.page: dict[str, str] = strings["page"]
        self.compare: dict[str, str] = strings["compare"]
        self.dials: dict[str, Any] = strings["dials"]
        self._strings = strings
        self._labels: dict[str, str] = strings.get("labels") or {}

    def of(self, chapter: Chapter) -> "Text":
        """The same with the words that the page of ``chapter`` has of its own."""
        own = chapter.page.get(self.language, {})
        return Text(self.language, {**self._strings, "page": {**self.page, **own}})

    def said(self, words: Mapping[str, Any]) -> Any:
        """``words`` in this language, or in the first one where they are not translated."""
        return in_language(words, self.language) if words else ""

    def label(self, english: str) -> str:
        """A label of a figure or a table in this language; in English it is the key itself.

        One that is not there is put together from its parts, if all of them are: ``epoch, ≥ 0.8``
        of ``epoch``, ``reached 0.8`` of ``reached``.
        """
        return self._labels.get(english) or self._in_parts(english) or english

    def _in_parts(self, english: str) -> str:
        """Parts between commas, each but for the number that it ends with; empty if one lacks."""
        found = []
        for part in english.split(", "):
            words = _NUMBER_AT_END.sub("", part)
            if words and words not in self._labels:
                return ""
            found.append(self._labels.get(words, "") + part[len(words) :])
        return ", ".join(found)

    def fill(self, template: str, facts: Mapping[str, Any]) -> str:
        """``template`` with ``{name:format}`` replaced by what ``facts`` has of ``name``.

        Formats: ``percent`` (a share: ``93.5 ± 0.2 %``), ``points`` (a difference of shares:
        ``+2.4 ± 0.6 points``), ``span`` (the same without a plus: a distance), ``times`` (a
        ratio: ``× 2.1 (1.9 to 2.4)``), ``number`` (also without a format: ``3.0 ± 1.0``).
        ``{name.n}`` takes an attribute. None is *never*, a string a label, a mapping words by
        language.

        Raises:
            KeyError: a name that is not there; AttributeError, ValueError: an attribute
                or a format that is not there.
        """
        return " ".join(_Filler(self).vformat(template, (), facts).split())

    def names(self, template: str) -> list[str]:
        """What ``fill`` would take from its facts."""
        fields = (field for _, field, _, _ in string.Formatter().parse(template))
        return list(dict.fromkeys(re.split(r"[.\[]", field)[0] for field in fields if field))

    def quantity(self, value: float | Estimate, unit: str) -> str:
        """A number, or an estimate, in a format of ``fill``; a dash for NaN."""
        if isinstance(value, Estimate):
            return "–" if math.isnan(value.mean) else _FORMATS[unit](value, self.label)
        if math.isnan(value):
            return "–"
        # shares have a decimal of their own; of other numbers three digits say enough
        exact = unit in ("points", "percent")
        return _FORMATS[unit](value if exact else float(f"{value:.3g}"), self.label)

    def mean_and_interval(self, estimate: Estimate, unit: str) -> tuple[str, str]:
        """The mean and its interval apart, with equal decimals: ``−2.9 points``, ``−4.2 to −1.6``.

        The interval is empty where there is none.
        """
        if not math.isfinite(estimate.half_width):
            return self.quantity(estimate.mean, unit), ""
        if unit in ("points", "percent"):
            decimals = _share_decimals(estimate)
            mean, low, high = (f"{100 * each:.{decimals}f}" for each in estimate[:3])
        else:
            mean, low, high = _alike(estimate)
        sign, word = {
            "points": ("+" if estimate.mean > 0 else "", f" {self.label('points')}"),
            "percent": ("", " %"),
            "times": ("× ", ""),
        }.get(unit, ("", ""))
        return typeset(f"{sign}{mean}{word}"), typeset(f"{low} {self.label('to')} {high}")


def kept_together(sentence: str) -> str:
    """``sentence`` without line breaks within a number: at ``×``, ``±`` and before ``%``."""
    return re.sub(r"(?<=[×±]) | (?=[±%])", "\u00a0", sentence)


class _Filler(string.Formatter):
    """``str.format`` with the formats of ``Text.fill``; what starts with ``_`` is out of reach."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if "_" in {part[:1] for part in field_name.replace("[", ".").split(".")}:
            raise KeyError(field_name)
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec not in _FORMATS:
            raise ValueError(f"{format_spec!r} is no format (choices: {', '.join(_FORMATS)})")
        if value is None:
            return self._text.label("never")
        if isinstance(value, Place):
            return in_words(value, self._text.label)
        if isinstance(value, str):
            return self._text.label(value)
        if isinstance(value, Mapping):
            return str(self._text.said(value))
        if math.isnan(value.mean if isinstance(value, Estimate) else value):
            return "–"
        return _FORMATS[format_spec](value, self._text.label)


def _plain(value: Any, label: Callable[[str], str]) -> str:
    return typeset(label(tables.cell_text(value)))


def _percent(value: Any, label: Callable[[str], str]) -> str:
    return f"{_hundredfold(value)} %"


def _points(value: Any, label: Callable[[str], str]) -> str:
    mean = value.mean if isinstance(value, Estimate) else value
    return f"{'+' if mean > 0 else ''}{_hundredfold(value)} {label('points')}"


def _span(value: Any, label: Callable[[str], str]) -> str:
    return _points(value, label).removeprefix("+")


def _hundredfold(value: Any) -> str:
    if not isinstance(value, Estimate):
        return typeset(f"{100 * value:.1f}")
    half = 100 * value.half_width
    decimals = _share_decimals(value)
    mean = typeset(f"{100 * value.mean:.{decimals}f}")
    return f"{mean} ± {half:.{decimals}f}" if math.isfinite(half) else mean


def _share_decimals(estimate: Estimate) -> int:
    """Of an estimate in per cent: two digits of the interval, at most what seeds can tell apart."""
    half = 100 * estimate.half_width
    return 1 if not math.isfinite(half) or half >= 0.1 or half == 0 else 2


def _times(value: Any, label: Callable[[str], str]) -> str:
    if not isinstance(value, Estimate):
        return typeset(f"× {tables.number(float(f'{value:.3g}'))}")
    if math.isnan(value.half_width):
        return typeset(f"× {tables.number(value.mean)}")
    mean, low, high = _alike(value)
    return typeset(f"× {mean} ({low} {label('to')} {high})")


def _alike(estimate: Estimate) -> tuple[str, str, str]:
    """Mean and ends of the interval, all with the decimals that its shorter arm deserves."""
    ends = (estimate.mean, estimate.low, estimate.high)
    arm = min(estimate.mean - estimate.low, estimate.high - estimate.mean)
    sizes = [abs(end) for end in ends if end]
    if not arm > 0 or not all(1e-3 <= size < 1e6 for size in (*sizes, arm * 100)):
        mean, low, high = (tables.number(float(f"{end:.3g}")) for end in ends)
        return mean, low, high
    power = math.floor(math.log10(arm))
    digits = 2 if arm < 3 * 10.0**power else 1
    decimals = max(digits - 1 - power, 0)
    mean, low, high = (f"{end:,.{decimals}f}" for end in ends)
    return mean, low, high


_FORMATS: dict[str, Callable[[Any, Callable[[str], str]], str]] = {
    "": _plain,
    "number": _plain,
    "percent": _percent,
    "points": _points,
    "span": _span,
    "times": _times,
}


def languages() -> list[str]:
    """The languages there are texts in, the default one first."""
    found = sorted(file.stem for file in (templates_folder() / "text").glob("*.yaml"))
    return sorted(found, key=lambda language: language != DEFAULT_LANGUAGE)


@functools.cache
def load_text(language: str = DEFAULT_LANGUAGE) -> Text:
    """Read the strings of ``language``.

    Raises:
        ConfigError: there is no such language; names those there are.
    """
    if language not in languages():
        raise ConfigError("report.lang", "a language", language, languages())
    path = templates_folder() / "text" / f"{language}.yaml"
    return Text(language, yaml.safe_load(path.read_text(encoding="utf-8")))
