"""The benchmark's logic at tiny sizes; no assertion on how long anything takes."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import benchmark
import numpy as np
import pytest
from benchmarks import floor, growth, layout, link, model, recipes, rounds, scaling, speed
from benchmarks.process import Entry, Process, limited_to, only_gpu
from benchmarks.rounds import (
    FULL_TOLERANCE,
    LossError,
    Measured,
    Spread,
    best_of,
    check_losses,
    interleave,
    ratios,
)
from peers import PeerError, Task
from PIL import Image
from tolerances import ROUNDING

from mlp import DataError, Rows, TrainingConfig, init_parameters, load, train
from mlp.driver import Driver
from mlp.model import loss_and_gradients

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Write a small data set of images: 600 rows, 3 classes, 6 x 5 pixels."""
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 3).astype(np.uint8)
    images = rng.integers(0, 120, (600, 6, 5)).astype(np.uint8)
    images[np.arange(600), labels * 2] += 100
    path = tmp_path_factory.mktemp("data") / "letters.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return path


@pytest.fixture
def config(letters):
    return TrainingConfig(
        data=str(letters), split=(400, 100), hidden=(8,), epochs=50, threads=1, device="cpu"
    )


@pytest.fixture
def small(letters, monkeypatch):
    """Return the arguments of a tiny benchmark; the split is that of the small data set."""

    def split(**values):
        return TrainingConfig(split=(400, 100), **values)

    monkeypatch.setattr(benchmark, "TrainingConfig", split)
    split.learning_rate, split.seed = TrainingConfig.learning_rate, TrainingConfig.seed
    return ["--data", str(letters), "--hidden", "8", "--rounds", "2", "--epochs", "1",
            "--threads", "1", "--quiet"]  # fmt: skip


def measured(seconds, peak=100, starts=()):
    return Measured(list(seconds), list(starts), peak_bytes=peak, versions={"numpy": "2"})


def test_ratios_are_taken_round_by_round():
    # The second round is ten times slower for both: as quotient of the medians it would be 20.
    assert ratios([2.0, 30.0, 2.0], [1.0, 10.0, 1.0]) == Spread(2.0, 2.0, 3.0)


def test_the_best_peer_may_be_another_one_in_every_round():
    both = {"torch": measured([3.0, 1.0]), "jax": measured([2.0, 4.0])}
    assert best_of(both, ["torch", "jax"]) == [2.0, 1.0]


def test_figures_leave_the_floor_and_plain_numpy_out_of_the_peers():
    results = {
        "full": {
            "ours": measured([1.0, 1.0], 100, [1.0]),
            "floor": measured([0.9, 0.8], 1, [0.1]),
            "numpy": measured([0.5, 0.5], 10, [0.1]),
            "torch": measured([1.5, 1.2], 400, [5.0]),
            "notebook": measured([3.0, 4.0], 200, [4.0]),
        }
    }
    found = speed.figures(results)["full"]
    assert found["GEMM floor / ours"] == pytest.approx((0.85, 0.8, 0.9))
    assert found["best peer / ours"] == pytest.approx((1.35, 1.2, 1.5))
    assert found["notebook / ours"] == (3.5, 3.0, 4.0)
    assert found["peak memory, ours / leanest peer (notebook)"].median == 0.5
    assert found["start to first epoch, fastest peer / ours"].median == 4.0
    table = layout.speed_table(results).splitlines()
    assert table[2].startswith("| **ours** | 1000 | 1.00 | 0 | 1.00 |")
    assert {line.count("|") for line in table} == {6}
    assert "full batch: notebook / ours: 3.50 (3.00 to 4.00)" in layout.figure_lines(
        {"full": found}
    )


@pytest.mark.parametrize(("power", "constant"), [(1.0, 0.25), (0.5, 3.0), (0.0, 7.0)])
def test_exponents_of_a_power_law_are_found(power, constant):
    values = [constant * factor**power for factor in growth.ROWS]
    assert growth.exponent(growth.ROWS, values) == pytest.approx(power, abs=1e-12)


def test_exponents_are_fitted_for_every_series_by_itself():
    sizes = {("rows", f): measured([0.1 * f] * 3, peak=50 * f**2) for f in growth.ROWS}
    sizes |= {("hidden", f): measured([0.1, 9.0, 0.1], peak=50) for f in growth.WIDTHS}
    fits = growth.exponents(sizes)
    assert fits["rows"] == pytest.approx({"seconds": 1.0, "peak_bytes": 2.0, "peak_ratio": 64.0})
    flat = {"seconds": 0.0, "peak_bytes": 0.0, "peak_ratio": 1.0}
    assert fits["hidden"] == pytest.approx(flat, abs=1e-12)
    assert "| rows | exponent | 1.00 | 2.00; last / first 64.00 |" in layout.growth_table(
        sizes, fits
    )


@pytest.mark.parametrize(("name", "batch_size"), [("numpy", None), ("numpy", 64), ("notebook", 64)])
def test_ours_and_a_peer_reach_the_same_loss_epoch_by_epoch(config, name, batch_size):
    config = replace(config, batch_size=batch_size)
    entries = {who: Entry(who, config) for who in ("ours", name)}
    seen = interleave(entries, 1, 2, lambda text: None)
    np.testing.assert_allclose(
        np.array(seen["ours"].scores)[:, ::2], np.array(seen[name].scores)[:, ::2],
        **ROUNDING["float32"],
    )  # fmt: skip
    assert all(one.peak_bytes >= one.ready_bytes >= one.start_bytes > 0 for one in seen.values())
    assert seen["ours"].versions == {"numpy": np.__version__}
    assert [len(one.seconds) for one in seen.values()] == [1, 1]


def test_what_ours_reports_is_what_train_does(config):
    history = train(load(config.data, split=config.split), replace(config, epochs=3)).history
    process = Process(Entry("ours", config))
    try:
        process.ready()
        scores = process.ask(1)["scores"] + process.ask(2)["scores"]
    finally:
        process.close()
    assert scores == [list(row[1:7]) for row in history[:3]]


def test_a_peer_that_trains_otherwise_is_found_out(config):
    ours, slower = Entry("ours", config), replace(config, learning_rate=0.09)
    with pytest.raises(LossError, match=r"^notebook: \w+ loss .* in epoch 2, ours .*not the same"):
        interleave({"ours": ours, "notebook": Entry("notebook", slower)}, 1, 1, lambda text: None)


@pytest.mark.parametrize("wrong", [1 + 2 * FULL_TOLERANCE, float("nan")])
@pytest.mark.parametrize("column", [0, 2, 4])
def test_each_splits_loss_is_checked_but_not_the_accuracy(column, wrong):
    ours, other = Measured(scores=[[1.0] * 6] * 2), Measured(scores=[[1.0] * 6] * 2)
    other.scores[1] = [value * (wrong if i == column else 1.0) for i, value in enumerate([1.0] * 6)]
    with pytest.raises(LossError):
        check_losses(ours, {"torch": other}, None)
    other.scores[1] = [1.0, np.nan, 1.0, 0.0, 1.0, 0.0]  # scikit-learn has no training accuracy
    check_losses(ours, {"torch": other, "floor": Measured(scores=[None] * 2)}, None)


def test_the_floor_does_the_products_that_give_our_gradients():
    parameters = init_parameters((5, 4, 3, 2), seed=0, dtype="float64")
    x = np.random.default_rng(0).standard_normal((6, 5))
    shapes = [g.weight.shape for g in loss_and_gradients(parameters, x, np.zeros(6, int)).gradients]
    weights = [layer.weight for layer in parameters]
    done, last = floor.train_products(weights, x)
    assert [gradient.shape for gradient in reversed(done)] == shapes
    np.testing.assert_allclose(last, x @ weights[0] @ weights[1] @ weights[2])


def test_rows_are_cut_or_repeated_in_all_splits_alike(make_dataset):
    dataset = make_dataset(n_train=30, n_valid=9, n_test=6)
    for count, valid, test in ((10, 3, 2), (60, 18, 12)):
        resized = link.resize(dataset, count)
        assert [len(s.labels) for s in (resized.train, resized.valid, resized.test)] == [
            count, valid, test
        ]  # fmt: skip
        np.testing.assert_array_equal(resized.train.features[:10], dataset.train.features[:10])
    np.testing.assert_array_equal(resized.train.labels[30:], dataset.train.labels)


def test_growth_writes_rows_on_disk_that_load(letters, tmp_path):
    growth.write_folders(str(letters), tmp_path)
    once, twice = (load(growth.folder_of(tmp_path, f), split=(400 * f, 100 * f)) for f in (1, 2))
    assert len(twice.train.labels) == 2 * len(once.train.labels)
    assert len(twice.test.labels) == 2 * len(once.test.labels)
    whole = np.load(growth.folder_of(tmp_path, 2) / "images.npy")
    with np.load(letters) as archive:
        np.testing.assert_array_equal(whole[600:], archive["images"])


def test_a_recipe_reads_back_what_it_writes():
    for text in ("full 0.1 constant 200", "128 0.05 one-cycle 5"):
        assert str(recipes.parse(text)) == text
    for text in ("128 0.05 one-cycle", "128 0.05 sawtooth 5", "128 -1 constant 5"):
        with pytest.raises(ValueError, match=r".+"):
            recipes.parse(text)


def test_the_time_to_an_accuracy_counts_whole_epochs():
    seconds, accuracies = [5.0, 1.0, 1.0, 1.0], [0.1, 0.5, 0.9, 0.8]
    assert recipes.first_reached(seconds, accuracies, 0.9, lag=0) == (3, 7.0)
    # With the full batch the third epoch measures the weights after two.
    assert recipes.first_reached(seconds, accuracies, 0.9, lag=1) == (2, 6.0)
    assert recipes.first_reached(seconds, accuracies, 0.91, lag=0) is None


def test_a_median_needs_most_runs_to_get_there():
    run = recipes.Reached(3, 2.0)
    assert recipes.median_seconds([run, run, None]) == 2.0
    assert recipes.median_seconds([run, None, None]) is None


def test_time_to_accuracy_takes_the_target_from_the_tasks_recipe(config):
    task = recipes.Recipe(None, 0.1, "constant", 10)
    fast = recipes.Recipe(20, 0.1, "one-cycle", 4)
    slow = recipes.Recipe(20, 0.1, "constant", 4)
    found = recipes.to_accuracy(
        ["ours", "notebook"], config, fast, slow, 1, None, lambda text: None, task
    )
    dataset = load(config.data, split=config.split)
    assert found["target"] == train(dataset, task.config(config, 421)).history[-1].test_accuracy
    assert set(found["task"]) == set(found["constant"]) == {"ours", "notebook"}
    assert set(found["recommended"]) == {"ours"}
    assert len(found["recommended"]["ours"]) == 1
    assert found["task"]["ours"][0].epoch <= 10
    used = {"task": task, "constant": slow, "recommended": fast}
    lines = recipes.accuracy_table(found, used).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {5}


def test_a_recipe_is_chosen_without_the_test_rows(config, monkeypatch):
    dataset = load(config.data, split=config.split)
    seen = []

    def watched(data, *arguments):
        seen.append(data.test)
        return train(data, *arguments)

    monkeypatch.setattr(recipes, "train", watched)
    monkeypatch.setattr(recipes, "CHOICE_SEEDS", (1,))
    monkeypatch.setattr(recipes, "BATCH_SIZES", (20,))
    task = recipes.Recipe(None, 0.1, "constant", 3)
    found = recipes.choose(dataset, config, lambda text: None, range(2, 5), task)
    assert set(found) == {"constant", "recommended"}
    assert found["constant"][0].schedule == "constant"
    assert seen
    assert not any(seen)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.md"
    path.write_text("above\n<!-- benchmark:begin -->\nold\n<!-- benchmark:end -->\nbelow\n")
    return path


def test_the_command_line_leaves_record_table_and_chart(small, page, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [*small, "--against", "floor", "notebook", "--starts", "1", "--json"]
    arguments += ["--batch-size", "full", "64"]
    assert benchmark.main([*arguments, "--out", str(out), "--write-table", str(page)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads((out / "benchmark.json").read_text())
    for batch_size in ("full", "64"):
        assert set(record["results"][batch_size]) == {"ours", "floor", "notebook"}
    assert set(record["machine"]) == {"gpu", "cpu", "threads", "system", "python", "load_average"}
    assert record["results"]["full"]["ours"]["blas"][0]["architecture"]
    with Image.open(out / "benchmark.png") as image:
        assert len(image.convert("RGB").getcolors(2**24)) > 50
    text = page.read_text()
    assert text.startswith("above\n<!-- benchmark:begin -->\n| contestant |")
    assert text.endswith("\n<!-- benchmark:end -->\nbelow\n")
    assert "old" not in text
    assert (out / "benchmark.md").read_text().strip() in text


@pytest.mark.parametrize("text", ["nothing", "<!-- benchmark:end --><!-- benchmark:begin -->"])
def test_a_page_without_markers_is_told_before_anything_is_timed(small, tmp_path, capsys, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    arguments = ["--out", str(tmp_path / "out"), "--write-table", str(page)]
    assert benchmark.main([*small, "--against", "notebook", *arguments]) == 2
    assert "must stand in it once each" in capsys.readouterr().err
    assert page.read_text() == text
    assert not (tmp_path / "out").exists()


def test_an_absent_peer_exits_3_and_says_how_to_install_it(small, tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    out = tmp_path / "out"
    assert benchmark.main([*small, "--against", "notebook", "torch", "--out", str(out)]) == 3
    message = capsys.readouterr().err
    assert message.startswith("benchmark.py: error: torch is not installed")
    assert "pip install" in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_another_training_exits_1(small, tmp_path, capsys, monkeypatch):
    def other(entries, *arguments):
        raise LossError("torch: not the same training")

    monkeypatch.setattr(speed, "interleave", other)
    assert benchmark.main([*small, "--against", "--out", str(tmp_path)]) == 1
    *_, line = capsys.readouterr().err.splitlines()  # after warnings of this machine
    assert line == "benchmark.py: error: torch: not the same training"


@pytest.mark.parametrize(("load", "count"), [(0.1, 1), (1.5, 2)])
def test_what_distorts_is_warned_of(small, tmp_path, capsys, monkeypatch, load, count):
    monkeypatch.setenv("OPENBLAS_CORETYPE", os.environ.get("OPENBLAS_CORETYPE", ""))
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    monkeypatch.setattr(speed, "report", lambda *a: ({}, ""))
    assert benchmark.main([*small, "--against", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == count
    assert lines[0].startswith("warning: OPENBLAS_CORETYPE is set")
    assert "load average 1.5" in lines[-1] or load < 1


@pytest.fixture
def gpus(monkeypatch, machine):
    """Have two GPUs: the contestants' processes find the stand-in for CuPy and its driver."""
    environment = machine(ROOT / "tests" / "stand_in", ROOT / "tests" / "kernels", devices=2)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(benchmark, "read_driver", lambda: Driver((12, 8), 2, 0))
    monkeypatch.setattr(
        benchmark, "describe_devices", lambda count: [f"cuda:{i} Card {i}" for i in range(count)]
    )


def test_on_a_gpu_contestants_compute_there_and_its_memory_is_compared(gpus, small, tmp_path):
    arguments = ["--device", "cuda:1", "--against", "floor", "--batch-size", "full", "100"]
    status = benchmark.main([*small, *arguments, "--starts", "1", "--out", str(tmp_path)])
    assert status == 0
    record = json.loads((tmp_path / "benchmark.json").read_text())
    assert record["machine"]["gpu"] == "Card 1; "
    for batch in ("full", "100"):
        ours, floor = (record["results"][batch][name] for name in ("ours", "floor"))
        assert ours["versions"] == floor["versions"] == {"cupy": "0 (stand-in)"}
        # What the stand-in has allocated, and not what a process of NumPy takes.
        assert 600 * 30 < ours["peak_bytes"] < 30e6 < ours["ready_bytes"]
    text = (tmp_path / "benchmark.md").read_text()
    assert "peak memory of the GPU, MB" in text
    assert "losses equal within 1e-05 (full batch)" in text
    assert "Card 1; " in text


def test_a_process_sees_the_one_gpu_that_it_is_to_use(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert only_gpu("cpu") == {}
    assert only_gpu("cuda") == {"CUDA_VISIBLE_DEVICES": "0"}
    assert only_gpu("cuda:2") == {"CUDA_VISIBLE_DEVICES": "2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-3f")
    assert only_gpu("cuda:1") == {"CUDA_VISIBLE_DEVICES": "GPU-3f"}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--device", "auto"], 2, "--device must be cpu, cuda or cuda:N here, got auto"),
        (["--device", "cuda", "--growth"], 2, "--growth measures on a CPU"),
        (["--device", "cuda", "--to-accuracy"], 2, "--to-accuracy measures on a CPU"),
        (["--device", "cuda", "--against", "sklearn"], 2, "--against sklearn cannot use --device"),
        (["--against", "torch-graph"], 2, "--against torch-graph cannot use --device cpu"),
        (["--device", "cuda:2"], 3, "device cuda:2: the NVIDIA driver finds no such GPU"),
    ],
)
def test_what_a_device_cannot_do_is_one_line(gpus, small, capsys, arguments, status, message):
    assert benchmark.main([*small, *arguments]) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message in said


def test_who_comes_by_default_can_use_the_device():
    assert "torch-graph" not in benchmark.USUAL["cpu"]
    assert set(benchmark.USUAL["cpu"]) >= {"floor", "numpy", "torch", "jax", "keras", "sklearn"}
    assert set(benchmark.USUAL["cuda"]) == {"floor", "torch", "torch-graph", "jax"}


@pytest.mark.parametrize("batch_size", [None, 64])
def test_replayed_steps_are_the_steps_of_the_eager_peer(config, monkeypatch, need, batch_size):
    """What PyTorch captures runs on a GPU only; here a replay calls the function again."""
    need("torch")
    from peers import torch_graph_peer
    from peers.torch_peer import TorchPeer

    def captured(function):
        for _ in range(torch_graph_peer.WARM_UP):
            function()
        return function

    monkeypatch.setattr(torch_graph_peer, "captured", captured)
    config = replace(config, batch_size=batch_size, nesterov=True, l2=1e-3, hidden=(9, 5))
    dataset = load(config.data, split=config.split)
    splits = [
        Rows((rows.features / 255).astype(np.float32), rows.labels)
        for rows in dataset.splits.values()
    ]
    start = init_parameters((30, 9, 5, 3), seed=1, dtype="float32")
    task = Task(start, splits[0], tuple(splits[1:]), config)
    with pytest.raises(PeerError, match="need a GPU"):
        torch_graph_peer.TorchGraphPeer(task)
    eager = TorchPeer(task)
    monkeypatch.setattr(torch_graph_peer, "DEVICE", "cpu")
    replayed = torch_graph_peer.TorchGraphPeer(task)
    for epoch in range(2):
        order = np.random.default_rng(epoch).permutation(400) if batch_size else None
        np.testing.assert_allclose(replayed.epoch(order), eager.epoch(order), rtol=1e-6)
    for mine, theirs in zip(replayed.parameters(), eager.parameters(), strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)


def test_a_failing_contestant_is_one_line(config):
    process = Process(Entry("nobody", config))
    with pytest.raises(PeerError, match=r"^nobody: KeyError"):
        process.ready()
    process.close()
    missing = Process(Entry("ours", replace(config, data="none.npz")))
    with pytest.raises(DataError, match=r"^none\.npz: no such file"):
        missing.ready()
    missing.close()


def test_a_dead_process_is_told(config):
    process = Process(Entry("ours", config))
    process.ready()
    process.request(0)  # it ends, and there is no answer
    with pytest.raises(PeerError, match=r"^ours: its process died"):
        process.wait()
    process.close()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has it")
def test_threads_are_cores_and_the_parent_keeps_its_own():
    mine = os.sched_getaffinity(0)
    with limited_to(1):
        code = "import os; print(len(os.sched_getaffinity(0)))"
        seen = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert seen.stdout.strip() == b"1"
    assert os.sched_getaffinity(0) == mine
    with pytest.raises(ValueError, match=r"^--threads must be at most"), limited_to(len(mine) + 1):
        pass


def test_help_shows_an_example_and_the_defaults():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "benchmark.py"), "--help"],
        capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip
    for text in ("python scripts/benchmark.py --growth", "(default: 5)", "exit status"):
        assert text in done.stdout


def model_of(step, steps, held_out=(6, 3)):
    shape = model.Shape(step, steps, held_out, 100, 50, 4_000_000, 0)
    costs = model.Costs(exchange=1e-4, bandwidth=1e9, update=1e-3)
    return [model.predict(shape, 1.0, costs, ranks) for ranks in (1, 2, 3, 4, 20)]


def test_the_model_of_ranks_takes_the_longest_share_and_counts_every_node():
    one, two, three, four, many = model_of(step=10, steps=1)
    # 10 pieces of 100 rows trained (twice the work) and 6 + 3 of 50 rows evaluated: 2450 in all.
    assert one == scaling.Prediction(pytest.approx(1.0), 0)
    assert two.compute == pytest.approx(0.999 * (1000 + 150 + 100) / 2450 + 0.001)
    assert three.compute == pytest.approx(0.999 * (800 + 100 + 50) / 2450 + 0.001)
    # On two ranks s0-3, s4 | s5, s6-7, s8-9; each of 4 MB.
    assert two.communicate == pytest.approx(1e-4 + 5 * 4e-3)
    # More ranks than pieces: ten leaves, and nobody has less than one.
    assert many.compute == pytest.approx(0.999 * (200 + 50 + 50) / 2450 + 0.001)
    assert many.communicate == pytest.approx(19 * 1e-4 + 10 * 4e-3)
    assert four.seconds == four.compute + four.communicate
    mini = model_of(step=2, steps=5)[1]  # and an evaluation
    assert mini.communicate == pytest.approx(6 * 1e-4 + 5 * 2 * 4e-3)


def test_the_model_of_divided_units_divides_the_update_and_exchanges_weights_once_an_epoch():
    shape = model.Shape(2, 5, (6, 3), 64, 50, 5_120, 8_000_000)
    two = model.predict(shape, 1.0, model.Costs(1e-4, 1e9, 1e-3), 2)
    # 5 steps of 2 pieces, each the work of 64 rows trained, and 9 pieces of 50 rows evaluated.
    assert two.compute == pytest.approx((640 + 250) / (1280 + 450))
    assert two.communicate == pytest.approx(6 * 1e-4 + (5 * 2 * 5_120 + 8_000_000) / 1e9)


@pytest.mark.parametrize(("batch_size", "step", "rows", "epoch_bytes"), [
    (None, 10, 1000, 0), (128, 8, 16, 2 * 4 * 795_010), (2000, 2, 1000, 0),
])  # fmt: skip
def test_the_model_cuts_a_training_as_training_does(batch_size, step, rows, epoch_bytes):
    config = TrainingConfig(batch_size=batch_size)
    shape = model.shape(config, None)
    assert (shape.step, shape.shard_rows, shape.epoch_bytes) == (step, rows, epoch_bytes)
    assert shape.node_bytes == (4 * 128 * 10 if epoch_bytes else 4 * 795_010)


def test_over_ethernet_nodes_pass_both_memory_and_network():
    costs = model.Costs(1e-5, 3e9, 1e-3).over_ethernet()
    assert costs == (pytest.approx(4e-5), pytest.approx(1.5e9), 1e-3)


def test_more_ranks_than_cores_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "available_threads", lambda: 2)
    assert benchmark.main(["--ranks", "3", "--out", str(tmp_path / "out")]) == 2
    assert "error: --ranks must be at most the 2 cores this process may use, got 3" in (
        capsys.readouterr().err
    )
