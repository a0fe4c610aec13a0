"""The command line's words, looked at before Hydra composes them; and what Hydra says, in ours.

What is wrong ends in one line that names the key, what is expected and what came. Hydra alone
would take an unknown key with ``+``, choose experiments for a single run, or answer with the names
of its own classes.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import CompactHydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from study.edge.schema import EXPERIMENTS, RESOLVERS, AppConfig, known_keys, typed
from study.errors import ConfigError, StudyError
from study.paths import conf_folder

# Config groups whose options are files; an override of one names one.
CHOICES = ("init", "output_init", "activation", "data", "study")
# Keys that say which runs a study has; one run has no use for them.
OF_A_STUDY = ("chapter", "experiment", "study")
CHAPTER = "chapter"
LISTED = (CHAPTER, "experiment", "claim")  # several names in one override
GRIDS = re.compile(rf"{EXPERIMENTS}\.([\w-]+)\.?")


def check_arguments(words: Sequence[str]) -> None:
    """Refuse what Hydra would ignore or answer with a traceback.

    Raises:
        ConfigError: an override that cannot be used; what only the composed configuration can
            tell is left to it.
        SystemExit: wrong options, with argparse's words.
    """
    options = get_args_parser().parse_args(list(words))
    modes = ("run", "multirun", "cfg", "info", "shell_completion")
    flags = [f"--{mode.replace('_', '-')}" for mode in modes if getattr(options, mode)]
    if len(flags) > 1:
        raise ConfigError("command line", "one of these options", " ".join(flags))
    parsed = _parsed(options.overrides)
    keys = {override.key_or_group for override in parsed}
    many = bool(options.multirun) or "hydra.mode" in keys
    one = not (many or options.help or options.hydra_help or flags)
    for override in parsed:
        _check_key(override)
        _check_name(override)
        if one:
            _check_single(override)
        if not override.is_sweep_override() and override.key_or_group not in CHOICES:
            _check_type(override)


def as_choices(words: Sequence[str]) -> list[str]:
    """``chapter=a`` as ``chapter=choice(a)``, which Hydra leaves to the sweeper.

    For Hydra the folder ``conf/chapter`` is a config group, whose files it would read itself.
    """
    found = []
    for word in words:
        key, _, names = word.partition("=")
        if key.lstrip("+") == CHAPTER and "(" not in names:
            word = f"{CHAPTER}=choice({names.strip('[]')})"
        found.append(word)
    return found


def as_typed(words: Sequence[str]) -> list[str]:
    """The reverse of ``as_choices``."""
    start = f"{CHAPTER}=choice("
    return [
        f"{CHAPTER}={word[len(start) : -1]}" if word.startswith(start) else word for word in words
    ]


def _parsed(words: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    found = []
    for word in words:
        try:
            found += parser.parse_overrides([word])
        except OverrideParseException as error:
            raise _unreadable(error) from None
    return found


def _unreadable(error: OverrideParseException) -> ConfigError:
    lines = str(error).splitlines()
    reason = next((line for line in lines[1:] if line and "hydra.cc" not in line), lines[0])
    return ConfigError("command line", f"key=value ({reason})", error.override)


def _check_key(override: Override) -> None:
    key = override.key_or_group
    top, _, option = key.partition(".")
    if "/" in key or top == "hydra" or override.package is not None:
        return
    if override.is_delete() and top in AppConfig.__dataclass_fields__:
        raise ConfigError(key, "a value", override.input_line)
    known = known_keys()
    sections = {name.partition(".")[0] for name in known if "." in name}
    if top not in known:
        raise unknown_key(key, [name for name in known if "." not in name])
    if option and top in sections and key not in known:
        raise unknown_key(key, [name for name in known if name.startswith(f"{top}.")])
    if option and top not in sections and top not in CHOICES:
        raise ConfigError(key, f"{top} alone, which has no keys", override.input_line)


def unknown_key(key: str, known: Iterable[str]) -> ConfigError:
    """The error for a key that nothing reads."""
    return ConfigError(key, "a key of the configuration", key, sorted(known))


def _check_name(override: Override) -> None:
    """Refuse ``init=1``, which ends in a traceback of Hydra's, and ``experiment=[1]``."""
    key = override.key_or_group
    if key not in (*CHOICES, *LISTED) or override.is_sweep_override():
        return
    value = override.value()
    names: list[Any] = value if key in LISTED and isinstance(value, list) else [value]
    if not names:
        raise ConfigError(key, f"at least one {key}", override.input_line)
    nothing = value is None and key in ("experiment", "claim")  # null: all of them
    named = nothing or all(isinstance(name, str) and name for name in names)
    if not named and not override.is_delete():
        _, _, text = str(override.input_line).partition("=")
        raise ConfigError(key, "the name of one of the choices", text)


def _check_single(override: Override) -> None:
    key, words = override.key_or_group, override.input_line
    if key.partition(".")[0] in OF_A_STUDY:
        expected = "python -m study -m, which runs a study (without -m it is one run)"
        raise ConfigError(key, expected, words)
    if override.is_sweep_override():
        raise ConfigError(key, "one value (several need -m)", words)


def _check_type(override: Override) -> None:
    key = override.key_or_group
    if key in known_keys() and not override.is_delete():
        typed(key, override.value())


# --- what Hydra raises --------------------------------------------------------------------------


def explained(error: Exception) -> str:
    """What Hydra or OmegaConf found wrong with a configuration, in one line."""
    if isinstance(error, StudyError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return str(_unreadable(error))
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        return str(ConfigError(group, "one of the choices", name, error.options))
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException):
        return _of_omegaconf(cause)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}: expected YAML, {error.problem}"
    return one_line(error)


def _of_omegaconf(error: OmegaConfBaseException) -> str:
    first = str(error).splitlines()[0]
    key = str(error.full_key or "configuration")
    grid = GRIDS.match(key)
    place = f"experiment {grid[1]}: {key[grid.end() :]}".rstrip(": ") if grid else key
    missing = re.match(r"Interpolation key '(.+)' not found", first)
    if isinstance(error, InterpolationKeyError) and missing:
        name = missing[1]
        known = _alike(name, [*known_keys(), *preset_keys()])
        return str(ConfigError(f"${{{name}}}", "a key of the configuration", name, known))
    resolver = re.match(r"Unsupported interpolation type (.+)", first)
    if resolver:
        name = resolver[1]
        return str(ConfigError(f"${{{name}:…}}", "what can be computed", name, RESOLVERS))
    if re.match(r"Key '.*' (not in|is not in struct)", first):
        if key.startswith("hydra."):
            return str(ConfigError(key, "a key of Hydra's", key))
        known = preset_keys() if key.startswith("study.") else known_keys()
        return str(unknown_key(key, known))
    return f"{place}: {first}"


def _alike(key: str, known: Iterable[str]) -> list[str]:
    """Those of ``known`` that are in the same section as ``key``."""
    section = key.rpartition(".")[0]
    return sorted(name for name in known if name.rpartition(".")[0] == section)


def preset_keys() -> list[str]:
    """The keys of the presets in ``conf/study``, as typed on the command line."""
    found: dict[str, None] = {}
    for path in sorted((conf_folder() / "study").glob("*.yaml")):
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        found |= dict.fromkeys(f"study.{key}" for key in content)
    return list(found)


def one_line(error: BaseException) -> str:
    """An error's whole message in one line."""
    return " ".join(str(error).split()) or type(error).__name__


# What a user's configuration can make Hydra raise; anything else is a bug.
EXPLAINABLE = (CompactHydraException, OmegaConfBaseException, yaml.YAMLError, StudyError)
