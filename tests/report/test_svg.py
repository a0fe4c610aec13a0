import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from study.figures.style import colour, house_style, new_figure
from study.report.svg import DATE, inline_svg


def drawn(label: str = "x") -> Figure:
    figure, axes = new_figure()
    axes[0, 0].plot([0, 1], [0, 1], color=colour("he"))
    axes[0, 0].set_xlabel(label)
    return figure


@pytest.fixture(autouse=True)
def _style():
    with house_style():
        yield


def test_same_figure_gives_the_same_bytes():
    assert inline_svg(drawn(), "a", "text") == inline_svg(drawn(), "a", "text")


def test_drawing_once_gives_what_savefig_gives():
    once, saved = io.StringIO(), io.StringIO()
    FigureCanvasSVG(drawn()).print_svg(once, metadata=DATE)
    drawn().savefig(saved, format="svg", metadata=DATE)
    assert once.getvalue() == saved.getvalue()


def test_ids_of_two_figures_differ():
    ids = [set(re.findall(r'\bid="([^"]+)"', inline_svg(drawn(), name, ""))) for name in "ab"]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_references_point_to_ids_of_the_figure():
    text = inline_svg(drawn(), "1.1-a", "")
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= ids


def test_ink_and_palette_are_the_pages_colours():
    text = inline_svg(drawn(), "a", "")
    assert "currentColor" in text
    assert "#123456" not in text
    assert colour("he") not in text
    assert "stroke: var(--vermilion)" in text  # He's, in a shade for light and for dark


def test_description_and_labels_are_escaped():
    text = inline_svg(drawn("<script>"), "a", 'a "quoted" <b> & c')
    root = ET.fromstring(text)
    assert root.attrib["aria-label"] == 'a "quoted" <b> & c'
    assert "<script>" not in text


def test_what_is_rasterised_lies_inside_and_its_labels_stay_text():
    figure, axes = new_figure()
    axes[0, 0].pcolormesh(np.arange(400).reshape(20, 20), rasterized=True)
    axes[0, 0].set_xlabel("columns")
    text = inline_svg(figure, "a", "words")
    assert "data:image/png;base64," in text
    assert ">columns</text>" in text


def test_numbers_that_are_read_keep_their_digits_and_coordinates_lose_them() -> None:
    figure = drawn()
    figure.axes[0].set_title("mean square 0.00301")
    text = inline_svg(figure, "a", "changes by 0.0096")
    assert "mean square 0.00301" in text
    assert 'aria-label="changes by 0.0096"' in text
    assert not re.search(r'd="[^"]*\.\d{3}', text)
