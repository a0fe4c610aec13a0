"""What was declared before its runs: ``conf/registered.yaml``.

A claim that was written after somebody had looked at the runs is worth less than one that was
there before. The file keeps the digest of each claim and the day it was declared, and the seeds
that earlier reports have used::

    rules: {declared: 2026-11-27}
    claims:
      B1: {digest: 0123456789abcdef, declared: 2026-11-27}
    seeds:
      - {first: 0, last: 9, used: {en: reports until 2026-11-26, ko: 2026-11-26까지의 보고서}}

``python -m study.analysis.registry`` says which claims are not in it as they are now; with
``--write`` it enters those, with the day of today. Commit the file before the runs start: then
anyone can check from its history that the day is true.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from study.analysis.declarations import Claim
from study.analysis.reading import Node, matches, read
from study.paths import conf_folder
from study.records.store import write_atomically

REGISTERED, CHANGED, LATE, EXPLORATORY = STATUSES = (
    "registered", "changed", "late", "exploratory",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A claim as it was declared."""

    digest: str
    declared: date


@dataclass(frozen=True)
class UsedSeeds:
    """Seeds that earlier reports have used, and which, by language."""

    first: int
    last: int
    used: Mapping[str, str]


@dataclass(frozen=True)
class Registration:
    """Whether a claim was declared before its runs.

    Attributes:
        status: ``registered``: as it is now, before the first of its runs; ``changed``: since it
            was declared; ``late``: some of its runs are older; ``exploratory``: never declared.
        declared: the day, of the claim or of the rules, whichever is later; None if never.
    """

    status: str
    declared: date | None = None


@dataclass(frozen=True)
class Registry:
    """The content of ``conf/registered.yaml``.

    Attributes:
        rules: the day on which the rules of verdicts were declared.
        claims: what was declared, by the claim's id.
        seeds: those that earlier reports have used.
        known: whether there is such a file at all.
    """

    rules: date | None = None
    claims: Mapping[str, Entry] = field(default_factory=dict)
    seeds: Sequence[UsedSeeds] = ()
    known: bool = False

    def of(self, claim: Claim, started: Iterable[str]) -> Registration:
        """Whether ``claim`` was declared before its runs.

        Args:
            started: when each of them started (ISO 8601, UTC).
        """
        entry = self.claims.get(claim.id)
        if entry is None:
            return Registration(EXPLORATORY)
        # a verdict rests on its claim and on the rules
        declared = entry.declared if self.rules is None else max(entry.declared, self.rules)
        if entry.digest != claim.digest:
            return Registration(CHANGED, declared)
        first = min(started, default=None)
        early = first is not None and datetime.fromisoformat(first).date() < declared
        return Registration(LATE if early else REGISTERED, declared)

    def used(self, seeds: Iterable[int]) -> list[UsedSeeds]:
        """The entries that have one of ``seeds``."""
        own = set(seeds)
        return [each for each in self.seeds if any(each.first <= seed <= each.last for seed in own)]


def registry_path() -> Path:
    """Where the file is."""
    return conf_folder() / "registered.yaml"


def load_registry(path: Path | None = None) -> Registry:
    """What was declared; nothing where there is no such file.

    Raises:
        ConfigError: a file that cannot be used; names file and key, what is expected and what was
            received.
    """
    path = registry_path() if path is None else path
    if not path.exists():
        return Registry()
    content = read(path)
    root = Node(str(path), "", {} if content is None else content)
    root.keys((), ("rules", "claims", "seeds"))
    rules = None
    if "rules" in root.value:
        root.get("rules").keys(("declared",))
        rules = root.get("rules").get("declared").day()
    claims = {name: _entry(node) for name, node in root.get("claims", {}).items()}
    seeds = [_used(node) for node in root.get("seeds", []).listed()]
    return Registry(rules, claims, seeds, known=True)


def _entry(node: Node) -> Entry:
    node.keys(("digest", "declared"))
    digest = node.get("digest")
    # sixteen digits without a letter are a number for YAML
    digest.check("16 hex digits, in quotes", matches(r"[0-9a-f]{16}", digest.value))
    return Entry(digest.value, node.get("declared").day())


def _used(node: Node) -> UsedSeeds:
    node.keys(("first", "last", "used"))
    first, last = node.get("first"), node.get("last")
    for end in (first, last):
        end.check("a whole number >= 0", type(end.value) is int and end.value >= 0)
    last.check(f"a seed >= first ({first.value})", last.value >= first.value)
    return UsedSeeds(first.value, last.value, node.get("used").languages())


def outdated(claims: Iterable[Claim], registry: Registry) -> list[Claim]:
    """The claims that ``registry`` does not have as they are now."""
    return [
        claim
        for claim in claims
        if (entry := registry.claims.get(claim.id)) is None or entry.digest != claim.digest
    ]


def write_registry(claims: Sequence[Claim], today: date, path: Path | None = None) -> list[Claim]:
    """Enter what ``outdated`` says, declared ``today``; return those claims.

    Only the section ``claims`` is written again; entries of claims that are no more go.
    """
    path = registry_path() if path is None else path
    registry = load_registry(path)
    new = outdated(claims, registry)
    entries = {claim.id: Entry(claim.digest, today) for claim in new}
    kept = {claim.id: registry.claims[claim.id] for claim in claims if claim not in new}
    lines = [
        f'  {claim.id}: {{digest: "{entry.digest}", declared: {entry.declared}}}\n'
        for claim in claims
        for entry in [(kept | entries)[claim.id]]
    ]
    section = "".join(["claims:\n", *lines]) if lines else "claims: {}\n"
    before = path.read_text(encoding="utf-8") if registry.known else _HEAD
    # the key and all lines below it that are indented
    found = re.search(r"^claims:.*(?:\n+[ \t]+\S.*)*\n?", before, flags=re.MULTILINE)
    if found is None:
        text = before.rstrip("\n") + "\n" + section
    else:
        text = before[: found.start()] + section + before[found.end() :]
    write_atomically(path, text)
    return new


_HEAD = "# What was declared before its runs: digests of claims, and seeds of earlier reports.\n"
