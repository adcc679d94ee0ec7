"""matplotlib imported on any machine, whatever backend it is told to use."""

import os
import subprocess
import sys

import pytest

from mlp.figure import as_png, new_figure

CODE = """
import io, os
from mlp.figure import new_figure
figure, file = new_figure((3, 2)), io.BytesIO()
figure.add_subplot().plot([1, 2])
figure.savefig(file, format="png")
assert file.getvalue().startswith(b"\\x89PNG")
import matplotlib
print(matplotlib.get_backend(), os.environ.get("MPLBACKEND"))
"""


@pytest.mark.parametrize("told", [None, "no_such_backend", "svg", "module://no_such.backend"])
def test_a_figure_is_saved_whatever_backend_is_told(told):
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    if told is not None:
        environment["MPLBACKEND"] = told
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    used, variable = done.stdout.split()
    assert variable == str(told)
    assert (used == told) == (told in ("svg", "module://no_such.backend"))


def test_a_letter_that_the_font_lacks_is_no_warning():
    """Warnings are errors in these tests."""
    figure = new_figure((3, 2))
    figure.add_subplot(title="漢")
    assert as_png(figure).startswith(b"\x89PNG")
