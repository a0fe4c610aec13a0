"""The report for readers who do not see it, or use no mouse: axe-core, and the keyboard."""

from pathlib import Path

import pytest
from browsing import LOOKS, open_everything, seen, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.xdist_group("tiny page")

COMMITTED = sorted(Path(__file__).parents[2].glob("reports/*/*.html"))


def violations(browser, axe):
    """What axe-core has against the page as it is now, one line for each element.

    It takes minutes for the 15,000 elements within the drawings, whose time grows with their
    square, and what it would say of one row of a table holds for all: a drawing that nothing
    can be done with is emptied (it is an image with a description), tables keep three rows.
    """
    browser.execute_script(
        """
        for (const drawing of document.querySelectorAll('.picture > svg'))
            if (!drawing.querySelector('[data-cell], [tabindex], a, [title]'))
                drawing.replaceChildren();
        for (const row of document.querySelectorAll('.scroll tbody tr:nth-child(n + 4)'))
            row.remove();
        """
    )
    browser.execute_script(axe)
    results = browser.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        axe.run(document, {resultTypes: ['violations']})
            .then(done, error => done({error: `${error}`}));
        """
    )
    assert "error" not in results, results["error"]
    return [
        f"{violation['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_axe_has_nothing_against_the_page(browser, tiny_study, axe, language, theme, width):
    with seen(browser, width=width, theme=theme):
        visit(browser, tiny_study.page_in(language))
        open_everything(browser)
        assert violations(browser, axe) == []


@pytest.mark.parametrize("page", COMMITTED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_axe_has_nothing_against_the_committed_pages(browser, axe, page):
    own = {"width": 390, "theme": "dark"} if ".ko." in page.name else {"theme": "light"}
    with seen(browser, **own):
        visit(browser, page)
        open_everything(browser)
        assert violations(browser, axe) == []


def test_axe_would_find_something(browser, tiny_study, axe):
    visit(browser, tiny_study.page)
    browser.execute_script(
        "document.querySelector('#claims-title').style.color = 'var(--grid)';"
        "document.querySelector('main').append(new Image());"
    )
    found = violations(browser, axe)
    assert any(line.startswith("color-contrast") for line in found)
    assert any(line.startswith("image-alt") for line in found)


@pytest.fixture
def page(browser, tiny_study):
    with seen(browser):
        visit(browser, tiny_study.page)
        yield browser


def press(browser, *keys):
    browser.switch_to.active_element.send_keys(*keys)


def test_first_tab_leads_past_the_contents_to_the_verdicts(page):
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip = page.switch_to.active_element
    assert skip.get_attribute("class") == "skip"
    press(page, Keys.ENTER)
    press(page, Keys.TAB)
    assert page.execute_script(
        "return document.getElementById('claims').contains(document.activeElement)"
    )


def test_every_stop_of_the_keyboard_can_be_seen(page):
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    for _ in range(40):
        press(page, Keys.TAB)
        outline, width = page.execute_script(
            """
            const e = document.activeElement, style = getComputedStyle(e);
            return [style.outlineStyle, e.getBoundingClientRect().width];
            """
        )
        assert outline != "none"
        assert width > 0


def test_all_controls_can_be_reached(page):
    open_everything(page)
    beyond = page.execute_script(
        """
        return [...document.querySelectorAll('a[href], button, select, input, summary')]
            .filter(e => e.tabIndex !== 0 && e.checkVisibility())
            .map(e => e.outerHTML.slice(0, 99));
        """
    )
    assert beyond == []


def test_disclosures_and_the_theme_work_from_the_keyboard(page):
    summary = page.find_element(By.CSS_SELECTOR, "details.claim summary")
    summary.send_keys(Keys.ENTER)
    assert page.find_element(By.CSS_SELECTOR, "details.claim .statement").is_displayed()
    summary.send_keys(Keys.SPACE)
    assert not page.find_element(By.CSS_SELECTOR, "details.claim .statement").is_displayed()
    dark, auto = (
        page.find_element(By.CSS_SELECTOR, f'#theme [data-theme="{name}"]')
        for name in ("dark", "auto")
    )
    dark.send_keys(Keys.ENTER)
    assert dark.get_attribute("aria-pressed") == "true"
    auto.send_keys(Keys.SPACE)
    assert (auto.get_attribute("aria-pressed"), dark.get_attribute("aria-pressed")) == (
        "true",
        "false",
    )


def test_boxes_that_scroll_can_be_scrolled_from_the_keyboard(page):
    open_everything(page)
    with seen(page, width=390):
        stuck = page.execute_script(
            """
            return [...document.querySelectorAll('main *')].filter(e => !e.closest('svg'))
                .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
                .filter(e => e.scrollWidth > e.clientWidth + 1 && e.tabIndex !== 0)
                .map(e => e.outerHTML.slice(0, 99));
            """
        )
    assert stuck == []


def test_nothing_moves_for_those_who_do_not_like_it(page):
    with seen(page, motion="reduce"):
        moving = page.execute_script(
            """
            return [...document.querySelectorAll('body *')].filter(e => !e.closest('.picture svg'))
                .map(e => getComputedStyle(e)).filter(style => style.scrollBehavior !== 'auto' ||
                    parseFloat(style.transitionDuration) > 0 ||
                    style.animationName !== 'none').length;
            """
        )
    assert moving == 0
