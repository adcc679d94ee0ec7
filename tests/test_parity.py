"""scripts/parity.py and the peers it compares with."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tolerances import TRAINING

from mlp import Rows, TrainingConfig, init_parameters, train
from mlp.keras_reference import host_input
from mlp.model import named_arrays
from mlp.work import epoch_order

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
PACKAGES = {"keras": "tensorflow", "torch": "torch", "jax": "optax", "notebook": "numpy"}
SMALLER = ["--hidden", "200", "--rows", "3000", "--epochs", "60"]
ROUNDED_MOMENTUM = float(np.float32(0.9))
TINY = ["--hidden", "4", "--rows", "50", "--epochs", "2", "--quiet"]


@pytest.fixture
def parity(monkeypatch):
    """Import the script, whose folder is on the path when it runs."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("parity")


def run(*arguments, timeout=1200):
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "parity.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def check(done, peers, jobs):
    """Check that every comparison is there and kept the bounds the project promises."""
    assert done.returncode == 0, done.stderr + done.stdout
    results = json.loads(done.stdout)["results"]
    assert [result["peer"] for result in results].count(peers[0]) == jobs
    assert {result["peer"] for result in results} == set(peers)
    for result in results:
        differences = result["differences"]
        if result["dtype"] == "float64":
            assert differences["loss"]["largest"] <= 1e-12
            assert differences["accuracy"]["largest"] == 0.0
        else:
            assert differences["loss"]["largest"] <= 1e-4
            assert differences["accuracy"]["largest"] <= 0.002
        assert all(quantity["passed"] for quantity in differences.values())
        assert result["accuracies"]["ours"][-1] > 0.9, "it learned"


def test_the_smaller_parity_in_float64(need, tmp_path):
    """All with the momentum that Keras rounds to, so that one training of ours serves them all."""
    for package in PACKAGES.values():
        need(package)
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- parity:begin -->\n<!-- parity:end -->\nend\n")
    done = run(
        "--against", *PACKAGES, *SMALLER, "--momentum", ROUNDED_MOMENTUM, "--out", tmp_path / "out",
        "--json", "--write-table", readme,
    )  # fmt: skip
    check(done, list(PACKAGES), 1)
    out = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(out) == {"parity.json", "parity.md", "parity.png"}
    for result in json.loads(out["parity.json"])["results"]:
        assert result["epochs"] == 60
        assert result["versions"]
        lengths = {name: len(values) for name, values in result["series"].items()}
        assert lengths == {
            "loss": 61, "accuracy": 61, "parameters": 61, "logits": 60, "gradients": 60
        }  # fmt: skip
        assert result["series"]["parameters"][0] == 0.0, "the same weights at the start"
    lines = sorted(out["parity.md"].decode().splitlines())
    assert sorted(readme.read_text().splitlines()[2:-2]) == lines
    assert readme.read_text().startswith("# Title\n")
    assert readme.read_text().endswith("\nend\n")


def test_the_smaller_parity_in_float32(need, tmp_path):
    """With seed 421 a rectifier's input is so near 0 that rounding decides its side.

    Then our own float32 and float64 runs differ by 1e-4 too; with all 10,000 rows one row decides
    less, and the slow test takes that seed in.
    """
    need("torch")
    arguments = ["--against", "torch", *SMALLER, "--dtype", "float32", "--seed", "422"]
    check(run(*arguments, "--out", tmp_path, "--json"), ["torch"], 1)


@pytest.mark.slow
def test_parity_in_float64(need, tmp_path):
    """The task's own job, 200 epochs, with the momentum that Keras rounds to, as above."""
    for package in PACKAGES.values():
        need(package)
    arguments = ["--against", *PACKAGES, "--momentum", ROUNDED_MOMENTUM, "--out", tmp_path]
    check(run(*arguments, "--json", timeout=3600), list(PACKAGES), 1)


@pytest.mark.slow
def test_parity_in_float32(need, tmp_path):
    """50 epochs of three seeds; the notebook's way is a float64 one."""
    peers = ["keras", "torch", "jax"]
    for peer in peers:
        need(PACKAGES[peer])
    arguments = ["--against", *peers, "--momentum", ROUNDED_MOMENTUM, "--out", tmp_path]
    arguments += ["--dtype", "float32", "--epochs", "50", "--seed", "421", "422", "423"]
    check(run(*arguments, "--json", timeout=3600), peers, 3)


def test_a_bound_that_is_exceeded_is_status_1_and_says_which(parity, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(parity.BOUNDS["float64"], "parameters", 0.0)
    status = parity.main(["--against", "notebook", *TINY, "--out", str(tmp_path), "--json"])
    assert status == 1
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert not result["passed"]
    failed = [name for name, one in result["differences"].items() if not one["passed"]]
    assert failed == ["parameters"]


def test_a_difference_that_is_not_a_number_does_not_pass(parity):
    series = {name: [0.0, float("nan"), 0.0] for name in parity.BOUNDS["float64"]}
    one = parity.Comparison("x", {}, "float64", 1, 2, 0.9, 0.0, {}, series)
    assert not one.passed("loss")


def test_an_absent_peer_is_status_3_and_the_message_installs_it(parity, monkeypatch, capsys):
    import peers

    monkeypatch.setitem(peers.PEERS, "jax", ("jax_peer", "no_such_package", 'pip install ".[x]"'))
    assert parity.main(["--against", "notebook", "jax", *TINY]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert 'jax is not installed (no_such_package is missing); pip install ".[x]"' in error


def test_a_gpu_that_a_peer_does_not_find_is_status_3(need, parity, capsys, tmp_path):
    if need("torch").cuda.is_available():
        pytest.skip("torch finds a CUDA device here")
    arguments = ["--against", "torch", *TINY, "--peer-device", "cuda", "--out", str(tmp_path)]
    assert parity.main(arguments) == 3
    assert "torch finds no CUDA device; use --peer-device cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--against", "tensorflow"], "--against"),
        (["--rows", "0"], "--rows"),
        (["--rows", "1000000"], "--rows must be at most"),
        (["--epochs", "none"], "--epochs"),
        (["--momentum", "2"], "--momentum must be in"),
        (["--data", "no/such/file.npz"], "no/such/file.npz"),
    ],
)
def test_bad_usage_is_status_2_in_one_line(arguments, named, tmp_path):
    done = run("--against", "notebook", *arguments, "--out", tmp_path)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_the_table_keeps_the_lines_of_other_peers(parity, tmp_path):
    def one(peer, dtype, loss):
        series = {name: [loss] for name in parity.BOUNDS[dtype]}
        accuracies = {"ours": [0.5], "peer": [0.5]}
        return parity.Comparison(peer, {"v": "1"}, dtype, 421, 1, 0.9, 0.0, accuracies, series)

    path = tmp_path / "table.md"
    path.write_text("a\n<!-- parity:begin -->\n<!-- parity:end -->\nz")
    parity.write_table(path, [one("torch", "float64", 1e-15), one("jax", "float64", 2e-15)])
    parity.write_table(path, [one("torch", "float64", 3e-15), one("torch", "float32", 1e-6)])
    lines = path.read_text().splitlines()
    assert [line.split("|")[1:5:3] for line in lines[4:-2]] == [
        [" jax (v 1) ", " 2.0e-15 "], [" torch (v 1) ", " 1.0e-06 "], [" torch (v 1) ", " 3.0e-15 "]
    ]  # fmt: skip
    (tmp_path / "bare.md").write_text("no markers")
    with pytest.raises(ValueError, match="must stand in it once each"):
        parity.write_table(tmp_path / "bare.md", [one("jax", "float64", 0.0)])


@pytest.mark.parametrize("options", [{}, {"nesterov": True, "l2": 2.0**-10}])
@pytest.mark.parametrize("batch_size", [None, 70])
@pytest.mark.parametrize("name", [*PACKAGES, "sklearn"])
def test_a_peer_trains_as_we_do(need, parity, make_dataset, name, batch_size, options):
    """Also in mini-batches, which parity.py does not use and a benchmark does."""
    need(PACKAGES.get(name, name))
    if name == "sklearn" and options and batch_size:
        batch_size = 60  # it divides l2 by each batch's own rows, those of a shorter last one too
    import peers

    config = TrainingConfig(
        hidden=(16, 8), epochs=5, dtype="float64", momentum=0.875, batch_size=batch_size, **options
    )  # fmt: skip
    dataset = make_dataset()
    parameters = init_parameters((20, 16, 8, 4), seed=config.seed, dtype=config.dtype)
    splits = [
        Rows(host_input(rows, config.dtype, dataset.preparation), rows.labels)
        for rows in (dataset.train, dataset.valid, dataset.test)
    ]
    settings = _settings(name)
    try:
        peer = peers.load(name)(peers.Task(parameters, splits[0], tuple(splits[1:]), config))
        ours = train(dataset, config)
        start = 0 if batch_size is None else 1  # mini-batches score an epoch as it goes
        for row in ours.history[start : start + config.epochs]:
            order = epoch_order(config.seed, row.epoch - 1, 300) if batch_size else None
            scores = np.asarray(peer.epoch(order))
            expected = np.reshape(row[1:-1], (3, 2))
            seen = ~np.isnan(scores)
            assert seen.sum() >= 5
            if name == "sklearn" and options:
                seen[0] = False  # its training loss includes the penalty
            np.testing.assert_allclose(scores[seen], expected[seen], **TRAINING["float64"])
        theirs = named_arrays(peer.parameters())
        for key, array in named_arrays(ours.parameters).items():
            np.testing.assert_allclose(array, theirs[key], **TRAINING["float64"], err_msg=key)
    finally:
        settings()


def _settings(name):
    """Return a function that undoes what a peer sets for its whole process."""
    if name != "jax":
        return lambda: None
    import jax

    names = ("jax_enable_x64", "jax_default_matmul_precision")
    before = {name: getattr(jax.config, name) for name in names}
    return lambda: [jax.config.update(*item) for item in before.items()]
