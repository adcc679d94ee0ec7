"""What several tests need: small data sets, and the array libraries with their devices."""

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from small_runs import MODES, arguments, finish, hash_and_rows

from mlp import Classifier, Dataset, Parameters, Preparation, Rows, TrainingConfig, load, train
from mlp.commands.train import main

# Who runs the tests in the background may ignore these, and what they start would inherit that.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:
        heeded = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, heeded)


@pytest.fixture(scope="session")
def letters(tmp_path_factory) -> Path:
    """Write a small data set of images as an .npz: 600 rows, 3 classes, 6 x 5 pixels."""
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 3).astype(np.uint8)
    images = rng.integers(0, 120, (600, 6, 5)).astype(np.uint8)
    images[np.arange(600), labels * 2] += 100
    path = tmp_path_factory.mktemp("data") / "letters.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="session")
def embedded() -> Dataset:
    """Return the embedded letters, of 28 x 28 pixels."""
    return load(split=(6000, 1000))


@pytest.fixture(scope="session")
def trained(embedded, tmp_path_factory) -> tuple[Path, Parameters]:
    """Train on those letters for a moment; give a folder with the model, and its parameters."""
    config = TrainingConfig(hidden=(100,), epochs=5, batch_size=128, learning_rate=0.05, threads=1)
    state = train(embedded, config)
    assert state.history[-1].valid_accuracy > 0.9
    folder = tmp_path_factory.mktemp("trained")
    Classifier.of(state.parameters, embedded).save(folder / "model.safetensors")
    return folder, state.parameters


@pytest.fixture(scope="session")
def feature_rows(tmp_path_factory) -> Path:
    """Write a small data set of features that a network can learn, but not at once."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1200).astype(np.uint8)
    features = rng.normal(size=(1200, 30)).astype(np.float32)
    features[np.arange(1200), labels] += 1
    path = tmp_path_factory.mktemp("data") / "rows.npz"
    np.savez(path, features=features, labels=labels)
    return path


@pytest.fixture(scope="session")
def uninterrupted(feature_rows, tmp_path_factory) -> dict[str, tuple]:
    """Run every mode in one go; give its hash, its rows and the seconds it took."""
    results = {}
    for mode in MODES:
        out = tmp_path_factory.mktemp("whole") / "run"
        started = time.monotonic()
        assert finish(*arguments(feature_rows, mode, out)) == (0, "")
        results[mode] = *hash_and_rows(out), time.monotonic() - started
    return results


@pytest.fixture(scope="session")
def finished(feature_rows, tmp_path_factory) -> Path:
    """Make a finished run that has checkpoints."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert main([*arguments(feature_rows, "mini-batches", out), "--epochs", "4"]) == 0
    return out


@pytest.fixture
def unfinished(finished, tmp_path) -> Path:
    """Make a run as it is after a power failure at its end."""
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "run.json").unlink()
    return out


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """Make a small data set of noisy class prototypes, which a network can learn.

    `weighted` gives training and validation rows weights.
    """

    def make(
        n_train: int = 300,
        n_valid: int = 90,
        n_test: int = 60,
        n_features: int = 20,
        n_classes: int = 4,
        seed: int = 0,
        weighted: bool = False,
    ) -> Dataset:
        rng = np.random.default_rng(seed)
        n = n_train + n_valid + n_test
        labels = np.arange(n) % n_classes
        rng.shuffle(labels)
        prototypes = rng.integers(0, 256, (n_classes, n_features))
        noise = rng.integers(-90, 91, (n, n_features))
        features = np.clip(prototypes[labels] + noise, 0, 255).astype(np.uint8)
        # A third of the weights is 0; test rows have none.
        weights = rng.uniform(0.1, 3.0, n) * (rng.uniform(size=n) < 2 / 3) if weighted else None
        rows = Rows(features, labels.astype(np.uint8), weights)
        cuts = [slice(0, n_train), slice(n_train, n_train + n_valid), slice(n_train + n_valid, n)]
        train, valid, test = map(rows.take, cuts)
        return Dataset(
            train=train,
            valid=valid,
            test=test._replace(weights=None),
            preparation=Preparation(tuple(str(k) for k in range(n_classes)), scale=1 / 255),
        )

    return make


def pytest_addoption(parser):
    parser.addoption(
        "--all-libraries",
        action="store_true",
        help="fail, instead of skipping, where a library to compare with is not installed",
    )
    parser.addoption(
        "--write-docs", action="store_true", help="write the table of test_bad_inputs.py anew"
    )
    parser.addoption(
        "--faults",
        type=int,
        metavar="N",
        help="kill N runs in test_faults.py (default: 3, and 25 in the slow test)",
    )


# Fixtures that skip where a package that the project can do without is missing.
OPTIONAL = {"need", "mpiexec"}


def pytest_collection_modifyitems(config, items):
    """Allow slow tests half an hour, others five minutes; mark what needs optional packages."""
    for item in items:
        slow = item.get_closest_marker("slow") or config.getoption("--faults")
        if slow and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))
        if OPTIONAL & set(item.fixturenames):
            item.add_marker(pytest.mark.optional)


@pytest.fixture(scope="session")
def need(pytestconfig) -> Callable[[str], ModuleType]:
    """Import a library that the project itself can do without, or skip and say which."""

    def import_library(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            missing = pytest.fail if pytestconfig.getoption("--all-libraries") else pytest.skip
            missing(f"{name} cannot be imported: {error}")

    return import_library


@pytest.fixture(scope="session")
def mpiexec(pytestconfig) -> str:
    """Find what starts ranks, or skip. Importing mpi4py would make this process a rank."""
    beside = Path(sys.executable).parent
    found = shutil.which("mpiexec", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if found is None or importlib.util.find_spec("mpi4py") is None:
        missing = pytest.fail if pytestconfig.getoption("--all-libraries") else pytest.skip
        missing('mpi4py or mpiexec is not installed: pip install -e ".[mpi]"')
    return found


@pytest.fixture(scope="session")
def machine(tmp_path_factory) -> Callable[..., dict[str, str]]:
    """Return the environment of a machine whose NVIDIA driver is the one of libcuda.c.

    Folders are searched for modules before the installed ones; `settings` are the driver's.
    """
    if os.uname().sysname != "Linux" or shutil.which("g++") is None:
        pytest.skip("simulating an NVIDIA driver takes Linux and g++")
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).parent / "stand_in" / "libcuda.c"
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


FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium(need, pytestconfig, tmp_path_factory):
    """Start the browser that is installed, with an empty profile; none is downloaded."""
    playwright = need("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        missing = pytest.fail if pytestconfig.getoption("--all-libraries") else pytest.skip
        missing("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=executable, args=FLAGS
        )
        yield context
        context.close()
