"""The commands, one module each: `main` is the console command ``mlp`` and ``python -m mlp``."""

import argparse
import importlib
import sys

from .. import installation
from .parser import Parser, Status, fail
from .streams import with_streams

COMMANDS = {
    "train": "train a network and write a run directory, or go on with one",
    "predict": "say which class a trained model sees in pictures and rows",
    "export": "write a trained model as ONNX, .keras or .npz",
    "sweep": "train every combination of a grid of options and compare them",
    "check": "say what is wrong with a student's own functions of this network",
    "doctor": "say what is installed, and what data would be read as",
}


def main(arguments: list[str] | None = None) -> int:
    """Run ``mlp COMMAND ...``; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    return with_streams("mlp", lambda: _dispatch(words))


def _dispatch(words: list[str]) -> int:
    lines = [f"  {name:<9}{text}" for name, text in COMMANDS.items()]
    parser = Parser(
        "mlp",
        "A multilayer perceptron, trained on a CPU or a GPU.\n\ncommands:\n" + "\n".join(lines),
        epilog="`mlp COMMAND --help` lists a command's options.",
        usage="mlp COMMAND [OPTION ...]",
    )
    parser.add_argument("--version", action="version", version=f"mlp {installation.__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    name = parser.parse_args(words[:1]).command
    return run(name, f"mlp {name}", words[1:])


def run(name: str, prog: str, arguments: list[str] | None = None) -> int:
    """Run one command under the name `prog`; return the exit status."""
    return with_streams(prog, lambda: _run(name, prog, arguments))


def _run(name: str, prog: str, arguments: list[str] | None) -> int:
    if sys.platform == "win32":
        message = "needs Linux or macOS; on Windows run it in WSL2 (wsl --install)"
        return fail(prog, Status.UNUSABLE, message)
    if name != "doctor":  # which runs in any state, to say what is wrong
        if installation.failure:  # `import mlp` has said so
            return Status.UNUSABLE
        if problem := installation.problem():
            return fail(prog, Status.UNUSABLE, problem)
    status: int = importlib.import_module(f"{__name__}.{name}").main(arguments, prog)
    return status
