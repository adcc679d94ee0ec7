"""Data sets: read without trust, judged once, split as the task splits its own.

dataset     Dataset, Rows and load: all of it in order
content     what a path holds, whatever its form;  errors: DataError and the limits
npz, idx, folders, on_disk   one module for each form of data
stored      an array in a file, read whole or a block at a time
judge       what rows and labels must be
pictures    one picture made into a row;  blocks: rows of a file to predict
"""

from .dataset import Dataset, Rows, fingerprint, load
from .errors import DataError

__all__ = ["DataError", "Dataset", "Rows", "fingerprint", "load"]
