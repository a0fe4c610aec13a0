"""Narrowing the settings of a specification curve: the data, and at work in a browser."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from browsing import requested, seen, too_wide, visit, wait_for, without_javascript
from scipy import stats
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from starter import own_chapter
from test_accessibility import violations

from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.multiverse import HARMS, HELPS, NONE, summary
from study.edge.gate import planned
from study.figures import making
from study.figures.drawing.settings import OUTCOMES
from study.report.render import render_study
from study.report.settings_data import settings_data, settings_view, stops
from study.report.text import load_text
from study.run import run

pytestmark = pytest.mark.xdist_group("other pages")

LANGUAGES = ("en", "ko")
CHAPTER = """
experiments:
  advice:
    fixed: {data: gaussian, num_steps: 1, evaluation.points: 2, width: 4, lr: 0.1}
    settings:
      count: 40
      axes:
        train_size: {log: [100, 900], integer: true}
        init: {choice: [he, {init: normal, init.std: {log: [1.0e-4, 1]}}]}
        activation: {choice: [relu, tanh, sigmoid]}
        depth: {uniform: [1, 8], integer: true}
        batch_size: {choice: [10, 100]}
    arms:
      without: {batchnorm: false}
      with: {batchnorm: true}
figures:
  a: {title: {en: With, ko: 있을 때}, kind: settings, experiment: advice, treatment: [with],
    control: [without]}
  b.2: {title: {en: Without, ko: 없을 때}, like: a, treatment: [without], control: [with]}
  c: {title: {en: What decides, ko: 무엇이 정하는가}, like: a, kind: deciding}
"""


@dataclasses.dataclass(frozen=True)
class Map:
    """A map whose effects are given, its figures' tables and its pages by language."""

    figures: dict
    tables: dict
    pages: dict


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Forty settings. The effect grows with depth; one lies on the margin, one just below it."""
    found = planned([own_chapter(tmp_path_factory.mktemp("conf"), CHAPTER), "chapter=mine"])
    place = found.plan.maps["advice"]
    drawn = {row[0]: dict(zip(place["axes"], row[1:], strict=True)) for row in place["settings"]}
    # as 10,000 test images tell accuracies apart
    noise = np.random.default_rng(0).normal(0, 0.04, len(drawn)).round(4)
    effects = {number: (own["depth"] - 4) / 100 + noise[number] for number, own in drawn.items()}
    effects |= {3: 0.01, 4: 0.0099996}
    one = run(next(iter(found.cells.values())))
    records = {}
    for address, config in found.cells.items():
        setting, arm = place["cells"][address]
        accuracy = 0.5 + effects[setting] * (arm == "with")
        final = one.final | {"test_accuracy": accuracy, "train_accuracy": accuracy}
        records[address] = dataclasses.replace(
            one, address=address, config=config.to_dict(), final=final
        )
    (chapter,) = found.chapters
    folder = tmp_path_factory.mktemp("reports")
    done = render_study(found.plan, records, [chapter], folder=folder, workers=1)
    assert done.broken == []
    measured = Measured(Results(found.plan, records))
    figures = {figure.id: figure for figure in chapter.figures}
    tables = {name: making.make(figure, measured).table for name, figure in figures.items()}
    pages = {"en": done.page, "ko": done.page.with_name("index.ko.html")}
    return Map(figures, tables, pages)


def table(effects, **axes):
    """That of a figure ``settings``."""
    own = pd.DataFrame({"setting": range(len(effects)), **axes})
    return own.assign(effect=effects, treatment_arm="with", treatment_lr=0.1)


# --- The data


def test_data_are_the_effects_and_axes_of_the_table_sorted_by_effect():
    found = settings_data(
        table(
            [0.2, -0.01, 0.00126789, 0.05],
            init=["he", "normal", "normal", "he"],
            **{"init.std": [np.nan, 0.01, 1.0, np.nan]},
            hidden=[[50, 50], [9], [9], [9]],
            batchnorm=[True, False, True, False],
            width=[30, 30, 30, 30],
        )
    )
    assert found["effects"] == [-0.01, 0.00127, 0.05, 0.2]
    assert [list(OUTCOMES)[place] for place in found["outcomes"]] == [HARMS, NONE, HELPS, HELPS]
    assert found["axes"] == [  # one with a single value cannot be narrowed
        {"key": "init", "levels": ["normal", "he"], "values": [0, 0, 1, 1]},
        {"key": "init.std", "levels": ["0.01", "1"], "values": [0, 1, None, None]},
        {"key": "hidden", "levels": ["[9]", "[50, 50]"], "values": [0, 0, 0, 1]},
        {"key": "batchnorm", "levels": ["off", "on"], "values": [0, 1, 0, 1]},
    ]
    json.dumps(found, allow_nan=False)


def test_a_setting_that_is_given_and_not_drawn_is_none_of_those_that_are_narrowed():
    drawn = table([0.2, -0.01, 0.05], depth=[1, 2, 3])
    given = table([0.9], depth=[6]).assign(setting="lecture")
    both = pd.concat([drawn.astype(object), given.astype(object)], ignore_index=True)
    assert settings_data(both) == settings_data(drawn)


def test_more_than_a_few_numbers_have_stops_and_missing_ones_do_not_make_them_fractions():
    values = [1, 2, 3, 4, 5, None]
    (axis,) = settings_data(table([0.0] * 6, depth=values))["axes"]
    assert axis == {"key": "depth", "stops": [1, 2, 3, 4, 5], "values": values}
    assert all(type(value) is int for value in axis["stops"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([301, 500, 1000, 1900, 2914], [301, 400, 500, 600, 700, 800, 900, 1000, 1200, 1500, 2000,
                                        2500, 2914]),
        ([2, 3, 5, 6, 4], [2, 3, 4, 5, 6]),
        ([0.013, 0.05, 0.11, 0.15, 0.2], [0.013, *(k / 100 for k in range(2, 20)), 0.2]),
        ([0.0, 0.1, 0.2, 0.3, 1.0], [0, *(round(k / 20, 2) for k in range(1, 20)), 1]),
        ([-3.0, -2.5, 0.0, 1.0, 2.0], [-3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]),
        ([0.002, 0.006, 0.02], [0.002, 0.0025, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009,
                               0.01, 0.012, 0.015, 0.02]),
    ],
)  # fmt: skip
def test_sliders_stop_at_round_numbers_between_the_smallest_and_the_largest(values, expected):
    assert stops(values) == expected


def test_quantiles_are_those_of_the_normal_and_student_distributions():
    found = settings_data(table([0.0] * 90, train_size=[1, 2] * 45))
    assert found["normal"] == pytest.approx(stats.norm.ppf(0.975), abs=1e-6)
    np.testing.assert_allclose(found["student"], stats.t.ppf(0.975, np.arange(1, 90)), atol=1e-6)


def test_an_effect_just_below_the_margin_stays_there_when_it_is_rounded():
    found = settings_data(table([0.0099996, 0.01], train_size=[1, 2]))
    assert found["effects"] == [0.01, 0.01]
    assert [list(OUTCOMES)[place] for place in found["outcomes"]] == [NONE, HELPS]


def test_only_a_specification_curve_can_be_narrowed(drawn):
    views = {
        name: settings_view(figure, drawn.tables[name], load_text("ko"))
        for name, figure in drawn.figures.items()
    }
    assert [name for name, view in views.items() if view] == ["a", "b.2"]
    names = {axis.id: axis.name for axis in views["a"].axes}
    assert names["a.train_size"] == "훈련 데이터 수"
    assert settings_view(drawn.figures["a"], drawn.tables["a"].iloc[:1], load_text("en")) is None


# --- In a browser


@pytest.fixture
def page(browser, drawn):
    with seen(browser):
        visit(browser, drawn.pages["en"])
        yield browser


def narrowing(browser, figure="a"):
    """The disclosure of a figure, open and drawn."""
    box = browser.find_element(By.ID, f"narrow-{figure}")
    if not box.get_attribute("open"):
        box.find_element(By.TAG_NAME, "summary").click()
    wait_for(browser, lambda: box.find_elements(By.CSS_SELECTOR, ".curve svg"))
    return box


def turn(browser, box, **choices):
    """Set sliders (to a number) and boxes as a reader does, and wait for the curve after."""
    data = data_of(box)
    for name, value in choices.items():
        key, _, end = name.rpartition("__")
        key = key.replace("__", ".")
        stops_of = {axis["key"]: axis.get("stops") for axis in data["axes"]}[key]
        position = stops_of.index(value) if stops_of else value
        browser.execute_async_script(
            """
            const [box, name, value, done] = arguments;
            const input = box.querySelector('form').elements[name];
            if (input.type === 'checkbox') input.checked = value; else input.value = value;
            input.dispatchEvent(new Event('input', {bubbles: true}));
            requestAnimationFrame(() => requestAnimationFrame(done));
            """,
            box,
            f"{box.get_attribute('id').removeprefix('narrow-')}.{key}.{end}",
            position,
        )


def data_of(box):
    return json.loads(box.find_element(By.CSS_SELECTOR, ".data").get_attribute("textContent"))


def found(box):
    return box.find_element(By.CSS_SELECTOR, ".found").text.replace("\u00a0", " ")


def marks(box):
    """How many settings the curve shows, by outcome."""
    counts = [box.find_elements(By.CSS_SELECTOR, f".curve g.{name}") for name in OUTCOMES]
    return dict(zip(OUTCOMES, map(len, counts), strict=True))


def sentence(expected, n, every=40):
    """What the page says of a ``Summary``."""

    def part(share):
        return f"{share.count} ({100 * share.low:.1f} % to {100 * share.high:.1f} %)"

    mean, half = 100 * expected.mean.mean, 100 * expected.mean.half_width
    interval = f" ± {half:.1f}" if n > 1 else ""
    changes = f"{mean:+.1f}".replace("-", "−")
    return (
        f"Left: {n} of {every} settings. The advice gains a point or more of test accuracy in "
        f"{part(expected.helps)} of them, makes no difference that matters in "
        f"{part(expected.no_effect)}, and costs a point or more in {part(expected.harms)}. On "
        f"average it changes the accuracy by {changes}{interval} points."
    )


CHOICES = [
    ({}, lambda t: t["effect"] < 9),
    ({"train_size__high": 500}, lambda t: t["train_size"] <= 500),
    ({"train_size__low": 200, "depth__high": 5, "activation__tanh": False},
     lambda t: (t["train_size"] >= 200) & (t["depth"] <= 5) & (t["activation"] != "tanh")),
    # those without a value go where the axis is narrowed, not before
    ({"init__std__low": 0.01}, lambda t: t["init.std"] >= 0.01),
    ({"init__normal": False}, lambda t: t["init"] == "he"),
    ({"depth__low": 8, "batch_size__10": False, "init__he": False, "activation__relu": False},
     lambda t: (t["depth"] == 8) & (t["batch_size"] == 100) & (t["init"] == "normal")
     & (t["activation"] != "relu")),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "of"), CHOICES)
def test_counts_intervals_and_mean_are_those_of_the_same_subset(page, drawn, choice, of):
    own = drawn.tables["a"]
    left = own[of(own)]
    expected = summary(left["effect"])
    box = narrowing(page)
    turn(page, box, **choice)
    assert found(box) == sentence(expected, len(left))
    shares = {name: getattr(expected, name) for name in OUTCOMES}
    assert marks(box) == {name: share.count for name, share in shares.items()}
    ordered = own.sort_values("effect", kind="stable").index
    places = [int(place) for place in np.flatnonzero(ordered.isin(left.index))]
    script = "return narrowing.summary(arguments[0], arguments[1])"
    said = page.execute_script(script, data_of(box), places)
    assert said["n"] == len(left) == expected.mean.n
    for name, share in shares.items():
        assert said[name]["low"] == pytest.approx(share.low, abs=1e-6)
        assert said[name]["high"] == pytest.approx(share.high, abs=1e-6)
    assert said["mean"] == pytest.approx(expected.mean.mean, abs=1e-5)
    if len(left) > 1:
        assert said["half"] == pytest.approx(expected.mean.half_width, abs=1e-4)


def test_one_setting_has_a_mean_without_an_interval(page, drawn):
    own = drawn.tables["a"]
    names = {"init": ["he", "normal"], "activation": ["relu", "tanh", "sigmoid"]}
    alone = own.groupby(["depth", *names]).filter(lambda group: len(group) == 1)
    row = alone.iloc[0]
    others = {
        f"{key}__{name}": False
        for key, listed in names.items()
        for name in set(listed) - {row[key]}
    }
    box = narrowing(page)
    turn(page, box, depth__low=row["depth"], depth__high=row["depth"], **others)
    assert found(box) == sentence(summary([row["effect"]]), 1)


def test_nothing_is_left_where_every_name_is_taken_away_and_all_can_be_had_back(page):
    box = narrowing(page)
    before = found(box)
    turn(page, box, batch_size__10=False, batch_size__100=False)
    assert found(box).startswith("Left: no setting.")
    assert sum(marks(box).values()) == 0
    assert box.find_element(By.CSS_SELECTOR, "summary .left").text == "(0 of 40)"
    wait_for(page, lambda: "dial.a.batch_size.10=0" in page.current_url)
    box.find_element(By.CSS_SELECTOR, ".everything").click()
    wait_for(page, lambda: found(box) == before)
    wait_for(page, lambda: page.current_url.endswith("#narrow-a?"))
    assert box.find_element(By.CSS_SELECTOR, "summary .left").text == ""


def test_the_choice_is_in_the_address_and_comes_back_by_figure(page):
    box, other = narrowing(page), narrowing(page, "b.2")
    whole = found(other)
    turn(page, box, train_size__high=500, activation__tanh=False)
    said = found(box)
    assert found(other) == whole
    turn(page, other, depth__low=3)
    said_of_other = found(other)
    address = wait_for(page, lambda: "b.2.depth" in page.current_url and page.current_url)
    assert re.search(r"#narrow-b\.2\?.*dial\.a\.train_size\.high=500", address)
    page.get("about:blank")
    page.get(address)
    other = page.find_element(By.ID, "narrow-b.2")
    assert other.get_attribute("open")  # the link leads there
    wait_for(page, lambda: found(other) == said_of_other)
    box = page.find_element(By.ID, "narrow-a")
    assert not box.get_attribute("open")
    assert re.search(r"\(\d+ of 40\)", box.find_element(By.TAG_NAME, "summary").text)
    assert found(narrowing(page)) == said
    # the other language has it, too
    page.find_element(By.CSS_SELECTOR, ".language").click()
    wait_for(page, lambda: "index.ko" in page.current_url)
    count = re.search(r"Left: (\d+)", said)[1]
    assert f"{count}개가 남았습니다" in found(narrowing(page))


def test_a_plain_link_leaves_the_choice_and_still_leads_to_its_figure(page):
    box = narrowing(page)
    turn(page, box, depth__high=4)
    wait_for(page, lambda: "depth" in page.current_url)
    said = found(box)
    page.execute_script("location.hash = 'c'")
    wait_for(page, lambda: page.current_url.endswith("#c"))
    top = "return document.getElementById('c').getBoundingClientRect().top"
    wait_for(page, lambda: abs(page.execute_script(top)) < 100)
    assert found(box) == said


@pytest.mark.parametrize(
    "words",
    ["dial.a.train_size.high=x", "dial.a.train_size.low=1e9", "dial.a.nothing.low=3",
     "dial.a.activation.nope=0", "dial.a.activation.tanh=2"],
)  # fmt: skip
def test_an_address_that_asks_for_what_is_not_there_leaves_all_settings(browser, drawn, words):
    with seen(browser):
        visit(browser, drawn.pages["en"])
        browser.get("about:blank")
        browser.get(f"{drawn.pages['en'].as_uri()}#narrow-a?{words}")
        assert found(narrowing(browser)).startswith("Left: 40 of 40")
        assert browser.get_log("browser") == []


def test_everything_can_be_done_from_the_keyboard_and_has_a_name(page):
    box = page.find_element(By.ID, "narrow-a")
    head = box.find_element(By.TAG_NAME, "summary")
    head.send_keys(Keys.ENTER)
    wait_for(page, lambda: box.find_elements(By.CSS_SELECTOR, ".curve svg"))
    reached = {}
    for _ in range(30):
        page.switch_to.active_element.send_keys(Keys.TAB)
        name, outline = page.execute_script(
            "const e = document.activeElement;"
            "return [e.name || e.className, getComputedStyle(e).outlineStyle];"
        )
        reached[name] = outline
    names = {control.get_attribute("name") for control in box.find_elements(By.TAG_NAME, "input")}
    wanted = {*names, "button everything"}
    assert wanted <= set(reached)
    assert {reached[name] for name in wanted} == {"solid"}
    slider = box.find_element(By.NAME, "a.depth.high")
    assert slider.accessible_name == "at most"
    group = slider.find_element(By.XPATH, "ancestor::fieldset")
    assert group.accessible_name == "hidden layers"
    slider.send_keys(Keys.ARROW_LEFT)
    assert slider.get_attribute("aria-valuetext") == "7"
    wait_for(page, lambda: "dial.a.depth.high=7" in page.current_url)
    box.find_element(By.NAME, "a.activation.relu").send_keys(Keys.SPACE)
    wait_for(page, lambda: "dial.a.activation.relu=0" in page.current_url)
    box.find_element(By.CSS_SELECTOR, ".everything").send_keys(Keys.ENTER)
    wait_for(page, lambda: found(box).startswith("Left: 40 of 40"))


def test_what_is_left_is_said_once_when_nothing_is_turned_any_more(page):
    box = narrowing(page)
    spoken = box.find_element(By.CSS_SELECTOR, ".said[role=status]")
    for depth in (7, 6, 5):
        turn(page, box, depth__high=depth)
    wait_for(page, lambda: spoken.get_attribute("textContent").replace("\u00a0", " ") == found(box))
    label = box.find_element(By.CSS_SELECTOR, ".curve svg").get_attribute("aria-label")
    assert label.replace("\u00a0", " ") == found(box)


def test_it_asks_for_nothing_and_says_nothing_on_the_console(page, drawn):
    turn(page, narrowing(page), depth__high=5)
    assert page.get_log("browser") == []
    addresses = [url for url in requested(page) if not url.startswith("data:")]
    assert addresses == [drawn.pages["en"].as_uri()]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_has_nothing_against_it_and_it_fits(browser, drawn, axe, language, theme, width):
    with seen(browser, width=width, theme=theme):
        visit(browser, drawn.pages[language])
        for figure in ("a", "b.2"):
            narrowing(browser, figure)
        assert too_wide(browser) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert violations(browser, axe) == []


def test_without_javascript_and_on_paper_it_is_not_there(browser, drawn):
    with seen(browser), without_javascript(browser):
        visit(browser, drawn.pages["en"])
        for box in browser.find_elements(By.CSS_SELECTOR, ".narrowing"):
            assert not box.is_displayed()
    with seen(browser):
        visit(browser, drawn.pages["en"])
        box = narrowing(browser)
        with seen(browser, media="print"):
            assert not box.is_displayed()
