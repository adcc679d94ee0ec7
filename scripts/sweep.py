"""The command `mlp sweep`; see `mlp.commands.sweep`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("sweep", "sweep.py"))
