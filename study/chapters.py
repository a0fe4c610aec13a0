"""Chapters: everything about one question, as data.

A chapter is ``conf/chapter/<name>.yaml``, or a folder ``conf/chapter/<name>/`` with the same keys
in ``chapter.yaml`` and a file for each experiment, figure and claim in folders of these names. It
holds experiments (grids of runs), figures, claims, sections, and the words of all of them in each
language. A folder that ``--config-dir`` adds may hold further ones under ``chapter/``. The format
is described in ``docs/chapters.md``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.analysis.declarations import Claim, natural, read_claim
from study.analysis.reading import LANGUAGES, Node, matches, read
from study.errors import ConfigError
from study.figures.declare import Figure, automatic, read_figure
from study.figures.papers import Reference, read_references
from study.paths import conf_folder
from study.records.cells import COLUMNS, GROUPS

MAIN = "chapter.yaml"  # of a chapter that is a folder
PARTS = ("experiments", "figures", "claims")
WORDS = ("title", "subtitle", "subtitle_part")
NAME = r"[A-Za-z][\w-]*"
GRID = ("fixed", "axes", "settings", "arms", "measure")  # the keys of an experiment


@dataclass(frozen=True)
class Section:
    """A section of a chapter.

    Attributes:
        id: its number or name; its figures and claims name it.
        title, says: by language; ``says`` may be empty.
        original: its title in the words of the source, by language; may be empty.
        formulas: in LaTeX.
        live: names of the live figures at its end (``study.report.dials``).
    """

    id: str
    title: dict[str, str] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    original: dict[str, str] = field(default_factory=dict)
    formulas: tuple[str, ...] = ()
    live: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A chapter as it is declared.

    Attributes:
        name: what ``chapter=`` takes.
        title, subtitle, subtitle_part: by language; the last for a page of a part of it.
        page: by language, words of the page that are its own (``page:`` in ``templates/text``).
        source: the language of what the chapter is about, whose own words the page shows, too.
        cover: the id of the figure that is the page's picture where its link is shared; empty for
            the first one that is drawn.
        sections: in the order of the page.
        experiments: their grids as written (interpolations such as ``${seeds:6}`` are not filled
            in), those of other chapters that it uses among them.
        figures: in the order of the page.
        claims: in the order of the page.
        references: the publications that its figures repeat and its words name, by key.
        own: whether it comes with the study.
    """

    name: str
    title: dict[str, str]
    subtitle: dict[str, str] = field(default_factory=dict)
    subtitle_part: dict[str, str] = field(default_factory=dict)
    page: dict[str, dict[str, str]] = field(default_factory=dict)
    source: str = LANGUAGES[0]
    cover: str = ""
    sections: tuple[Section, ...] = ()
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    references: dict[str, Reference] = field(default_factory=dict)
    own: bool = False

    def shown(self, experiments: Collection[str]) -> list[Figure]:
        """The figures of a study of these experiments.

        An experiment whose figures need others, too, shows by itself.
        """
        there = set(experiments)
        figures = [figure for figure in self.figures if there.issuperset(figure.experiments)]
        covered = {name for figure in figures for name in figure.experiments}
        # not those of another chapter that only a claim compares
        known = {name for figure in self.figures for name in figure.experiments}
        for name, grid in self.experiments.items():
            if name in there & known - covered:
                figures += automatic(name, list(varied_columns(grid)))
        return figures

    def untranslated(self, language: str) -> list[str]:
        """What of it has no words in ``language``."""

        def lacks(words: Mapping[str, Any]) -> bool:
            return bool(words) and language not in words

        found = ["title"] if lacks(self.title) or lacks(self.subtitle) else []
        found += [s.id for s in self.sections if lacks(s.title) or lacks(s.says)]
        for figure in self.figures:
            said = [*figure.alt.values(), *figure.measured.values()]
            said += figure.paper.words() if figure.paper is not None else ()
            if any(map(lacks, [figure.title, figure.look, *said])):
                found.append(figure.id)
        for claim in self.claims:
            if any(map(lacks, [claim.statement, claim.short, *claim.finding.values()])):
                found.append(claim.id)
        return found


# --- finding them -------------------------------------------------------------------------------


def chapter_folders(others: Iterable[Path] = ()) -> list[Path]:
    """Where chapters lie: in the study's own ``conf``, and in each of ``others`` that has some."""
    own = conf_folder().resolve() / "chapter"
    added = [(Path(folder) / "chapter").resolve() for folder in others]
    return list(dict.fromkeys([own, *(folder for folder in added if folder.is_dir())]))


def find_chapters(folders: Sequence[Path]) -> dict[str, Path]:
    """Every chapter of ``folders`` by name: its file, or its folder.

    Raises:
        ConfigError: two have the same name.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        files = [*folder.glob("*.yaml"), *(path.parent for path in folder.glob(f"*/{MAIN}"))]
        for path in sorted(files):
            name = path.stem if path.is_file() else path.name
            if name in found:
                expected = f"a name of its own ({found[name]} has it)"
                raise ConfigError(f"{path}: chapter", expected, name)
            found[name] = path
    return found


def load_chapters(names: Sequence[str], folders: Sequence[Path]) -> list[Chapter]:
    """The chapters called ``names``, in this order.

    Raises:
        ConfigError: there is none of a name, a file cannot be used, or two chapters have an
            experiment or a claim of the same name that is not the same.
    """
    known = find_chapters(folders)
    for name in names:
        if name not in known:
            raise ConfigError("chapter", "one of the choices", name, known)
    chapters = [load_chapter(known[name], known) for name in dict.fromkeys(names)]
    _check_names(chapters)
    return chapters


def contents(path: Path) -> dict[str, list[str]]:
    """The names of what a chapter holds, by kind (``PARTS``), without reading all of it."""
    main = path / MAIN if path.is_dir() else path
    content = read(main)
    inline = content if isinstance(content, dict) else {}
    found = {}
    for part in PARTS:
        own = inline.get(part)
        names = list(own) if isinstance(own, dict) else []
        files = sorted((path / part).glob("*.yaml"), key=lambda f: natural(f.stem))
        found[part] = [*map(str, names), *(file.stem for file in files)]
    return found


def _check_names(chapters: Sequence[Chapter]) -> None:
    """Raise ConfigError unless a name means one thing in all of ``chapters``."""
    experiments: dict[str, tuple[str, Any]] = {}
    claims: dict[str, str] = {}
    for chapter in chapters:
        for name, grid in chapter.experiments.items():
            other, same = experiments.setdefault(name, (chapter.name, grid))
            if same != grid:
                expected = f"a name of its own (chapter {other} has another of this name)"
                raise ConfigError(f"chapter {chapter.name}: experiments", expected, name)
        for claim in chapter.claims:
            if claims.setdefault(claim.id, chapter.name) != chapter.name:
                expected = f"a name of its own (chapter {claims[claim.id]} has it)"
                raise ConfigError(f"chapter {chapter.name}: claims", expected, claim.id)


# --- reading one --------------------------------------------------------------------------------


def load_chapter(path: Path, known: Mapping[str, Path] | None = None) -> Chapter:
    """The chapter in the file or the folder ``path``.

    Args:
        known: all chapters, whose experiments it may use.

    Raises:
        ConfigError: names file and key, what is expected and what was received.
    """
    main = path / MAIN if path.is_dir() else path
    name = path.name if path.is_dir() else path.stem
    root = Node(str(main), "", read(main))
    root.keys(
        ("title",),
        ("subtitle", "subtitle_part", "page", "source", "cover", "sections", "references", "uses",
         *PARTS),
    )  # fmt: skip
    own = Node(str(path), "", name)
    own.check("a name (letters, digits, - and _)", matches(NAME, name))
    own.check("another name than that of the first page", name != "index")
    parts = {part: _part(root, path, part) for part in PARTS}
    experiments = _grids(parts["experiments"])
    used = _used(root.get("uses", []), known or {})
    varied = {key: varied_columns(grid) for key, grid in (used | experiments).items()}
    sections = tuple(_section(key, node) for key, node in root.get("sections", {}).items())
    nodes, references = parts["figures"], read_references(root.get("references", {}))
    figures = [read_figure(node, key, varied, nodes, references) for key, node in nodes.items()]
    for figure in figures:
        _known_section(nodes[figure.id], figure.section, sections)
    shown = {each for figure in figures for each in figure.experiments}
    for key in experiments:
        if key not in shown:
            figures += automatic(key, list(varied[key]))
    claims = [
        read_claim(
            node, key, name, experiments=varied, figures=[figure.id for figure in figures],
            sections=[section.id for section in sections],
        )
        for key, node in parts["claims"].items()
    ]  # fmt: skip
    named = {name for figure in figures for name in figure.experiments}
    named |= {name for claim in claims for name in claim.experiments}
    order = {section.id: i for i, section in enumerate(sections)}
    return Chapter(
        name=name,
        **{key: root.get(key).languages() if key in root.value else {} for key in WORDS},
        page=_page(root.get("page", {})),
        source=root.get("source", LANGUAGES[0]).choice(LANGUAGES),
        cover=root.get("cover").choice([f.id for f in figures]) if "cover" in root.value else "",
        sections=sections,
        experiments=experiments | {key: used[key] for key in used if key in named},
        figures=tuple(sorted(figures, key=lambda figure: order.get(figure.section or "", -1))),
        claims=tuple(sorted(claims, key=lambda c: (c.beyond, order.get(c.section, -1)))),
        references=references,
        own=path.parent == conf_folder().resolve() / "chapter",
    )


def _part(root: Node, path: Path, part: str) -> dict[str, Node]:
    """What a chapter holds of one kind, by name: under its key, or in files of a folder."""
    found = {}
    inline = root.get(part, {})
    for key, node in inline.items() if inline.value is not None else ():
        place = Node(node.file, node.key, key)
        place.check("a name (letters, digits, ., - and _)", matches(r"[\w.-]+", key))
        found[key] = node
    for file in sorted((path / part).glob("*.yaml"), key=lambda f: natural(f.stem)):
        node = Node(str(file), "", read(file))
        node.check(f"a name that {MAIN} does not have", file.stem not in found)
        found[file.stem] = node
    return found


def _used(node: Node, known: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """The experiments of other chapters that this one may name."""
    experiments: dict[str, dict[str, Any]] = {}
    for each in node.listed():
        path = known[each.choice(known)]
        main = path / MAIN if path.is_dir() else path
        root = Node(str(main), "", read(main))
        root.check("a mapping", isinstance(root.value, dict))
        experiments |= _grids(_part(root, path, "experiments"))
    return experiments


def _grids(nodes: Mapping[str, Node]) -> dict[str, dict[str, Any]]:
    grids = {}
    for key, node in nodes.items():
        node.keys((), GRID)
        grids[key] = dict(node.value)
    return grids


def _section(key: str, node: Node) -> Section:
    node.keys(("title",), ("says", "original", "formulas", "live"))
    words = {
        name: node.get(name).languages() if name in node.value else {} for name in ("title", "says")
    }
    original = node.get("original", {})
    original.keys((), LANGUAGES)
    formulas = tuple(each.text() for each in node.get("formulas", []).listed())
    live = tuple(each.text() for each in node.get("live", []).listed())
    return Section(key, **words, original=dict(original.value), formulas=formulas, live=live)


def _known_section(node: Node, named: str | None, sections: Sequence[Section]) -> None:
    known = [section.id for section in sections]
    place = Node(node.file, f"{node.key}.section".lstrip("."), named)
    place.check("a section of the chapter", named is None or named in known, known)


def _page(node: Node) -> dict[str, dict[str, str]]:
    node.keys((), LANGUAGES)
    return {
        language: {key: each.text() for key, each in node.get(language).items()}
        for language in node.value
    }


class Varied(dict[str, str]):
    """Columns that an experiment varies, each with the axis that does it.

    Attributes:
        arms: the names of its arms, of an experiment with settings.
    """

    arms: tuple[str, ...] = ()


def varied_columns(grid: Mapping[str, Any]) -> Varied:
    """The columns (``cells.COLUMNS``) that an experiment varies, and the axis that does it.

    Columns of one axis vary together.
    """
    found = Varied()
    for axis, values in _axes(grid).items():
        listed = values if isinstance(values, list) else []
        mappings = [value for value in listed if isinstance(value, Mapping)]
        keys = [axis] if not listed or len(mappings) < len(listed) else []
        keys += [key for mapping in mappings for key in mapping]
        for name in (name for key in keys for name in columns_of(str(key))):
            found.setdefault(name, str(axis))
    found.arms = tuple(map(str, _mapping(grid.get("arms"))))
    return found


def _axes(grid: Mapping[str, Any]) -> dict[str, Any]:
    """Values by axis; of settings their ranges, the arms, and learning rates."""
    settings = _mapping(grid.get("settings"))
    drawn = _mapping(settings.get("axes"))
    ranges = {axis: _mapping(own).get("choice") for axis, own in drawn.items()}
    ranges |= {"data": None} if settings.get("sets") else {}
    arms = [arm for arm in _mapping(grid.get("arms")).values() if isinstance(arm, Mapping)]
    more = {"arms": arms, "lr": None} if drawn else {}
    return {**_mapping(grid.get("axes")), **ranges, **more}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def columns_of(key: str) -> list[str]:
    """The columns that an override of ``key`` may change."""
    group = key.partition(".")[0]
    found = [name for name, column in COLUMNS.items() if column.key == key]
    if group in GROUPS:
        found += [n for n, column in COLUMNS.items() if column.key.partition(".")[0] == group]
    if key in ("depth", "width"):
        found = [key, "hidden"]
    return found
