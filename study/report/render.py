"""From stored runs to the report's pages, and to nothing else: no training, no data, no network."""

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup
from rich.console import Console

from study.analysis.claims import Judgement, judge
from study.analysis.findings import Measured
from study.analysis.frames import Results
from study.analysis.registry import load_registry
from study.analysis.verdicts import FEWEST
from study.chapters import Chapter
from study.errors import ConfigError, StoreError
from study.figures.making import make
from study.figures.style import house_style, korean_font
from study.paths import templates_folder
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.records.runs import Runs
from study.records.store import write_atomically
from study.report import dials, files, grid_page
from study.report.claim_views import GROUPS, MARKS, ClaimView, looks, summary, tally
from study.report.drawing import drawing, figure_text, picture
from study.report.elsewhere import Elsewhere, elsewhere, summed_up
from study.report.origin import (
    citation,
    divergences,
    drawn_on,
    failures,
    origin,
    used_seeds,
)
from study.report.paper_views import bibtex, reference_views
from study.report.sharing import SIZE, cover, description
from study.report.svg import on_white
from study.report.text import Text, languages, load_text
from study.report.views import Report, claim_views, section_views, study_command

NO_KOREAN_FONT = (
    "no Korean font found: the figures of the Korean page have English labels "
    "(install e.g. Noto Sans CJK KR; Debian: fonts-noto-cjk)"
)


@dataclass(frozen=True)
class Page:
    """A page of the report: which chapter, in which language, and its file."""

    chapter: str
    language: str
    file: str

    @property
    def cover(self) -> str:
        """The file of its picture, where its link is shared."""
        return f"covers/{self.file.removesuffix('.html')}.png"


class Rendered(NamedTuple):
    """What was written.

    Attributes:
        page: the path of the first page.
        broken: the figures that could not be drawn, and why.
    """

    page: Path
    broken: list[str]


def render_study(
    plan: StudyPlan,
    records: Runs | Mapping[str, RunRecord],
    chapters: Sequence[Chapter],
    *,
    folder: str | Path,
    console: Console | None = None,
    language: str = "en",
    workers: int | None = None,
    judgements: Sequence[Judgement] | None = None,
) -> Rendered:
    """Write the report of ``plan`` into ``<folder>/<plan.name>``.

    There is a page for each chapter of which a run is stored and each language (``page_names``);
    beside them are the verdicts, the runs and the tables for programs (``files``). The same records
    give the same bytes.

    Args:
        records: the stored runs by address; what is missing is said in the report.
        chapters: what it is about; the first page is that of the first one.
        folder: where reports go.
        console: shows the progress; None for silence.
        workers: processes that draw; None for one on each core.
        judgements: of all claims, where they have been judged already.

    Raises:
        ConfigError: there is no such language.
        StoreError: there is no record at all, or the page cannot be written.
    """
    results = Results(plan, records)
    if console is not None and korean_font() is None:
        console.print(NO_KOREAN_FONT, markup=False)
    # of the others there is nothing to show yet
    begun = [each for each in chapters if results.of_experiments(each.experiments).records]
    if not begun:
        raise StoreError(f"{plan.name}: no run is stored, there is nothing to report")
    pages = page_names([chapter.name for chapter in begun], language)
    reports = make_reports(
        results, begun, [language, *other_languages(language)],
        console=console, workers=workers, judgements=judgements,
    )  # fmt: skip
    target = Path(folder) / plan.name
    content: dict[str, str | bytes] = {
        page.file: render_page(reports, page.chapter, load_text(page.language), pages)
        for page in pages
    }
    for report in reports:
        own = (page for page in pages if page.chapter == report.chapter.name)
        content |= {
            page.cover: cover(report, figure_text(load_text(page.language)).of(report.chapter))
            for page in own
            if page.language in report.covers
        }
    content |= files.machine_readable(results, reports)
    try:
        for name, text in content.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
        # the pages of this language from when another one was asked for
        for page in pages:
            stem = page.file.partition(".")[0]
            (target / f"{stem}.{language}.html").unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    broken = [
        f"figure {name}: {drawing.broken}"
        for report in reports
        for name, drawing in report.drawings.items()
        if drawing.broken
    ]
    return Rendered(target / pages[0].file, broken)


def other_languages(language: str) -> list[str]:
    """All languages but this one."""
    return [each for each in languages() if each != language]


def page_names(chapters: Sequence[str], language: str) -> list[Page]:
    """Every page, the first one first: ``index.html``, ``index.ko.html``, ``<chapter>.html``, …

    Args:
        language: that has no letters of its own in the names of its files.
    """
    load_text(language)  # an unknown one is refused
    found = []
    for number, chapter in enumerate(chapters):
        stem = chapter if number else "index"
        found.append(Page(chapter, language, f"{stem}.html"))
        found += [Page(chapter, each, f"{stem}.{each}.html") for each in other_languages(language)]
    return found


def make_reports(
    results: Results,
    chapters: Sequence[Chapter],
    languages: Sequence[str],
    *,
    console: Console | None = None,
    workers: int | None = None,
    judgements: Sequence[Judgement] | None = None,
) -> list[Report]:
    """Draw the figures and judge the claims of each chapter."""
    claims = [claim for chapter in chapters for claim in chapter.claims]
    with drawing(results, chapters, languages, workers=workers, console=console) as drawings:
        judged = judge(claims, results) if judgements is None else judgements
        drawn = drawings()
    registry = load_registry()
    return [
        Report(
            results.of_experiments(chapter.experiments),
            chapter,
            {name: drawing for (owner, name), drawing in drawn.items() if owner == chapter.name},
            [each for each in judged if each.claim.chapter == chapter.name],
            registry,
        )
        for chapter in chapters
    ]


def export_figure(
    results: Results,
    chapters: Sequence[Chapter],
    figure_id: str,
    path: Path,
    language: str = "en",
) -> None:
    """Write one figure on white, for a slide, a paper or a README; the suffix says as what.

    Raises:
        ConfigError: there is no such figure; names those there are.
        StoreError: it has no runs, or the file cannot be written.
        MergedCellsError: it would average over different cells.
    """
    figures = {figure.id: figure for chapter in chapters for figure in chapter.figures}
    if figure_id not in figures:
        raise ConfigError("--figure", "the id of a figure", figure_id, figures)
    figure = figures[figure_id]
    if not results.has(*figure.experiments):
        wanted = ", ".join(figure.experiments)
        raise StoreError(f"figure {figure_id}: no runs of {wanted} are stored")
    measured = Measured(results)
    made = make(figure, measured)
    with house_style(language, on_white=True):
        drawn = picture(figure, made, measured, load_text(language))
        content = on_white(drawn, path.suffix.removeprefix("."))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def render_page(
    reports: Sequence[Report], chapter: str, language: Text, pages: Sequence[Page] = ()
) -> str:
    """The page of one chapter as HTML.

    Args:
        reports: of all chapters, whose verdicts the first page has.
        language: the texts of its language.
        pages: all pages, for the links between them; those of the usual names by default.
    """
    every = pages or page_names([r.chapter.name for r in reports], language.language)
    report = next(each for each in reports if each.chapter.name == chapter)
    own, results, text = report.chapter, report.results, language.of(report.chapter)
    claims = claim_views(report, text)
    sections = section_views(report, text, claims)
    counts = tally(claims)
    templates = templates_folder()
    style = "".join(
        (templates / name).read_text(encoding="utf-8") for name in ("style.css", "explorer.css")
    )
    live: tuple[str, ...] = dials.SCRIPTS if any(each.live for each in sections) else ()
    narrowed = any(figure.narrowing for section in sections for figure in section.figures)
    live += dials.NARROWING if narrowed else ()
    style += dials.style() if live else ""
    script = dials.script(live)
    script += (templates / "script.js").read_text(encoding="utf-8")
    beside = {figure.beside for section in sections for figure in section.figures}
    title = text.said(own.title)
    whole = report.coverage.whole or not own.subtitle_part
    subtitle = text.said(own.subtitle if whole else own.subtitle_part)
    explorer = report.explorer if "explorer" in beside else None
    shared = next(p.cover for p in every if (p.chapter, p.language) == (chapter, language.language))
    return (
        environment(templates)
        .get_template("report.html.j2")
        .render(
            text=text,
            page=text.page,
            language=text.language,
            title=title,
            subtitle=subtitle or text.page["subtitle_default"],
            description=description(report, text) or subtitle,
            cover=shared if language.language in report.covers else "",
            cover_size=SIZE,
            drawn_on=drawn_on(results, text),
            chapters=_links(reports, every, chapter, language),
            others=_other_verdicts(reports, every, chapter, language),
            elsewhere=elsewhere(reports, _files(every, language), chapter, language),
            other=_other_page(own.name, text, every),
            source=own.source,
            untranslated=own.untranslated(text.language),
            plan=results.plan,
            origin=origin(results, text),
            cite=citation(results, title, text),
            references=reference_views(own),
            references_bibtex=bibtex(own),
            tally=counts,
            summaries={
                group: summary(group, counts[group], report.coverage.declared, text)
                for group in GROUPS
            },
            verdicts=list(MARKS),
            coverage=report.coverage,
            missing_parts=report.coverage.lines(text),
            looks=looks(results.plan, text),
            fewest=FEWEST,
            rules_declared=report.registry.rules,
            used_seeds=used_seeds(results, report.registry, text),
            claims=claims,
            sections=sections,
            all_sections=[(each.id, text.said(each.title)) for each in own.sections],
            anchors=[
                name for each in sections for name in (each.id, *(f.id for f in each.figures))
            ],
            divergences=divergences(results, text),
            failures=failures(results, text),
            downloads={"claims": files.CLAIMS, "runs": files.RUNS},
            ranking=grid_page.ranking_view(report.grids["ranking"], text)
            if "ranking" in beside
            else None,
            explorer=grid_page.explorer_view(report.grids["explorer"], explorer, text)
            if explorer
            else None,
            data=grid_page.explorer_json(
                explorer,
                text,
                study_command(f"experiment={report.grids['explorer'].experiment}", results),
            )
            if explorer
            else None,
            style=Markup(style),
            script=Markup(script),
            csp=content_security_policy(script),
        )
    )


@dataclass(frozen=True)
class Link:
    """A way to another page."""

    title: str
    href: str
    here: bool = False
    language: str = ""


@dataclass(frozen=True)
class OtherVerdicts:
    """What another chapter has found, short: its verdicts, and figures that a few words sum up."""

    title: str
    href: str
    summary: str
    claims: list[ClaimView]
    figures: list[Elsewhere]


def _files(pages: Sequence[Page], text: Text) -> dict[str, str]:
    """The page of each chapter in one language."""
    return {page.chapter: page.file for page in pages if page.language == text.language}


def _links(
    reports: Sequence[Report], pages: Sequence[Page], chapter: str, text: Text
) -> list[Link]:
    """The pages of all chapters in one language; none where there is one."""
    if len(reports) < 2:
        return []
    files = _files(pages, text)
    return [
        Link(text.said(each.chapter.title), files[each.chapter.name], each.chapter.name == chapter)
        for each in reports
    ]


def _other_verdicts(
    reports: Sequence[Report], pages: Sequence[Page], chapter: str, language: Text
) -> list[OtherVerdicts]:
    """What all other chapters have found, for the first page."""
    if reports[0].chapter.name != chapter:
        return []
    files = _files(pages, language)
    found = []
    for report in reports[1:]:
        text = language.of(report.chapter)
        views = claim_views(report, text)
        own = [view for view in views if view.group == GROUPS[0]]
        said = summary(GROUPS[0], tally(views)[GROUPS[0]], report.coverage.declared, text)
        title, href = text.said(report.chapter.title), files[report.chapter.name]
        figures = summed_up(report, files, language)
        found.append(OtherVerdicts(title, href, said if own else "", views, figures))
    return found


@functools.cache
def environment(templates: Path) -> jinja2.Environment:
    """Compiles each template once for all pages."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,  # select_autoescape would not escape *.html.j2
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["digits"] = dials.digits
    return environment


def _other_page(chapter: str, text: Text, pages: Sequence[Page]) -> Link | None:
    """The first page of the same chapter in another language."""
    for page in pages:
        if page.chapter == chapter and page.language != text.language:
            name = load_text(page.language).page["language_name"]
            return Link(name, page.file, language=page.language)
    return None


def content_security_policy(script: str) -> str:
    """Nothing may be loaded, and no script may run but this one."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
