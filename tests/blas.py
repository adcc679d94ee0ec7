"""How many threads BLAS has, and the mark of tests that watch them."""

import numpy as np  # noqa: F401 - loads the library that is asked
import pytest
from threadpoolctl import threadpool_info


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


# Asked before any test has run: a limit that a broken team never lifts must not skip its test.
AT_FIRST = blas_threads()
needs_blas_threads = pytest.mark.skipif(
    max(AT_FIRST, default=1) == 1,
    reason="BLAS has one thread here, on one core: that it is held to one cannot be seen",
)
