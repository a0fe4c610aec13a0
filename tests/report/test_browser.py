"""The report in a real browser, opened as a file."""

import json

import pytest
from selenium.webdriver.common.by import By

from study.report.sections import SECTIONS

pytestmark = pytest.mark.xdist_group("report")

FIGURES = [spec.id for specs in SECTIONS.values() for spec in specs]


@pytest.fixture(scope="module")
def page(browser, tiny_study):
    browser.get_log("performance")
    browser.set_window_size(1280, 900)
    browser.get(tiny_study.page.as_uri())
    return browser


def requested(browser):
    """Addresses of everything the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def test_page_asks_for_nothing_but_itself(page, tiny_study):
    addresses = [url for url in requested(page) if not url.startswith("data:")]
    assert addresses == [tiny_study.page.as_uri()]


def test_page_says_nothing_on_the_console(page):
    assert page.get_log("browser") == []


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_there_and_drawn(page, figure):
    article = page.find_element(By.ID, figure)
    picture = article.find_element(By.CSS_SELECTOR, ".picture > svg")
    assert picture.is_displayed()
    assert picture.size["width"] > 300
    assert picture.size["height"] > 80


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_has_a_table_with_a_download(page, figure):
    article = page.find_element(By.ID, figure)
    article.find_element(By.TAG_NAME, "summary").click()
    assert article.find_elements(By.CSS_SELECTOR, "tbody td")
    link = article.find_element(By.CSS_SELECTOR, f'a[download="{figure}.csv"]')
    assert link.get_attribute("href").startswith("data:text/csv")


def test_contents_lead_to_every_figure(page):
    targets = {
        link.get_attribute("href").rpartition("#")[2]
        for link in page.find_elements(By.CSS_SELECTOR, "nav a")
    }
    assert set(FIGURES) <= targets
    for target in targets:
        assert page.find_elements(By.ID, target), target


def test_ids_are_unique(page):
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_formulas_are_rendered(page):
    formulas = page.find_elements(By.CSS_SELECTOR, ".formula math")
    assert len(formulas) == 7
    assert all(formula.size["height"] > 15 for formula in formulas)


@pytest.mark.parametrize("width", [390, 1280])
def test_page_does_not_scroll_sideways(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    content = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert content <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_in_figures_has_the_ink_of_the_page(page, theme):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": theme}]},
    )
    ink, figure = page.execute_script(
        """
        const text = document.querySelector('.picture svg text');
        return [getComputedStyle(document.body).color, getComputedStyle(text).fill];
        """
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert figure == ink
