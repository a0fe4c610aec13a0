import io
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from study.analysis.intervals import Estimate
from study.report.tables import cell_text, estimate_text, flat, number, view


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.98765, "0.9877"),
        (12.3456, "12.35"),
        (1234.0, "1,234"),
        (0.5, "0.5"),
        (1e-9, "1.00e-09"),
        (3e8, "3.00e+08"),
        (np.nan, "–"),
        (np.inf, "inf"),
    ],
)
def test_numbers_keep_four_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.82512, 0.81412, 0.83612, 6), "0.825 ± 0.011"),
        (Estimate(0.5, np.nan, np.nan, 1), "0.5"),
        (Estimate(np.nan, np.nan, np.nan, 0), "–"),
        (Estimate(1.0, 1.0, 1.0, 6), "1 ± 0"),
        (Estimate(1234.5, 1214.5, 1254.5, 6), "1,234 ± 20"),
        (Estimate(2e-9, 1e-9, 3e-9, 6), "(2.0 ± 1.0)e-09"),
        (Estimate(11812.0, 10888.0, 12736.0, 6), "11,810 ± 920"),
    ],
)
def test_estimates_show_as_many_decimals_as_the_interval_deserves(estimate, text):
    assert estimate_text(estimate) == text


def test_flags_counts_and_gaps_read_as_words():
    assert [cell_text(value) for value in (True, np.int64(12345), None, "he")] == [
        "on",
        "12,345",
        "–",
        "he",
    ]


def test_csv_has_full_numbers_and_the_ends_of_the_intervals():
    frame = pd.DataFrame({"init": ["he"], "accuracy": [Estimate(1 / 3, 0.25, 0.5, 6)]})
    table = view(frame, str.upper)
    content = unquote(table.csv.partition(",")[2])
    read = pd.read_csv(io.StringIO(content))
    assert list(read.columns) == ["init", "accuracy", "accuracy low", "accuracy high", "accuracy n"]
    assert read.loc[0, "accuracy"] == 1 / 3
    assert read.loc[0, "accuracy n"] == 6
    assert table.columns == ["INIT", "ACCURACY"]
    assert table.numeric == [False, True]


def test_flat_keeps_plain_columns():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    pd.testing.assert_frame_equal(flat(frame), frame)
