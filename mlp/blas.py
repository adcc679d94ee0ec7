"""The BLAS of this process: which one it is, and holding it to one thread.

One thread against two changes a product's last bits, so work is done on one, and BLAS is asked in
the thread that works: some libraries have one limit for the process, some (OpenBLAS with OpenMP)
one for every thread, and other threads of the process may set theirs.
"""

import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_info

_users = 0
_lock = threading.Lock()
_limit = ExitStack()
_held: list[Any] = []  # threadpoolctl's controllers of the BLAS libraries, while they are held


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold the process' BLAS to one thread while anyone needs it, then put back what was found."""
    global _users
    with _lock:
        if _users == 0:
            # Only the thread that has set OpenBLAS' limit may change it, says threadpoolctl, and
            # ignores the others: a thread of its own does it, whoever comes first and goes last.
            keeper = _limit.enter_context(ThreadPoolExecutor(1, "blas"))
            limiter = keeper.submit(_hold).result()
            _limit.callback(lambda: keeper.submit(limiter.__exit__, None, None, None).result())
            _limit.callback(_held.clear)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.close()


def _hold() -> Any:
    # A thread that has set a limit, and may hold it for ever, has to let go: from version 3.8 on
    # threadpoolctl would ignore us. Its own end of the limit has its effect once we have ended.
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)
    controller = ThreadpoolController().select(user_api="blas")
    limiter = controller.limit(limits=1).__enter__()
    _held[:] = controller.lib_controllers
    return limiter


@contextmanager
def single_threaded_here() -> Iterator[None]:
    """Hold BLAS to one thread in the calling thread too, while `single_threaded` holds it.

    Warns
    -----
    RuntimeWarning
        It did not hold: another part of the program has set the number of threads meanwhile.
    """
    own = [(library, library.num_threads) for library in _held if library.num_threads != 1]
    for library, _ in own:
        library.set_num_threads(1)
    try:
        yield
    finally:
        threads = max((library.num_threads or 1 for library in _held), default=1)
        for library, found in own:
            library.set_num_threads(found)
    if threads != 1:
        warnings.warn(
            f"BLAS had to keep to 1 thread and has {threads}, which another part of this program "
            "has set: the last bits of the weights may differ from those of other runs",
            RuntimeWarning,
            stacklevel=2,
        )


def libraries() -> list[str]:
    """Name every BLAS that can be held: its make, version and kernels, e.g. SkylakeX."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return sorted(
        f"{one['internal_api']} {one.get('version')} {one.get('architecture', '')}".strip()
        for one in found
    )
