"""The page's colours can be read in light and in dark."""

import re

import pytest

from study.figures.style import PALETTE
from study.paths import templates_folder

CSS = (templates_folder() / "style.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", CSS))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def shade(name: str, theme: str) -> str:
    return COLOURS[name].split(", ")[theme == "dark"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "notice", "good", "bad", "open", "flat"])
def test_text_stands_out_from_the_paper(name: str, theme: str) -> None:
    assert contrast(shade(name, theme), shade("paper", theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["good", "bad", "open", "flat"])
def test_badges_of_verdicts_can_be_read(name: str, theme: str) -> None:
    assert contrast(shade(name, theme), shade(f"{name}-bg", theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "paper"])
def test_verdicts_stand_out_from_what_they_lie_on(ground: str, theme: str) -> None:
    for name in ("good", "bad", "open", "flat", "soft", "notice"):
        assert contrast(shade(name, theme), shade(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PALETTE)
def test_letters_of_figures_stand_out_from_the_paper(name: str, theme: str) -> None:
    assert contrast(shade(f"{name}-ink", theme), shade("paper", theme)) >= 4.5


@pytest.mark.parametrize("name", PALETTE)
def test_lines_of_figures_have_the_palette_in_light(name: str) -> None:
    assert shade(name, "light") == PALETTE[name]
    assert contrast(shade(name, "dark"), shade("paper", "dark")) >= 3
