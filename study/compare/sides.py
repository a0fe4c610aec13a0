"""The two things that are compared: a store, a report or a ``claims.json``, read alike.

A store is judged anew and written as its report would be, so that what is compared is always the
same: the verdicts of ``claims.json`` and the rows of ``runs.csv`` (``docs/claims.md``).
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.claims import judge
from study.analysis.frames import Results
from study.analysis.intervals import Estimate
from study.analysis.verdict_json import SCHEMA, to_json
from study.analysis.verdicts import VERDICTS
from study.chapters import chapter_folders, load_chapters
from study.errors import StoreError
from study.records.plan import read_plan
from study.records.store import RunStore
from study.report.files import CLAIMS, RUNS

EXPECTED = "expected a store, a report or a claims.json"


@dataclass(frozen=True)
class Part:
    """One test of a claim.

    Attributes:
        label: what is compared, by language.
        unit: of the effect (``docs/claims.md``).
        ratio: whether the effect is one.
        what: its declaration: two parts that differ in it are not the same test.
        verdict: on the part.
        effect: with its 95 % interval; NaN where it was not judged.
        by_seed: the effect of each seed, indexed by it; of a ratio the logarithm.
    """

    label: Mapping[str, str]
    unit: str
    ratio: bool
    what: Mapping[str, Any]
    verdict: str
    effect: Estimate
    by_seed: pd.Series


@dataclass(frozen=True)
class Verdict:
    """A claim with its verdict and the parts that decide it, by name."""

    id: str
    statement: Mapping[str, str]
    verdict: str
    digest: str
    settings: Sequence[str]
    parts: Mapping[str, Part]


@dataclass(frozen=True)
class Side:
    """One of the two studies.

    Attributes:
        path: as it was given.
        name, command, data, preset: of the study.
        verdicts: by the claim's id.
        runs: a row for each run, all columns as the text of ``runs.csv``; None if only verdicts
            are known.
    """

    path: str
    name: str
    command: str
    data: str
    preset: str
    verdicts: Mapping[str, Verdict]
    runs: pd.DataFrame | None


def read_side(path: str, folders: Sequence[str] = ()) -> Side:
    """Read one side.

    Args:
        path: a report's folder or page; a ``claims.json``; a store, of which it is the last
            study, or the plan of one of its studies, ``STORE/plans/NAME.json``.
        folders: of configuration, with chapters that do not come with the study; by default those
            that a store's study was run with.

    Raises:
        StoreError: it is none of them, or cannot be used; says why.
    """
    place = Path(path)
    if place.suffix == ".html":
        place = place.parent
    if (place / CLAIMS).is_file():
        verdicts, runs = _parsed(place / CLAIMS), place / RUNS
        return _side(path, verdicts, _table(runs, _text(runs)) if runs.is_file() else None)
    if (place / "plans").is_dir():
        return _stored(path, RunStore(place), None, folders)
    if place.is_file() and place.parent.name == "plans":
        return _stored(path, RunStore(place.parent.parent), place.stem, folders)
    if place.is_file():
        return _side(path, _parsed(place), None)
    found = f"a folder without {CLAIMS} or plans" if place.is_dir() else "nothing there"
    raise StoreError(f"{path}: {EXPECTED}, found {found}")


def _stored(path: str, store: RunStore, name: str | None, folders: Sequence[str]) -> Side:
    plan = read_plan(store, name)
    added = map(Path, folders or plan.folders)
    chapters = load_chapters(plan.chapters, chapter_folders(added))
    claims = [claim for chapter in chapters for claim in chapter.claims]
    stored = store.load(plan.addresses)
    for error in stored.errors:
        raise error
    if not stored.runs:
        raise StoreError(f"{path}: no run of {plan.name} is stored")
    results = Results(plan, stored.runs)
    verdicts = json.loads(json.dumps(to_json(judge(claims, results), plan)))
    return _side(path, verdicts, _table(store.folder, results.runs().to_csv(index=False)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error})") from None


def _parsed(path: Path) -> Any:
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: {EXPECTED}, found no JSON ({error})") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema is None or "claims" not in content:
        raise StoreError(f"{path}: {EXPECTED}, found another JSON file")
    if schema != SCHEMA:
        again = "write the report again (python -m study.report)"
        raise StoreError(f"{path}: expected schema {SCHEMA}, found {schema!r}; {again}")
    return content


def _table(place: Path, text: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise StoreError(f"{place}: expected a table of runs ({error})") from None


def _side(path: str, content: Mapping[str, Any], runs: pd.DataFrame | None) -> Side:
    try:
        verdicts = [_verdict(each) for each in content["claims"]]
        about = {key: str(content[key]) for key in ("command", "data", "preset")}
        name = str(content["study"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StoreError(f"{path}: not the verdicts of a study ({error!r})") from None
    return Side(path, name, **about, verdicts={each.id: each for each in verdicts}, runs=runs)


def _verdict(content: Mapping[str, Any]) -> Verdict:
    if content["verdict"] not in VERDICTS:
        raise ValueError(f"the verdict {content['verdict']!r}")
    deciding = {name: part for name, part in content["parts"].items() if part["deciding"]}
    return Verdict(
        id=str(content["id"]),
        statement=dict(content["statement"]),
        verdict=content["verdict"],
        digest=str(content["digest"]),
        settings=list(content["settings"]),
        parts={name: _part(part) for name, part in deciding.items()},
    )


DECLARED = ("experiment", "metric", "where", "treatment", "control", "against", "paired_by",
            "reduce", "reduce_control", "compare", "unit")  # fmt: skip


def _part(content: Mapping[str, Any]) -> Part:
    ratio = content["compare"] == "ratio"
    effect = dict(content["effect"])
    mean, low, high = (
        math.nan if effect[end] is None else float(effect[end]) for end in ("mean", "low", "high")
    )
    estimate = Estimate(mean, low, high, int(effect["n"]), str(effect["method"]))
    unjudged = math.isnan(estimate.mean)
    return Part(
        label=dict(content["label"]),
        unit=str(content["unit"]),
        ratio=ratio,
        what={key: content[key] for key in DECLARED},
        verdict=str(content["verdict"]),
        effect=estimate,
        by_seed=pd.Series(dtype=float) if unjudged else _by_seed(content["values"], ratio),
    )


def _by_seed(values: Mapping[str, Sequence[Any]], ratio: bool) -> pd.Series:
    """The effect of each seed: the mean over its pairs; a seed that lacks one has none."""
    effects = np.array(values["effect"], dtype=float)
    if ratio:
        effects = np.log(np.where(effects > 0, effects, np.nan))
    grouped = pd.Series(effects).groupby(np.array(values["seed"], dtype=int))
    return grouped.mean()[grouped.count() == grouped.size()]
