"""Numbers as they are printed."""

import pytest

from study.analysis.typography import typeset


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        ("-0.5", "−0.5"),
        ("4.1e-07", "4.1·10⁻⁷"),
        ("1e+04", "1·10⁴"),
        ("(2.0 ± 1.0)e-09", "(2.0 ± 1.0)·10⁻⁹"),
        ("93.5", "93.5"),
        ("-0.0", "0.0"),
        ("-0.04 to -0", "−0.04 to 0"),
    ],
)
def test_minus_signs_and_powers_of_ten(number, printed):
    assert typeset(number) == printed
