"""Functions that give gradients of weights and biases: arguments by name, results by shape."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..definitions import Function
from ..reference import Array, scale, softmax
from ..subject import Subject, arrays
from ..verdict import Example, Judgement, Way
from .net import CALLS, SIZES, Net, arguments, choices, draw, roles_of
from .scaling import EXACT, scaling
from .verdicts import NO_ARGUMENTS, NO_KIND, hopeless, right, unchecked, wrong


class _Call(NamedTuple):
    """How a function is called: sizes, whether one sample is a column, and the arguments' roles."""

    sizes: tuple[int, int, int, int]
    turned: str
    choice: tuple[str, ...]


class _Found(NamedTuple):
    """An array among the results: what it is the gradient of, its mistake, and the right one."""

    what: str
    mistake: str
    factor: float
    got: Array
    expected: Array


_OF = ("W_o", "W_h", "b_o", "b_h")
_ERROR, _UNKNOWN = "the error of every row", "unknown"
_TURNED = {False: ("",), True: ("all", "but weights", "")}


def judge_weights(subject: Subject) -> Judgement:
    """Judge a function by every array that it gives.

    Where softmax has one sample a column, all arrays are transposed first.
    """
    options = choices(subject.function.required)
    if not options:
        return hopeless(subject, plain=False) or unchecked(NO_ARGUMENTS)
    seen: dict[str, _Call] = {}  # mistakes, and the calls that have shown them
    for sizes in SIZES[: 1 + bool(subject.mentions(784, 1000))]:
        for turned, choice in itertools.product(
            _TURNED[subject.setting.rows is False], options[:CALLS]
        ):
            call = _Call(sizes, turned, choice)
            found = _results(subject, call)
            mistakes = {one.mistake for one in found} or {_UNKNOWN}
            if mistakes == {""}:
                mistakes = {_disagreement(found)}
                if mistakes == {""}:
                    return _of_factor(subject, found, call)
            seen |= dict.fromkeys(mistakes - {"", _UNKNOWN}, call)
            if subject.trouble:
                break
    if reason := hopeless(subject, plain=True):
        return reason
    if len(seen) == 1 and len(options) <= CALLS:
        mistake, call = next(iter(seen.items()))
        found = _results(subject, call)
        return wrong(mistake, _example(subject, call, mistake), _told(mistake, found))
    return unchecked(NO_KIND)


def _disagreement(found: Sequence[_Found]) -> str:
    """Name in what gradients differ that belong to one step: nothing, sign or scale."""
    if len({one.factor > 0 for one in found}) == 2:
        return "gradients of both signs"
    # An error may be of one row where the gradients of a layer are averages.
    scales = [abs(one.factor) for one in found if one.what != _ERROR]
    return "gradients of two scales" if scales and max(scales) > min(scales) * 1.01 else ""


def _told(mistake: str, found: Sequence[_Found]) -> str:
    """Say which gradients differ, where that is the mistake."""
    told = []
    for one in found:
        if mistake == "gradients of both signs":
            told.append(f"{one.what} {'positive' if one.factor > 0 else 'negative'}")
        elif mistake == "gradients of two scales" and one.what != _ERROR:
            told.append(f"{one.what} {'summed' if abs(one.factor) > 1 - EXACT else 'averaged'}")
    return ", ".join(told)


def _of_factor(subject: Subject, found: Sequence[_Found], call: _Call) -> Judgement:
    """Judge gradients that are right but for what they are multiplied by."""
    gradients = [one for one in found if one.what != _ERROR]
    wanted = _wanted(subject.function)
    if wanted and not wanted & {one.what for one in gradients}:
        told = " and ".join(sorted({one.what for one in found}))
        return unchecked(f"it gives {told}, which is not what its name says")
    first = (gradients or found)[0]

    def measure(n: int, k: int) -> float | None:
        others = _results(subject, call._replace(sizes=(n, *call.sizes[1:3], k)))
        return next((abs(one.factor) for one in others if one.what == first.what), None)

    times = scaling(measure)
    if times is None:
        return unchecked("it is the gradient times a number that nothing explains")
    if times.form == "twice":
        return wrong("gradient divided twice", _example(subject, call, "gradient divided twice"))
    adds = subject.setting.adds
    carries_on = any(role.startswith("g") for role in call.choice)
    notes = [] if times.is_plain else times.notes
    likeliest = [roles_of(name)[0] for name in subject.function.required]
    if "z" in call.choice and "z" not in likeliest:
        notes.append("takes logits")
    if first.factor < 0:
        if not adds and carries_on:
            return unchecked("it turns the sign of the error that it is given")
        if not adds:
            return wrong("gradient flipped", _example(subject, call, "gradient flipped"))
        notes.append("the other sign, and weights are added to")
    ways = {Way.LAYOUT: not call.turned} if gradients else {}
    if gradients and not carries_on:
        ways[Way.SIGN] = (first.factor > 0) != adds
    if gradients and not carries_on and times.is_plain:
        ways[Way.SCALE] = times.form == "average"
    return right(subject, notes, ways)


def _results(subject: Subject, call: _Call, net: Net | None = None) -> list[_Found]:
    """Call it; return what every array is that it gives."""
    net = net or draw(*call.sizes)
    outcome = subject.call(*arguments(net, call.choice, call.turned), rows=net.rows, x=net.x)
    return [_identify(array, net) for array in arrays(outcome.value) if array.size > 1]


def _example(subject: Subject, call: _Call, mistake: str) -> Example | None:
    """Return a call with two rows, features, hidden units and classes that shows a mistake."""
    for seed in range(20):  # in some of them all units are alike
        net = draw(2, 2, 2, 2, seed, digits=1)
        found = _results(subject, call, net)
        if any(one.mistake == _UNKNOWN or not one.expected.any() for one in found):
            continue
        for one in found:
            # What all should be multiplied by: what the first is, or what it ought to be.
            factor = {
                "gradient flipped": -one.factor,
                "gradient divided twice": 1 / net.rows.n,
                "gradients of both signs": abs(one.factor),
                "gradients of two scales": found[0].factor,
            }.get(mistake, one.factor if one.mistake == mistake else None)
            if factor is not None and (one.mistake or abs(factor / one.factor - 1) > EXACT):
                return Example(
                    arguments(net, call.choice, call.turned), one.got, one.expected * factor
                )
    return None


def _wanted(function: Function) -> set[str]:
    """Return what a function is to give the gradient of, as far as its name says it."""
    name = function.short.lower().replace("_", "")
    word = re.sub(r"^(compute|calc|get)|grad(ient)?s?|deriv(ative)?|^d(ld)?(?=[wb])", "", name)
    named = {role.replace("w_", "W_") for role in roles_of(word)}
    return named if named <= set(_OF) else set()


def _identify(array: Array, net: Net) -> _Found:
    """Find what an array is a multiple of: right gradients, then those with known mistakes."""
    for what, mistake, expected, truth in _expected(net):
        for form, true_form in ((expected, truth), (expected.T, truth.T)):
            reshaped = array
            if array.size == form.size and 1 in form.shape:
                reshaped = array.reshape(form.shape)
            if factor := scale(reshaped, form):
                return _Found(what, mistake, factor, array, true_form.reshape(array.shape))
    return _Found("", _UNKNOWN, 1.0, array, array)


def _expected(net: Net) -> Iterator[tuple[str, str, Array, Array]]:
    """Yield what gradients are of, their mistake, themselves, and the right ones."""
    g = net.rows.p - net.rows.y
    twice = softmax(net.rows.p) - net.rows.y
    back, mask = g @ net.w_o.T, net.s > 0
    for delta in (g, back * mask, back):  # the caller may mask it
        yield _ERROR, "", delta, delta
    truths = _gradients(net, g, back * mask)
    for mistake, forms in (
        ("", truths),
        ("mask missing", _gradients(net, g, back)),
        ("relu as mask", _gradients(net, g, back * net.h)),
        ("softmax twice in a gradient", _gradients(net, twice, (twice @ net.w_o.T) * mask)),
    ):
        for what, form, truth in zip(_OF, forms, truths, strict=True):
            yield what, mistake, form, truth


def _gradients(net: Net, at_o: Array, at_h: Array) -> list[Array]:
    """Return the gradients of all weights and biases of the errors at both layers."""
    products = [net.h.T @ at_o, net.x.T @ at_h]
    return [*products, *(a.sum(axis=0, keepdims=True) for a in (at_o, at_h))]
