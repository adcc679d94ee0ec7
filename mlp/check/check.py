"""Check one submission: read it, try its functions, read its training."""

import time
from pathlib import Path

from .definitions import define
from .process import Student
from .reading import read_training
from .source import UnreadableError, read_source
from .trying import try_all
from .verdict import Report


def check_file(path: Path) -> Report:
    """Check a script or a notebook; nothing in it is run but the functions that are tried."""
    start = time.monotonic()
    report = Report(path)
    try:
        source = read_source(path)
        report.problems, report.cells = source.problems, source.cells
        definitions = define(source)
        with Student(definitions.chunks) as student:
            report.missing_limits = student.missing_limits
            report.tried = try_all(source, definitions, student)
        report.remarks = read_training(source, definitions, report.tried)
    except UnreadableError as error:
        report.unreadable = str(error)
    except RecursionError:
        report.unreadable = f"{path}: is nested too deeply to be read"
    report.seconds = time.monotonic() - start
    return report
