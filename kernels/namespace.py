"""Which library an array belongs to."""

from typing import Any, TypeAlias

import array_api_compat
import numpy as np

Array: TypeAlias = Any  # an array of any library that follows the array API


def array_namespace(*arrays: Array) -> Any:
    """Return the namespace of the arrays' library, as `array_api_compat.array_namespace` does.

    NumPy 2.1 follows the standard by itself, so its arrays get ``numpy``: to import
    array-api-compat's view of it takes nearly as long as to import NumPy.

    Raises
    ------
    TypeError
        Arrays of different libraries.
    """
    for array in arrays:
        if not isinstance(array, (np.ndarray, np.generic)):
            return array_api_compat.array_namespace(*arrays)
    return np
