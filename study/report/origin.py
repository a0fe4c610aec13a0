"""Where the results of a report come from, and which of the runs diverged or failed."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, get_args

import pandas as pd

from study.analysis.frames import Results, once, runs_frame
from study.analysis.registry import Registry
from study.records.cells import CELL
from study.records.config import overrides
from study.records.plan import data_name
from study.records.record import RunSummary, Status
from study.report import tables
from study.report.settings import told
from study.report.text import Text

FAILURES_SHOWN = 20


def origin(results: Results, text: Text) -> dict[str, Any]:
    """Where the results come from: data, code, machines, counts and times, over all records."""
    facts = _facts(results)
    names = {each["name"] for each in facts["data"]}
    return facts | {
        "data": [each | {"name": text.label(each["name"])} for each in facts["data"]],
        "data_name": "; ".join(_data_names(names, results, text)),
    }


@once
def _facts(results: Results) -> dict[str, Any]:
    """``origin`` in no language: a page asks several times, and records are many."""
    runs, wanted = results.runs(), len(results.plan.addresses)
    data, code, libraries, machines = (_Distinct() for _ in range(4))
    started, gaussian = [], False
    for record in results.records.values():
        own = record.provenance
        started.append(own["started"])
        code.add({key: own[key] for key in ("study", "commit", "code")})
        libraries.add(own["libraries"])
        machines.add(own["machine"])
        if record.status == "failed":
            continue
        if record.config["data"]["name"] == "gaussian":
            gaussian = True
        else:
            data.add({"name": data_name(record.config["data"]), **own["data"]})
    return {
        "counts": count_outcomes(runs, wanted - len(runs)),
        "data": data.in_order(),
        "gaussian": gaussian,
        "seeds": int(runs["seed"].nunique()),
        "started": min(started),
        "finished": max(started),
        "runs": wanted,
        "threads": 1,  # of BLAS, in every run
        "seconds": sum(runs["total_seconds"].tolist()),
        "code": code.in_order(),
        "libraries": libraries.in_order(),
        "machines": machines.in_order(),
    }


def drawn_on(results: Results, text: Text) -> str:
    """On which data the settings of maps are drawn; empty where there is no map."""
    maps = [name for name in results.plan.maps if results.plan.experiments.get(name)]
    found = {data_name(record.config["data"]) for record in results.of(*maps)} if maps else ()
    names = _data_names(set(found), results, text)
    wording = text.page["drawn_on_one" if len(names) == 1 else "drawn_on_several"]
    return wording.format(data="; ".join(names)) if maps else ""


def _data_names(found: Collection[str], results: Results, text: Text) -> list[str]:
    """The names of data sets, the study's own first; that one where there are none."""
    own = results.plan.data
    return [
        text.label(name) for name in sorted(found or {own}, key=lambda name: (name != own, name))
    ]


def used_seeds(results: Results, registry: Registry, text: Text) -> str:
    """Whether earlier reports have used the seeds of this one."""
    seeds = sorted(map(int, results.runs()["seed"].unique()))
    if not registry.known:
        return text.page["seeds_unknown"]
    used = registry.used(seeds)
    if not used:
        return text.page["seeds_unused"].format(seeds=_ranges(seeds))
    reports = "; ".join(f"{each.first}–{each.last}: {text.said(each.used)}" for each in used)
    return text.page["seeds_used"].format(seeds=_ranges(seeds), reports=reports)


def _ranges(numbers: Sequence[int]) -> str:
    """``100–109, 120`` for sorted numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


class _Distinct:
    """Mappings without repeats, in a fixed order."""

    def __init__(self) -> None:
        self._unique: dict[str, dict[str, Any]] = {}

    def add(self, item: dict[str, Any]) -> None:
        self._unique[repr(item)] = item

    def in_order(self) -> list[dict[str, Any]]:
        return [self._unique[key] for key in sorted(self._unique)]


def count_outcomes(runs: pd.DataFrame, missing: int) -> dict[str, int]:
    """How many runs completed, diverged, failed, and are missing."""
    counts = Counter(runs["status"].tolist())
    return {status: counts[status] for status in get_args(Status)} | {"missing": missing}


def failures(results: Results, text: Text) -> Sequence[Mapping[str, str]]:
    """The first failed runs: address, what they were, error, and the command that repeats each."""
    failed = (record for record in results.records.values() if record.status == "failed")
    return [
        {
            "address": record.address,
            "cell": _cell(_settings(record), text),
            "error": record.error or "",
            "command": "python -m study " + " ".join(overrides(record.run_config)),
        }
        for record in islice(failed, FAILURES_SHOWN)
    ]


def _settings(record: RunSummary) -> dict[str, Any]:
    """What a page tells of one run."""
    frame = runs_frame([record])
    return {name: frame[name].iloc[0] for name in told(frame) if name in CELL}


def divergences(results: Results, text: Text) -> Sequence[Mapping[str, Any]]:
    """The cells of each experiment in which runs diverged: how many, of how many."""
    return [
        {"experiment": experiment, "cell": _cell(cell, text), "count": count, "total": total}
        for experiment, cell, count, total in _diverged(results)
    ]


@once
def _diverged(results: Results) -> list[tuple[str, dict[str, Any], int, int]]:
    """Experiment and cell, of what varies in it, and how many of its runs diverged, of how many."""
    found = []
    for experiment in results.plan.experiments:
        runs = results.runs(experiment)
        varied = {name for name in told(runs) if len(runs[name].unique()) > 1}
        lost = (runs["status"] == "diverged").groupby(
            [runs[name] for name in CELL], dropna=False, sort=False
        )
        cells = lost.agg(["sum", "size"])
        for key, count, total in cells[cells["sum"] > 0].itertuples(name=None):
            cell = {n: v for n, v in zip(CELL, key, strict=True) if n in varied}
            found.append((experiment, cell, count, total))
    return found


def _cell(values: Mapping[str, Any], text: Text) -> str:
    """What a run or a cell was, in words."""
    return ", ".join(
        f"{text.label(name)} {text.label(_rounded(tables.cell_text(values[name])))}"
        for name in CELL
        if name in values and not pd.isna(values[name])
    )


def _rounded(choice: str) -> str:
    """``normal 0.54117`` as ``std 0.54``, as the figures call it."""
    name, _, value = choice.partition(" ")
    try:
        return f"std {float(value):.2g}" if name == "normal" else choice
    except ValueError:
        return choice


def citation(results: Results, title: str, text: Text) -> dict[str, str]:
    """How to cite these results, the page called ``title``: as a sentence and as BibTeX."""
    facts = origin(results, text)
    code = facts["code"][0]
    version = f"{code['study']}, {(code['commit'] or code['code'])[:12]}"
    year = facts["started"][:4]
    words = {"title": title, "name": results.plan.name, "version": version, "year": year}
    bibtex = (
        f"@misc{{study-{results.plan.name},\n  title = {{{title}}},\n"
        f"  howpublished = {{study {version}, {results.plan.command}}},\n  year = {{{year}}}\n}}"
    )
    return {"text": text.page["cite_as"].format(**words), "bibtex": bibtex}
