"""Measured tables in the docs: each stands between two comments, and its benchmark writes it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from study.records.provenance import commit

DOCS = Path(__file__).parents[1] / "docs"
COMMIT = (commit() or "unknown")[:9]  # before anything is measured: files may change meanwhile


def write_table(path: Path, name: str, command: str, lines: Sequence[str]) -> None:
    """Put ``lines`` into section ``name`` of the file ``path``, as ``replace_section`` does.

    Below them stands ``command``, the commit that was measured and the day.
    """
    today = datetime.now(UTC).date().isoformat()
    origin = f"`{command}`, commit {COMMIT}, {today}."
    replace_section(path, name, "\n".join([*lines, "", origin]))


def replace_section(path: Path, name: str, content: str) -> None:
    """Put ``content`` between ``<!-- name -->`` and ``<!-- /name -->`` in the file ``path``.

    Raises:
        ValueError: the file does not have just one of each comment, in this order.
    """
    text = path.read_text(encoding="utf-8")
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if text.count(opening) != 1 or text.count(closing) != 1:
        raise ValueError(f"{path}: expected one {opening.strip()} and one {closing}")
    before, rest = text.split(opening)
    if closing not in rest:
        raise ValueError(f"{path}: {closing} stands before {opening.strip()}")
    after = rest.split(closing)[1]
    path.write_text(f"{before}{opening}\n{content}\n\n{closing}{after}", encoding="utf-8")
