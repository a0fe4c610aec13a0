"""The grid's interactive parts: as text, and at work in a real browser, opened as a file."""

import dataclasses
import html
import json
import re

import builders_grid as make
import jinja2
import pytest
from browsing import seen, visit, wait_for
from markupsafe import Markup
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from study.analysis.declarations import recommended
from study.analysis.findings import Measured
from study.analysis.grid import Grid
from study.analysis.reading import Node
from study.figures import making, style
from study.figures.declare import read_figure
from study.paths import templates_folder
from study.report.grid_data import SEEDS_SHOWN, explorer_data
from study.report.grid_page import explorer_json, explorer_view, ranking_view, seeds_note
from study.report.render import content_security_policy
from study.report.svg import inline_svg
from study.report.text import load_text

pytestmark = pytest.mark.xdist_group("other pages")

TEXT = load_text("en")
COMMAND = "python -m study -m experiment=grid"
SCRIPT = (templates_folder() / "script.js").read_text(encoding="utf-8")
PAGE = """
<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ csp }}">
<title>grid</title><link rel="icon" href="data:,"><style>{{ style }}</style>
<script>{{ script }}</script></head><body>
<header class="side"><div id="theme" hidden>
{% for name in ("auto", "light", "dark") %}
<button type="button" data-theme="{{ name }}">{{ name }}</button>
{% endfor %}
</div><nav><a href="#G-a">G-a</a> <a href="#explorer">explorer</a> <a href="#ranking">ranking</a>
</nav></header>
<main><article class="figure" id="G-a"><div class="canvas"><div class="picture">{{ picture }}</div>
</div><p class="downloads"><button type="button" class="svg" hidden>SVG</button></p>
<details id="closed"><summary>more</summary><p id="inside">inside</p></details></article>
{% include "explorer.html.j2" %}{% if ranking %}{% include "ranking.html.j2" %}{% endif %}</main>
<script type="application/json" id="data">{{ data }}</script></body></html>
"""


DIVERGED = ("normal 1", "relu", False, 0.0, 0.0)
FAILED = ("he", "tanh", False, 0.0, 0.0)
MISSING = ("xavier", "sigmoid", True, 0.2, 0.001)
BEST = ("xavier", "tanh", True, 0.0, 0.0)


def accuracy(cell, seed):
    """0.4 of He, with batch norm 0.6; less of others by 0.01 each; one cell is the best."""
    value = 0.4 - 0.01 * list(reversed(make.INITS)).index(cell[0]) + 0.2 * cell[2]
    return (0.9 if cell == BEST else value) + 0.001 * seed


def named(init):
    """A run whose initial value is called so."""
    record = make.record(("he", "relu", True, 0.2, 0.0))
    config = record.config | {"init": record.config["init"] | {"name": init}}
    return dataclasses.replace(record, config=config)


def study_of_the_grid():
    """Three seeds; two runs of a cell diverged, one cell has only failed runs, one has none."""
    records = []
    for cell in make.CELLS:
        if cell == MISSING:
            continue
        for seed in range(3):
            status = "failed" if cell == FAILED else "completed"
            status = "diverged" if cell == DIVERGED and seed else status
            test = accuracy(cell, seed)
            records.append(make.record(cell, seed, test=test, train=test + 0.05, status=status))
    return make.results(records, missing=3)


@pytest.fixture(scope="module")
def results():
    return study_of_the_grid()


def grid_of(results):
    return Grid(results, "grid", recommended())


def data_of(results, text=TEXT, command=COMMAND):
    return json.loads(explorer_json(explorer_data(grid_of(results)), text, command))


def write_page(results, path):
    """A page of the grid alone, under the policy of the real one."""
    templates = templates_folder()
    grid, measured = grid_of(results), Measured(results)
    cells = {"title": {"en": "cells"}, "kind": "cells", "experiment": "grid", "y": "test_accuracy"}
    figure = read_figure(Node("f.yaml", "", cells), "G-a", {"grid": grid.factors})
    with style.house_style():
        drawn = making.draw(figure, making.make(figure, measured), str)
        picture = inline_svg(drawn, "G-a", "heat maps")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    css = [(templates / name).read_text(encoding="utf-8") for name in ("style.css", "explorer.css")]
    content = environment.from_string(PAGE).render(
        page=TEXT.page,
        csp=content_security_policy(SCRIPT),
        script=Markup(SCRIPT),
        style=Markup("".join(css)),
        picture=Markup(picture),
        ranking=ranking_view(grid, TEXT),
        explorer=explorer_view(grid, explorer_data(grid), TEXT),
        data=explorer_json(explorer_data(grid), TEXT, COMMAND),
    )
    path.write_text(content.strip(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def file(results, tmp_path_factory):
    return write_page(results, tmp_path_factory.mktemp("grid") / "grid.html")


@pytest.fixture
def page(browser, file):
    with seen(browser):
        visit(browser, file)
        yield browser
        assert browser.get_log("browser") == []


# --- As text --------------------------------------------------------------------------------------


def test_script_is_small_and_never_makes_code_or_markup_of_text():
    assert len(SCRIPT.encode()) < 15_100
    assert SCRIPT.startswith('"use strict";')
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|import\("
    assert not re.search(forbidden, SCRIPT)
    assert "</script" not in SCRIPT
    assert "<!--" not in SCRIPT


def test_script_has_no_words_of_its_own():
    strings = re.findall(r"""(["'`])((?:(?!\1).)*)\1""", re.sub(r"//.*", "", SCRIPT))
    texts = [text for _, text in strings if re.search(r"[A-Z]?[a-z]+ [a-z]+ [a-z]+", text)]
    assert texts in ([], ["pointerover pointerleave click"])


def test_data_has_every_cell_and_is_small(results):
    content = explorer_json(explorer_data(grid_of(results)), TEXT, COMMAND)
    assert len(content.encode()) < 150_000
    data = json.loads(content)
    assert len(data["cells"]) == 120
    names = [metric["name"] for metric in data["metrics"]]
    assert names == [
        "test accuracy", "train accuracy", "gap, train − test", "share of diverged runs",
    ]  # fmt: skip
    means = dict(zip(make.CELLS, (cell["means"] for cell in data["cells"]), strict=True))
    assert means[BEST] == pytest.approx([90.1, 95.1, 5.0, 0])
    assert means[DIVERGED][3] == pytest.approx(66.667)
    assert means[MISSING] == [None] * 4


@pytest.mark.parametrize("evil", ["</script><script>alert(1)</script>", "<!--<script>", "]]>&amp;"])
def test_no_label_can_leave_the_data_block(evil):
    results = make.results([named(evil), make.record(BEST)])
    content = explorer_json(explorer_data(grid_of(results)), TEXT, evil)
    assert not re.search(r"[<>&]", content)
    data = json.loads(content)
    assert data["command"] == evil
    assert data["factors"][0]["levels"][0]["id"] == f"{evil} mode=fan_in scale=2"


def test_data_is_the_same_whatever_the_order_of_the_records(results):
    backwards = dataclasses.replace(results, records=dict(reversed(list(results.records.items()))))
    assert data_of(backwards) == data_of(results)
    assert explorer_data(grid_of(backwards)) == explorer_data(grid_of(results))


def test_of_many_seeds_the_first_have_a_column_and_all_are_counted():
    seeds = range(SEEDS_SHOWN + 980)
    many = make.results([make.record(BEST, seed, test=0.5) for seed in seeds])
    cells = explorer_data(grid_of(many))
    data = json.loads(explorer_json(cells, TEXT, COMMAND))
    assert data["seeds"] == list(range(SEEDS_SHOWN))
    assert [run[0] for run in data["cells"][0]["runs"]] == data["seeds"]
    assert data["cells"][0]["n"] == 1000
    assert seeds_note(cells, TEXT) == "Shown: the first 20 of 1,000 seeds."
    assert seeds_note(explorer_data(grid_of(study_of_the_grid())), TEXT) == ""


@pytest.mark.parametrize(
    "records",
    [[], [make.record(BEST, status="failed")], [make.record(BEST, status="diverged")],
     [make.record(BEST)]],
    ids=["none", "failed", "diverged", "one"],
)  # fmt: skip
def test_few_runs_make_a_page(records, tmp_path):
    few = make.results(records)
    assert data_of(few)["words"]
    view = ranking_view(grid_of(few), TEXT)
    assert (view is None) == (not records)
    if records:
        content = write_page(few, tmp_path / "few.html").read_text(encoding="utf-8")
        assert content.count("<tr class=") + content.count("<tr>") >= 2


def test_ranking_is_complete_and_says_what_became_of_each_cell(results):
    view = ranking_view(grid_of(results), TEXT)
    rows = {row.cell: row for row in view.rows}
    assert len(rows) == 120
    number = make.CELLS.index
    best = rows[number(BEST)]
    assert (best.rank.text, best.mean.text, best.n) == ("1", "90.1", 3)
    assert best.interval.text == "89.9 to 90.3"
    assert rows[number(DIVERGED)].status == "1 completed, 2 diverged"
    assert rows[number(DIVERGED)].statuses == ["diverged"]
    assert rows[number(FAILED)].statuses == ["failed"]
    assert rows[number(FAILED)].mean.text == "–"
    assert rows[number(MISSING)].status == "3 missing"
    assert rows[number(MISSING)].interval.text == "–"
    assert sum(row.recommended for row in view.rows) == 9
    assert view.count == "120 of 120 cells"


def test_filters_offer_what_there_is(results):
    filters = {each.id: each.options for each in ranking_view(grid_of(results), TEXT).filters}
    assert [value for value, _ in filters["init"]] == list(make.INITS)
    assert filters["init"][-1] == ("he", "He")
    assert filters["batchnorm"] == [("off", "off"), ("on", "on")]
    names = ["completed", "diverged", "failed", "missing"]
    assert [value for value, _ in filters["status"]] == names


def test_the_table_is_plain_and_complete_without_the_script(file):
    content = file.read_text(encoding="utf-8")
    table = content[content.index("<thead><tr>\n") : content.rindex("</table>")]
    assert table.count("<tr") == 121
    assert "<button" not in table
    assert 'class="choices"' in content
    assert re.search(r'<form class="choices"[^>]* hidden>', content)


# --- In the browser -------------------------------------------------------------------------------


def shown_rows(page):
    """Text of each cell of the rows that are shown."""
    return page.execute_script(
        """
        return [...document.querySelectorAll('#ranking tbody tr')].filter(row => !row.hidden)
            .map(row => [...row.cells].map(cell => cell.textContent.trim()));
        """
    )


def column(page, name):
    heads = [
        head.text.split("\xa0")[0] for head in page.find_elements(By.CSS_SELECTOR, "#ranking th")
    ]
    return [row[heads.index(name)] for row in shown_rows(page)]


def header(page, key):
    return page.find_element(By.CSS_SELECTOR, f'#ranking th[data-key="{key}"]')


def choose(page, widget, name, value):
    place = page.find_element(By.CSS_SELECTOR, f'#{widget} select[name="{name}"]')
    Select(place).select_by_value(value)


def count(page):
    return page.find_element(By.CSS_SELECTOR, "#ranking .count").text


def test_a_header_sorts_and_turns_by_mouse_and_by_key(page):
    means = column(page, "rank")
    assert header(page, "rank").get_attribute("aria-sort") == "ascending"
    button = header(page, "mean").find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    assert header(page, "mean").get_attribute("aria-sort") == "descending"
    assert header(page, "rank").get_attribute("aria-sort") is None
    assert column(page, "rank") == means
    button.send_keys(Keys.SPACE)
    assert header(page, "mean").get_attribute("aria-sort") == "ascending"
    ordered = [float(row[8]) for row in shown_rows(page)[:-2]]
    assert ordered == sorted(ordered)
    assert [row[8] for row in shown_rows(page)[-2:]] == ["–", "–"]  # unknown stays last
    assert page.switch_to.active_element == button


@pytest.mark.parametrize("key", ["init", "n", "interval", "status", "recipe"])
def test_every_column_sorts(page, key):
    before = sorted(shown_rows(page))
    header(page, key).find_element(By.TAG_NAME, "button").click()
    assert header(page, key).get_attribute("aria-sort") in ("ascending", "descending")
    assert sorted(shown_rows(page)) == before
    values = page.execute_script(
        "return [...document.querySelectorAll('#ranking tbody tr')]"
        ".map(row => row.cells[arguments[0]].dataset.value).filter(Boolean)",
        [h.get_attribute("data-key") for h in page.find_elements(By.CSS_SELECTOR, "#ranking th")]
        .index(key),
    )  # fmt: skip
    numeric = key in ("n", "interval")
    ordered = sorted(map(float, values) if numeric else values)
    if header(page, key).get_attribute("aria-sort") == "descending":
        ordered.reverse()
    assert (list(map(float, values)) if numeric else values) == ordered


def test_filters_count_and_can_be_taken_back(page):
    assert count(page) == "120 of 120 cells"
    choose(page, "ranking", "init", "he")
    assert count(page) == "24 of 120 cells"
    choose(page, "ranking", "status", "failed")
    assert count(page) == "1 of 120 cells"
    assert column(page, "activation") == ["tanh"]
    choose(page, "ranking", "init", "")
    choose(page, "ranking", "status", "diverged")
    assert count(page) == "1 of 120 cells"
    choose(page, "ranking", "status", "")
    choose(page, "ranking", "recipe", "yes")
    assert count(page) == "9 of 120 cells"
    page.find_element(By.CSS_SELECTOR, "#ranking button[type=reset]").click()
    assert count(page) == "120 of 120 cells"
    status = page.find_element(By.CSS_SELECTOR, "#ranking .count")
    assert status.get_attribute("role") == "status"


def test_choices_are_in_the_address_and_come_back(page, file):
    choose(page, "ranking", "init", "he")
    header(page, "mean").find_element(By.TAG_NAME, "button").click()
    address = page.current_url
    assert address == f"{file.as_uri()}#ranking?init=he&sort=mean"
    page.get("about:blank")
    page.get(address)
    assert count(page) == "24 of 120 cells"
    assert header(page, "mean").get_attribute("aria-sort") == "descending"
    top = page.find_element(By.ID, "ranking").rect["y"]
    assert abs(page.execute_script("return scrollY") - top) < 400  # near the table


def step(page, direction, shows):
    """Go back or forward as a page does, and wait until it shows what it should.

    The browser's own button skips what it takes for entries that nobody asked for.
    """
    page.execute_script(f"history.{direction}()")
    wait_for(page, shows)


def test_back_and_forward_restore_each_choice(page):
    choose(page, "ranking", "init", "he")
    choose(page, "ranking", "batchnorm", "on")
    choose(page, "explorer", "metric", "gap")
    assert count(page) == "12 of 120 cells"

    def metric():
        chosen = Select(page.find_element(By.CSS_SELECTOR, "#explorer select[name=metric]"))
        return chosen.first_selected_option.get_attribute("value")

    step(page, "back", lambda: metric() == "test_accuracy")
    step(page, "back", lambda: count(page) == "24 of 120 cells")
    step(page, "back", lambda: count(page) == "120 of 120 cells")
    step(page, "forward", lambda: count(page) == "24 of 120 cells")


def test_links_to_figures_work_and_leave_the_choices(page):
    choose(page, "ranking", "init", "he")
    page.find_element(By.CSS_SELECTOR, 'nav a[href="#G-a"]').click()
    assert page.current_url.endswith("#G-a")
    assert count(page) == "24 of 120 cells"


def test_the_address_of_the_issue_works_too(browser, file):
    with seen(browser):
        visit(browser, Address(f"{file.as_uri()}#G-a?init=he&sort=mean"))
        assert count(browser) == "24 of 120 cells"


class Address:
    """Something to visit that has a fragment."""

    def __init__(self, uri):
        self.uri = uri

    def as_uri(self):
        return self.uri


@pytest.mark.parametrize(
    "fragment", ["#%E0%A4%A", "#ranking?sort=toString&init=x&order=y", "#?", "#x?=&&"]
)
def test_nonsense_in_the_address_does_no_harm(browser, file, fragment):
    with seen(browser):
        visit(browser, Address(file.as_uri() + fragment))
        assert browser.find_element(By.CSS_SELECTOR, ".map button").is_displayed()
        assert browser.get_log("browser") == []


def test_a_link_into_a_closed_disclosure_opens_it(browser, file):
    with seen(browser):
        visit(browser, Address(f"{file.as_uri()}#inside"))
        assert browser.find_element(By.ID, "inside").is_displayed()


def spot(page, cell):
    return page.find_element(By.CSS_SELECTOR, f'#G-a [data-cell="{make.CELLS.index(cell)}"]')


def panel(page, widget):
    within = page.find_element(By.ID, widget)
    return within.find_element(By.CSS_SELECTOR, ".runs .list").text


def hover(page, element):
    page.execute_script(
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
    )
    ActionChains(page).move_to_element(element).perform()


def test_pointing_at_a_cell_of_the_heat_maps_shows_its_runs(page):
    hover(page, spot(page, BEST))
    shown = panel(page, "G-a")
    assert "Xavier · tanh · batch norm on · dropout 0 · weight decay 0" in shown
    assert "90.1 ± 0.2 %" in shown
    assert "90.0 90.1 90.2" in shown
    command = "init=xavier activation=tanh batchnorm=true dropout=0 weight_decay=0"
    assert f"{COMMAND} {command}" in shown
    hover(page, spot(page, DIVERGED))
    shown = panel(page, "G-a")
    assert "2 diverged" in shown
    assert "10.0 ✕ 10.0 ✕" in shown
    assert "init=normal init.std=1" in shown
    hover(page, spot(page, FAILED))
    assert "3 failed" in panel(page, "G-a")
    hover(page, spot(page, MISSING))
    assert "3 missing" in panel(page, "G-a")


def squares(page):
    rows = page.find_elements(By.CSS_SELECTOR, "#explorer .map tbody tr")
    return [[square.text for square in row.find_elements(By.TAG_NAME, "button")] for row in rows]


def square(page, row, column):
    return page.find_element(
        By.CSS_SELECTOR,
        f"#explorer .map tbody tr:nth-child({row + 1}) td:nth-child({column + 2}) button",
    )


def test_the_explorer_starts_with_means_over_all_other_factors(page, results):
    cells = [cell for cell in make.CELLS if cell[:2] == ("he", "relu")]
    expected = sum(accuracy(cell, 1) for cell in cells) / len(cells)
    assert squares(page)[4][2] == f"{100 * expected:.1f}"
    assert len(squares(page)) == 5
    assert "✕2" in squares(page)[2][2]  # normal 1, ReLU
    assert "!3" in squares(page)[4][1]
    assert "–3" in squares(page)[3][0]


def test_choices_change_map_and_curves(page):
    curves = page.find_element(By.CSS_SELECTOR, "#explorer .plots").get_attribute("innerHTML")
    choose(page, "explorer", "rows", "batchnorm")
    heads = [th.text for th in page.find_elements(By.CSS_SELECTOR, "#explorer .map tbody th")]
    assert heads == ["batch norm off", "batch norm on"]
    choose(page, "explorer", "columns", "init")
    choose(page, "explorer", "at.activation", "sigmoid")
    assert squares(page)[1][4] == "60.1"
    names = [f.text for f in page.find_elements(By.CSS_SELECTOR, "#explorer figcaption")]
    assert names == ["batch norm off", "batch norm on"]
    changed = page.find_element(By.CSS_SELECTOR, "#explorer .plots").get_attribute("innerHTML")
    assert changed != curves
    assert len(page.find_elements(By.CSS_SELECTOR, "#explorer polyline")) == 10
    choose(page, "explorer", "metric", "gap")
    assert squares(page)[1][4] == "5.0"
    assert "gap" in page.find_element(By.CSS_SELECTOR, "#explorer .key").text
    choose(page, "explorer", "metric", "diverged")
    assert squares(page)[0][2] == "0.0"


def test_the_same_factor_twice_gives_way(page):
    choose(page, "explorer", "rows", "activation")
    columns = Select(page.find_element(By.CSS_SELECTOR, "#explorer select[name=columns]"))
    assert columns.first_selected_option.get_attribute("value") == "init"
    assert len(squares(page)) == 3
    assert len(squares(page)[0]) == 5


def test_a_cell_without_runs_says_so_and_not_by_colour_alone(page):
    for name, value in (("batchnorm", "on"), ("dropout", "0.2"), ("weight_decay", "0.001")):
        choose(page, "explorer", f"at.{name}", value)
    assert squares(page)[3][0].startswith("no run")
    assert "none" in square(page, 3, 0).get_attribute("class")


def test_focus_shows_the_runs_of_a_square_and_a_key_keeps_them(page):
    page.execute_script("arguments[0].focus()", square(page, 4, 2))
    shown = panel(page, "explorer")
    assert "He · ReLU" in shown
    assert "batch norm on · dropout 0.2 · weight decay 0" in shown
    assert "init=he activation=relu" in shown
    square(page, 4, 2).send_keys(Keys.ENTER)
    assert page.current_url.endswith("#explorer?cell=he%2Crelu")
    assert square(page, 4, 2).get_attribute("aria-pressed") == "true"
    assert page.switch_to.active_element == square(page, 4, 2)
    page.execute_script("document.activeElement.blur()")
    assert "He · ReLU" in panel(page, "explorer")
    widths = {
        line.get_attribute("stroke-width")
        for line in page.find_elements(By.CSS_SELECTOR, "#explorer figure:nth-child(5) polyline")
    }
    assert widths == {"2", "4"}


def test_lines_of_the_explorer_differ_by_more_than_colour(page):
    choose(page, "explorer", "columns", "dropout")
    choose(page, "explorer", "rows", "activation")
    lines = page.find_elements(By.CSS_SELECTOR, "#explorer figure:first-child polyline")
    dashes = [line.get_attribute("stroke-dasharray") for line in lines]
    assert len(set(dashes)) == len(dashes) == 2


def test_every_square_can_be_read_on_its_colour(page):
    colours = page.execute_script(
        "return [...document.querySelectorAll('.map button:not(.none)')]"
        ".map(b => [getComputedStyle(b).color, getComputedStyle(b).backgroundColor])"
    )

    def luminance(colour):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for pair in colours:
        low, high = sorted(map(luminance, pair))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_theme_is_chosen_kept_and_given_back(page, file):
    box = page.find_element(By.ID, "theme")
    assert box.is_displayed()

    def paper():
        return page.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = paper()
    button = page.find_element(By.CSS_SELECTOR, "#theme [data-theme=dark]")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    dark = paper()
    assert dark != light
    visit(page, file)
    assert paper() == dark
    page.find_element(By.CSS_SELECTOR, "#theme [data-theme=auto]").click()
    assert paper() == light


def test_a_drawing_is_saved_that_stands_alone(page):
    page.execute_script(
        """
        URL.createObjectURL = blob => {
            blob.text().then(text => { window.saved = text; });
            return "#";
        };
        HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };
        """
    )
    page.find_element(By.CSS_SELECTOR, "#G-a .downloads .svg").click()
    saved = wait_for(page, lambda: page.execute_script("return window.saved"))
    name = page.execute_script("return window.savedAs")
    assert name == "G-a.svg"
    assert saved.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "var(" not in saved
    assert re.search(r'color="rgb\(', saved)
    parsed = page.execute_script(
        "return new DOMParser().parseFromString(arguments[0], 'image/svg+xml')"
        ".querySelector('parsererror')?.textContent ?? ''",
        saved,
    )
    assert parsed == ""


def test_contents_mark_what_is_being_read(page):
    page.execute_script("document.getElementById('ranking').scrollIntoView({behavior: 'instant'})")
    current = "return [...document.querySelectorAll('nav a[aria-current=true]')].map(a => a.hash)"
    wait_for(page, lambda: page.execute_script(current) == ["#ranking"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser, file, axe, theme):
    with seen(browser, theme=theme):
        visit(browser, Address(f"{file.as_uri()}#explorer?cell=he,relu"))
        browser.execute_script(axe)
        found = browser.execute_async_script(
            "const done = arguments[0]; axe.run({include: [['#explorer'], ['#ranking']]})"
            ".then(result => done(result.violations.map(v => v.id + ' ' + v.nodes[0].html)))"
        )
        assert found == []


@pytest.mark.parametrize("fragment", ["", "#explorer?cell=he,relu"])
def test_nothing_is_wider_than_a_phone(browser, file, fragment):
    with seen(browser, width=390):
        visit(browser, Address(file.as_uri() + fragment))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


def test_hostile_names_are_text_everywhere(browser, tmp_path):
    evil = '"><img src=x onerror=alert(1)>'
    results = make.results([named(evil), make.record(BEST)])
    file = write_page(results, tmp_path / "evil.html")
    assert html.escape(evil) in file.read_text(encoding="utf-8").replace("&#34;", "&quot;")
    with seen(browser):
        visit(browser, file)
        assert browser.find_elements(By.CSS_SELECTOR, "img") == []
        assert evil in browser.find_element(By.CSS_SELECTOR, "#explorer .map").text
        assert browser.get_log("browser") == []


# --- Other factors than the lecture's -------------------------------------------------------------


def options(page, widget, name):
    place = page.find_element(By.CSS_SELECTOR, f'#{widget} select[name="{name}"]')
    return [option.get_attribute("value") for option in Select(place).options]


def captions(page):
    found = page.find_elements(By.CSS_SELECTOR, "#explorer caption, #explorer .key strong")
    return [each.text for each in found]


def test_a_sixth_factor_is_chosen_sorted_filtered_and_averaged(browser, tmp_path):
    records = [
        make.record(
            cell, seed, test=accuracy(cell, seed) + 0.02 * (momentum > 0), momentum=momentum
        )
        for cell in make.CELLS
        for momentum in (0.0, 0.9)
        for seed in range(2)
    ]
    file = write_page(make.results(records), tmp_path / "six.html")
    with seen(browser):
        visit(browser, file)
        assert options(browser, "explorer", "rows")[-1] == "momentum"
        both = float(squares(browser)[4][2])
        choose(browser, "explorer", "at.momentum", "0.9")
        assert float(squares(browser)[4][2]) == pytest.approx(both + 1, abs=0.11)
        choose(browser, "explorer", "rows", "momentum")
        heads = browser.find_elements(By.CSS_SELECTOR, "#explorer .map tbody th")
        assert [th.text for th in heads] == ["momentum 0", "momentum 0.9"]
        browser.execute_script("arguments[0].focus()", square(browser, 1, 0))
        assert "activation=sigmoid momentum=0.9" in panel(browser, "explorer")
        assert count(browser) == "240 of 240 cells"
        choose(browser, "ranking", "momentum", "0.9")
        assert count(browser) == "120 of 240 cells"
        assert set(column(browser, "momentum")) == {"0.9"}
        choose(browser, "ranking", "recipe", "yes")
        assert count(browser) == "9 of 240 cells"
        hover(browser, browser.find_element(By.CSS_SELECTOR, '#G-a [data-cell="239"]'))
        shown = panel(browser, "G-a")
        assert "He · ReLU · batch norm on · dropout 0.2" in shown
        assert "weight_decay=0.001 momentum=0.9" in shown
        assert browser.get_log("browser") == []


@pytest.mark.parametrize(
    ("axes", "map_size", "caption", "lines"),
    [
        ({"momentum": [0.0, 0.5, 0.9]}, (1, 3), "test accuracy (%) by momentum", 3),
        ({}, (1, 1), "test accuracy (%)", 1),
        ({"hidden": [[10], [10, 10]], "batch_size": [10, 100]}, (2, 2),
         "test accuracy (%) by hidden layers and batch size", 4),
    ],
    ids=["one", "none", "two"],
)  # fmt: skip
def test_fewer_factors_have_an_explorer(browser, tmp_path, axes, map_size, caption, lines):
    records = make.crossed(lambda seed, **_: 0.5 + 0.01 * seed, **axes)
    file = write_page(make.results(records), tmp_path / "few.html")
    with seen(browser):
        visit(browser, file)
        rows = squares(browser)
        assert (len(rows), len(rows[0])) == map_size
        assert {text for row in rows for text in row} == {"50.5"}
        assert captions(browser)[0] == caption
        assert len(browser.find_elements(By.CSS_SELECTOR, "#explorer polyline")) == lines
        assert bool(browser.find_elements(By.NAME, "rows")) == (len(axes) > 1)
        browser.execute_script("arguments[0].focus()", square(browser, 0, map_size[1] - 1))
        assert "2 runs" in panel(browser, "explorer")
        assert count(browser) == f"{map_size[0] * map_size[1]} of {len(records) // 2} cells"
        assert browser.get_log("browser") == []


def test_cells_of_batches_of_different_sizes_are_averaged_at_the_same_epochs():
    """One is measured at epochs 0, 1, 2, the other only at 0 and 2: on the line between."""
    every = make.crossed(lambda **_: 0.5, seeds=[0], batch_size=[10, 100])
    history = {name: values[::2] for name, values in every[1].history.items()}
    every[1] = dataclasses.replace(every[1], history=history, timing={"total": 1.0, "at": [0, 0]})
    cells = data_of(make.results(every))["cells"]
    assert [cell["curves"][0] for cell in cells] == [[10.0, 30.0, 50.0]] * 2


def test_a_grid_that_nobody_advises_on_has_no_column_for_the_recipe():
    view = ranking_view(Grid(study_of_the_grid(), "grid"), TEXT)
    assert not view.recommends
    assert [each.id for each in view.filters][-2:] == ["weight_decay", "status"]
