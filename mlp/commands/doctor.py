"""Say what is installed and usable for training, and the one command that mends what is not.

mlp doctor
mlp doctor --json
"""

import json
import textwrap
from dataclasses import asdict

from .examination import Finding, examine
from .parser import Parser, Status

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
        lines += wrapper.wrap(one.text)
        if one.mend:
            lines.append(" " * column + f"-> {one.mend}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, prog: str = "mlp doctor") -> int:
    """Run the command line; return the exit status."""
    parser = Parser(
        prog,
        __doc__,
        epilog="+ usable, - absent, ! broken; -> the command that mends it. "
        "Exit status: 0 training works, if only on the CPU; 1 it does not; 2 the answer cannot be "
        "written.",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the findings as JSON (default: a screen)"
    )
    options = parser.parse_args(arguments)
    findings = examine()
    print(json.dumps([asdict(one) for one in findings]) if options.json else screen(findings))
    works = {one.name: one.state in ("ok", "fallback") for one in findings}
    return Status.DONE if works["--device auto"] and works["NumPy"] else Status.FAILED
