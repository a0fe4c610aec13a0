"""What lies beside the page for programs: verdicts, runs and tables (``docs/claims.md``)."""

import json

from study.analysis.verdict_json import to_json
from study.report import tables
from study.report.views import Report

CLAIMS = "claims.json"
RUNS = "runs.csv"


def machine_readable(report: Report) -> dict[str, str]:
    """Content by file name: the verdicts, one row for each run, and each figure's table."""
    verdicts = to_json(report.judgements, report.results.plan, report.registrations)
    return {
        CLAIMS: json.dumps(verdicts, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        RUNS: report.results.runs().to_csv(index=False),
    } | {
        f"tables/{figure_id}.csv": tables.flat(drawing.table).to_csv(index=False)
        for figure_id, drawing in report.drawings.items()
    }
