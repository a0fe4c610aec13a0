"""The drawing of figures shows how far it is, in a log too."""

import io

import pytest
from rich.console import Console

from study.report.progress import counted


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_the_number_at_first_a_line_now_and_then_and_the_end() -> None:
    console = Console(file=io.StringIO(), width=100)
    seconds = iter([0.0, 1.0, 6.0, 7.0, 8.0])
    drawn = []
    for item in counted("abcd", 4, console, clock=lambda: next(seconds)):
        assert shown(console).count("drawn") == (0, 0, 1, 1)[len(drawn)]
        drawn.append(item)
    assert drawn == list("abcd")
    assert shown(console).splitlines() == [
        "drawing 4 figures",
        "2 of 4 figures drawn, 6 s",
        "4 of 4 figures drawn, 8 s",
    ]


@pytest.mark.parametrize("console", [None, Console(file=io.StringIO(), force_terminal=True)])
def test_on_a_terminal_and_in_silence_all_items_come(console: Console | None) -> None:
    assert list(counted(iter("abc"), 3, console)) == list("abc")
