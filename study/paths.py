"""The folders that come with the package: in an installed one, or at the top of the checkout."""

from pathlib import Path

import study


def conf_folder() -> Path:
    """The configuration files and the claims."""
    return _folder("conf")


def templates_folder() -> Path:
    """The page's templates, style and words."""
    return _folder("templates")


def _folder(name: str) -> Path:
    package = Path(study.__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
