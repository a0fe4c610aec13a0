"""The page of ``python -m study.compare`` in a browser: the reference against a changed copy."""

import json
import shutil
from pathlib import Path

import pytest
from browsing import LOOKS, requested, seen, visit
from test_accessibility import violations

from study.compare.__main__ import main

REFERENCE = Path(__file__).parents[2] / "reports" / "mnist-full"

pytestmark = [
    pytest.mark.xdist_group("other pages"),
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="not in a checkout"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder with the pages: one verdict turned, one claim gone."""
    folder = tmp_path_factory.mktemp("comparison")
    other = folder / "other"
    other.mkdir()
    content = json.loads((REFERENCE / "claims.json").read_text(encoding="utf-8"))
    claims = content["claims"]
    turned = next(each for each in claims if each["id"] == "W2")
    assert turned["verdict"] == "refuted"
    turned["verdict"] = "supported"
    content["claims"] = [each for each in claims if each["id"] != "G2"]
    (other / "claims.json").write_text(json.dumps(content), encoding="utf-8")
    shutil.copy(REFERENCE / "runs.csv", other)
    assert main([str(REFERENCE), str(other), "--folder", str(folder), "--name", "page"]) == 0
    return folder / "page"


def test_it_shows_what_differs(browser, pages):
    visit(browser, pages / "index.html")
    (differing,) = browser.find_elements("css selector", "tbody.differs")
    assert differing.get_attribute("id") == "claim-W2"
    claims = json.loads((REFERENCE / "claims.json").read_text(encoding="utf-8"))["claims"]
    said = f"1 of {len(claims) - 1} verdicts differ: 1 decided otherwise"
    assert said in browser.page_source
    assert "Only A has: G2." in browser.page_source


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_axe_has_nothing_against_it_and_it_fits(browser, pages, axe, language, theme, width):
    page = pages / ("index.html" if language == "en" else "index.ko.html")
    with seen(browser, width=width, theme=theme):
        visit(browser, page)
        assert [url for url in requested(browser) if not url.startswith("file:")] == []
        assert browser.execute_script(
            "return document.documentElement.scrollWidth <= window.innerWidth"
        )
        assert violations(browser, axe) == []


def test_its_languages_lead_to_each_other(browser, pages):
    visit(browser, pages / "index.html")
    browser.find_element("css selector", ".language").click()
    assert browser.current_url.endswith("/index.ko.html")
    browser.find_element("css selector", ".language").click()
    assert browser.current_url.endswith("/index.html")
