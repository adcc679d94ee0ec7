"""The BLAS of this process: which one it is, and holding it to one thread."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from threadpoolctl import ThreadpoolController, threadpool_info

_users = 0
_lock = threading.Lock()
_limit = ExitStack()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS to one thread while anyone needs it; the limit is the whole process'."""
    global _users
    with _lock:
        if _users == 0:
            # Only the thread that has set OpenBLAS' limit may lift it, says threadpoolctl, and
            # ignores the others: a thread of its own does both, whoever comes first and goes last.
            keeper = _limit.enter_context(ThreadPoolExecutor(1, "blas"))
            limit = keeper.submit(ThreadpoolController().limit, limits=1, user_api="blas").result()
            keeper.submit(limit.__enter__).result()
            _limit.callback(lambda: keeper.submit(limit.__exit__, None, None, None).result())
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.close()


def libraries() -> list[str]:
    """Name every BLAS that can be held: its make, version and kernels, e.g. SkylakeX."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return sorted(
        f"{one['internal_api']} {one.get('version')} {one.get('architecture', '')}".strip()
        for one in found
    )
