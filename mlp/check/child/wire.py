"""Values as bytes, for the pipes between the two processes. Nothing is ever unpickled."""

import json
import struct
from typing import Any, BinaryIO

import numpy as np

KINDS = "biuf"  # booleans, whole numbers, floats
LARGEST = 1 << 27  # bytes of one message
DEEPEST = 6
_HEAD = struct.Struct("<II")


class Other:
    """Stands for a value that does not travel; `name` is its type's."""

    def __init__(self, name: str) -> None:
        self.name = name


def send(stream: BinaryIO, value: Any) -> None:
    """Write one message.

    Numbers, texts, None, arrays of numbers, and tuples, lists and dicts of them travel; what else
    there is arrives as an `Other`.
    """
    arrays: list[bytes] = []
    text = json.dumps(_pack(value, arrays, 0)).encode()
    data = b"".join(arrays)
    if len(text) + len(data) > LARGEST:
        text, data = json.dumps({"other": "something very large"}).encode(), b""
    stream.write(_HEAD.pack(len(text), len(data)) + text)
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message.

    Raises
    ------
    EOFError
        The other side has ended.
    ValueError
        It has sent something that is no message.
    """
    text_length, data_length = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if text_length + data_length > LARGEST:
        raise ValueError("a message is larger than it may be")
    text, data = _exactly(stream, text_length), _exactly(stream, data_length)
    try:
        return _unpack(json.loads(text), memoryview(data))
    except (KeyError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(f"a message cannot be read: {error!r}") from error


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _pack(value: Any, arrays: list[bytes], depth: int) -> Any:
    """Return what JSON can hold; the bytes of arrays are appended to a list."""
    kind = type(value)
    if depth > DEEPEST:
        return {"other": "a nested value"}
    if kind in (bool, float, str) or value is None:
        return value
    if kind is int:
        return value if abs(value) < 1 << 62 else {"other": "a very large int"}
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in KINDS or value.dtype.itemsize > 8 or value.nbytes > LARGEST:
            return {"other": f"an array of {value.dtype}"}
        start = sum(map(len, arrays))
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"dtype": value.dtype.str, "shape": list(value.shape), "start": start}
    if kind in (list, tuple) and len(value) <= 100_000:
        return {kind.__name__: [_pack(item, arrays, depth + 1) for item in list(value)]}
    if kind is dict and len(value) <= 1000:
        pairs = [(str(key), _pack(item, arrays, depth + 1)) for key, item in value.items()]
        return {"dict": pairs}
    return {"other": kind.__name__}


def _unpack(value: Any, data: memoryview) -> Any:
    """Return the value of what JSON held; arrays are copies that may be written to."""
    if not isinstance(value, dict):
        return value
    if "other" in value:
        return Other(str(value["other"]))
    if "list" in value:
        return [_unpack(item, data) for item in value["list"]]
    if "tuple" in value:
        return tuple(_unpack(item, data) for item in value["tuple"])
    if "dict" in value:
        return {str(key): _unpack(item, data) for key, item in value["dict"]}
    dtype = np.dtype(str(value["dtype"]))
    shape = tuple(int(n) for n in value["shape"])
    if dtype.kind not in KINDS or min(shape, default=0) < 0:
        raise ValueError(f"a message holds an array of {dtype} and shape {shape}")
    count = int(np.prod(shape, dtype=object))
    array = np.frombuffer(data, dtype, count, int(value["start"])) if count else np.empty(0, dtype)
    return array.reshape(shape).copy()
