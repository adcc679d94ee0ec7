"""What a student's code may not do: an audit hook, and limits that the system keeps.

This holds off accidents and pranks, not a determined attacker: Python code that knows the
interpreter well can get around both.
"""

import os
import resource
import sys
from typing import Any

# Refused whatever their arguments are; a name stands for its whole family.
REFUSED = frozenset(
    "_posixsubprocess _thread ctypes fcntl ftplib glob http imaplib mmap nntplib os poplib pty "
    "resource shutil signal smtplib socket sqlite3 subprocess syslog tempfile urllib "
    "webbrowser".split()
)
# Importing looks into folders.
READS = frozenset({"os.listdir", "os.scandir"})
# Make files and raise no audit event.
UNAUDITED = ("mkfifo", "mknod")


class RefusedError(Exception):
    """A student's code has tried what it may not."""


def limit(cpu_seconds: int, memory_bytes: int) -> list[str]:
    """Limit this process; return the names of limits that the system does not take."""
    wanted = {
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,
    }
    missing = []
    for name, value in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, OSError, ValueError):
            missing.append(name)
    if sys.platform == "darwin" and "RLIMIT_AS" not in missing:
        missing.append("RLIMIT_AS")  # which macOS takes and does not keep
    return missing


def watch(readable: list[str]) -> None:
    """Refuse writes, processes, sockets, and reads outside the folders of Python's installation."""
    roots = tuple(os.path.join(os.path.realpath(folder), "") for folder in readable if folder)
    for module in (os, sys.modules[os.name]):
        for name in UNAUDITED:
            vars(module).pop(name, None)
    realpath, fspath, fsdecode = os.path.realpath, os.fspath, os.fsdecode
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def within(path: Any) -> bool:
        name = fsdecode(fspath(path)) if isinstance(path, str | bytes | os.PathLike) else None
        return name is not None and (realpath(name) + os.sep).startswith(roots)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if flags & writing or (mode and set(mode) & set("wax+")) or not within(path):
                raise RefusedError("opening a file is refused here")
        elif event in READS:
            if not (arguments and within(arguments[0])):
                raise RefusedError("listing a folder is refused here")
        elif event.partition(".")[0] in REFUSED:
            raise RefusedError(f"{event} is refused here")

    sys.addaudithook(hook)
