"""``python -m study.compare A B``: two studies side by side.

A and B are each a report's folder, a claims.json, a store (its last study), or the plan of one of
its studies (STORE/plans/NAME.json). The exit code is 0 if they were compared, whatever came out.
"""

if __name__ == "__main__":  # before the imports: they take a second, and Ctrl-C may come at once
    from study.endings import expect_interrupt

    expect_interrupt()

import argparse
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

import study
from study.compare import views
from study.compare.moves import METRICS, CellMoves, ClaimMove, cell_moves, claim_moves
from study.compare.page import write_pages
from study.compare.sides import read_side
from study.endings import quiet_endings
from study.errors import ConfigError, StudyError
from study.report.text import DEFAULT_LANGUAGE, Text, languages, load_text

WIDTH = 120  # in a log
SHOWN = 15  # cells on the terminal; the page has them all


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two studies on the terminal and in a page; return the exit code."""
    options = _options(arguments)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH
    try:
        if options.lang not in languages():
            raise ConfigError("--lang", "a language", options.lang, languages())
        a, b = (read_side(path, options.config_dir) for path in (options.a, options.b))
        moves, cells = claim_moves(a, b), cell_moves(a, b, options.metric)
        page = write_pages(
            a, b, moves, cells, folder=options.folder, name=options.name, language=options.lang
        )
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    text = load_text()
    for name, side in (("A", a), ("B", b)):
        print(f"{name} {views.about(side, text)} ({side.path})")
    print()
    print("\n".join(views.verdict_lines(moves, text)))
    if moves:
        console.print(_claim_table(moves, text))
    print("\n".join(views.cell_lines(cells, text)))
    if cells is not None and cells.cells:
        console.print(_cell_table(cells, options.cells, text))
        if len(cells.cells) > options.cells:
            print(f"{len(cells.cells) - options.cells:,} more cells are in the page")
    print(f"page: {page}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m study.compare", description=__doc__)
    parser.add_argument("a", metavar="A", help="the first study")
    parser.add_argument("b", metavar="B", help="the second study")
    parser.add_argument(
        "--metric", default=METRICS[0], help=f"of the cells (choices: {', '.join(METRICS)})"
    )
    parser.add_argument(
        "--cells", type=_count, default=SHOWN, help=f"how many to print (default: {SHOWN})"
    )
    parser.add_argument(
        "--config-dir", metavar="FOLDER", action="append", default=[],
        help="where chapters lie that do not come with the study (default: as when it was run)",
    )  # fmt: skip
    parser.add_argument("--folder", default="reports", help="where the page goes")
    parser.add_argument("--name", help="of the page's folder (default: A-vs-B)")
    parser.add_argument("--lang", default=DEFAULT_LANGUAGE, help="language of index.html")
    parser.add_argument("--version", action="version", version=f"study {study.__version__}")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number >= 0, got {text!r}")
    return int(text)


def _claim_table(moves: Sequence[ClaimMove], text: Text) -> Table:
    """The claims; those whose verdicts differ are marked."""
    table = _table("", "claim", "A", "B", "effect A", "effect B", "moved by")
    for row in views.claim_rows(moves, text):
        verdicts = [text.page[f"verdict_{name}"] if name else "–" for name in (row.a, row.b)]
        mark, note = "≠" if row.differs else "", " *" if row.note else ""
        for part in row.parts:
            named = f"{row.id} {part.name}" if len(row.parts) > 1 else row.id
            table.add_row(mark, named + note, *verdicts, part.a, part.b, part.moved)
            mark, verdicts = "", ["", ""]
    if any(each.redeclared for each in moves):
        table.caption = f"* {text.compare['redeclared']}"
    return table


def _table(*columns: str) -> Table:
    """Without lines: numbers need the room."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cell_table(cells: CellMoves, count: int, text: Text) -> Table:
    """The cells that moved most."""
    table = _table("cell", "A", "B", "moved by", views.P)
    for row in views.cell_rows(cells.cells[:count], cells.metric, text):
        table.add_row(row.words, row.a, row.b, row.moved, row.p)
    return table


if __name__ == "__main__":
    with quiet_endings():
        sys.exit(main())
