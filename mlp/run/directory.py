"""The run directory: one process at a time writes it; config.json marks it as a run."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count, takewhile
from pathlib import Path

from ..config import TrainingConfig
from ..files import FileError, read_text, remove, write
from . import checkpoint


def default_directory(prefix: str = "") -> Path:
    """Return the name of a directory, ``runs/PREFIX<UTC time>``; see `create`."""
    return Path("runs") / datetime.now(UTC).strftime(f"{prefix}%Y-%m-%dT%H-%M-%SZ")


class Place:
    """Where a directory that is held open is, also after somebody has renamed it."""

    def __init__(self, directory: Path, handle: int) -> None:
        self._directory, self._handle = directory, handle

    @property
    def path(self) -> Path:
        """The path that it was opened by, or the one that it has now.

        Raises
        ------
        FileError
            It was removed, or the system does not tell where it is.
        """
        mine = os.fstat(self._handle)
        for path in (self._directory, _path_of(self._handle)):
            with suppress(OSError):
                if path is not None and os.path.samestat(mine, os.stat(path)):
                    self._directory = path
                    return path
        raise FileError(f"{self._directory}: was removed, or moved away, while the run was in it")


def _path_of(handle: int) -> Path | None:
    with suppress(OSError):
        if sys.platform == "darwin":
            return Path(
                os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
            )
        return Path(os.readlink(f"/proc/self/fd/{handle}"))
    return None


@contextmanager
def locked(directory: Path) -> Iterator[Place]:
    """Keep other processes out of a run directory; the lock ends with the process.

    Raises
    ------
    FileError
        Another process has it, or it is no directory that can be opened.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FileError(f"{directory}: cannot be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileError(
                f"{directory}: in use by another process; wait for it or choose another --out"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield Place(directory, handle)
    finally:
        os.close(handle)


def create(directory: Path, *, numbered: bool = False) -> Path:
    """Make the directory and return its name; to be locked before anything is written.

    Parameters
    ----------
    directory : Path
    numbered : bool
        Whether it must be new: a number is added to a name that is taken, so that runs begun in
        one second get different directories.

    Raises
    ------
    FileError
    """
    others = (directory.with_name(f"{directory.name}-{number}") for number in count(2))
    try:
        # Not by `parents=True`, which calls itself once for every folder.
        missing = takewhile(lambda folder: not folder.exists(), directory.parents)
        for folder in reversed(list(missing)):
            folder.mkdir(exist_ok=True)
        if not numbered:
            directory.mkdir(exist_ok=True)
            return directory
        return next(filter(_made, chain([directory], others)))
    except OSError as error:
        raise FileError(
            f"{directory}: cannot be made ({error.strerror}); choose another --out"
        ) from error


def _made(directory: Path) -> bool:
    """Make a directory, or return that the name is taken: of many processes one makes it."""
    try:
        directory.mkdir()
    except FileExistsError:
        return False
    return True


def begin(directory: Path, config: TrainingConfig) -> None:
    """Write ``config.json``, which marks the directory as a run.

    Raises
    ------
    FileError
        It holds a run already, or parts of one, or cannot be written.
    """
    if (directory / "config.json").exists():
        raise FileError(
            f"{directory}: holds a run already; choose another --out, or --resume {directory}"
        )
    if checkpoint.files(directory):
        raise FileError(f"{directory}: holds another run's checkpoints; choose another --out")
    write(directory / "config.json", config.to_json())


def go_on(directory: Path, config: TrainingConfig) -> None:
    """Write the ``config.json`` of a run that goes on, which has not ended any more.

    Raises
    ------
    FileError
    """
    remove(directory / "run.json")
    write(directory / "config.json", config.to_json())


def read_config(path: Path) -> TrainingConfig:
    """Read the ``config.json`` of an earlier run.

    The path of the data names the same bytes as when it was written, in any locale.

    Raises
    ------
    FileError
        It is not there, or is no configuration.
    """
    try:
        config = TrainingConfig.from_json(read_text(path))
        data = os.fsdecode(config.data.encode(errors="surrogateescape"))
        return replace(config, data=data)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: {error}") from error
