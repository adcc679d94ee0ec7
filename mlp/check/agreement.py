"""Functions of one submission that are right alone and do not fit together.

Nothing but the calls says what lies between them, so that what differs is fragile; it is wrong
where the result of one goes straight into the other.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace

from .kinds import Kind
from .scopes import Scope, last_name, scopes
from .usage import given, wrapped
from .verdict import Judgement, Tried, Verdict, Way

_SOUND = (Verdict.RIGHT, Verdict.CONVENTION, Verdict.FRAGILE)
# What is done to a function of the second way where it is called as one of the first.
_WRAPS = {Way.LAYOUT: "turned", Way.TARGETS: "turned", Way.SCALE: "divided"}


def agree(tried: list[Tried], tree: ast.Module) -> list[Tried]:
    """Return all functions, those that do not fit to the others with another judgement."""
    told: dict[int, Judgement] = {}
    found = scopes(tree)
    for owner in sorted({one.function.owner for one in tried}):
        group = [one for one in tried if one.function.owner in ("", owner)]
        for way in Way:
            if way is Way.TARGETS and any(id(one) in told for one in group):
                continue  # which follow from where predictions lie
            for one, others in _contrary(group, way, tree):
                straight = way is Way.LAYOUT and _meet(one, others, found)
                told[id(one)] = _judgement(one, others, way, straight)
    return [replace(one, judgement=told.get(id(one), one.judgement)) for one in tried]


def _contrary(
    group: list[Tried], way: Way, tree: ast.Module
) -> Iterator[tuple[Tried, list[Tried]]]:
    """Yield the functions of the smaller side, each with those of the other one."""
    kinds = [one.kind for one in group]
    sides: dict[bool, list[Tried]] = {True: [], False: []}
    for one in group:
        value = one.judgement.ways.get(way)
        # Of two functions of a kind, one may be an earlier try; but gradients have one each.
        unused = not one.called and kinds.count(one.kind) > 1 and one.kind is not Kind.GRADIENTS
        if value is None or unused or one.judgement.verdict not in _SOUND:
            continue
        around = wrapped(tree, one.function.short)
        if way in _WRAPS and getattr(around, _WRAPS[way]):
            if way is not Way.SCALE:
                continue  # what is transposed is not followed any further
            value = True
        sides[value].append(one)
    usual, other = sides[True], sides[False]
    # The handout's way is that of most functions; else one of the others is the mistake.
    few, many = (usual, other) if len(other) > 2 * len(usual) else (other, usual)
    if many:
        yield from ((one, many) for one in few)


def _meet(one: Tried, others: list[Tried], found: list[Scope]) -> bool:
    """Whether the result of one goes into another one as it is."""
    return any(
        isinstance(argument, ast.Call) and last_name(argument.func) == maker.function.short
        for other in others
        for maker, taker in ((one, other), (other, one))
        for call in given(found, taker.function.short)
        for argument in call
    )


def _judgement(one: Tried, others: list[Tried], way: Way, straight: bool) -> Judgement:
    mine = one.judgement.ways[way]
    more = f", and so do {len(others) - 1} more" if len(others) > 1 else ""
    detail = f"{way.value[not mine]}; {others[0].function.name} {way.value[mine]}{more}"
    return Judgement(
        Verdict.WRONG if straight else Verdict.FRAGILE,
        one.judgement.notes,
        "does not fit",
        detail,
        ways=one.judgement.ways,
    )
