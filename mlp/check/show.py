"""A report for people, line by line, and many reports as a table."""

import textwrap
from collections.abc import Sequence

from .findings import README, Finding, findings
from .verdict import Report, Tried, Verdict

FEW = 5  # findings on one screen
WIDTH = 100
GUIDE = "This is a guide, not a grade: training is read, not run, and nothing here proves it right."


def lines(report: Report, everything: bool = False) -> list[str]:
    """Return what is said of one submission; the five worst findings, or all of them."""
    if report.unreadable:
        return [report.unreadable]
    told = [_heading(report)]
    for tried in report.tried:
        if tried.function.before:
            earlier = ", ".join(report.place(line) for line in tried.function.before)
            name = tried.function.name
            told.append(f"        {name} is also defined on {earlier}; the last one counts")
    for line, message in report.problems:
        told.append(f"        {report.place(line)} does not parse ({message}); the rest is read")
    found = findings(report)
    shown = found if everything else found[:FEW]
    for finding in shown:
        told += _finding(finding)
    if len(found) > len(shown):
        told.append(f"        and {len(found) - len(shown)} more; --all shows them")
    fine = [
        _fine(t) for t in report.tried if t.judgement.verdict in (Verdict.RIGHT, Verdict.CONVENTION)
    ]
    if fine:
        told.append(f"ok      {', '.join(fine)}")
    return [part for line in [*told, *_last(report)] for part in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    """Break a long line between words; what follows stands below its text."""
    wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent=" " * 8)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(line)


def _heading(report: Report) -> str:
    if not report.tried:
        return f"{report.path.name}: no function of the assignment was found"
    checked = len(report.tried) - report.count(Verdict.UNCHECKED)
    look = sum(not remark.certain for remark in report.remarks)
    certain = len(report.remarks) - look
    counts = [
        f"{checked} checked",
        f"{report.count(Verdict.WRONG) + certain} wrong",
        f"{report.count(Verdict.FRAGILE)} fragile",
        f"{look} to look at",
        f"{report.count(Verdict.UNCHECKED)} not checked",
    ]
    return f"{report.path.name}: {', '.join(counts)}"


def _finding(finding: Finding) -> list[str]:
    """Return a finding's lines: what is wrong in full, the others in one."""
    head = f"{finding.level:<7} {finding.where}  {finding.title}"
    if finding.level != "WRONG":
        shown = f": {finding.tried} gives {finding.got}" if finding.tried else ""
        return [f"{head}{shown} (read: {finding.section})"]
    told = [head]
    if finding.tried:
        told.append(f"  try   {finding.tried}")
        expected = f"    expected {finding.expected}" if finding.expected else ""
        told.append(f"  got   {finding.got}{expected}")
    return [*told, f"  why   {finding.why}", f"  read  {README}, {finding.section}"]


def _fine(tried: Tried) -> str:
    notes = "; ".join(tried.judgement.notes)
    return f"{tried.function.name} ({notes})" if notes else tried.function.name


def _last(report: Report) -> list[str]:
    """Say what was not checked, and what all this is."""
    left = [
        f"{t.function.name} ({t.judgement.notes[0]})"
        for t in report.tried
        if t.judgement.verdict is Verdict.UNCHECKED
    ]
    if report.problems:
        left.append("what does not parse")
    told = f"not checked: {', '.join(left)}." if left else "Every function found was checked."
    return [f"{told} {GUIDE}"]


def table(reports: Sequence[Report]) -> list[str]:
    """Return a heading and a row a submission."""
    rows = [["submission", "wrong", "fragile", "look", "ok", "not checked", "worst"]]
    for report in reports:
        if report.unreadable or not report.tried:
            reason = "cannot be read" if report.unreadable else "nothing to check"
            rows.append([str(report.path), *[""] * 5, reason])
            continue
        certain = sum(remark.certain for remark in report.remarks)
        found = findings(report)
        worst = f"{found[0].where}: {found[0].title}" if found else ""
        counts = [
            report.count(Verdict.WRONG) + certain,
            report.count(Verdict.FRAGILE),
            len(report.remarks) - certain,
            report.count(Verdict.RIGHT) + report.count(Verdict.CONVENTION),
            report.count(Verdict.UNCHECKED),
        ]
        rows.append([str(report.path), *map(str, counts), worst])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    told = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:6], widths[1:6], strict=True)]
        told.append("  ".join([*cells, row[6]]).rstrip())
    return [*told, GUIDE]
