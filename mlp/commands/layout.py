"""How findings are laid out in a terminal."""

import textwrap

from ..files import visible
from .examination import Finding

WIDTH = 100
MARKS = {"ok": "+", "absent": "-", "not needed": " ", "broken": "!", "fallback": "!"}


def screen(findings: list[Finding]) -> str:
    """Lay the findings out, and the command under what it mends."""
    column = max(len(finding.name) for finding in findings) + 4
    lines = []
    for one in findings:
        first = f"{MARKS[one.state]} {one.name}".ljust(column)
        wrapper = textwrap.TextWrapper(WIDTH, first, " " * column, break_long_words=False)
        wrapper.break_on_hyphens = False
        lines += wrapper.wrap(visible(one.text))
        if one.mend:
            lines.append(" " * column + f"-> {one.mend}")
    return "\n".join(lines)
