"""``python -m study.registry``: which claims are not declared as they are; ``--write`` does it.

A chapter's claims are entered in ``conf/registered.yaml`` with the digest of what decides them and
the day, before their runs: the report says of each claim whether it was.
"""

import argparse
import sys
from datetime import UTC, datetime

from study.analysis.registry import load_registry, outdated, write_registry
from study.chapters import chapter_folders, find_chapters, load_chapters
from study.errors import StudyError


def main(arguments: list[str] | None = None) -> int:
    """Say which claims are not declared as they are; ``--write`` declares them."""
    parser = argparse.ArgumentParser(prog="python -m study.registry", description=__doc__)
    parser.add_argument("--write", action="store_true", help="enter them, declared today (UTC)")
    options = parser.parse_args(arguments)
    try:
        folders = chapter_folders()
        chapters = load_chapters(list(find_chapters(folders)), folders)
        claims = [claim for chapter in chapters for claim in chapter.claims]
        if options.write:
            new = write_registry(claims, datetime.now(UTC).date())
        else:
            new = outdated(claims, load_registry())
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    names = ", ".join(claim.id for claim in new) or "none"
    print(f"{'declared' if options.write else 'not declared as they are'}: {names}")
    return 0 if options.write or not new else 1


if __name__ == "__main__":
    sys.exit(main())
