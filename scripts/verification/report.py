"""The report in Markdown, to be pasted into kernels/README.md."""

from typing import Any

from markdown import table

from verification.bandwidth import gb_s
from verification.judge import told
from verification.setup import Values
from verification.verdicts import VERDICTS

_RIGHT = "---:"


def markdown(record: dict[str, Any]) -> str:
    """Lay out a record of verify_cuda.py."""
    results = record["results"]
    card = results["card"].get("found", {})
    parts = [
        f"### {card.get('name', 'a card that could not be described')}",
        _verdicts(record),
        f"`{record['command']}`, {record['date']}, {record['seconds']:.0f} s. "
        + (f"{VERDICTS['card'].summary(card)}." if "name" in card else ""),
        _checks(results),
    ]
    for name, layout in (("bandwidth", _bandwidth), ("epochs", _epochs), ("rivals", _rivals)):
        if "found" in results[name]:
            parts += [layout(results[name]["found"]), clocks(results[name])]
    return "\n\n".join(filter(None, parts)) + "\n"


def _verdicts(record: dict[str, Any]) -> str:
    why = record["held back"]
    judged = f"**{record['correctness']}**, speed **{record['speed']}**{f': {why}' if why else ''}"
    return "\n".join([judged, *(f"- {line}" for line in (*record["wrong"], *record["slow"]))])


def _checks(results: dict[str, Values]) -> str:
    lines = [["check", "", "s", "what was found"], ["---", "---", _RIGHT, "---"]]
    for name, result in results.items():
        mark, text = told(name, result)
        if name != "card":
            lines.append([name, mark, f"{result['seconds']:.1f}", text.replace("|", "\\|")])
    return table(lines)


def _bandwidth(values: Values) -> str:
    peak = values["peak_gb_s"]
    lines = [
        ["operation", "MB", "us (least to most)", "GB/s", "of the memory's bandwidth"],
        ["---", _RIGHT, "---", _RIGHT, _RIGHT],
    ]
    for name, one in values["operations"].items():
        share = f"{gb_s(one) / peak:.0%}" if peak else ""
        size = f"{one['bytes'] / 1e6:.0f}"
        lines.append([f"`{name}`", size, _ranged(one["seconds"], 1e6), f"{gb_s(one):.0f}", share])
    return (
        f"Float32, every array at least {values['array_bytes'] / 2**20:.0f} MiB, which no cache "
        f"holds; the bytes that any implementation must move:\n\n{table(lines)}"
    )


def _epochs(values: Values) -> str:
    lines = [["an epoch, ms (least to most)", "device", "host", "both"], ["---"] * 4]
    for name, parts in values["ways"].items():
        cells = [_ranged(parts[part], 1e3) for part in ("device", "host", "whole")]
        lines.append([name, *cells])
    return (
        "Device: its launches back to back; host: until they are queued; both: until they are "
        f"done.\n\n{table(lines)}"
    )


def _rivals(values: Values) -> str:
    lines = [
        ["against", "theirs, ms an epoch", "ours, ms", "theirs / ours", "memory, MB: theirs, ours"],
        ["---"] * 5,
    ]
    for key, one in values.items():
        if "theirs / ours" not in one:
            if isinstance(one, dict) and "not_run" in one:
                lines.append([key, f"not run: {one['not_run']}", "", "", ""])
            continue
        versions = ", ".join(f"{k} {v}" for k, v in one["versions"].items())
        memory = ", ".join(f"{one['peak_bytes'][n] / 1e6:.0f}" for n in ("theirs", "ours"))
        cells = [_ranged(one[n], 1e3) for n in ("theirs", "ours")]
        ratio = _ranged(one["theirs / ours"], 1)
        lines.append([f"{key} ({versions})", *cells, ratio, memory])
    return f"The same weights and rows, checked to reach the same losses:\n\n{table(lines)}"


def clocks(result: Values) -> str:
    """Tell the clocks that a measurement saw; nothing where nobody watched."""
    seen = result.get("clocks", {})
    names = {"clocks.sm": "SM MHz", "clocks.mem": "memory MHz", "temperature.gpu": "C"}
    names["power.draw"] = "W"
    told = [
        f"{seen[key]:.0f} {unit} (lowest {seen[f'lowest {key}']:.0f})"
        for key, unit in names.items()
        if key in seen
    ]
    return f"Meanwhile: {', '.join(told)}." if told else ""


def _ranged(spread: dict[str, float], factor: float) -> str:
    values = [factor * spread[key] for key in ("median", "low", "high")]
    median, low, high = (f"{v:.0f}" if v >= 100 else f"{v:.3g}" for v in values)
    return f"{median} ({low} to {high})"
