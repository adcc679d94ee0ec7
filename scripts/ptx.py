"""Follow one thread through a kernel's PTX, and count the instructions that it executes.

What decides where a thread goes is computed: integers, predicates, launch arguments. Numbers in
floating point are not: all of them are 1, and what is loaded from memory is 0 or 1, so branches
that depend on data go one way.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([a-z]\w*(?:\.\w+)*(?:::\w+)*)\s*(.*);$")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    **{name: lambda a, b: a < b for name in ("lt", "lo", "ltu")},
    **{name: lambda a, b: a <= b for name in ("le", "ls", "leu")},
    **{name: lambda a, b: a > b for name in ("gt", "hi", "gtu")},
    **{name: lambda a, b: a >= b for name in ("ge", "hs", "geu")},
    **{name: lambda a, b: a == b for name in ("eq", "num", "equ")},
    **{name: lambda a, b: a != b for name in ("ne", "nan", "neu")},
}
_COMPUTE: dict[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "mad": lambda a, b, c: a * b + c,
    "div": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "rem": lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
    "min": min,
    "max": max,
    "neg": lambda a: -a,
    "not": lambda a: ~a,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "shl": lambda a, b: a << b,
    "shr": lambda a, b: a >> b,
}


@dataclass(frozen=True)
class _Instruction:
    predicate: str  # of a register, or empty
    negated: bool
    name: str  # e.g. add.s32
    operands: tuple[str, ...]


class Kernel:
    """The PTX of one kernel, as `nvrtc.Nvrtc.ptx` returns it."""

    def __init__(self, text: str) -> None:
        self._code: list[_Instruction] = []
        self._labels: dict[str, int] = {}
        for line in map(str.strip, text.partition("{")[2].splitlines()):
            if line.endswith(":"):
                self._labels[line[:-1]] = len(self._code)
            elif found := _INSTRUCTION.match(line):
                negated, predicate, name, rest = found.groups()
                # Braces and brackets hold operands, not parts of them.
                operands = re.findall(r"[^\s,{}\[\]]+", rest)
                instruction = _Instruction(predicate or "", bool(negated), name, tuple(operands))
                self._code.append(instruction)

    def count(
        self, arguments: Sequence[float], special: dict[str, int], most: int = 10_000_000
    ) -> Counter[str]:
        """Count what a thread executes, by the first part of the instructions' names.

        Parameters
        ----------
        arguments : sequence of number
            Pointers may be 0.
        special : dict of int
            Where the thread is: ``tid.x``, ``ctaid.x``, ``ntid.x`` and so on.
        most : int
            Instructions after which a thread is taken to run for ever.

        Raises
        ------
        RuntimeError
            It does.
        """
        values: dict[str, float] = {f"%{name}": value for name, value in special.items()}
        counts: Counter[str] = Counter()
        position = 0
        while (instruction := self._code[position]).name != "ret":
            position += 1
            if counts.total() > most:
                raise RuntimeError(f"a thread has not ended after {most} instructions")
            counts[instruction.name.partition(".")[0]] += 1
            if instruction.predicate and bool(values[instruction.predicate]) == instruction.negated:
                continue
            if instruction.name.startswith("bra"):
                position = self._labels[instruction.operands[0]]
            else:
                _execute(instruction, values, arguments)
        return counts


def _execute(
    instruction: _Instruction, values: dict[str, float], arguments: Sequence[float]
) -> None:
    """Put an instruction's result into its register, if it has one."""
    name, *modifiers = instruction.name.split(".")
    if name in ("st", "bar"):
        return
    target, *sources = instruction.operands
    kind = modifiers[-1]
    if name == "ld":
        parameter = re.search(r"_param_(\d+)$", sources[-1])
        loaded = arguments[int(parameter[1])] if parameter else float(kind[0] == "f")
        for register in (
            instruction.operands if "v4" in modifiers or "v2" in modifiers else [target]
        ):
            values[register] = loaded
        return
    operands = [values.get(source, _constant(source)) for source in sources]
    if name == "setp":
        values[target] = _COMPARE[modifiers[0]](*(_typed(value, kind) for value in operands))
    elif name == "selp":
        values[target] = operands[0] if operands[2] else operands[1]
    elif name in ("mov", "cvta"):
        values[target] = operands[0]
    elif kind == "pred":
        values[target] = _predicate(name, [bool(value) for value in operands])
    elif modifiers[-1][0] == "f" or (name == "cvt" and modifiers[-2][0] == "f"):
        values[target] = 1.0
    elif name == "cvt":
        values[target] = _typed(_typed(operands[0], kind), modifiers[-2])
    else:
        # A wide product's operands are half as long as its result.
        result = _COMPUTE[name](*(int(_typed(value, kind)) for value in operands))
        values[target] = result if "wide" in modifiers else _typed(result, kind)


def _predicate(name: str, operands: list[bool]) -> bool:
    return {"not": lambda a: not a, "and": all, "or": any, "xor": lambda *a: sum(a) == 1}[name](
        operands
    )


def _typed(value: float, kind: str) -> float:
    """Return an integer as a type such as u32 or s64 reads its bits."""
    if kind[0] == "f" or kind == "pred":
        return value
    bits = int(kind[1:])
    unsigned = int(value) & ((1 << bits) - 1)
    return unsigned - (1 << bits) if kind[0] == "s" and unsigned >> (bits - 1) else unsigned


def _constant(text: str) -> float:
    """Return the value of a number, and 0 for a variable's address."""
    if text.startswith(("0f", "0d")):
        return 1.0
    return int(text, 0) if re.fullmatch(r"-?(0x)?[0-9a-fA-F]+", text) else 0
