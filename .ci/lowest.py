"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

python .ci/lowest.py EXTRA ... > constraints.txt
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
lines, extras = list(project["dependencies"]), sys.argv[1:]
for extra in extras:
    for line in project["optional-dependencies"][extra]:
        # An extra may bring another one along.
        if (requirement := Requirement(line)).name == project["name"]:
            extras += requirement.extras
        else:
            lines.append(line)
for requirement in map(Requirement, lines):
    if requirement.marker is None or requirement.marker.evaluate():
        print(f"{requirement.name}{requirement.specifier}".replace(">=", "=="))
