"""``python -m study.report``: write a report again from stored runs, without training any.

The exit code is 0 only if the report was written with all its figures and no record of the study is
damaged. Damaged ones are named and left out of it.
"""

if __name__ == "__main__":  # before the imports: they take a second, and Ctrl-C may come at once
    from study.endings import expect_interrupt

    expect_interrupt()

import argparse
import sys
from pathlib import Path

from rich.console import Console

from study.analysis.frames import Results
from study.chapters import chapter_folders, load_chapters
from study.endings import quiet_endings
from study.errors import StudyError
from study.records.compaction import COMPACTING, compact
from study.records.plan import read_plan
from study.records.store import RunStore
from study.report.render import export_figure, render_study
from study.report.svg import FORMATS
from study.report.text import DEFAULT_LANGUAGE


def main(arguments: list[str] | None = None) -> int:
    """Render the report of a stored study; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m study.report", description=__doc__)
    parser.add_argument("name", nargs="?", help="name of the study (default: the last one)")
    parser.add_argument("--store", default="runs", help="folder of the runs (default: runs)")
    parser.add_argument("--folder", default="reports", help="where reports go (default: reports)")
    parser.add_argument("--lang", default=DEFAULT_LANGUAGE, help="language of the report")
    parser.add_argument(
        "--config-dir", metavar="FOLDER", action="append", default=[],
        help="where chapters lie that do not come with the study (default: as when it was run)",
    )  # fmt: skip
    parser.add_argument(
        "--figure", metavar="ID", help="write just this figure, as <folder>/<name>/<ID>.<format>"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="of --figure (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        store = RunStore(options.store)
        plan = read_plan(store, options.name)
        added = options.config_dir or plan.folders
        chapters = load_chapters(plan.chapters, chapter_folders(map(Path, added)))
        compact(store, announce=lambda count: console.print(COMPACTING.format(count)))
        stored = store.load(plan.addresses)
        for error in stored.errors:
            console.print(f"left out: {error}")
        if options.figure is not None:
            path = Path(options.folder) / plan.name / f"{options.figure}.{options.format}"
            export_figure(Results(plan, stored.runs), chapters, options.figure, path, options.lang)
            print(f"figure: {path}")
            return 1 if stored.errors else 0
        page, broken = render_study(
            plan,
            stored.runs,
            chapters,
            folder=options.folder,
            console=console,
            language=options.lang,
        )
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    for line in broken:
        console.print(line)
    print(f"report: {page}")
    return 1 if stored.errors or broken else 0


if __name__ == "__main__":
    with quiet_endings():
        sys.exit(main())
