"""Trials of a sweep that were never trained."""

from pathlib import Path

from mlp import History, Metrics, TrainingConfig
from mlp.run.sweep import Trial


def history(*valid_losses):
    return History(
        Metrics(epoch, 0.5, 0.8, loss, 0.75, 1 - epoch / 10, 0.7, 0.1)
        for epoch, loss in enumerate(valid_losses)
    )


def finished(options, *valid_losses):
    record = {
        "timing": {"total_s": 1.0},
        "data": {"path": "<i>", "n_train": 1, "n_valid": 1, "n_test": 1, "sha256": ""},
        "device": dict.fromkeys(("used", "library", "version", "threads", "reason"), "cpu"),
        "versions": {},
    }
    rows = history(*valid_losses)
    return Trial(options, TrainingConfig(), Path("name"), history=rows, record=record)


def diverged(options, reason="it diverged"):
    return Trial(options, TrainingConfig(), Path("hidden-5"), reason=reason)
