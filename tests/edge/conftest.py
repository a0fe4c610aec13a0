"""The command in a folder of its own, and a user's own initial scheme."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starting import Command


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    folder = tmp_path / "somewhere else"
    folder.mkdir()
    command = Command(folder)
    yield command
    for pid in command.alive():
        os.kill(pid, 9)


@pytest.fixture
def user_conf(tmp_path: Path) -> str:
    """A user's own folder with ``init=misbehave``, as an override."""
    folder = tmp_path / "conf" / "init"
    folder.mkdir(parents=True)
    text = "name: misbehave\n_target_: misbehave.Misbehave\nhow: raise\n"
    (folder / "misbehave.yaml").write_text(text)
    return f"hydra.searchpath=[file://{folder.parent}]"
