"""Every command and program of the README does what it says, on less work."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from table_files import write_table

from mlp.commands.train import main

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "scripts/README.md", "scripts/BENCHMARKS.md")]
README, TEXT = DOCUMENTS[0].read_text(), "\n".join(path.read_text() for path in DOCUMENTS)

# What makes a command of the README short. The later of two equal options counts.
LESS = {
    "train.py": ["--hidden", "8", "--quiet"],
    "sweep.py": ["--epochs", "1", "--repeats", "1", "--quiet"],
    "parity.py": ["--hidden", "4", "--rows", "60", "--epochs", "2", "--quiet"],
    "benchmark.py": [
        "--against", "numpy", "--hidden", "4", "--rows", "400", "--rounds", "1", "--epochs", "1",
        "--starts", "0", "--quiet",
    ],
    "doctor.py": [],
    "predict.py": [],
    "export.py": [],
}  # fmt: skip
# What only hardware can run: the options are parsed.
HARDWARE = {"verify_cuda.py"}


def commands():
    """List the commands of the shell blocks, and those in the text that begin with python."""
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for line in block.strip().splitlines():
            yield from (words.strip() for words in line.split("&&"))
    yield from re.findall(r"`(python scripts/[^`]*)`", TEXT)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a folder in which the README's paths mean what they mean beside the README."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("scripts", "data", "mlp", "kernels", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    with np.load(ROOT / "data" / "glyphs.npz") as file:
        Image.fromarray(file["images"][0]).save(folder / "letter.png")
    rng = np.random.default_rng(0)
    for index in range(24):
        for path in (folder / "photos" / "ab"[index % 2], folder / "new"):
            path.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (40 + index, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path / f"{index}.jpg")
    write_table(folder, "features")[0].rename(folder / "flowers.csv")
    return folder


def run(words, place, status=0):
    done = subprocess.run(
        [sys.executable, *words], cwd=place, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == status, (words, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def shortened(words):
    """Return a script's command with less work; epochs of --epochs 30 and 40 become 1 and 2."""
    script = Path(words[0]).name
    options = list(words[1:])
    if script == "train.py":
        given = int(options[options.index("--epochs") + 1]) if "--epochs" in options else 20
        options += ["--epochs", str(max(1, given // 20))]
        if "--checkpoint-every" in options:
            options += ["--checkpoint-every", "1"]
        if "--resume" in options:
            return [words[0], *options, "--quiet"]
    if script == "sweep.py":
        options = [re.sub("hidden=.*", "hidden=2,3", option) for option in options]
    return [words[0], *options, *LESS[script]]


@pytest.mark.slow
def test_every_command_of_the_readme_runs(place, mpiexec):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(extras["optional-dependencies"])
    scripts, parsed = set(), set()
    for command in dict.fromkeys(commands()):  # some stand in two documents
        program, *words = shlex.split(command)
        program = program.removeprefix(".venv/bin/")
        if (program, words[:2]) in (("python3", ["-m", "venv"]), (".", [".venv/bin/activate"])):
            continue
        if program == "mlp":
            program, words = "python", [f"scripts/{words[0]}.py", *words[1:]]
        if program == "sbatch":  # Slurm: what it wraps is parsed
            program, *words = shlex.split(words[words.index("--wrap") + 1])
            assert program == "python"
            run([*words, "--help"], place)
        elif program == "mpiexec":
            assert words[:5] == ["-n", "2", "python", "-m", "mpi4py"]
            code = f"import subprocess; subprocess.run({[mpiexec, *words[:2]]!r}"
            ranks = [sys.executable, *words[3:5], *shortened(words[5:])]
            run(["-c", f"{code} + {ranks!r}, check=True)"], place)
        elif program == "pip":
            assert words[0] == "install"
            for names in re.findall(r"\[(.*?)\]", " ".join(words)):
                assert set(names.split(",")) <= extras, command
        elif program == "python" and Path(words[0]).name in HARDWARE:
            parsed.add(Path(words[0]).name)
            run([*words, "--help"], place)
        elif program == "python" and "--reference" not in words:
            scripts.add(Path(words[0]).name)
            if "parity.py" in words[0]:  # the other peers have tests of their own
                words = [words[0], "--against", "notebook"]
            run(shortened(words), place)
        else:
            assert program in ("pytest", "python"), command
    assert scripts == set(LESS)
    assert parsed == HARDWARE
    assert (place / "runs" / "letters" / "report.html").exists()
    assert (place / "runs" / "letters" / "model.npz").exists()
    assert len((place / "predictions.csv").read_text().splitlines()) == 1 + 24


def test_every_program_of_the_readme_runs(place, need):
    need("sklearn")
    programs = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        run(["-c", program], place)


def forms(folder):
    """Write what the table of forms names: by its first column, paths and options to train on."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (60, 4, 4)).astype(np.uint8), np.arange(60) % 3
    both = {"images": pixels, "labels": labels}

    def npz(name, **arrays):
        np.savez(folder / f"{name}.npz", **arrays)
        return folder / f"{name}.npz"

    def idx(name, array):
        (folder / name).parent.mkdir(exist_ok=True)
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())

    for index, picture in enumerate(pixels):
        (folder / "photos" / "abc"[index % 3]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / "photos" / "abc"[index % 3] / f"{index}.png")
    for name, array in (("x_train", pixels), ("y_train", labels)):
        (folder / "arrays").mkdir(exist_ok=True)
        np.save(folder / "arrays" / f"{name}.npy", array)
    for name, array in (("train-images-idx3-ubyte", pixels), ("train-labels-idx1-ubyte", labels)):
        idx(f"idx/{name}", array)
        idx(f"emnist/emnist-letters-{name}", array)
    keras = {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels}
    table, said = write_table(folder, "gzip")
    assert said == {}
    flat = pixels.reshape(60, 16)
    return {
        "class folders of pictures": [
            [folder / "photos"],
            [folder / "photos", "--image-size", "32", "32"],
        ],
        "an `.npz`": [
            [npz("plain", **both)],
            [npz("xy", X=flat / 255, y=labels)],
            [npz("keras", **keras)],
            [npz("medmnist", train_images=pixels, train_labels=labels[:, None])],
            [npz("named", **both, class_names=np.array(["A", "B", "C"]))],
        ],
        "an array a file": [[folder / "arrays"], [folder / "arrays" / "x_train.npy"]],
        "IDX files": [[folder / "idx"], [folder / "emnist", "--transpose"]],
        "a table": [
            [table],
            [table, "--label-column", "Species", "--no-standardize", "--learning-rate", "0.01"],
        ],
        "arrays of pictures": [
            [npz("last", images=pixels[..., None], labels=labels)],
            [npz("first", images=np.repeat(pixels[:, None], 3, 1), labels=labels)],
            [npz("alpha", images=np.repeat(pixels[..., None], 4, 3), labels=labels)],
            [npz("fractions", images=pixels / 255, labels=labels)],
            [npz("flat", data=flat.astype(int), target=labels), "--image-size", "4", "4"],
        ],
        "labels": [
            [npz("gaps", images=pixels, labels=np.array([-1, 4, 7.0])[labels])],
            [npz("texts", images=pixels, labels=np.array(["a", "b", "c d"])[labels])],
            [npz("yes", images=pixels, labels=labels > 0)],
            [npz("onehot", images=pixels, labels=np.eye(3)[labels])],
            [npz("some", **both), "--class-names", "A", "B", "C"],
        ],
    }


@pytest.mark.slow
def test_every_form_of_data_in_the_table_trains(tmp_path):
    table = README.partition("| form | what is read of it |\n| --- | --- |\n")[2].split("\n\n")[0]
    made = forms(tmp_path)
    assert [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()] == list(made)
    less = ["--hidden", "4", "--epochs", "1", "--device", "cpu", "--no-report", "--quiet"]
    for form, jobs in made.items():
        for number, (data, *options) in enumerate(jobs):
            out = tmp_path / f"run {form} {number}"
            arguments = ["--data", str(data), *options, *less, "--out", str(out)]
            assert main(arguments) == 0, (form, number)
            assert (out / "model.safetensors").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", document.read_text())
    assert links
    for name, anchor in links:
        target = document.parent / name if name else document
        assert target.exists(), name
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            words = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor[1:] in words, anchor


def test_the_readme_is_short_and_says_who_begins_where():
    lines = README.splitlines()
    assert len(lines) <= 200
    first = "\n".join(lines[:45])
    for who in ("a student", "a teacher", "an engineer", "a GPU or array-API programmer"):
        assert f"- **{who}" in first
    for needed in (
        "mlp/README.md",
        ".github/draw.png",
        "scripts/train.py",
        "`pip install mlp` is not",
    ):
        assert needed in first


SCRIPTS = [
    path for path in sorted((ROOT / "scripts").glob("*.py")) if "__main__" in path.read_text()
]


@pytest.mark.parametrize("script", [path.name for path in SCRIPTS])
def test_every_script_has_a_help_with_defaults_and_an_example(script):
    done = run([f"scripts/{script}", "--help"], ROOT)
    assert f"python scripts/{script}" in done.stdout
    assert "default" in done.stdout
    assert f"`{script}`" in (ROOT / "scripts" / "README.md").read_text()
