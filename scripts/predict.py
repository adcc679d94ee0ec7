"""The command `mlp predict`; see `mlp.commands.predict`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("predict", "predict.py"))
