"""Say what is installed and usable for training, and the one command that mends what is not.

mlp doctor
mlp doctor --json
mlp doctor --data PATH
"""

import json
from dataclasses import asdict

from .examination import examine
from .layout import screen
from .parser import Parser, Status, fail


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
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="say instead what a path would be read as, without training; takes the options of "
        "data that mlp train has",
    )
    options, more = parser.parse_known_args(arguments)
    if options.data is not None:
        try:
            from .description import main as describe
        except ModuleNotFoundError as error:
            return fail(prog, Status.UNUSABLE, f"{error}; without --data this says what mends it")
        return describe(arguments, prog)
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    findings = examine()
    print(json.dumps([asdict(one) for one in findings]) if options.json else screen(findings))
    works = {one.name: one.state in ("ok", "fallback") for one in findings}
    return Status.DONE if works["--device auto"] and works["NumPy"] else Status.FAILED
