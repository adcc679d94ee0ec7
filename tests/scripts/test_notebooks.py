"""Notebooks and the README's program in a fresh kernel, as a reader runs them."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "scripts" / "notebooks").glob("*.ipynb"))
# The client's and the kernel's own affairs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def execute(need, tmp_path, monkeypatch):
    """Run cells in a kernel of this Python, in a folder of its own; return them with outputs."""
    nbformat, nbclient = need("nbformat"), need("nbclient")
    need("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))

    def run(notebook):
        client = nbclient.NotebookClient(
            notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}
        )
        return client.execute()

    return nbformat, run


def pictures(cell):
    data = [output["data"] for output in cell["outputs"] if "data" in output]
    return [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_has_no_outputs_and_every_cell_runs(path, execute):
    nbformat, run = execute
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    done = run(notebook)
    shown = [cell for cell in done["cells"] if cell["cell_type"] == "code" and pictures(cell)]
    assert len(shown) == 4  # letters, curves, gradients, answers
    texts = "".join(str(cell.get("outputs", "")) for cell in done["cells"])
    assert "stderr" not in texts  # nothing warns
    assert "validation accuracy 0.9" in texts


def test_the_readmes_program_ends_in_a_picture(execute):
    """The first program that plots; in a kernel in which nobody has imported pyplot."""
    nbformat, run = execute
    readme = (ROOT / "README.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (program,) = [one for one in programs if "history.plot()" in one]
    assert "pyplot" not in program
    assert program.strip().splitlines()[-1] == "state.history.plot()"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(program)])
    (picture,) = pictures(run(notebook)["cells"][0])
    with Image.open(io.BytesIO(picture)) as image:
        assert image.width > 2 * image.height


def test_a_notebooks_progress_is_one_bar_with_the_curves(execute):
    nbformat, run = execute
    program = """
import mlp
config = mlp.TrainingConfig(hidden=(5,), epochs=4, device="cpu")
state = mlp.train(mlp.load(), config, on_epoch=mlp.Progress(curves=True))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(program)])
    (output,) = run(notebook)["cells"][0]["outputs"]
    html = output["data"]["text/html"]
    assert '<progress value="4" max="4">' in html
    assert "epoch 4: loss" in html
    assert "data:image/png;base64," in html
