"""What a page shows of its chapter, in one language: templates format, views compute."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import latex2mathml.converter
import pandas as pd
from markupsafe import Markup

from study.analysis.claims import Judgement
from study.analysis.declarations import Claim, recommended
from study.analysis.frames import Results, once
from study.analysis.grid import Grid
from study.analysis.registry import EXPLORATORY, Registration, Registry
from study.chapters import Chapter, Section
from study.errors import MergedCellsError
from study.figures.declare import Figure
from study.figures.words import ALT, SAID
from study.records.plan import data_name
from study.report import tables
from study.report.claim_views import MARKS, ClaimView, claim_view, interval_note
from study.report.coverage import Coverage, coverage
from study.report.drawing import Drawing, template
from study.report.grid_data import explorer_data
from study.report.origin import count_outcomes
from study.report.paper_views import PaperView, paper_view
from study.report.settings import told
from study.report.settings_data import SettingsView, settings_view
from study.report.tables import by_size, whole
from study.report.text import Text, kept_together

LISTED = 20  # values of one of them
SETTINGS = "study.settings."  # overrides of what maps draw


@dataclass(frozen=True)
class FigureView:
    """What the template shows of a figure.

    Attributes:
        id: e.g. ``1.4.1-b``; also its anchor.
        title, look: of its declaration; ``look`` may be empty.
        beside: what the page shows with it.
        picture: the figure as HTML, or None where it could not be drawn.
        problem: why it could not be drawn.
        remedy: the command of runs of which it can be, where runs are too many.
        alt: its alternative text, made from its data.
        measured: what was found, one sentence; ``note`` says what its intervals are.
        table: its numbers.
        narrowing: of a specification curve, what a reader can narrow.
        claims: those that it shows.
        paper: what it repeats of a paper; None where it repeats none.
        settings: configuration that all its runs share, as pairs.
        varied: configuration that differs, with the values.
        command: the command that repeats its runs.
        counts: runs by outcome, ``missing`` among them.
    """

    id: str
    title: str
    look: str
    beside: str
    picture: Markup | None
    problem: str | None
    remedy: str | None
    alt: str
    measured: str
    note: str
    table: tables.TableView | None
    narrowing: SettingsView | None
    claims: list[ClaimView]
    paper: PaperView | None
    settings: list[tuple[str, str]]
    varied: list[tuple[str, str]]
    command: str
    counts: dict[str, int]


@dataclass(frozen=True)
class SectionView:
    """A section of a chapter with its claims and figures; all text in one language."""

    id: str
    title: str
    original: str
    says: str
    formulas: list[Markup]
    live: tuple[str, ...]
    found: str
    claims: list[ClaimView]
    figures: list[FigureView]

    @property
    def number(self) -> str:
        """The id where it is one (``1.3``, ``G``), and not a word for links."""
        return self.id if self.id == self.id.upper() else ""


@dataclass(frozen=True)
class Report:
    """All that the page of a chapter is made of, whatever its language.

    Attributes:
        results: the stored runs.
        chapter: what the page is about.
        drawings: of its figures that have runs, by id.
        judgements: the verdicts on its claims.
        registry: what was declared before its runs.
    """

    results: Results
    chapter: Chapter
    drawings: Mapping[str, Drawing]
    judgements: Sequence[Judgement]
    registry: Registry = field(default_factory=Registry)

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """The cells of what the page shows beside figures: ``explorer``, ``ranking``."""
        return {
            figure.beside: Grid(self.results, figure.experiments[0], recommended())
            for figure in reversed(self.chapter.figures)
            if figure.beside
        }

    @cached_property
    def covers(self) -> dict[str, bytes]:
        """The figure that stands for the page where its link is shared: PNG by language."""
        return {k: png for each in self.drawings.values() for k, png in each.on_white.items()}

    @cached_property
    def registrations(self) -> dict[str, Registration]:
        """Whether each claim was declared before its runs, by id."""
        return {each.claim.id: self._registration(each) for each in self.judgements}

    def _registration(self, judgement: Judgement) -> Registration:
        if judgement.settings:  # which nobody declared, whatever its digest says
            return Registration(EXPLORATORY)
        records = self.results.records
        runs = (records[address] for address in judgement.runs if address in records)
        return self.registry.of(judgement.claim, (str(r.provenance["started"]) for r in runs))

    @cached_property
    def coverage(self) -> Coverage:
        """What the study has of the chapter."""
        return coverage(self.results, self.chapter, self.judgements)

    @cached_property
    def explorer(self) -> dict[str, Any]:
        """What the explorer shows (``grid_data.explorer_data``)."""
        return explorer_data(self.grids["explorer"])


def claim_views(report: Report, text: Text) -> list[ClaimView]:
    """The claims with their verdicts."""
    return [
        claim_view(
            judgement,
            text,
            _claim_command(judgement.claim, report.results),
            registration=report.registrations[judgement.claim.id],
            data=report.results.plan.data,
            source=report.chapter.source,
        )
        for judgement in report.judgements
    ]


def section_views(report: Report, text: Text, claims: Sequence[ClaimView]) -> list[SectionView]:
    """The sections of which the study has a figure, in the chapter's order.

    Figures that name no section come first, in one without a title.
    """
    planned = [name for name, own in report.results.plan.experiments.items() if own]
    figures = report.chapter.shown(planned)
    found = []
    for section in (Section(""), *report.chapter.sections):
        own = [figure for figure in figures if (figure.section or "") == section.id]
        if own:
            found.append(
                SectionView(
                    id=section.id,
                    title=text.said(section.title),
                    original=section.original.get(report.chapter.source, ""),
                    says=text.said(section.says),
                    formulas=[_formula(latex) for latex in section.formulas],
                    live=section.live,
                    found=found_in([view for view in claims if view.section == section.id], text),
                    claims=[view for view in claims if view.section == section.id],
                    figures=[
                        figure_view(each, report, text, [v for v in claims if v.figure == each.id])
                        for each in own
                    ],
                )
            )
    return found


def found_in(claims: Sequence[ClaimView], text: Text) -> str:
    """What became of the claims of a section: by verdict, what they are about."""
    parts = []
    for verdict in MARKS:
        short = [view.short for view in claims if view.verdict == verdict and view.short]
        if short:
            parts.append(f"{text.page[f'verdict_{verdict}']}: {'; '.join(short)}")
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "." if parts else ""


def figure_view(figure: Figure, report: Report, text: Text, claims: list[ClaimView]) -> FigureView:
    """Everything that the page shows of one figure."""
    results = report.results
    missing = sum(results.missing(name) for name in figure.experiments)
    runs = results.runs(*figure.experiments)
    settings, varied = describe_settings(runs, text)
    drawing = report.drawings.get(figure.id, Drawing())
    drawn = drawing.pictures.get(text.language)
    facts, several = drawing.facts, drawing.merged
    said = template(figure, facts, SAID, text) if drawn else ""
    return FigureView(
        id=figure.id,
        title=text.said(figure.title),
        look=text.said(figure.look),
        beside=figure.beside,
        picture=Markup(drawn) if drawn else None,
        problem=None if drawn else _problem(several, drawing.broken, text),
        remedy=None if several is None else _narrowed_command(several, results),
        alt=text.fill(template(figure, facts, ALT, text), facts) if drawn else "",
        measured=kept_together(text.fill(said, facts)),
        note=interval_note(said, facts, text),
        table=tables.view(drawing.table, text.label) if drawn and len(drawing.table) else None,
        narrowing=settings_view(figure, drawing.table, text) if drawn else None,
        claims=claims,
        paper=paper_view(figure.paper, report.chapter, facts, runs, text) if figure.paper else None,
        settings=settings,
        varied=varied,
        command=_figure_command(figure, results),
        counts=count_outcomes(runs, missing),
    )


def _problem(merged: MergedCellsError | None, broken: str, text: Text) -> str:
    """Why a figure is not drawn."""
    if broken:
        return str(text.page["broken"].format(error=broken))
    if merged is None:
        return str(text.page["nothing_yet"])
    columns = [
        f"{text.label(column)} ({_listed(sorted(map(whole, values), key=by_size), text)})"
        for column, values in merged.differing.items()
    ]
    return str(text.page["merged"].format(columns="; ".join(columns)))


def _narrowed_command(merged: MergedCellsError, results: Results) -> str:
    return study_command(" ".join([f"experiment={merged.experiment}", *merged.overrides]), results)


def _figure_command(figure: Figure, results: Results) -> str:
    chosen = ",".join(figure.experiments)
    if len(figure.experiments) > 1:
        chosen = f"[{chosen}]"
    return study_command(f"experiment={chosen}", results)


def _claim_command(claim: Claim, results: Results) -> str:
    return study_command(f"claim={claim.id}", results)


def study_command(words: str, results: Results) -> str:
    """The command line that asks for ``words`` of a study like this one."""
    preset = f"study={results.plan.preset}"
    added = [f"--config-dir {shlex.quote(folder)}" for folder in results.plan.folders]
    drawn = [shlex.quote(each) for each in results.plan.selection if each.startswith(SETTINGS)]
    return " ".join(["python -m study -m", *added, words, *_data_words(results), preset, *drawn])


@once
def _data_words(results: Results) -> list[str]:
    """Overrides that choose the study's data set; where its files lie is the reader's to say."""
    sets = [record.config["data"] for record in results.records.values()]
    sets = [data for data in sets if data["name"] != "gaussian"]
    own = (data for data in sets if data_name(data) == results.plan.data)
    data = next(own, sets[0] if sets else None)
    if data is None:
        return [f"data={results.plan.data}"]
    words = [f"data={data['name']}"]
    if data["name"] == "idx":
        words.append("data.root=…")
    if data["label"] is not None:
        words.append(f"data.label={data['label']}")
    return words


def describe_settings(
    runs: pd.DataFrame, text: Text
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What the runs have in common, and what differs, as pairs of a name and its values."""
    shared: list[tuple[str, str]] = []
    varied: list[tuple[str, str]] = []
    names = [name for name in told(runs) if name != "seed"]
    for column in (*names, "seed"):
        values = [whole(value) for value in runs[column].dropna().unique().tolist()]
        if len(values) == 1 and column != "seed" and runs[column].notna().all():
            shared.append((text.label(column), text.label(tables.cell_text(values[0]))))
        elif values:
            varied.append((text.label(column), _listed(sorted(values, key=by_size), text)))
    return shared, varied


def _listed(values: Sequence[Any], text: Text) -> str:
    """All of a few values; of many the first ones, the last one, and how many there are."""
    words = [text.label(tables.cell_text(value)) for value in values]
    if len(words) <= LISTED:
        return ", ".join(words)
    return f"{', '.join(words[: LISTED // 2])}, …, {words[-1]} (n = {len(words):,})"


def _formula(latex: str) -> Markup:
    return Markup(latex2mathml.converter.convert(latex, display="block"))
