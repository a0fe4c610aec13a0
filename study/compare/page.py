"""The page of a comparison: one file for each language, as self-contained as a report's."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from study.compare import views
from study.compare.moves import CellMoves, ClaimMove
from study.compare.sides import Side
from study.errors import ConfigError, StoreError
from study.paths import templates_folder
from study.records.plan import NAME_BYTES, check_name
from study.records.store import write_atomically
from study.report.claim_views import MARKS
from study.report.render import content_security_policy, environment, page_names
from study.report.text import Text, load_text


def write_pages(
    a: Side,
    b: Side,
    claims: Sequence[ClaimMove],
    cells: CellMoves | None,
    *,
    folder: str | Path,
    name: str | None = None,
    language: str = "en",
) -> Path:
    """Write the pages of both languages into ``<folder>/<name>``; return the one in ``language``.

    Args:
        name: None for that of both studies.

    Raises:
        ConfigError: there is no such language, or the name is no plain folder name.
        StoreError: they cannot be written.
    """
    pages = {page.language: page.file for page in page_names([name or ""], language)}
    name = comparison_name(a.name, b.name) if name is None else name
    try:
        check_name(name)
    except ConfigError:
        raise ConfigError("--name", "a plain folder name", name) from None
    target = Path(folder) / name
    try:
        for each, file in pages.items():
            page = render_page(a, b, claims, cells, load_text(each), pages)
            target.mkdir(parents=True, exist_ok=True)
            write_atomically(target / file, page)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    return target / pages[language]


def comparison_name(a: str, b: str) -> str:
    """``A-vs-B``; shortened, with a digest, where that is too long for a folder."""
    name = f"{a}-vs-{b}"
    if len(name.encode()) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    halves = (each.encode()[: NAME_BYTES // 3].decode("utf-8", "ignore") for each in (a, b))
    return f"{'-vs-'.join(each.strip('-. ') for each in halves)}-{digest}"


def render_page(
    a: Side,
    b: Side,
    claims: Sequence[ClaimMove],
    cells: CellMoves | None,
    text: Text,
    pages: dict[str, str],
) -> str:
    """The page in the language of ``text`` as HTML."""
    other = next(each for each in pages if each != text.language)
    style = (templates_folder() / "style.css").read_text(encoding="utf-8")
    return (
        environment(templates_folder())
        .get_template("compare.html.j2")
        .render(
            page=text.page,
            words=text.compare,
            language=text.language,
            other={
                "language": other,
                "href": pages[other],
                "name": load_text(other).page["language_name"],
            },
            sides=[
                ("A", views.about(a, text), a.command),
                ("B", views.about(b, text), b.command),
            ],
            claims=views.claim_rows(claims, text),
            verdict_lines=views.verdict_lines(claims, text),
            marks=MARKS,
            cell_lines=views.cell_lines(cells, text),
            cells=views.cell_table(cells, text) if cells and cells.cells else None,
            metric=views.metric_name(cells.metric, text) if cells else "",
            style=Markup(style),
            csp=content_security_policy(""),
        )
    )
