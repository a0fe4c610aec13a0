"""The command in a folder of its own, and a user's own initial scheme."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starter import Starter, kill
from starting import HERE, Command


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    starter = Starter(modules=HERE)
    yield starter
    starter.close()


@pytest.fixture
def command(starter: Starter, tmp_path: Path) -> Iterator[Command]:
    folder = tmp_path / "somewhere else"
    folder.mkdir()
    command = Command(folder, starter)
    yield command
    kill([*command.alive(), *starter.alive()])


@pytest.fixture
def user_conf(tmp_path: Path) -> str:
    """A user's own folder with ``init=misbehave``, as an override."""
    folder = tmp_path / "conf" / "init"
    folder.mkdir(parents=True)
    text = "name: misbehave\n_target_: misbehave.Misbehave\nhow: raise\n"
    (folder / "misbehave.yaml").write_text(text)
    return f"hydra.searchpath=[file://{folder.parent}]"
