"""What the tests do with the page in a browser: open it, on a phone, on paper, by night."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 200  # that anything may take on a slow machine
# A language, a theme and a width: each of them with each other one.
LOOKS = [("en", "light", 390), ("en", "dark", 1280), ("ko", "dark", 390), ("ko", "light", 1280)]
A4_COLUMN = 688  # CSS pixels of an A4 page between the margins of the print stylesheet


def visit(browser: Any, page: Any) -> None:
    """Open ``page`` afresh, and forget what was visited, asked for and said before.

    A history has room for 50 entries. In a full one Chromium drops, for each new entry, the
    oldest that was left without a click: those of the page under test, which a test goes back to.
    """
    browser.get("about:blank")
    browser.execute_cdp_cmd("Page.resetNavigationHistory", {})
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(page.as_uri())


def wait_for(browser: Any, condition: Callable[[], Any]) -> Any:
    """Wait until ``condition`` gives something true, and return that."""
    return WebDriverWait(browser, SECONDS, poll_frequency=0.05).until(lambda _: condition())


def requested(browser: Any) -> list[str]:
    """Addresses of everything that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


@dataclass(frozen=True)
class Look:
    """How a browser shows pages: on a screen, or on paper, to somebody with these preferences."""

    width: int = 1280
    theme: str = "light"
    media: str = ""
    motion: str = "no-preference"


def show(browser: Any, look: Look) -> None:
    """Show pages so from here on; what stays as it was need not be computed again for a page."""
    before, browser.look = getattr(browser, "look", None), look
    if before is None or before.width != look.width:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": look.width, "height": 844, "deviceScaleFactor": 1,
                "mobile": look.width < 600,
            },
        )  # fmt: skip
    if before is None or replace(before, width=look.width) != look:
        preferences = {"prefers-color-scheme": look.theme, "prefers-reduced-motion": look.motion}
        features = [{"name": name, "value": value} for name, value in preferences.items()]
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": look.media, "features": features}
        )


@contextlib.contextmanager
def seen(browser: Any, **look: Any) -> Iterator[None]:
    """In the usual look but for what is given, until the end of the block."""
    before = browser.look
    show(browser, Look(**look))
    try:
        yield
    finally:
        show(browser, before)


@contextlib.contextmanager
def without_javascript(browser: Any) -> Iterator[None]:
    """The page's script does not run; the driver's still does."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def open_everything(browser: Any) -> None:
    """Open all disclosures: what is behind them has to be right as well."""
    browser.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true })")


def too_wide(browser: Any) -> list[str]:
    """What reaches beyond the right edge of the window and is in no box that scrolls."""
    return browser.execute_script(
        """
        const width = document.documentElement.clientWidth;
        const scrolls = e => e && (['auto', 'scroll', 'hidden', 'clip'].includes(
            getComputedStyle(e).overflowX) || scrolls(e.parentElement));
        return [...document.body.querySelectorAll('*')]
            .filter(e => !e.closest('svg') && e.getClientRects().length)
            .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e.parentElement))
            .map(e => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`);
        """
    )
