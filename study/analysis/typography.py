"""Numbers as they are printed, in figures, tables and sentences."""

import re

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")


def typeset(number: str) -> str:
    """A true minus sign, and powers of ten: ``-4.1e-07`` becomes ``−4.1·10⁻⁷``."""
    powers = re.sub(r"e([+-]?)0*(\d+)", lambda m: "·10" + (m[1] + m[2]).translate(RAISED), number)
    return powers.replace("-", "−")
