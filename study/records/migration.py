"""Plans that an older version wrote, as this one would have written them.

Records need none: what they lack are options that came later, and ``RunConfig.from_dict`` knows
what every run had before there was a choice.
"""

from typing import Any

# Before schema 2 a plan had no checksum; before 3 it did not say what of the study it left out;
# before 4 there was one chapter; before 5 there were no settings and arms.
WITHOUT_CHECKSUM = (1,)
READABLE = (1, 2, 3, 4)


def migrated_plan(content: dict[str, Any], schema: int) -> dict[str, Any]:
    """The fields of a plan of an older ``schema``, with those that came later.

    Of a part of a study nobody knows any more which cells were left out: its runs count as the
    command's own, and claims about them name the overrides beside the verdict.

    Args:
        content: the fields, without schema and checksum.
        schema: one of ``READABLE``.
    """
    if schema not in READABLE:
        return content
    part = bool(content.get("selection")) and schema < 3
    return {
        "chapters": ["lecture"],
        "folders": [],
        "left_out": {},
        "added": content.get("experiments", {}) if part else {},
        "settings": content.get("selection", []) if part else [],
        "looks": [],
        "seeds_from": 0,
        "further": {},
        "maps": {},
    } | content
