"""Data sets: read without trust, judged once, split as the task splits its own.

loading     load: all of it in order;  dataset: Dataset, and rows in memory
rows        Rows of one split;  preparation: how raw things become rows, and rows input
content     what a path holds, whatever its form;  reading: what a user says of it
errors      DataError and the limits
npz, idx, folders, on_disk   one module for each form of data;  listing: files of folders
naming      what names of arrays, files and folders say;  roles: which array is what by that
arrays      where the rows and labels of archives and of .npy files are
stored      an array in a file, read whole or a block at a time
table       CSV and the like, to train on;  table_rows: to predict;  records: as rows and labels
columns     what the columns of a table are;  headers: names of columns, or a row
delimited   records in lines of text;  lines: of a file;  cells: numbers in text;  pixel_names
raw         rows and labels of any form made those of training;  given: by a program
parts       the arrays of all parts, made rows alike;  pixels: bytes and grey of their numbers
shapes      what an array is, by its shape and dtype
labels      labels of any form;  classes: which class is which label
judge       what rows and labels must be;  split: which of them train, validate and test
pictures    the one reader of pictures;  letters: a letter cropped to its ink
transparency  what pictures are laid on
statistics  what the training rows are like;  scale: ScaleWarning;  duplicates
weights     what the rows of a class count
blocks      rows of a file to predict
"""

from .dataset import Dataset, fingerprint
from .errors import DataError
from .loading import load
from .preparation import Preparation
from .rows import Rows
from .scale import ScaleWarning
from .split import Split

__all__ = [
    "DataError",
    "Dataset",
    "Preparation",
    "Rows",
    "ScaleWarning",
    "Split",
    "fingerprint",
    "load",
]
