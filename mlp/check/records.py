"""A report as one object of numbers and texts, for JSON."""

from typing import Any

from .findings import README, findings, where
from .show import GUIDE
from .values import call, text
from .verdict import Report, Tried, Verdict
from .words import MISTAKES


def record(report: Report) -> dict[str, Any]:
    """Return everything that is known of a submission."""
    return {
        "file": str(report.path),
        "unreadable": report.unreadable,
        "counts": {verdict.value: report.count(verdict) for verdict in Verdict},
        "functions": [_function(report, tried) for tried in report.tried],
        "training": [
            {
                "line": remark.line,
                "place": report.place(remark.line),
                "certain": remark.certain,
                "mistake": remark.mistake,
                "detail": remark.detail,
            }
            for remark in report.remarks
        ],
        "findings": [vars(finding) for finding in findings(report)],
        "does_not_parse": [
            {"place": report.place(line), "message": message} for line, message in report.problems
        ],
        "limits_not_enforced": report.missing_limits,
        "seconds": round(report.seconds, 3),
        "note": GUIDE,
    }


def _function(report: Report, tried: Tried) -> dict[str, Any]:
    function, judgement = tried.function, tried.judgement
    told: dict[str, Any] = {
        "name": function.name,
        "kind": tried.kind.value,
        "line": function.line,
        "place": where(report, tried),
        "verdict": judgement.verdict.value,
        "notes": judgement.notes,
        "called": tried.called,
        "also_defined_on_lines": function.before,
    }
    if judgement.mistake:
        words = MISTAKES[judgement.mistake]
        told |= {
            "mistake": judgement.mistake,
            "why": words.why,
            "read": f"{README}, {words.section}",
        }
    if example := judgement.example:
        told["try"] = call(function.short, example.arguments)
        told["got"], told["expected"] = text(example.got), text(example.expected)
    return told
