"""The command `mlp check`; see `mlp.commands.check`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("check", "check.py"))
