"""What lies beside the page for programs: verdicts, runs and tables (``docs/claims.md``)."""

import io
import json
from collections.abc import Sequence

import pandas as pd

from study.analysis.frames import Results
from study.analysis.verdict_json import to_json
from study.report import tables
from study.report.paper_views import agreements
from study.report.views import Report

CLAIMS = "claims.json"
RUNS = "runs.csv"
AGREEMENT = "agreement.csv"


def machine_readable(results: Results, reports: Sequence[Report]) -> dict[str, str | bytes]:
    """Content by file name: the verdicts, one row for each run, and each figure's table.

    Where figures repeat papers, also whether they agree (``AGREEMENT``).

    Args:
        results: of all chapters.

    Tables of the first chapter lie in ``tables``, those of others in ``tables/<chapter>``.
    """
    first, *others = reports
    judgements = [each for report in reports for each in report.judgements]
    registrations = {k: v for report in reports for k, v in report.registrations.items()}
    verdicts = to_json(judgements, results.plan, registrations)
    tables_of = {"tables": first} | {f"tables/{each.chapter.name}": each for each in others}
    compared = pd.concat(
        [
            agreements(each.chapter, {k: d.facts for k, d in each.drawings.items() if d.is_drawn})
            for each in reports
        ],
        ignore_index=True,
    )
    papers: dict[str, str | bytes] = (
        {AGREEMENT: compared.to_csv(index=False)} if len(compared) else {}
    )
    return (
        papers
        | {
            CLAIMS: json.dumps(verdicts, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            RUNS: _runs(results),
        }
        | {
            f"{folder}/{figure_id}.csv": tables.flat(drawing.table).to_csv(index=False)
            for folder, report in tables_of.items()
            for figure_id, drawing in report.drawings.items()
            if drawing.is_drawn
        }
    )


def _runs(results: Results) -> bytes:
    """A row for each run, as bytes from the start: of many runs they are half a gigabyte."""
    file = io.BytesIO()
    results.by_experiment().to_csv(file, index=False)
    return file.getvalue()
