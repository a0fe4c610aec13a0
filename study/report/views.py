"""What the page shows of sections and figures, in one language: templates format, views compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import latex2mathml.converter
import pandas as pd
from markupsafe import Markup

from study.analysis.claims import Judgement
from study.analysis.declarations import Claim
from study.analysis.effects import FACTORS
from study.analysis.frames import Results
from study.analysis.registry import EXPLORATORY, Registration, Registry
from study.errors import MergedCellsError
from study.figures.own.grid_cells import EXPERIMENT
from study.figures.spec import FigureSpec
from study.report import tables
from study.report.claim_views import ClaimView, claim_view, interval_note
from study.report.coverage import Coverage, coverage
from study.report.drawing import Drawing
from study.report.grid_data import explorer_data, ranking_data
from study.report.origin import count_outcomes
from study.report.sections import SECTIONS
from study.report.settings import told
from study.report.text import Text, kept_together

LISTED = 20  # values of one of them


@dataclass(frozen=True)
class FigureView:
    """What the template shows of a figure.

    Attributes:
        id: e.g. ``1.4.1-b``; also its anchor.
        title, look: from the language's texts.
        picture: the figure as HTML, or None where it could not be drawn.
        problem: why it could not be drawn.
        remedy: the command of runs of which it can be, where runs are too many.
        alt: its alternative text, made from its data.
        measured: what was found, one sentence; ``note`` says what its intervals are.
        table: its numbers.
        claims: those that it shows.
        settings: configuration that all its runs share, as pairs.
        varied: configuration that differs, with the values.
        command: the command that repeats its runs.
        counts: runs by outcome, ``missing`` among them.
    """

    id: str
    title: str
    look: str
    picture: Markup | None
    problem: str | None
    remedy: str | None
    alt: str
    measured: str
    note: str
    table: tables.TableView | None
    claims: list[ClaimView]
    settings: list[tuple[str, str]]
    varied: list[tuple[str, str]]
    command: str
    counts: dict[str, int]


@dataclass(frozen=True)
class SectionView:
    """A section of the lecture with its claims, and its figures by id."""

    id: str
    text: Mapping[str, Any]
    formulas: list[Markup]
    claims: list[ClaimView]
    figures: dict[str, FigureView]


@dataclass(frozen=True)
class Report:
    """All that a page is made of, whatever its language.

    Attributes:
        results: the stored runs.
        drawings: of the figures that have runs, by id.
        judgements: the verdicts on the claims.
        declared: all claims that are declared, also those of which the study has nothing.
        registry: what was declared before its runs.
    """

    results: Results
    drawings: Mapping[str, Drawing]
    judgements: Sequence[Judgement]
    declared: Sequence[Claim] = ()
    registry: Registry = field(default_factory=Registry)

    @cached_property
    def _grid(self) -> Results:
        """The results; none where cells of the grid differ in more than its factors."""
        try:
            self.results.check_cells(EXPERIMENT, FACTORS)
        except MergedCellsError:
            return Results(replace(self.results.plan, experiments={}), {})
        return self.results

    @cached_property
    def ranking(self) -> list[dict[str, Any]]:
        """The cells of the grid by rank (``grid_data.ranking_data``)."""
        return ranking_data(self._grid)

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
        """What the study has of the whole."""
        return coverage(self.results, self.declared, self.judgements)

    @cached_property
    def explorer(self) -> dict[str, Any]:
        """What the explorer shows (``grid_data.explorer_data``)."""
        return explorer_data(self._grid)


def claim_views(report: Report, text: Text) -> list[ClaimView]:
    """The claims with their verdicts."""
    return [
        claim_view(
            judgement,
            text,
            _claim_command(judgement.claim, report.results),
            registration=report.registrations[judgement.claim.id],
            data=report.results.plan.data,
        )
        for judgement in report.judgements
    ]


def section_views(report: Report, text: Text, claims: Sequence[ClaimView]) -> list[SectionView]:
    """The sections of which the study has a figure, in the lecture's order."""
    return [
        SectionView(
            name,
            text.sections[name],
            [_formula(latex) for latex in text.sections[name].get("formulas", ())],
            [view for view in claims if view.section == name],
            {
                spec.id: figure_view(
                    spec, report, text, [view for view in claims if view.figure == spec.id]
                )
                for spec in section
                if planned(spec, report.results)
            },
        )
        for name, section in SECTIONS.items()
        if any(planned(spec, report.results) for spec in section)
    ]


def planned(spec: FigureSpec, results: Results) -> bool:
    """Whether the study is one in which the figure has runs, stored or missing."""
    return all(results.plan.experiments.get(name) for name in spec.experiments)


def figure_view(
    spec: FigureSpec, report: Report, text: Text, claims: list[ClaimView]
) -> FigureView:
    """Everything that the page shows of one figure."""
    results, words = report.results, text.figures[spec.id]
    missing = sum(results.missing(name) for name in spec.experiments)
    settings, varied = describe_settings(results.runs(*spec.experiments), text)
    drawing = report.drawings.get(spec.id)
    merged = None if drawing else spec.merged(results)
    facts = drawing.facts if drawing else {}
    return FigureView(
        id=spec.id,
        title=words["title"],
        look=words["look"],
        picture=Markup(drawing.pictures[text.language]) if drawing else None,
        problem=None if drawing else _problem(merged, text),
        remedy=None if merged is None else _narrowed_command(merged, results),
        alt=text.fill(words["alt"], facts) if drawing else "",
        measured=kept_together(text.fill(words["measured"], facts)) if drawing else "",
        note=interval_note(words["measured"], facts, text) if drawing else "",
        table=tables.view(drawing.table, text.label) if drawing else None,
        claims=claims,
        settings=settings,
        varied=varied,
        command=_figure_command(spec, results),
        counts=count_outcomes(results.of(*spec.experiments), missing),
    )


def _problem(merged: MergedCellsError | None, text: Text) -> str:
    """Why a figure is not drawn."""
    if merged is None:
        return str(text.page["nothing_yet"])
    columns = [
        f"{text.label(column)} ({_listed(sorted(map(_whole, values), key=_order), text)})"
        for column, values in merged.differing.items()
    ]
    return str(text.page["merged"].format(columns="; ".join(columns)))


def _narrowed_command(merged: MergedCellsError, results: Results) -> str:
    return study_command(" ".join([f"experiment={merged.experiment}", *merged.overrides]), results)


def _figure_command(spec: FigureSpec, results: Results) -> str:
    chosen = ",".join(spec.experiments)
    if len(spec.experiments) > 1:
        chosen = f"[{chosen}]"
    return study_command(f"experiment={chosen}", results)


def _claim_command(claim: Claim, results: Results) -> str:
    return study_command(f"claim={claim.id}", results)


def study_command(words: str, results: Results) -> str:
    """The command line that asks for ``words`` of a study like this one."""
    preset = f"study={results.plan.preset}"
    return f"python -m study -m {' '.join([words, *_data_words(results), preset])}"


def _data_words(results: Results) -> list[str]:
    """Overrides that choose the study's data set; where its files lie is the reader's to say."""
    sets = (record.config["data"] for record in results.records.values())
    data = next((data for data in sets if data["name"] != "gaussian"), None)
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
        values = [_whole(value) for value in dict.fromkeys(runs[column].dropna().tolist())]
        if len(values) == 1 and column != "seed" and runs[column].notna().all():
            shared.append((text.label(column), text.label(tables.cell_text(values[0]))))
        elif values:
            varied.append((text.label(column), _listed(sorted(values, key=_order), text)))
    return shared, varied


def _listed(values: Sequence[Any], text: Text) -> str:
    """All of a few values; of many the first ones, the last one, and how many there are."""
    words = [text.label(tables.cell_text(value)) for value in values]
    if len(words) <= LISTED:
        return ", ".join(words)
    return f"{', '.join(words[: LISTED // 2])}, …, {words[-1]} (n = {len(words):,})"


def _whole(value: Any) -> Any:
    """Without the decimals that a column of floats gives to whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _order(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    try:
        return False, float(str(value)), ""
    except ValueError:
        return True, 0.0, str(value)


def _formula(latex: str) -> Markup:
    return Markup(latex2mathml.converter.convert(latex, display="block"))
