"""The site of the project: everything that its pages refer to is there."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "pages.yml"

pytestmark = pytest.mark.skipif(not WORKFLOW.is_file(), reason="not in a checkout")


class Page(HTMLParser):
    """The addresses that a page refers to, its ids and its language."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.language: str | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := own.get(name)) is not None]
        if own.get("id"):
            self.ids.add(str(own["id"]))
        if tag == "html":
            self.language = own.get("lang")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "new"
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def build(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "docs" / "site.py"), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_all_links_lead_to_what_is_there(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    broken, outside = [], set()
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("data:", "https:")):
                outside.add(link.partition(":")[0])
                continue
            address, _, anchor = unquote(link).partition("#")
            target = (path.parent / address).resolve() if address else path
            known = target.is_file() and target.is_relative_to(site.resolve())
            if not known or (anchor and target in pages and anchor not in pages[target].ids):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    assert broken == []
    assert outside <= {"data", "https"}
    assert sum(len(page.links) for page in pages.values()) > 500


def test_every_page_can_be_reached_from_the_index(site: Path) -> None:
    root, seen = site.resolve(), set()
    waiting = [root / "index.html"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".html":
            continue
        seen.add(path)
        links = (link.partition("#")[0] for link in Page(path).links)
        waiting += [(path.parent / link).resolve() for link in links if link and ":" not in link]
    assert {path.resolve() for path in site.rglob("*.html")} == seen


def test_the_index_names_the_reports_in_both_languages_and_the_docs(site: Path) -> None:
    links = Page(site / "index.html").links
    for report in ROOT.glob("reports/*/index*.html"):
        assert report.relative_to(ROOT).as_posix() in links
    for doc in ROOT.glob("docs/*.md"):
        assert f"docs/{doc.stem}.html" in links


def test_the_picture_of_a_shared_page_has_its_whole_address(site: Path, tmp_path: Path) -> None:
    url = "https://example.org/study"
    assert build(tmp_path / "new", "--url", f"{url}/").returncode == 0
    pages = [path.relative_to(site) for path in site.glob("reports/*/*.html")]
    for page in pages:
        (relative,) = covers(site / page)
        (whole,) = covers(tmp_path / "new" / page)
        assert (site / page.parent / relative).is_file()
        assert whole == f"{url}/{page.parent.as_posix()}/{relative}"
    assert len(pages) >= 4


def covers(page: Path) -> list[str]:
    pattern = r'<meta property="og:image" content="([^"]+)">'
    return re.findall(pattern, page.read_text(encoding="utf-8"))


def test_nothing_in_it_is_hidden_which_would_not_be_published(site: Path) -> None:
    names = {part for path in site.rglob("*") for part in path.relative_to(site).parts}
    assert not [name for name in names if name.startswith(".")]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    done = build(tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: expected a new or an empty folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_workflow_publishes_what_the_builder_wrote() -> None:
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = [step for job in content["jobs"].values() for step in job["steps"]]
    (command,) = (step["run"] for step in steps if "site.py" in step.get("run", ""))
    folder = command.split()[-1]
    (upload,) = (step for step in steps if "upload-pages" in step.get("uses", ""))
    assert upload["with"]["path"] == folder
    assert content["permissions"]["pages"] == "write"
