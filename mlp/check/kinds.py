"""What a function is meant to be, by its name and its parameters."""

import re
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


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_GRADIENT = set(
    "grad grads gradient gradients deriv derivative derivatives der prime back backward bwd "
    "backprop backpropagation backpropagate diff jacobian delta d partial".split()
)
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
    """Return what a function is meant to be, or None."""
    parts = words(function.short)
    joined, have, count = "".join(parts), set(parts), len(function.required)
    if have & _OTHER or count == 0 or function.short.startswith("__"):
        return None
    gradient = bool(have & _GRADIENT) or "grad" in joined or "deriv" in joined
    if "onehot" in joined or joined in ("tocategorical", "convertlabels", "onehotencode"):
        return Kind.ONE_HOT
    if "relu" in joined:
        if gradient or joined.startswith("drelu") or joined.endswith("relud"):
            return Kind.RELU_GRADIENT if count <= 2 else None
        return Kind.RELU if count == 1 else None
    if gradient:
        extra = any(re.fullmatch(r"[nmNM]|num_?\w+|batch_?size", p) for p in function.required)
        if _is_loss_gradient(joined, have) and count == 2 + extra:
            return Kind.LOSS_GRADIENT
        return Kind.GRADIENTS if count >= 2 else None
    if "softmax" in joined:
        return Kind.SOFTMAX if count == 1 and not have & {"loss", "ce", "cross"} else None
    if have & {"acc", "accuracy", "accur", "accuracies"} or "accuracy" in joined:
        return Kind.ACCURACY if count >= 2 else None
    if joined in _LOSSES or "ce" in have or "crossentropy" in joined:
        return Kind.LOSS if count >= 2 else None
    if re.match(r"d(w|b)", joined) and len(joined) <= 5 and count >= 2:
        return Kind.GRADIENTS
    if _LAYER.fullmatch(joined) or joined in ("compute", "calculate"):
        return Kind.LAYER if 2 <= count <= 4 else None
    if joined.startswith("update") and count >= 3:
        return Kind.GRADIENTS
    return None


def is_softmax_gradient(name: str) -> bool:
    """Whether a function is meant to be the derivative of softmax alone."""
    have, joined = set(words(name)), "".join(words(name))
    gradient = have & _GRADIENT or re.search(r"grad|deriv|^dsoft", joined)
    return "softmax" in joined and bool(gradient) and not have & {"ce", "loss", "cross", "entropy"}


def _is_loss_gradient(joined: str, have: set[str]) -> bool:
    return bool(have & {"ce", "loss", "cost", "entropy"}) or bool(
        re.search(r"(ce|crossentropy|loss)$|^(ce|grad?ce)", joined)
    )
