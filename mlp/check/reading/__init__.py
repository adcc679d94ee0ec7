"""Reads the training code of a submission, which is never run."""

import ast

from ..definitions import Definitions, Function
from ..kinds import Kind
from ..probes.views import REVERSED, are_clear, is_swapped
from ..scopes import number, scopes
from ..source import Source
from ..verdict import Remark, Tried, Verdict
from .flow import read_flow
from .names import read_names
from .start import read_start
from .updates import divides, read_updates

_SOUND = (Verdict.RIGHT, Verdict.CONVENTION, Verdict.FRAGILE)


def read_training(source: Source, definitions: Definitions, tried: list[Tried]) -> list[Remark]:
    """Return what reading shows, with what trying the functions has shown of them."""
    found = scopes(source.tree)
    by_kind = {kind: [t for t in tried if t.kind is kind] for kind in Kind}
    softmaxes = {t.function.short for t in by_kind[Kind.SOFTMAX]}
    pairs = by_kind[Kind.LOSS] + by_kind[Kind.LOSS_GRADIENT]
    layers = {
        t.function.short
        for t in by_kind[Kind.LAYER]
        if t.judgement.verdict in _SOUND and not any("applies" in n for n in t.judgement.notes)
    }
    take_logits = {
        t.function.short: "takes logits" in t.judgement.notes
        for t in pairs
        if t.judgement.verdict in _SOUND and "takes one row at a time" not in t.judgement.notes
    }
    sums = {t.function.short for t in by_kind[Kind.LOSS_GRADIENT] if "a sum" in t.judgement.notes}
    averages = {
        t.function.short
        for t in by_kind[Kind.GRADIENTS]
        if t.function.node is not None and divides([t.function.node])
    }
    orders = {
        t.function.short: is_swapped(t.function.required) == (REVERSED in t.judgement.notes)
        for t in pairs
        if are_clear(t.function.required) and t.judgement.verdict in _SOUND
    }
    keeps = {
        t.function.short
        for kind in (Kind.RELU, Kind.SOFTMAX, Kind.LAYER)
        for t in by_kind[kind]
        if t.judgement.verdict in (Verdict.RIGHT, Verdict.FRAGILE) and not _stores(t.function)
    }
    rates = {
        ast.unparse(target): value
        for target, node, _ in found[0].assignments()
        if (value := number(node)) is not None
    }
    remarks: list[Remark] = []
    for scope in found:
        remarks += read_start(scope, source.lines)
        remarks += read_updates(scope, sums, averages, rates)
        remarks += read_flow(scope, softmaxes, layers, take_logits, orders)
    known = None if definitions.open_ended else definitions.known
    remarks += read_names(found, known, keeps, bool(source.cells))
    told = {t.judgement.detail for t in tried if t.judgement.mistake == "undefined"}
    unique = {
        (r.line, r.mistake, r.detail): r
        for r in remarks
        if r.mistake != "undefined" or r.detail.partition(" ")[0] not in told
    }
    return sorted(unique.values(), key=lambda r: (not r.certain, r.line))


def _stores(function: Function) -> bool:
    """Whether a function changes an object, so that it may be called for that alone."""
    return function.node is None or any(
        isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
        for node in ast.walk(function.node)
    )
