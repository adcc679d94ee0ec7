"""The command `mlp doctor`; see `mlp.commands.doctor`."""

import sys

from mlp.commands import run

if __name__ == "__main__":
    sys.exit(run("doctor", "doctor.py"))
