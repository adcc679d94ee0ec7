"""A report's findings, the worst first, each in words."""

from dataclasses import dataclass

from .kinds import Kind
from .values import call, text
from .verdict import Remark, Report, Tried, Verdict
from .words import MISTAKES

README = "mlp/README.md"


@dataclass
class Finding:
    """One thing to say, and where to read about it."""

    level: str  # WRONG, FRAGILE, LOOK
    where: str  # the function and its line, or the line
    title: str
    why: str
    section: str
    tried: str = ""  # the smallest failing call
    got: str = ""
    expected: str = ""


def findings(report: Report) -> list[Finding]:
    """Return what is wrong, then what is fragile, then what to look at."""
    wrong = [_of_function(report, t) for t in report.tried if t.judgement.verdict is Verdict.WRONG]
    certain = [_of_line(report, r) for r in report.remarks if r.certain]
    weak = [_of_function(report, t) for t in report.tried if t.judgement.verdict is Verdict.FRAGILE]
    look = [_of_line(report, r) for r in report.remarks if not r.certain]
    return [*wrong, *certain, *weak, *look]


def _of_function(report: Report, tried: Tried) -> Finding:
    judgement, function = tried.judgement, tried.function
    words = MISTAKES[judgement.mistake or ""]
    example = judgement.example
    title = words.title.format(judgement.detail)
    if judgement.verdict is Verdict.WRONG and not tried.called:
        gradient = tried.kind is Kind.LOSS_GRADIENT
        title += "; your training does not call it" if gradient else "; nothing calls it"
    return Finding(
        judgement.verdict.value.upper(),
        f"{function.name} ({where(report, tried)})",
        title,
        words.why,
        words.section,
        call(function.short, example.arguments) if example else "",
        text(example.got) if example else "",
        "" if example is None or example.expected is None else text(example.expected),
    )


def _of_line(report: Report, remark: Remark) -> Finding:
    words = MISTAKES[remark.mistake]
    level = "WRONG" if remark.certain else "LOOK"
    return Finding(
        level,
        report.place(remark.line),
        words.title.format(remark.detail),
        words.why,
        words.section,
    )


def where(report: Report, tried: Tried) -> str:
    """Say where a function is: its line, or the file beside the submission and the line there."""
    function = tried.function
    if function.file is not None:
        return f"{function.file.name}, line {function.line}"
    return report.place(function.line)
