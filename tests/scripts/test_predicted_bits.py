"""The bits that any card must give, found by executing the kernels on the CPU."""

from concurrent.futures import ProcessPoolExecutor

import cases
import cuda_on_cpu
import pytest
from verification.bits import EXPECTED


def trained_on_the_stand_in(dtype: str, descending: bool) -> str:
    import array_api_compat.cupy as xp
    import cupy
    from verification.bits import trained_sha256

    from mlp.device import Device

    cuda_on_cpu.Library.descending = descending
    device = Device(xp, cupy.cuda.Device(0), "cuda", "cuda", "cuda:0", "stand-in")
    return trained_sha256(device, dtype)


@pytest.fixture(scope="module")
def stand_in():
    if reason := cuda_on_cpu.why_not():
        pytest.skip(reason)
    context = cases.fresh_processes()
    with ProcessPoolExecutor(1, mp_context=context, initializer=cases.start) as pool:
        yield pool


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("dtype", EXPECTED)
def test_a_training_has_the_bits_that_are_pinned(dtype, descending, stand_in):
    found = stand_in.submit(trained_on_the_stand_in, dtype, descending).result()
    assert found == EXPECTED[dtype]
