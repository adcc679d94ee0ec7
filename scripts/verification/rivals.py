"""Epochs of ours against PyTorch's and JAX's on the same GPU: benchmark.py's contestants."""

import dataclasses
import json
import sys
from dataclasses import replace
from typing import Any

from benchmarks.process import Entry
from benchmarks.rounds import Measured, interleave
from benchmarks.sameness import LossError, check_training
from benchmarks.spread import ratios, spread
from peers import ON_GPU, PeerError, check

from mlp import TrainingConfig
from verification.processes import answer, run
from verification.setup import NotRunError, Setup, Values

EPOCHS = 5  # in a round
MOST_SECONDS = 100  # for one of them
RIVALS = [name for name in ON_GPU if name != "keras"]  # TensorFlow's wheels rarely have CUDA

_RACE = "from verification import rivals; rivals.main()"


def race(setup: Setup) -> Values:
    """Time ours and each of the others in turn; who is absent or fails is told and passed over."""
    found: Values = {}
    sizes = [setup.config.batch_size] if setup.quick else [setup.config.batch_size, None]
    for name in RIVALS:
        for size in sizes:
            key = f"{name}, {f'batches of {size}' if size else 'full batch'}"
            try:
                check(name)
                config = replace(setup.config, batch_size=size, device="cuda", epochs=10**6)
                job = {"name": name, "config": dataclasses.asdict(config), "rounds": setup.rounds}
                # In a process that can be ended.
                done = run(setup, "-c", _RACE, json.dumps(job), most=MOST_SECONDS)
                found[key] = answer(done)
            except (NotRunError, PeerError, RuntimeError) as error:
                found[key] = {"not_run": str(error)}
    if all("not_run" in one for one in found.values()):
        raise NotRunError(" ".join(sorted({str(one["not_run"]) for one in found.values()})))
    return found


def compare(name: str, config: TrainingConfig, rounds: int) -> dict[str, Any]:
    """Interleave ours and one other, from the same weights, checked to reach the same losses."""
    entries = {one: Entry(one, config) for one in ("ours", name)}
    try:
        check_training(entries, lambda text: None)
        seen: dict[str, Measured] = interleave(entries, rounds, EPOCHS, lambda text: None)
    except LossError as error:
        return {"differs": str(error)}
    ours, theirs = seen["ours"], seen[name]
    return {
        "versions": theirs.versions,
        "ours": spread(ours.seconds)._asdict(),
        "theirs": spread(theirs.seconds)._asdict(),
        "theirs / ours": ratios(theirs.seconds, ours.seconds)._asdict(),
        "peak_bytes": {"theirs": theirs.peak_bytes, "ours": ours.peak_bytes},
        "scores": {"theirs": theirs.scores, "ours": ours.scores},
    }


def main() -> None:
    """Do the job that is the first argument, and print what came of it."""
    job = json.loads(sys.argv[1])
    config = TrainingConfig.from_json(json.dumps(job["config"]))
    print(json.dumps(compare(job["name"], config, job["rounds"])))
