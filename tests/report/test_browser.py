"""The report in a real browser, opened as a file: screen, phone and paper, by day and night."""

import base64
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import (
    A4_COLUMN,
    open_everything,
    requested,
    seen,
    too_wide,
    visit,
    wait_for,
    without_javascript,
)
from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from study.chapters import chapter_folders, load_chapters
from study.report.claim_views import MARKS
from study.report.text import load_text

pytestmark = pytest.mark.xdist_group("tiny page")

(LECTURE,) = load_chapters(["lecture"], chapter_folders())
FIGURES = [figure.id for figure in LECTURE.figures]
CLAIMS = LECTURE.claims
REFERENCE = Path(__file__).parents[2] / "reports" / "mnist-full"
LANGUAGES = ("en", "ko")
WIDTHS = (390, 1280)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def page(browser, tiny_study, language):
    """The page in each language; not loaded again for tests that only look at it."""
    address = tiny_study.page_in(language)
    with seen(browser):
        if browser.current_url != address.as_uri():
            visit(browser, address)
        yield browser


@pytest.fixture
def english(browser, tiny_study):
    """The English page, opened afresh."""
    with seen(browser):
        visit(browser, tiny_study.page_in("en"))
        yield browser


def test_page_asks_for_nothing_but_itself(browser, tiny_study, language):
    page = tiny_study.page_in(language)
    visit(browser, page)
    open_everything(browser)
    assert [url for url in requested(browser) if not url.startswith("data:")] == [page.as_uri()]


def test_page_may_load_nothing(page):
    policy = page.find_element(By.CSS_SELECTOR, "meta[http-equiv=Content-Security-Policy]")
    rules = dict(rule.split(None, 1) for rule in policy.get_attribute("content").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].startswith("'sha256-")
    assert "unsafe" not in rules["script-src"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_says_nothing_on_the_console(browser, tiny_study, language, theme):
    with seen(browser, theme=theme):
        visit(browser, tiny_study.page_in(language))
        open_everything(browser)
        assert browser.get_log("browser") == []


def test_page_is_in_its_language(page, language):
    assert page.find_element(By.TAG_NAME, "html").get_attribute("lang") == language
    assert page.find_element(By.TAG_NAME, "h1").text == LECTURE.title[language]


def test_each_language_leads_to_the_other_and_back(english, tiny_study):
    for language in ("ko", "en"):
        page = tiny_study.page_in(language).as_uri()
        english.find_element(By.CSS_SELECTOR, "a.language").click()
        wait_for(english, lambda page=page: english.current_url == page)


def test_choices_go_along_into_the_other_language(english):
    box = Select(english.find_element(By.CSS_SELECTOR, "#ranking select[name=init]"))
    box.select_by_value("he")
    english.find_element(By.CSS_SELECTOR, "a.language").click()
    assert english.find_element(By.TAG_NAME, "html").get_attribute("lang") == "ko"
    assert english.current_url.endswith("#ranking?init=he")
    box = Select(english.find_element(By.CSS_SELECTOR, "#ranking select[name=init]"))
    assert box.first_selected_option.get_attribute("value") == "he"


def test_claims_are_named_at_a_glance(page):
    named = page.execute_script(
        """
        return [...document.querySelectorAll('.claims > .claim')].map(claim => [
            claim.id, claim.querySelector('.name .id').textContent,
            claim.querySelector('.name').textContent,
        ]);
        """
    )
    claims = {claim.id: claim for claim in CLAIMS if not claim.beyond}
    # One whose cells are there at other settings only is counted apart, under a heading of its own.
    apart = {row.get_attribute("id").removeprefix("claim-") for row in page.find_elements(
        By.CSS_SELECTOR, ".apart:has(#settings) .claim")}  # fmt: skip
    assert {id_ for _, id_, _ in named} == set(claims) - apart
    for anchor, id_, words in named:
        assert anchor == f"claim-{id_}"
        assert len(words) > 5


def test_only_what_decides_a_claim_carries_a_badge(page):
    open_everything(page)
    badges, rows = page.execute_script(
        """
        const count = selector => document.querySelectorAll(`table.parts ${selector}`).length;
        return [count('.badge'), count('tbody tr:not(.shown-only)')];
        """
    )
    assert badges == rows > 26


def test_verdicts_come_before_every_figure(page):
    order = page.execute_script(
        "return [...document.querySelectorAll('.claims, .outcome, .figure')].map(e => e.className)"
    )
    assert order[:2] == ["claims", "outcome"]


def test_every_claim_has_a_verdict_in_words_and_leads_to_its_figure(page, language):
    words = load_text(language).page
    verdicts = {words[f"verdict_{name}"] for name in MARKS}
    open_everything(page)
    claims = page.find_elements(By.CSS_SELECTOR, "details.claim")
    assert len(claims) >= 20
    for claim in claims:
        mark, word = claim.find_element(By.CSS_SELECTOR, ".verdict .badge").text.split(None, 1)
        assert mark in MARKS.values()
        assert word in verdicts
        assert claim.find_element(By.CSS_SELECTOR, ".says-it").text
        assert claim.find_element(By.CSS_SELECTOR, ".finding").text
        assert claim.find_elements(By.CSS_SELECTOR, ".effect .size")
        target = claim.find_element(By.CSS_SELECTOR, ".where a").get_attribute("href")
        assert target.rpartition("#")[2] in FIGURES


def test_claims_are_counted_by_verdict(page):
    rows = page.find_elements(By.CSS_SELECTOR, "details.claim")
    counts = page.find_elements(By.CSS_SELECTOR, ".tally .count")
    apart = page.find_elements(By.CSS_SELECTOR, ".apart .claim")
    assert sum(int(count.text) for count in counts) == len(rows) - len(apart)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_the_study_lacks_is_said_on_the_first_screen(browser, tiny_study, language, width):
    with seen(browser, width=width):
        visit(browser, tiny_study.page_in(language))
        banner = browser.find_element(By.CSS_SELECTOR, ".banner")
        assert banner.text
        assert banner.rect["y"] + banner.rect["height"] < 844


def test_every_verdict_has_a_colour_and_a_mark_of_its_own(page):
    colours = page.execute_script(
        """
        const made = arguments[0].map(name => {
            const badge = document.createElement('span');
            badge.className = `badge ${name}`;
            document.querySelector('main').append(badge);
            const style = getComputedStyle(badge), found = [style.color, style.backgroundColor];
            badge.remove();
            return `${found}`;
        });
        return made;
        """,
        list(MARKS),
    )
    assert len(set(colours)) == len(MARKS) == len(set(MARKS.values()))


def test_figures_show_the_verdicts_of_their_claims(page):
    shown = page.execute_script(
        """
        return [...document.querySelectorAll('details.claim')].filter(claim => {
            const id = claim.querySelector('.where a').hash.slice(1);
            return !document.getElementById(id).querySelector(`.shown a[href="#${claim.id}"]`);
        }).map(claim => claim.id);
        """
    )
    assert shown == []


def test_every_figure_is_there_and_drawn(page):
    found = page.execute_script(
        """
        return [...document.querySelectorAll('.figure .picture > svg')].map(svg => {
            const box = svg.getBoundingClientRect();
            return [svg.closest('.figure').id, svg.checkVisibility() && box.width > 300 &&
                    box.height > 80 && svg.getAttribute('aria-label').length > 40];
        });
        """
    )
    assert found == [[figure, True] for figure in FIGURES]


def test_every_figure_has_its_parts(page):
    for figure in FIGURES:
        article = page.find_element(By.ID, figure)
        lost = [
            part
            for part in (
                f'h3 a[href="#{figure}"]', ".look", ".measured", ".note", "details.numbers td",
                f'.downloads a[download="{figure}.csv"]', ".settings", ".command code",
            )
            if not article.find_elements(By.CSS_SELECTOR, part)
        ]  # fmt: skip
        assert lost in ([], [".note"]), figure  # one seed has no interval
        address = article.find_element(By.CSS_SELECTOR, ".downloads a").get_attribute("href")
        assert address.startswith("data:text/csv"), figure


def test_table_of_a_figure_is_behind_a_disclosure(english):
    table = english.find_element(By.CSS_SELECTOR, '[id="1.4-a"] details.numbers')
    assert not table.find_element(By.TAG_NAME, "table").is_displayed()
    table.find_element(By.TAG_NAME, "summary").click()
    assert table.find_element(By.TAG_NAME, "table").is_displayed()


def test_contents_lead_to_every_figure(page):
    targets = {
        link.get_attribute("href").rpartition("#")[2]
        for link in page.find_elements(By.CSS_SELECTOR, "nav.contents a")
    }
    assert set(FIGURES) <= targets


def test_every_link_within_the_page_resolves(page):
    lost = page.execute_script(
        """
        return [...document.querySelectorAll('a[href^="#"]')]
            .map(link => decodeURIComponent(link.hash.slice(1)).split('?')[0])
            .filter(id => !document.getElementById(id));
        """
    )
    assert lost == []


def test_files_beside_the_page_are_there(page, tiny_study):
    links = page.find_elements(By.CSS_SELECTOR, "#claims .downloads a")
    names = [link.get_dom_attribute("href") for link in links]
    assert names
    assert all((tiny_study.page.parent / name).is_file() for name in names)


def test_ids_are_unique(page):
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_formulas_are_rendered(page):
    formulas = page.find_elements(By.CSS_SELECTOR, ".formula math")
    assert len(formulas) == 7
    assert all(formula.size["height"] > 15 for formula in formulas)


@pytest.mark.parametrize("width", [320, 768, *WIDTHS])
def test_page_does_not_scroll_sideways(page, width):
    open_everything(page)
    with seen(page, width=width):
        assert too_wide(page) == []
        assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_contents_of_a_phone_are_behind_a_disclosure(english):
    with seen(english, width=390):
        assert not english.find_element(By.CSS_SELECTOR, "nav.contents").is_displayed()
        links = english.find_element(By.CSS_SELECTOR, ".compact nav")
        assert not links.is_displayed()
        english.find_element(By.CSS_SELECTOR, ".compact summary").click()
        assert links.is_displayed()


COLOURS = """
    const text = document.querySelector('.picture svg text');
    return [getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.body).color, getComputedStyle(text).fill];
"""


def test_page_and_figures_follow_the_system_into_the_dark(english):
    with seen(english, theme="light"):
        paper, ink, figure = english.execute_script(COLOURS)
    with seen(english, theme="dark"):
        night, moon, figure_by_night = english.execute_script(COLOURS)
    assert (figure, figure_by_night) == (ink, moon)
    assert len({paper, ink, night, moon}) == 4


@pytest.mark.parametrize("system", ["light", "dark"])
def test_switch_overrides_the_system_and_is_remembered(english, tiny_study, system):
    with seen(english, theme=system):
        english.get(tiny_study.page.as_uri())
        followed = english.execute_script(COLOURS)
        other = {"light": "dark", "dark": "light"}[system]
        english.find_element(By.CSS_SELECTOR, f'#theme [data-theme="{other}"]').click()
        switched = english.execute_script(COLOURS)
        assert switched != followed
        english.get(tiny_study.page.as_uri())
        assert english.execute_script(COLOURS) == switched
        english.find_element(By.CSS_SELECTOR, '#theme [data-theme="auto"]').click()
        assert english.execute_script(COLOURS) == followed


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_can_be_read_without_javascript(browser, tiny_study, language, width):
    with seen(browser, width=width), without_javascript(browser):
        visit(browser, tiny_study.page_in(language))
        assert browser.get_log("browser") == []
        drawn, controls = browser.execute_script(
            """
            return ['.picture > svg', 'button, select, input'].map(kind =>
                [...document.querySelectorAll(kind)].map(e => e.checkVisibility()));
            """
        )
        assert len(drawn) == len(FIGURES)
        assert all(drawn)
        assert not any(controls)
        claim = browser.find_element(By.CSS_SELECTOR, "details.claim")
        claim.find_element(By.TAG_NAME, "summary").click()
        assert claim.find_element(By.CSS_SELECTOR, ".says-it").is_displayed()
        claim.find_element(By.CSS_SELECTOR, ".more > summary").click()
        assert claim.find_element(By.CSS_SELECTOR, "table.parts").is_displayed()
        assert len(browser.find_elements(By.CSS_SELECTOR, "#ranking tbody tr")) > 20


def letters(text):
    """``text`` without spaces, and without what a font joins or raises."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@dataclass(frozen=True)
class Paper:
    """The page in print.

    Attributes:
        sizes: of its sheets, in points.
        texts: of its sheets, ``letters`` only.
        texts_of: what parts of the page say on the screen, by their selector.
    """

    sizes: list[tuple[float, float]]
    texts: list[str]
    texts_of: dict[str, list[str]]


@pytest.fixture(scope="module")
def paper(browser, tiny_study, language):
    visit(browser, tiny_study.page_in(language))
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    sheets = PdfReader(io.BytesIO(base64.b64decode(printed["data"]))).pages
    parts = [".verdict .badge", ".says-it", ".finding", ".effect .size", ".where"]
    texts_of = browser.execute_script(
        """
        return Object.fromEntries(arguments[0].map(selector => [
            selector, [...document.querySelectorAll(selector)].map(e => e.textContent)]));
        """,
        [*(f".claim {part}" for part in parts), "section > h2"],
    )
    sizes = [(float(sheet.mediabox.width), float(sheet.mediabox.height)) for sheet in sheets]
    return Paper(sizes, [letters(sheet.extract_text()) for sheet in sheets], texts_of)


def test_verdicts_are_printed_in_full_on_a4(paper):
    assert 15 < len(paper.sizes) < 80
    assert all(size == pytest.approx((595, 842), abs=2) for size in paper.sizes)
    text = "".join(paper.texts)
    shown = {of: said for of, said in paper.texts_of.items() if of.startswith(".claim ")}
    assert all(shown.values())
    missing = [part for said in shown.values() for part in said if letters(part) not in text]
    assert missing == []


def test_headings_are_printed_in_one_piece(paper, language):
    headings = paper.texts_of["section > h2"]
    for section in LECTURE.sections:
        assert any(section.title[language] in heading for heading in headings)
    for heading in headings:
        times = sum(letters(heading) in text for text in paper.texts)
        assert times >= 1, heading
        if "\n" in heading.strip():  # with the lecture's own words it is no part of a sentence
            assert times == 1, heading


def test_nothing_is_cut_on_paper(page):
    open_everything(page)
    with seen(page, width=A4_COLUMN, media="print"):
        assert too_wide(page) == []
        cut = page.execute_script(
            """
            const beyond = e => Math.max(
                e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight);
            return [...document.querySelectorAll('main *')].filter(e => !e.closest('svg, .unseen'))
                .filter(e => getComputedStyle(e).overflowX !== 'visible' && beyond(e) > 1)
                .map(e => `${e.tagName}.${e.className}`);
            """
        )
    assert cut == []


def test_a_claim_is_a_line_that_a_link_opens(browser, tiny_study, language):
    browser.get("about:blank")
    browser.get(f"{tiny_study.page_in(language).as_uri()}#claim-W2")
    opened = browser.execute_script(
        "return [...document.querySelectorAll('details.claim[open]')].map(e => e.id)"
    )
    assert opened == ["claim-W2"]
    heights = browser.execute_script(
        "return [...document.querySelectorAll('.claims > .claim:not([open])')]"
        ".map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 15
    assert max(heights) < 60
    statement = browser.find_element(By.CSS_SELECTOR, "#claim-W2 .says-it")
    assert statement.is_displayed()


def test_the_first_figure_is_within_two_screens(browser, language):
    """Of the reference report, which has every claim; a screen is 1,600 px high."""
    name = "index.html" if language == "en" else f"index.{language}.html"
    with seen(browser, width=1280):
        visit(browser, REFERENCE / name)
        top = browser.execute_script(
            "return document.querySelector('.figure').getBoundingClientRect().top"
        )
    assert top < 2 * 1600
