"""Numbers as they are printed, in figures, tables and sentences."""

import re

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")


def typeset(number: str) -> str:
    """A true minus sign, but none before zero, and powers of ten: ``−4.1·10⁻⁷``."""
    powers = re.sub(r"e([+-]?)0*(\d+)", lambda m: "·10" + (m[1] + m[2]).translate(RAISED), number)
    return re.sub(r"-(0\.?0*)(?![\d.])", r"\1", powers).replace("-", "−")
