"""Machines for scripts that run in processes of their own."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def machine(tmp_path_factory) -> Callable[..., dict[str, str]]:
    """Give the environment of a machine whose NVIDIA driver is the one of libcuda.c.

    Folders are searched for modules before the installed ones; `settings` are the driver's.
    """
    if os.uname().sysname != "Linux" or shutil.which("g++") is None:
        pytest.skip("simulating an NVIDIA driver takes Linux and g++")
    folder = tmp_path_factory.mktemp("driver")
    source = HERE / "stand_in" / "libcuda.c"
    command = ["g++", "-x", "c", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source]
    subprocess.run(command, check=True)

    def environment(*folders: Path, **settings: object) -> dict[str, str]:
        return {
            **os.environ,
            "LD_LIBRARY_PATH": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            **{f"CUDA_STUB_{name.upper()}": str(value) for name, value in settings.items()},
        }

    return environment
