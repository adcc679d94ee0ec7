"""What every mistake is called, why it is one, and which section of mlp/README.md to read.

A text says what is seen and why, never what to write instead.
"""

from typing import NamedTuple


class Words(NamedTuple):
    """``{}`` in a title stands for the detail."""

    title: str
    why: str
    section: str


_LOSS, _GRADIENT, _SOFTMAX = "The loss", "The gradient of the logits", "Softmax"
_HIDDEN, _START, _MOMENTUM = "The hidden layer", "Xavier initialisation", "Momentum"
_DEFECTS = "Defects of the original notebook"
_NETWORK, _OUTPUT = "The network", "The output layer"
_SHAPE = "a row of logits has one derivative for each class, and every sample has a row"

MISTAKES: dict[str, Words] = {
    # any function
    "undefined": Words(
        "uses {}, which nothing defines",
        "a misspelt name stops the program, or finds what an earlier cell has left behind",
        _DEFECTS,
    ),
    "raises": Words("ends in {}", "with arguments of sound shapes", _NETWORK),
    "returns nothing": Words("returns nothing", "it ends without a result", _NETWORK),
    "does not fit": Words(
        "{}",
        "each is right alone; what would bring them together is not seen between their calls",
        _NETWORK,
    ),
    # relu
    "relu unchanged": Words("gives its argument back", "what it computes is thrown away", _HIDDEN),
    "relu whole numbers": Words(
        "cuts fractions off",
        "np.vectorize takes the type of all results from the first one, here a whole number",
        _HIDDEN,
    ),
    "relu": Words(
        "is not max(x, 0)", "negative numbers become 0, others stay as they are", _HIDDEN
    ),
    "derivative of ones": Words(
        "is 1 everywhere", "where the rectifier is flat, nothing passes back", _HIDDEN
    ),
    "derivative": Words(
        "is not the rectifier's slope", "a slope is 0 on one side of 0 and 1 on the other", _HIDDEN
    ),
    # softmax
    "softmax whole": Words(
        "has one sum for the whole matrix",
        "every sample has probabilities of its own, which sum to 1",
        _SOFTMAX,
    ),
    "softmax not divided": Words(
        "does not sum to 1", "the exponentials are not yet probabilities", _SOFTMAX
    ),
    "softmax": Words("gives other probabilities", "they are not those of its logits", _SOFTMAX),
    "softmax overflow": Words(
        "overflows", "the exponential of a large logit is infinite, and inf / inf is NaN", _SOFTMAX
    ),
    "softmax whole maximum": Words(
        "underflows beside a row of large logits",
        "one maximum for all rows leaves the others with nothing but zeros, and 0 / 0 is NaN",
        _SOFTMAX,
    ),
    # layer
    "layer without bias": Words("leaves the bias out", "its result ignores the bias", _NETWORK),
    "layer minus bias": Words("subtracts the bias", "the bias has the wrong sign", _NETWORK),
    "layer": Words("is not X W + b", "its result is another one in every layout", _NETWORK),
    # loss
    "loss by entries": Words(
        "{}too small by the number of classes",
        "the mean runs over every entry, not over the samples",
        _LOSS,
    ),
    "loss by classes": Words(
        "{}averages over the classes", "the average is one over the samples", _LOSS
    ),
    "loss negative": Words("has the wrong sign", "a loss is never negative", _LOSS),
    "loss cross terms": Words(
        "mixes the samples",
        "the product of the two matrices pairs every sample's target with every other's prediction",
        _LOSS,
    ),
    "loss multiple": Words(
        "is {} times the average", "it falls as the loss does, and is another number", _LOSS
    ),
    "loss of classes": Words(
        "gives one number for each class", "the sum of a row's terms is the loss of a sample", _LOSS
    ),
    "loss reversed": Words(
        "takes the logarithm of the target",
        "its arguments have changed places; the logarithm is that of the prediction",
        _LOSS,
    ),
    "loss": Words("is no cross-entropy", "it is no multiple of the true loss", _LOSS),
    "log of zero": Words(
        "fails where a probability is 0", "log(0) is -inf, and 0 times -inf is NaN", _LOSS
    ),
    # gradient
    "gradient by p": Words(
        "stops at the probabilities",
        "it is dL/dp; the chain rule goes on through softmax to the logits",
        _GRADIENT,
    ),
    "gradient by p, summed over samples": Words(
        "stops at the probabilities, and sums over the samples",
        "it is dL/dp of all samples together; the chain rule goes on, sample by sample",
        _GRADIENT,
    ),
    "gradient by p, summed over classes": Words(
        "stops at the probabilities, and sums over the classes",
        "it is dL/dp in one number a sample; the chain rule goes on, class by class",
        _GRADIENT,
    ),
    "gradient by p, one number": Words(
        "one number, and stops at the probabilities", f"it is a sum of dL/dp; {_SHAPE}", _GRADIENT
    ),
    "gradient flipped": Words(
        "has the wrong sign", "a step against it would raise the loss", _GRADIENT
    ),
    "gradient averaged": Words(
        "has lost its samples", f"it is their sum or average; {_SHAPE}", _GRADIENT
    ),
    "gradient of whole softmax": Words(
        "takes softmax over the whole matrix", "every sample has probabilities of its own", _SOFTMAX
    ),
    "gradient by log p": Words(
        "divides by a logarithm", "the derivative of log p holds no logarithm", _GRADIENT
    ),
    "gradient divided twice": Words(
        "divides by the number of samples twice", "an average divides by it once", _GRADIENT
    ),
    "gradients of both signs": Words(
        "gives gradients of both signs: {}", "all arrays change by one rule", _GRADIENT
    ),
    "gradients of two scales": Words(
        "gives sums and averages: {}",
        "with one rate, some arrays change N times as fast as they should",
        _GRADIENT,
    ),
    "gradient shape": Words("has another shape", _SHAPE, _GRADIENT),
    "gradient": Words(
        "is no multiple of dL/do",
        "the entries of a row sum to 0; only the label's is negative",
        _GRADIENT,
    ),
    # accuracy, one-hot, weights
    "accuracy": Words(
        "is another number", "each sample's largest prediction is compared with its label", _DEFECTS
    ),
    "one-hot": Words("is not one-hot", "a row has a 1 at its label and 0 elsewhere", _NETWORK),
    "mask missing": Words(
        "lets everything back through the rectifier",
        "units that gave 0 pass nothing back; accuracy cannot find this, finite differences do",
        _HIDDEN,
    ),
    "mask absent": Words(
        "no mask of the rectifier is seen",
        "units that gave 0 pass nothing back; accuracy cannot find this, finite differences do",
        _HIDDEN,
    ),
    "relu as mask": Words(
        "relu stands where its derivative belongs",
        "the mask is 0 or 1, not the activation itself",
        _HIDDEN,
    ),
    "softmax twice in a gradient": Words(
        "applies softmax to what is already a softmax",
        "the second softmax is nearly flat, so even a perfect prediction has a large gradient",
        _DEFECTS,
    ),
    # training
    "softmax twice": Words(
        "{} applies softmax to what is already a softmax",
        "the second softmax is nearly flat, so even a perfect prediction has a large gradient",
        _DEFECTS,
    ),
    "softmax missing": Words(
        "{} takes probabilities and is given logits",
        "what a layer gives may be negative, and its rows sum to anything",
        _SOFTMAX,
    ),
    "mask open": Words("{} is always true", "what a rectifier gives is never negative", _HIDDEN),
    "argmax axis": Words(
        "argmax without an axis", "it is one index into all entries, not one class a row", _DEFECTS
    ),
    "swapped": Words(
        "the arguments of {} are swapped", "the logarithm of a one-hot target is -inf", _LOSS
    ),
    "test from valid": Words(
        "{} is computed from validation rows", "then it says nothing of the test rows", _DEFECTS
    ),
    "deviation": Words(
        "is {} the deviation, or the variance?", "the square root of the variance is meant", _START
    ),
    "numerator": Words(
        "1 or 2 above the two unit counts? {}",
        "1 over the sum is half of the reciprocal of the mean width",
        _START,
    ),
    "unit counts": Words(
        "are these the layer's units? {}",
        "in and out are those of this layer's own weights",
        _START,
    ),
    "bias not zero": Words(
        "{} starts at random numbers",
        "weights make units differ; the task starts biases at 0",
        _START,
    ),
    "ten times a power": Words("{}", "is 1e-5 meant?", _DEFECTS),
    "no momentum": Words(
        "{} changes without the momentum that others have", "every array has a velocity", _MOMENTUM
    ),
    "velocity lost": Words(
        "the new velocity has another name: {}",
        "the next step reads the old one, which never changes",
        _DEFECTS,
    ),
    "not updated": Words(
        "{} never reaches an update", "then its array keeps its first values", _MOMENTUM
    ),
    "update order": Words(
        "{} changes before the hidden gradient uses it",
        "all gradients of a step belong to the same weights",
        _OUTPUT,
    ),
    "rate of a sum": Words(
        "a sum over the rows times this rate: {}",
        "on 10,000 rows that is the average times so much, where the task has 0.1",
        _DEFECTS,
    ),
    "discarded": Words("the result of {} is thrown away", "nothing is changed by it", _NETWORK),
    "shuffle not called": Words("{} is never called", "rows keep the order they came in", _DEFECTS),
    "shuffle reseeds": Words(
        "{} seeds its generator anew", "then every epoch has the same order", _DEFECTS
    ),
    "figure saved": Words("is the figure saved too?", "none was seen to be", _DEFECTS),
}
