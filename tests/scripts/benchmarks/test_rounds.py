"""Interleaved rounds of contestants in their processes."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import rounds
from benchmarks.process import Entry, Process
from benchmarks.rounds import Measured, busy, check_finite, interleave
from peers import PeerError
from tolerances import ROUNDING

from mlp import DataError, DivergedError, load, train


def quiet(text):
    pass


@pytest.mark.parametrize(("name", "batch_size"), [("numpy", None), ("numpy", 64), ("notebook", 64)])
def test_ours_and_a_peer_reach_the_same_loss_epoch_by_epoch(config, name, batch_size):
    config = replace(config, batch_size=batch_size)
    entries = {who: Entry(who, config) for who in ("ours", name)}
    seen = interleave(entries, 1, 2, quiet)
    np.testing.assert_allclose(
        np.array(seen["ours"].scores)[:, ::2], np.array(seen[name].scores)[:, ::2],
        **ROUNDING["float32"],
    )  # fmt: skip
    assert all(one.peak_bytes >= one.ready_bytes >= one.start_bytes > 0 for one in seen.values())
    assert seen["ours"].versions == {"numpy": np.__version__}
    assert [(len(one.seconds), one.rows) for one in seen.values()] == [(1, 400)] * 2


def test_what_ours_reports_is_what_train_does(config):
    history = train(load(config.data, split=config.split), replace(config, epochs=3)).history
    process = Process(Entry("ours", config))
    try:
        process.ready()
        scores = process.ask(1)["scores"] + process.ask(0)["scores"] + process.ask(2)["scores"]
    finally:
        process.close()
    assert scores == [list(row[1:7]) for row in history[:3]]


def test_a_loss_that_is_not_finite_names_contestant_and_epoch():
    fine = [1.0, np.nan, 1.0, 0.5, 1.0, 0.5]  # scikit-learn has no training accuracy
    check_finite("floor", [None, None], 0)
    check_finite("sklearn", [fine, fine], 0)
    for column in (0, 2, 4):
        bad = [math.inf if index == column else value for index, value in enumerate(fine)]
        with pytest.raises(DivergedError, match=r"^torch: training diverged: .* inf in epoch 7;"):
            check_finite("torch", [fine, bad], 5)


@pytest.mark.parametrize("name", ["ours", "notebook"])
def test_a_contestant_that_diverges_ends_the_rounds(config, name):
    with pytest.raises(DivergedError, match=rf"^{name}: training diverged: .*; lower the learning"):
        interleave({name: Entry(name, replace(config, learning_rate=1e308))}, 1, 4, quiet)


def test_who_is_not_idle_while_others_are_measured_is_named(config, monkeypatch, tmp_path):
    """A thread that never rests, as those of some libraries after their work."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading\n"
        "def spin():\n"
        "    while True:\n"
        "        pass\n"
        "if 'SPINS' in os.environ:\n"
        "    threading.Thread(target=spin, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def start(entry):
        with monkeypatch.context() as context:
            if entry.contestant == "notebook":
                context.setenv("SPINS", "1")
            return Process(entry)

    monkeypatch.setattr(rounds, "Process", start)
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.2)
    seen = interleave({name: Entry(name, config) for name in ("ours", "notebook")}, 1, 1, quiet)
    (line,) = busy(seen)
    assert line.startswith("notebook used ")
    assert line.endswith(" of a core while others were measured")
    assert seen["ours"].idle_share < rounds.IDLE_SHARE < seen["notebook"].idle_share


def test_few_percent_of_a_core_are_no_matter():
    assert busy({"torch": Measured(idle_share=0.03), "jax": Measured(idle_share=0.3)}) == [
        "jax used 30% of a core while others were measured"
    ]


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
    process._process.kill()
    with pytest.raises(PeerError, match=r"^ours: its process died"):
        process.ask(1)
    process.close()
