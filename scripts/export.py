"""The command `mlp export`; see `mlp.commands.export`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("export", "export.py"))
