"""What lies beside the page for programs: verdicts, runs and tables (``docs/claims.md``)."""

import json
from collections.abc import Mapping, Sequence

from study.analysis.claims import Judgement
from study.analysis.frames import Results
from study.analysis.verdict_json import to_json
from study.report import tables
from study.report.drawing import Drawing

CLAIMS = "claims.json"
RUNS = "runs.csv"


def machine_readable(
    judgements: Sequence[Judgement], results: Results, drawings: Mapping[str, Drawing]
) -> dict[str, str]:
    """Content by file name: the verdicts, one row for each run, and each figure's table."""
    verdicts = to_json(judgements, results.plan)
    return {
        CLAIMS: json.dumps(verdicts, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        RUNS: results.runs().to_csv(index=False),
    } | {
        f"tables/{figure_id}.csv": tables.flat(drawing.table).to_csv(index=False)
        for figure_id, drawing in drawings.items()
    }
