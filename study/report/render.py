"""From stored runs to the report's pages, and to nothing else: no training, no data, no network."""

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup
from rich.console import Console

from study.analysis.claims import Judgement, judge
from study.analysis.declarations import Claim
from study.analysis.figures.style import house_style, korean_font
from study.analysis.frames import Results
from study.analysis.registry import load_registry
from study.analysis.verdicts import FEWEST
from study.errors import ConfigError, StoreError
from study.paths import templates_folder
from study.records.plan import StudyPlan
from study.records.record import RunRecord
from study.records.runs import Runs
from study.records.store import write_atomically
from study.report import dials, files, grid_page
from study.report.claim_views import GROUPS, MARKS, looks, summary, tally
from study.report.drawing import drawing, figure_text
from study.report.origin import citation, divergences, failures, origin, used_seeds
from study.report.sections import FIGURES
from study.report.svg import png
from study.report.text import Text, languages, load_text
from study.report.views import Report, claim_views, section_views, study_command

NO_KOREAN_FONT = (
    "no Korean font found: the figures of the Korean page have English labels "
    "(install e.g. Noto Sans CJK KR; Debian: fonts-noto-cjk)"
)


@dataclass(frozen=True)
class OtherPage:
    """The same report in another language."""

    language: str
    name: str
    href: str


def render_study(
    plan: StudyPlan,
    records: Runs | Mapping[str, RunRecord],
    claims: Sequence[Claim],
    *,
    folder: str | Path,
    console: Console | None = None,
    language: str = "en",
    workers: int | None = None,
    judgements: Sequence[Judgement] | None = None,
) -> Path:
    """Write the report of ``plan`` into ``<folder>/<plan.name>`` and return the page's path.

    ``index.html`` is in ``language``, ``index.<other>.html`` in each other one; beside them are
    the verdicts, the runs and the tables for programs (``files``). The same records give the same
    bytes.

    Args:
        records: the stored runs by address; what is missing is said in the report.
        claims: to judge.
        folder: where reports go.
        console: shows the progress; None for silence.
        workers: processes that draw; None for one on each core.
        judgements: of the claims, where they have been judged already.

    Raises:
        ConfigError: there is no such language.
        StoreError: there is no record at all, or the page cannot be written.
    """
    results = Results(plan, records)
    if console is not None and korean_font() is None:
        console.print(NO_KOREAN_FONT, markup=False)
    if not results.records:
        raise StoreError(f"{plan.name}: no run is stored, there is nothing to report")
    pages = page_names(language)
    report = make_report(
        results, claims, tuple(pages), console=console, workers=workers, judgements=judgements
    )
    target = Path(folder) / plan.name
    content = {name: render_page(report, load_text(each), pages) for each, name in pages.items()}
    content |= files.machine_readable(report)
    try:
        for name, text in content.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
        # the page of this language from when another one was asked for
        (target / f"index.{language}.html").unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    return target / pages[language]


def page_names(language: str) -> dict[str, str]:
    """The file of each language, ``language`` first: that one is the index."""
    load_text(language)  # an unknown one is refused
    others = [each for each in languages() if each != language]
    return {language: "index.html"} | {each: f"index.{each}.html" for each in others}


def make_report(
    results: Results,
    claims: Sequence[Claim],
    languages: Sequence[str],
    *,
    console: Console | None = None,
    workers: int | None = None,
    judgements: Sequence[Judgement] | None = None,
) -> Report:
    """Draw the figures and judge the claims."""
    with drawing(results, languages, workers=workers, console=console) as drawings:
        judgements = judge(claims, results) if judgements is None else judgements
        return Report(results, drawings(), judgements, claims, load_registry())


def export_figure(results: Results, figure_id: str, path: Path, language: str = "en") -> None:
    """Write one figure as a PNG on white, for a slide or a README.

    Raises:
        ConfigError: there is no such figure; names those there are.
        StoreError: it has no runs, or the file cannot be written.
        MergedCellsError: it would average over different cells.
    """
    if figure_id not in FIGURES:
        raise ConfigError("--figure", "the id of a figure", figure_id, FIGURES)
    spec = FIGURES[figure_id]
    if not results.has(*spec.experiments):
        raise StoreError(f"figure {figure_id}: no runs of {', '.join(spec.experiments)} are stored")
    if (merged := spec.merged(results)) is not None:
        raise merged
    with house_style(language, on_white=True):
        figure = spec.draw(results, figure_text(load_text(language)).label)
        content = png(figure, background="white")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def render_page(report: Report, text: Text, pages: Mapping[str, str] | None = None) -> str:
    """The page in the language of ``text`` as HTML.

    Args:
        pages: file names by language, for the link to the other one.
    """
    results = report.results
    claims = claim_views(report, text)
    sections = section_views(report, text, claims)
    counts = tally(claims)
    templates = templates_folder()
    style = "".join(
        (templates / name).read_text(encoding="utf-8") for name in ("style.css", "explorer.css")
    )
    style += dials.style()
    script = dials.script() + (templates / "script.js").read_text(encoding="utf-8")
    return (
        _environment(templates)
        .get_template("report.html.j2")
        .render(
            text=text,
            page=text.page,
            language=text.language,
            other=_other_page(text, pages or page_names(text.language)),
            plan=results.plan,
            origin=origin(results, text),
            cite=citation(results, text),
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
            section_words=text.sections,
            anchors=[name for each in sections for name in (each.id, *each.figures)],
            divergences=divergences(results, text),
            failures=failures(results, text),
            downloads={"claims": files.CLAIMS, "runs": files.RUNS},
            ranking=grid_page.ranking_view(report.ranking, text),
            seeds_note=grid_page.seeds_note(report.explorer, text),
            data=grid_page.explorer_json(
                report.explorer, text, study_command("experiment=grid", results)
            ),
            style=Markup(style),
            script=Markup(script),
            csp=content_security_policy(script),
        )
    )


@functools.cache
def _environment(templates: Path) -> jinja2.Environment:
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


def _other_page(text: Text, pages: Mapping[str, str]) -> OtherPage | None:
    """The first page in another language."""
    for language, name in pages.items():
        if language != text.language:
            return OtherPage(language, load_text(language).page["language_name"], name)
    return None


def content_security_policy(script: str) -> str:
    """Nothing may be loaded, and no script may run but this one."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
