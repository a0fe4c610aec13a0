"""The house style: colours by name, bands, and figures that are drawn the same each time."""

import io
import os

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from study.analysis.intervals import log_t_interval, t_interval
from study.figures import style


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


@pytest.fixture
def axes():
    return style.new_figure()[1][0, 0]


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"epoch": [2, 1, 2, 1, 3], "accuracy": [0.5, 0.1, 0.7, 0.3, 0.9], "seed": [0, 0, 1, 1, 0]}
    )


def test_things_that_stand_side_by_side_differ_in_colour_and_in_line_style():
    groups = (
        ("he", "xavier", "glorot", "normal 1", "normal 0.01", "constant 0.01", "constant 0",
         "xavier_doubled"),
        ("relu", "sigmoid", "tanh"),
        ("train", "test", "gap"),
        ("on", "off"),
        ("1", "10", "100", "1000", "full"),
    )  # fmt: skip
    for names in groups:
        assert len({style.colour(name) for name in names}) == len(names)
        assert len({str(style.line_style(name)) for name in names}) == len(names)


def test_a_name_that_is_not_in_the_palette_is_grey():
    assert style.colour("a new initialiser") == style.colour("constant 0.01") == "#7f7f7f"
    assert style.line_style("a new initialiser") == "-"


def test_no_thing_has_the_colour_that_the_page_replaces():
    colours = {style.colour(name) for name in style.STYLES}
    assert not colours & {style.INK, style.FAINT}


def test_curve_is_the_mean_over_runs_with_its_t_interval(axes, frame):
    style.curve(axes, frame, "epoch", "accuracy", name="he")
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == pytest.approx([0.2, 0.6, 0.9])
    assert to_hex(line.get_color()) == style.colour("he")
    band = axes.collections[0].get_paths()[0].vertices
    expected = t_interval([0.1, 0.3])
    heights = band[np.isclose(band[:, 0], 1), 1]
    assert heights.min() == pytest.approx(expected.low)
    assert heights.max() == pytest.approx(expected.high)


def test_one_run_is_a_line_without_a_band(axes, frame):
    style.curve(axes, frame[frame["seed"] == 0], "epoch", "accuracy", name="he")
    assert len(axes.lines) == 1
    assert not axes.collections


def test_no_run_is_no_line(axes, frame):
    style.curve(axes, frame[:0], "epoch", "accuracy", name="he")
    assert not axes.lines


def test_on_a_logarithmic_axis_the_mean_is_geometric(axes):
    frame = pd.DataFrame({"epoch": [1, 1], "norm": [1.0, 100.0]})
    style.curve(axes, frame, "epoch", "norm", name="he", log=True)
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([log_t_interval([1, 100]).mean])


def test_percent_shows_shares(axes):
    style.percent(axes)
    assert axes.get_ylim() == (0, 1)
    assert axes.yaxis.get_major_formatter()(0.5) == "50%"
    style.percent(axes, "x", limits=None)
    assert axes.xaxis.get_major_formatter()(0.25) == "25%"


def test_empty_says_why(axes):
    style.empty(axes, "no runs")
    assert [text.get_text() for text in axes.texts] == ["no runs"]
    assert not axes.axison


def test_in_order_puts_the_known_first_and_drops_repeats():
    assert style.in_order(["b", "new", "a", "b"], ["a", "b", "c"]) == ["a", "b", "new"]


def test_one_column_fits_a_phone_and_more_have_the_width_of_the_page_unless_told():
    widths = [
        style.new_figure(2, columns, height=4, width=width)[0].get_size_inches().tolist()
        for columns, width in ((1, None), (3, None), (3, style.PHONE))
    ]
    assert widths == [[style.PHONE, 4], [style.WIDTH, 4], [style.PHONE, 4]]


def test_figures_are_arrays_of_axes_without_state():
    figure, axes = style.new_figure(2, 3)
    assert axes.shape == (2, 3)
    assert figure.canvas.manager is None  # pyplot does not know it


@pytest.fixture
def installed(monkeypatch):
    """Sets which fonts are installed, and forgets them afterwards."""

    def choose(*names):
        monkeypatch.setattr(style.font_manager, "get_font_names", lambda: list(names))
        monkeypatch.setattr(style.font_manager, "findSystemFonts", list)
        style.korean_font.cache_clear()

    yield choose
    style.korean_font.cache_clear()


def test_the_first_korean_font_there_is_completes_the_latin_one(installed):
    installed("DejaVu Sans", "Malgun Gothic", "NanumGothic", "a font of the user's")
    assert style.korean_font() == "NanumGothic"
    with style.house_style("ko"):
        assert mpl.rcParams["font.family"] == ["DejaVu Sans", "NanumGothic"]
    with style.house_style():
        assert mpl.rcParams["font.family"] == ["DejaVu Sans"]


def test_without_a_korean_font_there_is_the_latin_one(installed):
    installed("DejaVu Sans")
    assert style.korean_font() is None
    with style.house_style("ko"):
        assert mpl.rcParams["font.family"] == ["DejaVu Sans"]


def test_a_font_that_came_after_matplotlib_listed_them_is_found(installed, monkeypatch):
    installed("DejaVu Sans")
    paths = ["/new/NanumGothic.ttf", "/new/broken.ttf"]
    monkeypatch.setattr(style.font_manager, "findSystemFonts", lambda: paths)

    def addfont(path):
        if "broken" in path:
            raise RuntimeError("no font")
        monkeypatch.setattr(style.font_manager, "get_font_names", lambda: ["NanumGothic"])

    monkeypatch.setattr(style.font_manager.fontManager, "addfont", addfont)
    assert style.korean_font() == "NanumGothic"


def test_korean_labels_are_drawn_with_letters_and_not_with_boxes():
    if style.korean_font() is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have a Korean font")
        pytest.skip("no Korean font is installed")
    with style.house_style("ko"):
        figure, axes = style.new_figure()
        axes[0, 0].set_title("가중치 감소: λ = 0.1")
        figure.savefig(io.BytesIO(), format="png")  # a missing glyph is a warning, an error here


def test_the_style_ends_where_it_ends():
    with mpl.rc_context():
        mpl.rcdefaults()
        before = mpl.rcParams["text.color"]
        with style.house_style():
            assert mpl.rcParams["text.color"] == style.INK
        assert mpl.rcParams["text.color"] == before


def test_text_and_axes_are_drawn_in_the_replaceable_ink(axes):
    axes.set_title("title")
    assert to_hex(axes.title.get_color()) == style.INK
    assert to_hex(axes.spines["bottom"].get_edgecolor()) == style.INK
    assert axes.spines["bottom"].get_visible()
    assert not axes.spines["top"].get_visible()


def test_a_picture_of_its_own_has_no_colour_that_a_page_would_replace():
    with style.house_style(on_white=True):
        used = {str(mpl.rcParams[key]) for key in mpl.rcParams if "color" in key}
    assert not used & {style.INK, style.FAINT}
    assert set(style.ON_WHITE) <= used


def test_the_same_figure_is_the_same_bytes(frame):
    def drawn() -> bytes:
        figure, axes = style.new_figure()
        style.curve(axes[0, 0], frame, "epoch", "accuracy", name="he")
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    assert drawn() == drawn()


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "10⁰"), (1000, "10³"), (1e-7, "10⁻⁷"), (2000, "2·10³"), (0.03, "3·10⁻²")],
)
def test_powers_of_ten_are_plain_text(value, text):
    assert style.power_text(value) == text


def test_a_logarithmic_axis_labels_what_matplotlib_would(axes):
    for low, high in ((1e-7, 1e3), (0.08, 2.5), (2.0, 8.0)):
        labels = []
        for scale in (axes.set_xscale, lambda scale: style.logarithmic(axes, "x")):
            scale("log")
            axes.set_xlim(low, high)
            axes.figure.draw_without_rendering()
            ticks = [*axes.get_xticklabels(), *axes.get_xticklabels(minor=True)]
            labels.append([tick.get_text() for tick in ticks])
        formulas, plain = labels
        assert any(plain)
        assert not any("$" in label for label in plain)
        assert [bool(label) for label in plain] == [bool(label) for label in formulas]
