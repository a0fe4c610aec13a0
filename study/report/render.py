"""From stored runs to one HTML page, and to nothing else: no training, no data set, no network."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jinja2
import latex2mathml.converter
import pandas as pd
from markupsafe import Markup
from rich.console import Console
from rich.progress import track

from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import house_style
from study.analysis.frames import Results, runs_frame
from study.errors import ConfigError, StoreError
from study.records.config import overrides
from study.records.plan import StudyPlan
from study.records.record import RunRecord, Status
from study.records.store import write_atomically
from study.report import tables
from study.report.sections import SECTIONS
from study.report.svg import inline_svg, png
from study.report.text import Text, load_text, templates_folder

# What a reader wants to know of the runs behind a figure, in the order to say it.
SETTINGS = (
    "data", "train_size", "depth", "width", "init", "activation", "batchnorm", "dropout",
    "weight_decay", "lr", "momentum", "batch_size", "num_epochs", "num_steps", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class FigureView:
    """What the template shows of a figure.

    Attributes:
        id: e.g. ``1.4.1-b``; also its anchor.
        title, look: from the language's texts.
        picture: the figure as HTML, or None where it could not be drawn.
        problem: why it could not be drawn.
        table: its numbers.
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
    table: tables.TableView | None
    settings: list[tuple[str, str]]
    varied: list[tuple[str, str]]
    command: str
    counts: dict[str, int]


@dataclass(frozen=True)
class SectionView:
    """A section of the lecture with its figures, by id."""

    id: str
    text: Mapping[str, Any]
    formulas: list[Markup]
    figures: dict[str, FigureView]


def render_study(
    plan: StudyPlan,
    records: Mapping[str, RunRecord],
    *,
    folder: str | Path,
    console: Console | None = None,
    language: str = "en",
) -> Path:
    """Write the report of ``plan`` to ``<folder>/<plan.name>/index.html`` and return its path.

    The same records give the same bytes.

    Args:
        records: the stored runs by address; what is missing is said in the report.
        folder: where reports go.
        console: shows the progress; None for silence.

    Raises:
        StoreError: there is no record at all, or the page cannot be written.
    """
    results = Results(plan, {a: records[a] for a in plan.addresses if a in records})
    if not results.records:
        raise StoreError(f"{plan.name}: no run is stored, there is nothing to report")
    page = render_page(results, load_text(language), console)
    path = Path(folder) / plan.name / "index.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    return path


def export_figure(results: Results, figure_id: str, path: Path, language: str = "en") -> None:
    """Write one figure as a PNG on white, for a slide or a README.

    Raises:
        ConfigError: there is no such figure; names those there are.
        StoreError: it has no runs, or the file cannot be written.
    """
    specs = {spec.id: spec for section in SECTIONS.values() for spec in section}
    if figure_id not in specs:
        raise ConfigError("--figure", "the id of a figure", figure_id, specs)
    spec = specs[figure_id]
    if not results.has(*spec.experiments):
        raise StoreError(f"figure {figure_id}: no runs of {', '.join(spec.experiments)} are stored")
    with house_style():
        content = png(spec.draw(results, load_text(language).label), background="white")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def render_page(results: Results, text: Text, console: Console | None = None) -> str:
    """The whole page as HTML."""
    specs = [spec for section in SECTIONS.values() for spec in section]
    shown = (
        track(specs, "drawing", console=console, transient=True)
        if console is not None and console.is_terminal
        else specs
    )
    figures = {spec.id: figure_view(spec, results, text) for spec in shown}
    sections = [
        SectionView(
            name,
            text.sections[name],
            [_formula(latex) for latex in text.sections[name].get("formulas", ())],
            {spec.id: figures[spec.id] for spec in section},
        )
        for name, section in SECTIONS.items()
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=True,  # select_autoescape would not escape *.html.j2
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((templates_folder() / "style.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html.j2").render(
        page=text.page,
        language=text.language,
        plan=results.plan,
        origin=origin(results),
        sections=sections,
        failures=failures(results),
        style=style,
    )


def figure_view(spec: FigureSpec, results: Results, text: Text) -> FigureView:
    """Draw one figure and its table from ``results``."""
    words = text.figures[spec.id]
    records = {r.address: r for name in spec.experiments for r in results.of(name)}
    missing = sum(results.missing(name) for name in spec.experiments)
    settings, varied = describe_settings(runs_frame(records.values()), text)
    picture, table, problem = None, None, None
    if results.has(*spec.experiments):
        with house_style():
            figure = spec.draw(results, text.label)
            picture = Markup(inline_svg(figure, spec.id, f"{words['title']}. {words['look']}"))
        table = tables.view(spec.table(results), text.label)
    else:
        problem = text.page["nothing_yet"]
    return FigureView(
        id=spec.id,
        title=words["title"],
        look=words["look"],
        picture=picture,
        problem=problem,
        table=table,
        settings=settings,
        varied=varied,
        command=_command(spec, results),
        counts=count_outcomes(records.values(), missing),
    )


def count_outcomes(records: Iterable[RunRecord], missing: int) -> dict[str, int]:
    """How many runs completed, diverged, failed, and are missing."""
    counts = Counter(record.status for record in records)
    return {status: counts[status] for status in get_args(Status)} | {"missing": missing}


def _command(spec: FigureSpec, results: Results) -> str:
    chosen = ",".join(spec.experiments)
    if len(spec.experiments) > 1:
        chosen = f"[{chosen}]"
    words = [f"experiment={chosen}", *_data_words(results), f"study={results.plan.preset}"]
    return f"python -m study -m {' '.join(words)}"


def _data_words(results: Results) -> list[str]:
    """Overrides that choose the study's data set; where its files lie is the reader's to say."""
    sets = (record.config["data"] for record in results.records.values())
    data = next((data for data in sets if data["name"] != "gaussian"), None)
    if data is None:
        return [f"data={results.plan.data}"]
    if data["label"] is None:
        return [f"data={data['name']}"]
    return [f"data={data['name']}", "data.root=…", f"data.label={data['label']}"]


def describe_settings(
    runs: pd.DataFrame, text: Text
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What the runs have in common, and what differs, as pairs of a name and its values."""
    shared: list[tuple[str, str]] = []
    varied: list[tuple[str, str]] = []
    for column in SETTINGS:
        values = list(dict.fromkeys(runs[column].dropna().tolist()))
        values = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
        if len(values) == 1 and column != "seed" and runs[column].notna().all():
            shared.append((text.label(column), text.label(tables.cell_text(values[0]))))
        elif values:
            shown = ", ".join(
                text.label(tables.cell_text(value)) for value in sorted(values, key=_order)
            )
            varied.append((text.label(column), shown))
    return shared, varied


def _order(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    try:
        return False, float(str(value)), ""
    except ValueError:
        return True, 0.0, str(value)


def origin(results: Results) -> dict[str, Any]:
    """Where the results come from: data, code, machines, counts and times, over all records."""
    records = list(results.records.values())
    good = [record for record in records if record.status != "failed"]
    main = [record for record in good if record.config["data"]["name"] != "gaussian"]
    return {
        "counts": count_outcomes(records, len(results.plan.addresses) - len(records)),
        "data": _distinct(record.provenance["data"] for record in main),
        "gaussian": len(main) < len(good),
        "seeds": len({record.config["seed"] for record in records}),
        "started": min(record.provenance["started"] for record in records),
        "seconds": sum(record.timing["total"] for record in records),
        "code": _distinct(
            {key: record.provenance[key] for key in ("study", "commit", "code")}
            for record in records
        ),
        "libraries": _distinct(record.provenance["libraries"] for record in records),
        "machines": _distinct(record.provenance["machine"] for record in records),
    }


def _distinct(items: Any) -> list[dict[str, Any]]:
    """``items`` without repeats, in a fixed order."""
    unique: dict[str, dict[str, Any]] = {repr(item): item for item in items}
    return [unique[key] for key in sorted(unique)]


def failures(results: Results) -> Sequence[Mapping[str, str]]:
    """The failed runs: address, error, and the command that repeats each."""
    return [
        {
            "address": record.address,
            "error": record.error or "",
            "command": "python -m study " + " ".join(overrides(record.run_config)),
        }
        for record in results.records.values()
        if record.status == "failed"
    ]


def _formula(latex: str) -> Markup:
    return Markup(latex2mathml.converter.convert(latex, display="block"))
