"""Make a plain copy of the repository importable, of which nothing is installed. Imported first.

Where a package is missing, `mlp` has said in one line which, and the program ends with status 3.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlp import installation
from mlp.commands.parser import Status

if installation.failure:
    sys.exit(Status.UNUSABLE)
