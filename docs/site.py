"""The project as a site: ``python docs/site.py FOLDER [--url ADDRESS]``.

README and docs as pages, the reports as they are, and what they refer to in the repository: text
files as pages that show them, pictures as copies. Whatever is linked is there, so that the site
needs no other one; ``.github/workflows/pages.yml`` publishes it. What shows a shared link wants the
picture by its whole address: ``--url`` is that of the site.
"""

import argparse
import html
import itertools
import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
START = "README.md"  # the site's index
COPIED = {".png", ".svg", ".json", ".csv", ".html", ".ipynb"}
ASSETS = ("href", "src")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="Deep learning's textbook advice, measured.">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}
body {{ display: block; max-width: 58rem; padding-bottom: 4rem; }}
nav {{ padding: 1rem 0; border-bottom: 1px solid var(--grid); font-size: .9rem; }}
nav a {{ margin-right: 1rem; white-space: nowrap; }}
p, li {{ max-width: none; }}
h1 {{ font-size: 2.2rem; margin-top: 2rem; }} h2 {{ margin-top: 2.5rem; }}
img {{ max-width: 100%; background: #fff; }}
table {{ border-collapse: collapse; font-size: .9rem; display: block; overflow-x: auto; }}
th, td {{ padding: .35rem .7rem; text-align: left; vertical-align: top; }}
tr {{ border-top: 1px solid var(--grid); }}
pre {{ max-width: none; }}
</style>
</head>
<body>
<nav aria-label="Site">{nav}</nav>
<main>
{body}
</main>
</body>
</html>
"""


class Site:
    """Builds the site of a checkout.

    Args:
        root: of the checkout.
        out: a folder that is not there, or is empty.
        url: where it will be read; empty if that is not known.
    """

    def __init__(self, root: Path, out: Path, url: str = "") -> None:
        self._root = root
        self._out = out
        self._url = url.rstrip("/")
        self._waiting: list[str] = []
        self._known: set[str] = set()
        self._markdown = MarkdownIt("commonmark").enable("table")
        self._style = (root / "templates" / "style.css").read_text(encoding="utf-8")
        self._reports = sorted(page.parent for page in root.glob("reports/*/index.html"))

    def build(self) -> int:
        """Write all pages; return how many files they are."""
        for report in self._reports:
            folder = report.relative_to(self._root)
            shutil.copytree(report, self._out / folder)
            for page in (self._out / folder).glob("*.html") if self._url else ():
                self._address_cover(page, folder)
        docs = sorted(path.relative_to(self._root) for path in self._root.glob("docs/*.md"))
        for path in (START, "CHANGELOG.md", *(each.as_posix() for each in docs)):
            self._want(path)
        while self._waiting:
            path = self._waiting.pop()
            source = self._root / path
            if source.suffix == ".md":
                self._write(path, self._render(path, source.read_text(encoding="utf-8")))
            elif source.suffix in COPIED:
                self._place(path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, self._place(path))
            elif source.is_dir():
                self._write(path, self._listing(path))
            else:
                text = html.escape(source.read_text(encoding="utf-8"))
                body = f"<h1>{html.escape(path)}</h1>\n<pre><code>{text}</code></pre>"
                self._write(path, body)
        return sum(path.is_file() for path in self._out.rglob("*"))

    def _address_cover(self, page: Path, folder: Path) -> None:
        """Give the picture of a report's page its whole address."""
        before = '<meta property="og:image" content="'
        text = page.read_text(encoding="utf-8")
        text = text.replace(before, f"{before}{self._url}/{folder.as_posix()}/", 1)
        page.write_text(text, encoding="utf-8")

    def _want(self, path: str) -> str:
        """Note a file or folder of the repository that the site needs; return its address."""
        if path not in self._known:
            self._known.add(path)
            if not (self._root / path).exists():
                raise FileNotFoundError(f"{path}: linked, but not in the repository")
            if not (self._place(path)).exists():  # what is in a report is there already
                self._waiting.append(path)
        return self._place(path).relative_to(self._out).as_posix()

    def _place(self, path: str) -> Path:
        """Where the site has a file or folder of the repository."""
        if path == START:
            return self._out / "index.html"
        source = self._root / path
        # .github: what is hidden is not published
        visible = "/".join(part.removeprefix(".") for part in path.split("/"))
        if source.suffix in COPIED:
            return self._out / visible
        if source.is_dir():
            return self._out / visible / "index.html"
        return self._out / (visible.removesuffix(".md") + ".html")

    def _write(self, path: str, body: str) -> None:
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        title = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
        name = re.sub(r"<[^>]+>", "", title[1]) if title else path
        title_text = "study" if path == START else f"{name.strip()} · study"
        nav = self._navigation(place)
        page = PAGE.format(title=title_text, style=self._style, nav=nav, body=body)
        place.write_text(page, encoding="utf-8")

    def _navigation(self, place: Path) -> str:
        links = [("study", "index.html")]
        for report in self._reports:
            folder = report.relative_to(self._root).as_posix()
            for page in sorted(report.glob("index*.html"), key=lambda path: len(path.name)):
                language = page.name.split(".")[1]
                named = f"{report.name}" + ("" if language == "html" else f" ({language})")
                links.append((named, f"{folder}/{page.name}"))
        docs = sorted(self._root.glob("docs/*.md"))
        links += [(each.stem.replace("_", " "), f"docs/{each.stem}.html") for each in docs]
        links.append(("changelog", "CHANGELOG.html"))
        return " ".join(
            f'<a href="{_relative(self._out / to, place)}">{html.escape(named)}</a>'
            for named, to in links
        )

    def _listing(self, path: str) -> str:
        """A folder of the repository: its files."""
        names = sorted(each for each in (self._root / path).iterdir() if each.is_file())
        place = self._place(path)
        items = [
            f'<li><a href="{_relative(self._out / self._want(f"{path}/{each.name}"), place)}">'
            f"{html.escape(each.name)}</a></li>"
            for each in names
        ]
        return f"<h1>{html.escape(path)}</h1>\n<ul>\n" + "\n".join(items) + "\n</ul>"

    def _render(self, path: str, text: str) -> str:
        tokens = self._markdown.parse(text)
        _number_headings(tokens)
        for token in tokens:
            for each in (token, *(token.children or ())):
                for name in ASSETS:
                    target = each.attrs.get(name)
                    if isinstance(target, str):
                        each.attrs[name] = self._address(path, target)
        rendered: str = self._markdown.renderer.render(tokens, self._markdown.options, {})
        return rendered

    def _address(self, path: str, target: str) -> str:
        """What a link of the page ``path`` becomes."""
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            return target
        file, _, anchor = target.partition("#")
        folder = PurePosixPath(path).parent
        wanted = os.path.normpath((folder / file).as_posix()).replace(os.sep, "/")
        address = self._out / self._want(wanted)
        return _relative(address, self._place(path)) + (f"#{anchor}" if anchor else "")


def _relative(to: Path, page: Path) -> str:
    return os.path.relpath(to, page.parent).replace(os.sep, "/")


def _number_headings(tokens: list[Token]) -> None:
    """Give headings the anchors that they have on GitHub."""
    used: dict[str, int] = {}
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            slug = re.sub(r"[^\w\- ]", "", inline.content.lower()).replace(" ", "-")
            count = used[slug] = used.get(slug, -1) + 1
            opening.attrs["id"] = f"{slug}-{count}" if count else slug


def main() -> int:
    """Build the site; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where it goes; must be new or empty")
    parser.add_argument("--url", default="", help="where it will be read")
    options = parser.parse_args()
    out: Path = options.folder
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        print(f"{out}: expected a new or an empty folder", file=sys.stderr)
        return 1
    try:
        count = Site(ROOT, out.resolve(), options.url).build()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out / 'index.html'}: {count} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
