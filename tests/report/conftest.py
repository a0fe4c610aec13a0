"""A real, tiny study and a real browser for the tests of the report."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import SECONDS, Look, show
from filelock import FileLock
from selenium import webdriver

from study.analysis.frames import Results
from study.records.plan import read_plan
from study.records.store import RunStore

# All experiments with one seed and three updates a run: every figure has runs to show.
TINY = (
    "study=quick", "seed=0", "num_steps=3", "report.name=tiny",
    "evaluation.train_samples=200", "evaluation.test_samples=200",
)  # fmt: skip


@dataclass(frozen=True)
class TinyStudy:
    """A finished study: its store, its page, and what the command printed."""

    folder: Path
    output: str

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")

    @property
    def page(self) -> Path:
        return self.folder / "reports" / "tiny" / "index.html"

    def page_in(self, language: str) -> Path:
        """The page in ``language``; the study was reported in English."""
        return self.page if language == "en" else self.page.with_name(f"index.{language}.html")

    @property
    def results(self) -> Results:
        plan = read_plan(self.store, "tiny")
        records = {address: self.store.read(address) for address in plan.addresses}
        return Results(plan, {a: record for a, record in records.items() if record is not None})


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> TinyStudy:
    """Run the command as a user does, in a folder of its own; once for all workers of xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "tiny-study"
    output = folder / "output"
    with FileLock(folder.with_suffix(".lock")):
        if not output.exists():
            folder.mkdir(exist_ok=True)  # where another worker has failed
            done = subprocess.run(
                [sys.executable, "-m", "study", "-m", *TINY],
                cwd=folder,
                env=os.environ | {"STUDY_CACHE_DIR": str(folder / "cache")},
                capture_output=True,
                text=True,
                timeout=800,
            )
            assert done.returncode == 0, done.stderr
            output.write_text(done.stdout + done.stderr, encoding="utf-8")
    return TinyStudy(folder, output.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which ``npm ci --prefix tests/report`` installs."""
    source = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        message = "axe-core is not installed (npm ci --prefix tests/report)"
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have it: {message}")
        pytest.skip(message)
    return source.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium that reports every request and every console message."""
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if chromium is None or driver is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have chromium and chromedriver")
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        chrome.set_script_timeout(SECONDS)
        show(chrome, Look())
        yield chrome
