import pytest

from mlp.check.definitions import Function
from mlp.check.kinds import Kind, filled, is_softmax_gradient, kind_of, misfit, words


@pytest.mark.parametrize(
    ("names", "count", "kind"),
    [
        ("relu ReLU ReLu Relu my_relu relu_forward", 1, Kind.RELU),
        (
            "relu_derivative d_relu reluPrime relu_grad drelu gradRelu relu_backward",
            1,
            Kind.RELU_GRADIENT,
        ),
        ("softmax Softmax soft_max stable_softmax", 1, Kind.SOFTMAX),
        (
            "computeLayer compute linear layer forward_layer compute_layer computelayer",
            3,
            Kind.LAYER,
        ),
        (
            "averageCE CE avgCE avrageCE avg_ce crossEntropy CELoss cross_entropy_loss loss",
            2,
            Kind.LOSS,
        ),
        (
            "gradCE grad_ce gradientCE dCE CE_grad gradCrossEntropy grad_loss gradce",
            2,
            Kind.LOSS_GRADIENT,
        ),
        ("accuracy get_accuracy calc_acc acc computeAccuracy", 2, Kind.ACCURACY),
        ("one_hot oneHot convertOneHot onehot_encode", 1, Kind.ONE_HOT),
        ("grad_W_o dW1 db2 gradHiddenWeights backprop back_propagation dL_dWo", 3, Kind.GRADIENTS),
        ("train plot_accuracy test_relu loadData shuffle forward build_cnn save_model", 3, None),
        ("reduce distance variance convergence inference", 2, None),
        ("relu_layer softmax_layer hidden_relu", 3, Kind.LAYER),
        ("softmax_loss softmaxCrossEntropy softmax_ce", 2, Kind.LOSS),
        ("__init__ leaky_relu", 3, None),
        ("is_prime go_back diff", 1, None),
    ],
)
def test_names_in_every_spelling(names, count, kind):
    required = ["abc"] * count
    for name in names.split():
        found = kind_of(Function(name, None, 1, required))
        if found is None and kind is Kind.RELU_GRADIENT:
            found = kind_of(Function(name, None, 1, required[:2]))
        assert found is kind, name


def test_a_number_of_rows_beside_target_and_prediction_changes_nothing():
    function = Function("gradCE", None, 1, ["target", "prediction", "N"])
    assert kind_of(function) is Kind.LOSS_GRADIENT


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("softmax_grad dsoftmax softmaxDerivative d_softmax", True),
        ("softmax grad_softmax_CE gradCE", False),
    ],
)
def test_derivatives_of_softmax_alone(names, expected):
    assert {is_softmax_gradient(name) for name in names.split()} == {expected}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("averageCE", ["average", "ce"]),
        ("CELoss", ["ce", "loss"]),
        ("grad_W_h", ["grad", "w", "h"]),
        ("relu2", ["relu", "2"]),
    ],
)
def test_words(name, parts):
    assert words(name) == parts


@pytest.mark.parametrize(
    ("name", "required", "reason"),
    [
        ("relu", ["x"], None),
        ("relu", ["x", "a"], "it takes 2 arguments, where 1 can be tried"),
        ("relu_grad", ["x", "a", "b"], "it takes 3 arguments, where 1 or 2 can be tried"),
        ("softmax", [], "it takes no argument, where 1 can be tried"),
        ("computeLayer", ["x"], "it takes 1 argument, where 2 or 3 can be tried"),
        ("averageCE", ["p"], "it takes 1 argument, where 2 or more can be tried"),
        ("accuracy", [], "it takes no argument, where 2 or more can be tried"),
        ("gradCE", ["p"], "it takes 1 argument, where 2 or 3 can be tried"),
        ("one_hot", [], "it takes no argument, where 1 to 3 can be tried"),
        ("backprop", [], "it takes no argument, where 2 or more can be tried"),
    ],
)
def test_a_number_of_arguments_that_does_not_fit_is_said(name, required, reason):
    function = Function(name, None, 1, required)
    assert misfit(function, kind_of(function)) == reason


def test_optional_arguments_are_given_where_too_few_are_required():
    function = filled(Function("averageCE", None, 1, ["t"], ["p", "eps"]), Kind.LOSS)
    assert (function.required, function.optional) == (["t", "p"], ["eps"])
