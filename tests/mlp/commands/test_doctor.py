"""What doctor.py finds on simulated machines."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from mlp import installation
from mlp.commands import doctor, examination

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "doctor.py"
STAND_IN = (ROOT / "tests" / "stand_in", ROOT / "tests" / "kernels")
# A process finds no CuPy then, and pip knows of none.
NO_CUPY = """
import importlib.metadata, sys
sys.modules["cupy"] = None
version = importlib.metadata.version
def hiding(name):
    if name.startswith("cupy"):
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = hiding
"""


def ask(environment, *arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        cwd=ROOT.parent,
    )


def findings(environment):
    done = ask(environment, "--json")
    assert done.stderr == ""
    assert done.returncode == 0
    return {one["name"]: one for one in json.loads(done.stdout)}


def package(folder, name, text):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder


def test_without_a_gpu_nothing_of_cuda_is_asked_for(machine, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_CUPY)
    found = findings(machine(tmp_path, devices=0))
    for name in ("Devices", "CuPy", "NVRTC", "CUDA headers"):
        assert found[name]["state"] == "not needed"
        assert found[name]["mend"] == ""
    assert found["Devices"]["text"] == "no GPU: training uses the CPU"
    assert found["--device auto"]["state"] == "ok"
    assert found["--device auto"]["text"].startswith("uses cpu: the NVIDIA driver finds no device")


def test_a_gpu_is_described_and_used(machine):
    found = findings(machine(*STAND_IN, devices=2))
    assert found["Driver"]["text"] == "up to CUDA 12.8"
    assert found["Devices"]["text"] == (
        "cuda:0 Stub GPU, 5.0 GiB, compute capability 8.6; "
        "cuda:1 Stub GPU, 5.0 GiB, compute capability 8.6"
    )
    assert found["CuPy"]["state"] == "ok"
    assert found["--device auto"] == {
        "name": "--device auto", "state": "ok", "text": "uses cuda:0: probed", "mend": ""
    }  # fmt: skip


def test_a_gpu_without_cupy_gets_the_command_for_its_driver(machine, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_CUPY)
    found = findings(machine(tmp_path, version=13_000))
    assert found["CuPy"]["state"] == "absent"
    assert found["CuPy"]["mend"] == 'pip install -e ".[cuda13]"'
    assert found["--device auto"]["state"] == "fallback"
    assert "uses cpu: an NVIDIA device is there but CuPy" in found["--device auto"]["text"]


PATHFINDER = """
class DynamicLibNotFoundError(RuntimeError): pass
def load_nvidia_dynamic_lib(name): raise DynamicLibNotFoundError(name)
def find_nvidia_header_directory(name): return None
"""


def test_missing_nvrtc_and_headers_are_found_missing(machine, tmp_path):
    package(tmp_path, "cuda", "")
    package(tmp_path / "cuda", "pathfinder", PATHFINDER)
    (tmp_path / "sitecustomize.py").write_text(NO_CUPY.replace('sys.modules["cupy"] = None', ""))
    found = findings(machine(tmp_path, *STAND_IN))
    for name in ("NVRTC", "CUDA headers"):
        assert found[name]["state"] == "absent"
        assert found[name]["mend"] == 'pip install -e ".[cuda12]"'


@pytest.mark.parametrize(("compiler", "state"), [((12, 9), "broken"), ((13, 1), "ok")])
def test_headers_of_another_release_than_the_compiler_are_reported(
    monkeypatch, tmp_path, compiler, state
):
    (tmp_path / "cuda_runtime_api.h").write_text("/* */\n#define CUDART_VERSION 13000\n")
    pathfinder = ModuleType("cuda.pathfinder")
    pathfinder.find_nvidia_header_directory = lambda name: str(tmp_path)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", pathfinder)
    monkeypatch.setattr(examination, "is_there", lambda name: True)
    monkeypatch.setattr(examination, "_nvrtc_version", lambda: compiler)
    found = examination._headers(True, "install")
    assert (found.state, found.mend) == (state, "install" if state == "broken" else "")
    assert found.text.startswith(f"13.0 in {tmp_path}")


def test_two_cupys_are_both_removed_before_one_is_installed(monkeypatch):
    two = {"cupy-cuda12x": "14.2.0", "cupy-cuda13x": "14.2.0"}
    for module in (examination, installation):
        monkeypatch.setattr(module, "installed", lambda distributions: two)
    found = examination._cupy(True, installation.cupy_command((13, 0)))
    assert found.state == "broken"
    assert found.mend == (
        'pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install -e ".[cuda13]"'
    )


def test_a_driver_that_does_not_answer_is_reported(machine):
    found = findings(machine(*STAND_IN, status=803))
    assert found["Driver"]["state"] == "broken"
    assert "cuInit gives 803" in found["Driver"]["text"]


@pytest.mark.parametrize(
    ("libraries", "status"),
    [
        ({"numpy": "NumPy"}, 1),
        ({"array_api_compat": "--device auto"}, 1),
        ({"mpi4py": "MPI", "cupy": "CuPy"}, 0),
    ],
    ids=str,
)
def test_a_broken_library_is_a_line_and_not_a_traceback(machine, tmp_path, libraries, status):
    for library in libraries:
        package(tmp_path, library, f'raise RuntimeError("{library} is\\nbroken")')
    done = ask(machine(tmp_path))
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == status  # `import mlp` says in one line that it cannot go on
    for library, name in libraries.items():
        line = rf"^! {name} +RuntimeError: {library} is broken$"
        assert re.search(line, done.stdout, flags=re.MULTILINE)
    assert "\n+ Python" in f"\n{done.stdout}"


def test_nothing_heavy_is_started(machine, tmp_path):
    package(tmp_path, "tensorflow", "raise SystemExit('imported')")
    package(tmp_path, "mpi4py", "import types\n__version__ = '4.1'\nrc = types.SimpleNamespace()")
    (tmp_path / "mpi4py" / "MPI.py").write_text(
        "import mpi4py\nassert mpi4py.rc.initialize is False\n"
        "def Get_library_version(): return 'MPICH Version: 4.3\\nand more'\n"
    )
    found = findings(machine(tmp_path, devices=0))
    assert found["TensorFlow"]["text"].endswith("(not imported)")
    assert found["MPI"]["text"].startswith("mpi4py 4.1, MPICH Version: 4.3")


def test_accelerate_is_said_to_break_the_promise_on_threads(monkeypatch):
    import numpy as np
    import threadpoolctl

    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    config = {"Build Dependencies": {"blas": {"name": "accelerate"}}}
    monkeypatch.setattr(np, "show_config", lambda mode: config)
    text = examination._numpy().text
    assert "accelerate, which cannot be held to one thread" in text


def test_the_screen_is_one_screen_with_the_command_under_what_it_mends(machine, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_CUPY)
    done = ask(machine(tmp_path))
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    command = next(i for i, line in enumerate(lines) if line.lstrip().startswith("-> pip"))
    assert lines[command].lstrip() == '-> pip install -e ".[cuda12]"'
    assert lines[command - 1].startswith("- CuPy ")


def test_every_extra_that_a_command_names_exists(monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    monkeypatch.setattr(installation, "installed", lambda distributions: {})
    releases = ((11, 8), (12, 9), (13, 0), (14, 1))
    extras = [
        re.search(r"\[(\w+)\]", installation.cupy_command(release))[1] for release in releases
    ]
    assert extras == ["cuda12", "cuda12", "cuda13", "cuda13"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_the_command_line_explains_itself(capsys):
    with pytest.raises(SystemExit) as caught:
        doctor.main(["--jsn"])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "--jsn" in message
    with pytest.raises(SystemExit):
        doctor.main(["--help"])
    text = capsys.readouterr().out
    assert "mlp doctor --json" in text
    assert "(default: a screen)" in text
