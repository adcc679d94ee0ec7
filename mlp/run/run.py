"""A run: opened and locked, begun or resumed, trained, written."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..classifier import Classifier
from ..config import TrainingConfig, command_line
from ..datasets import Dataset, fingerprint
from ..datasets.weights import balanced, told
from ..device import Device, choose_device
from ..files import absolute, remove_parts, sync, write_json
from ..history import AXES, SPLITS, HistoryFile
from ..installation import is_installed
from ..keras_reference import keras_device, train_keras
from ..state import TrainingState, check_finite, patience_is_over, to_host
from ..training import network_sizes, thread_count, train
from ..work import step_kind, training_piece_rows
from . import checkpoint
from .directory import Place, begin, create, go_on, locked
from .environment import describe_environment
from .listener import Listener
from .pages import optional
from .ranks import Leader, Order, load_as
from .record import record
from .report import plot_history, write_report
from .resume import checkpoint_to_resume, finished
from .signals import StoppedBySignal, StopSignals


@dataclass
class Run:
    """One training and its directory.

    Attributes
    ----------
    directory : Path
    config : TrainingConfig
        As it was asked for.
    resume : bool
        Whether the directory holds a run to go on with.
    report : bool
        Whether to write ``report.html``.
    pictures : bool
        Whether rows and weights may be shown in it as pictures.
    leader : Leader
        Tells the other ranks what to do.
    listener : Listener
    numbered : bool
        Whether the directory must be new, and gets a number where it is not.
    """

    directory: Path
    config: TrainingConfig
    resume: bool
    report: bool
    pictures: bool
    leader: Leader
    listener: Listener
    numbered: bool = False

    def execute(self) -> dict[str, Any]:
        """Train and write every file of the run; return what ``run.json`` says.

        A run that leaves nothing to do is left as it is.

        Raises
        ------
        ValueError
            The options do not go together, or not with the run that is there.
        FileError, DataError, DeviceError, DivergedError, StoppedBySignal
        """
        started = time.perf_counter()
        with ExitStack() as lock:
            if self.resume:  # whoever else had it may have ended it
                place = lock.enter_context(locked(self.directory))
                found = finished(self.directory, self.config.epochs, self.listener.warn)
                if found is not None:
                    return found
            device = self._choose_device()
            if device.notice:
                self.listener.warn(device.notice)
            dataset = self._load()
            if not self.resume:  # what is wrong so far leaves no directory
                self.directory = create(self.directory, numbered=self.numbered)
                place = lock.enter_context(locked(self.directory))
            remove_parts(self.directory)
            if not sync(self.directory):
                self.listener.warn(
                    f"warning: {self.directory}: its file system cannot sync folders: after a "
                    "power failure the newest files may be missing"
                )
            return self._train_and_write(device, dataset, place, started)

    def _choose_device(self) -> Device:
        config, reference = self.config, self.config.reference
        if not reference:
            return choose_device(config.device, strict=config.strict_device, tf32=config.tf32)
        if self.resume:
            raise ValueError(f"a run of --reference {reference} cannot go on; start anew")
        if self.leader.communicator.size > 1:
            raise ValueError(f"--reference {reference} trains on one rank")
        return keras_device(config.device, strict=config.strict_device)

    def _load(self) -> Dataset:
        config = self.config
        dataset = load_as(config)
        if not is_installed():
            where = Path(__file__).parents[1]
            note = f"array-api-mlp is not installed; this is the copy in {where}"
            dataset = replace(dataset, notes=(*dataset.notes, note))
        if config.class_weight:
            weights = balanced(dataset.train.labels, dataset.n_classes)
            note = f"--class-weight {config.class_weight}: {told(weights, dataset.class_names)}"
            dataset = replace(dataset, notes=(*dataset.notes, note))
        return dataset

    def _train_and_write(
        self, device: Device, dataset: Dataset, place: Place, started: float
    ) -> dict[str, Any]:
        environment = describe_environment(device)
        # What was asked for; only the data's place must not depend on where the program was.
        asked = replace(self.config, data=absolute(self.config.data))
        found, state = None, None
        if self.resume:
            warn = self.listener.warn
            found = checkpoint_to_resume(place.path, asked, dataset, environment, warn)
            state = found and found.state
            go_on(place.path, asked)
        else:
            begin(place.path, asked)
        # What it comes to is kept in checkpoints, so that the run goes on as it began anywhere.
        shard_rows = asked.shard_rows or (found and found.config.shard_rows)
        config = replace(asked, shard_rows=shard_rows)
        n_train = dataset.train.labels.shape[0]
        config = replace(config, shard_rows=training_piece_rows(config, n_train, device.kind))
        for note in dataset.notes:
            self.listener.say(f"note: {note}")
        communicator = self.leader.communicator
        on_device = dataset.to(device)
        threads = thread_count(config, on_device, communicator)
        ranks = f"{communicator.size} ranks of " if communicator.size > 1 else ""
        self.listener.say(
            f"{' - '.join(map(str, network_sizes(dataset, config)))} on {device.used} "
            f"({device.library}, {ranks}{threads} threads), {dataset.train.labels.shape[0]} "
            "training rows"
        )
        print_of_data = fingerprint(dataset) if communicator.size > 1 else ""
        self.leader.say(
            Order(config, state, device.kind, dataset.sha256, print_of_data, environment)
        )
        past = state.history if state else ()
        # A signal after the last epoch finds a whole state on disk, and the run writes its files.
        with StopSignals() as stop:
            with HistoryFile(place.path / "metrics.csv", past) as history:

                def save(state: TrainingState) -> None:
                    checkpoint.save(place.path, state, config, dataset.sha256, environment)

                def on_epoch(state: TrainingState) -> None:
                    history.write(state.history[-1])
                    every = config.checkpoint_every
                    if every and state.epoch and state.epoch % every == 0:
                        save(state)
                    self.listener.progress(state, config.epochs)

                # The device may have fallen back: training is where the rows are.
                there = replace(config, device="auto")
                state = self._train(on_device, there, state, on_epoch, stop)
            signalled = communicator.combine([], stop.received or 0)
            state = to_host(state)
            self._warn_of_losses(state)
            dataset = self._warn_of_changed_data(dataset)
            stopped_early = patience_is_over(state, config)
            interrupted = signalled and state.epoch < config.epochs and not stopped_early
            if not interrupted:  # the model comes before all that may fail
                check_finite(state)
                model = Classifier.of(state.result_parameters, dataset)
                model.save(place.path / "model.safetensors")
            if not config.reference:
                save(state)
            if interrupted:
                advice = f"go on with --resume {place.path}"
                if config.reference:
                    advice = "start again with another --out"
                message = f"interrupted after epoch {state.epoch}; {advice}"
                raise StoppedBySignal(signalled, message)
            seconds = time.perf_counter() - started + sum(row.seconds for row in past)
            step = config.reference or step_kind(config, on_device)
            written = record(
                *(dataset, device, threads, step, state, stopped_early, seconds, communicator.size)
            )
            # What was left open came to this; config.json has what was asked for.
            written["resolved"] = {"shard_rows": config.shard_rows}
            self._write_pages(place.path, written, asked, dataset, state)
            write_json(place.path / "run.json", written)  # which says that the run has ended
            communicator.barrier()  # until here the other ranks note signals too
        if not config.checkpoint_every:
            checkpoint.remove(place.path)
        self.listener.ended(written, place.path)
        return written

    def _train(
        self,
        dataset: Dataset,
        config: TrainingConfig,
        state: TrainingState | None,
        on_epoch: Callable[[TrainingState], object],
        stop: StopSignals,
    ) -> TrainingState:
        if config.reference:
            return train_keras(dataset, config, on_epoch=on_epoch, stop=stop)
        return train(
            dataset,
            config,
            state=state,
            communicator=self.leader.communicator,
            on_epoch=on_epoch,
            stop=stop,
        )

    def _warn_of_changed_data(self, dataset: Dataset) -> Dataset:
        if not dataset.changed:
            return dataset
        note = f"{dataset.path}: has changed during the run, which has learned from both contents"
        self.listener.warn(f"warning: {note}")
        return replace(dataset, notes=(*dataset.notes, note))

    def _warn_of_losses(self, state: TrainingState) -> None:
        row = state.history[state.result_epoch]._asdict()
        for split, name in SPLITS.items():
            # Without rows it is NaN as well, and so is the accuracy then.
            if not (math.isfinite(row[f"{split}_loss"]) or math.isnan(row[f"{split}_accuracy"])):
                self.listener.warn(
                    f"warning: the {name.lower()} loss is {row[f'{split}_loss']}: these rows lie "
                    "so far from the others that float arithmetic overflows"
                )

    def _write_pages(
        self,
        directory: Path,
        record: dict[str, Any],
        config: TrainingConfig,
        dataset: Dataset,
        state: TrainingState,
    ) -> None:
        """Write what shows a run to people; what cannot be written is warned of."""
        for quantity in AXES:
            path = directory / f"{quantity}.png"
            with optional(path, self.listener.warn):
                plot_history(state.history, quantity, path)
        if self.report:
            path = directory / "report.html"
            with optional(path, self.listener.warn):
                write_report(
                    path,
                    record=record,
                    config=config,
                    history=state.history,
                    dataset=dataset,
                    parameters=state.result_parameters,
                    command=f"mlp train {command_line(self.config)}".rstrip(),
                    pictures=self.pictures,
                )
