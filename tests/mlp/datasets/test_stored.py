"""An array in a stream: read whole or block by block, and never more than it claims."""

import io
import tracemalloc

import numpy as np
import pytest
from bits import assert_same_bits

from mlp import DataError
from mlp.datasets.stored import StoredArray

ROWS = np.arange(7 * 6, dtype=np.float32).reshape(7, 2, 3) - 20


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time, as a decompressor may."""

    def read(self, size=-1):
        return super().read(min(5, size) if size >= 0 else 5)


def stored(array=ROWS, data=None, *, begun=0, stream=io.BytesIO, **changes):
    data = array.tobytes("A") if data is None else data
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    given = StoredArray(stream(data[begun:]), "a", array.shape, array.dtype, fortran, data[:begun])
    return given._replace(**changes)


@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
@pytest.mark.parametrize("begun", [0, 10, ROWS.nbytes])
def test_the_whole_array_is_read_however_it_comes(stream, begun):
    assert_same_bits(stored(begun=begun, stream=stream).read(ROWS.nbytes), ROWS)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">i2", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_it_comes_in_this_machines_byte_order_and_in_c_order(dtype, order):
    array = np.asarray(np.arange(24).reshape(4, 3, 2), dtype, order=order)
    found = stored(array).read(2**10)
    assert found.flags.c_contiguous
    assert found.dtype.isnative
    assert_same_bits(found, np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
    blocks = list(stored(array).blocks(3, 2**10))
    assert [len(block) for block in blocks] == [3, 1]
    assert all(block.dtype.isnative for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), array)


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
@pytest.mark.parametrize("begun", [0, 10, 30])
def test_blocks_have_the_rows_in_order_and_the_last_may_be_shorter(rows, stream, begun):
    blocks = list(stored(begun=begun, stream=stream).blocks(rows, ROWS.nbytes))
    assert_same_bits(np.concatenate(blocks), ROWS)
    assert {len(block) for block in blocks[:-1]} <= {rows}
    assert len(blocks) == -(-7 // rows)


@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
def test_less_or_more_than_it_claims_is_refused(stream):
    data = ROWS.tobytes()
    for content, found in ((data[:-1], "167"), (data + b"x", "more"), (b"", "0")):
        array = stored(data=content, stream=stream)
        with pytest.raises(
            DataError, match=f"^a: claims 168 bytes of data, the file holds {found}$"
        ):
            array.read(2**10)


def test_blocks_before_the_damage_are_given():
    data = ROWS.tobytes()
    blocks = stored(data=data[: 5 * 24 + 3]).blocks(2, 2**10)
    assert_same_bits(next(blocks), ROWS[:2])
    assert_same_bits(next(blocks), ROWS[2:4])
    with pytest.raises(DataError, match="a: claims 7 rows, ends within 6"):
        next(blocks)
    blocks = stored(data=data + b"x").blocks(7, 2**10)
    assert_same_bits(next(blocks), ROWS)
    with pytest.raises(DataError, match="a: holds more than the 7 rows it claims"):
        next(blocks)


@pytest.mark.parametrize("read", [lambda a, n: a.read(n), lambda a, n: next(a.blocks(1, n))])
def test_what_a_header_claims_is_checked_before_it_is_allocated(read):
    endless = stored(shape=(2**40, 28, 28))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a: claims \d+ bytes, the limit is 168"):
        read(endless, 168)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert_same_bits(np.ravel(read(stored(), 168))[:6], ROWS[0].ravel())  # exactly the limit


def test_memory_follows_what_is_there_and_not_what_is_claimed():
    array = stored(shape=(2**20, 28, 28))
    tracemalloc.start()
    with pytest.raises(DataError, match="the file holds 168"):
        array.read(2**40)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
