"""The command `mlp train`; see `mlp.commands.train`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("train", "train.py"))
