"""What a function is meant to be, by its name and its parameters."""

import re
from dataclasses import replace
from enum import Enum

from .definitions import Function


class Kind(Enum):
    """The kinds of functions, in the order in which they are tried."""

    SOFTMAX = "softmax"  # which says where the others have their classes
    RELU = "relu"
    RELU_GRADIENT = "derivative of relu"
    LAYER = "layer"
    LOSS = "cross-entropy"
    LOSS_GRADIENT = "gradient of the cross-entropy"
    ACCURACY = "accuracy"
    ONE_HOT = "one-hot"
    GRADIENTS = "gradients of weights and biases"


_MANY = 99
# The least and the largest number of arguments with which a kind can be tried.
_COUNTS = {
    Kind.SOFTMAX: (1, 1),
    Kind.RELU: (1, 1),
    Kind.RELU_GRADIENT: (1, 2),
    Kind.LAYER: (2, 3),
    Kind.LOSS: (2, _MANY),
    Kind.LOSS_GRADIENT: (2, 3),
    Kind.ACCURACY: (2, _MANY),
    Kind.ONE_HOT: (1, 3),
    Kind.GRADIENTS: (2, _MANY),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_GRADIENT = set(
    "grad grads gradient gradients deriv derivative derivatives der prime back backward bwd "
    "backprop backpropagation backpropagate diff jacobian delta d partial".split()
)
_CLEARLY_GRADIENT = re.compile(r"grad|deriv|backprop|backward")
_ALSO_LAYER = {"layer", "linear", "forward", "hidden", "dense"}  # relu_layer(X, W, b)
# Functions that use one of the kinds for something else.
_OTHER = set(
    "plot draw show print test train training fit run main report save load log build model cnn "
    "tf torch keras leaky prelu lrelu temperature binary nll error descent conv pool graph history "
    "curve curves eval evaluate".split()
)
_LAYER = re.compile(
    r"(my)?(comp|compute|calc|calculate|get|forward|apply|do)?"
    r"(compute|computation|layer|lay|linear|linearlayer|affine|dense|fc|fullyconnected|hiddenlayer|"
    r"weightedsum|preactivation|linearforward|linearfunction|lineartransform|outputlayer|"
    r"layeroutput)"
    r"(s|forward|output|out|compute|comp|layer|function|func|fn|sum|calc|calculation)?\d*"
)
_LOSSES = set(
    "averagece avgce avragece avaragece meance ce cee celoss crossentropy crossentropyloss xent "
    "loss lossfn lossfunction cost costfunction computeloss calcloss calculateloss getloss "
    "computecost avgloss averageloss meanloss entropy averagecrossentropy avgcrossentropy".split()
)


def words(name: str) -> list[str]:
    """Split ``averageCE``, ``grad_ce`` and the like into lower-case words."""
    return [word.lower() for word in _WORD.findall(name)]


def kind_of(function: Function) -> Kind | None:
    """Return what a function is meant to be, or None.

    Its name says so. The number of its arguments decides only where one name has two meanings.
    """
    parts = words(function.short)
    joined, have, count = "".join(parts), set(parts), len(function.required)
    if have & _OTHER or function.short.startswith("__"):
        return None
    gradient = bool(have & _GRADIENT) or "grad" in joined or "deriv" in joined
    if "onehot" in joined or joined in ("tocategorical", "convertlabels", "onehotencode"):
        return Kind.ONE_HOT
    if not gradient and count > 1 and re.search("relu|softmax", joined) and _ALSO_LAYER & have:
        return Kind.LAYER
    if "relu" in joined:
        derived = gradient or joined.startswith("drelu") or joined.endswith("relud")
        return Kind.RELU_GRADIENT if derived else Kind.RELU
    if gradient:
        extra = any(re.fullmatch(r"[nmNM]|num_?\w+|batch_?size", p) for p in function.required)
        if _is_loss_gradient(joined, have) and count <= 2 + extra:
            return Kind.LOSS_GRADIENT
        # Of one argument, a word such as `back` or `diff` may mean anything.
        return Kind.GRADIENTS if count >= 2 or _CLEARLY_GRADIENT.search(joined) else None
    of_loss = have & {"ce", "loss", "cross"} or joined in _LOSSES or "crossentropy" in joined
    if "softmax" in joined:
        return Kind.LOSS if of_loss else Kind.SOFTMAX
    if have & {"acc", "accuracy", "accur", "accuracies"} or "accuracy" in joined:
        return Kind.ACCURACY
    if joined in _LOSSES or "ce" in have or "crossentropy" in joined:
        return Kind.LOSS
    if re.match(r"d(w|b)", joined) and len(joined) <= 5 and count:
        return Kind.GRADIENTS
    if _LAYER.fullmatch(joined) or joined in ("compute", "calculate"):
        return Kind.LAYER
    if joined.startswith("update") and count >= 3:
        return Kind.GRADIENTS
    return None


def filled(function: Function, kind: Kind) -> Function:
    """Return a function with as many of its optional arguments as its kind needs at least."""
    missing = max(0, _COUNTS[kind][0] - len(function.required))
    required = [*function.required, *function.optional[:missing]]
    return replace(function, required=required, optional=function.optional[missing:])


def misfit(function: Function, kind: Kind) -> str | None:
    """Return why a function cannot be tried as its kind, whatever it computes, or None."""
    least, most = _COUNTS[kind]
    count = len(function.required)
    if function.named_only:
        return f"it takes {', '.join(function.named_only)} by name only"
    if least <= count <= most:
        return None
    if function.any_number:
        return "it takes any number of arguments"
    wanted = str(least) if least == most else f"{least} or more"
    if least < most < _MANY:
        wanted = f"{least} {'to' if most - least > 1 else 'or'} {most}"
    return f"it takes {_counted(count)}, where {wanted} can be tried"


def _counted(count: int) -> str:
    return "no argument" if count == 0 else f"{count} argument{'s' * (count > 1)}"


def is_softmax_gradient(name: str) -> bool:
    """Whether a function is meant to be the derivative of softmax alone."""
    have, joined = set(words(name)), "".join(words(name))
    gradient = have & _GRADIENT or re.search(r"grad|deriv|^dsoft", joined)
    return "softmax" in joined and bool(gradient) and not have & {"ce", "loss", "cross", "entropy"}


def _is_loss_gradient(joined: str, have: set[str]) -> bool:
    return bool(have & {"ce", "loss", "cost", "entropy"}) or bool(
        re.search(r"(ce|crossentropy|loss)$|^(ce|grad?ce)", joined)
    )
