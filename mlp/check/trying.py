"""All functions of a submission, tried in the order in which one says something of the next."""

from .agreement import agree
from .definitions import Definitions, Function
from .kinds import Kind, filled, is_softmax_gradient, kind_of, misfit
from .probes.accuracy import judge_accuracy, judge_one_hot
from .probes.activations import judge_derivative, judge_relu
from .probes.gradient import judge_gradient
from .probes.layer import judge_layer
from .probes.loss import judge_loss
from .probes.softmax import judge_softmax
from .probes.verdicts import unchecked
from .probes.weights import judge_weights
from .process import Student
from .scopes import scopes
from .source import Source
from .subject import Subject
from .usage import (
    Made,
    Use,
    ascends,
    called,
    calls_of,
    given,
    made_of,
    target_first,
    use_of,
    wrapped,
)
from .verdict import Judgement, Tried, Way


def try_all(source: Source, definitions: Definitions, student: Student) -> list[Tried]:
    """Judge every function of a known kind."""
    # A name that is imported twice, or has another one, is the same function.
    single = {(f.file, f.line): f for f in reversed(definitions.functions.values())}
    functions = [(f, kind) for f in single.values() if (kind := kind_of(f))]
    functions.sort(key=lambda pair: list(Kind).index(pair[1]))
    names = called(source.tree)
    trial = _Trial(source, definitions, student, functions)
    tried = [Tried(f, kind, trial.judge(f, kind), f.short in names) for f, kind in functions]
    tried.sort(key=lambda one: (one.function.file is not None, one.function.line))
    return agree(tried, source.tree)


_MAKES = {
    Kind.SOFTMAX: Made.PROBABILITIES,
    Kind.LAYER: Made.LOGITS,
    Kind.RELU: Made.ACTIVATIONS,
}


class _Trial:
    """What is known of a submission while its functions are tried."""

    def __init__(
        self,
        source: Source,
        definitions: Definitions,
        student: Student,
        functions: list[tuple[Function, Kind]],
    ) -> None:
        self.tree, self.definitions, self.student = source.tree, definitions, student
        self.scopes = scopes(source.tree)
        self.makers = {f.short: _MAKES[kind] for f, kind in functions if kind in _MAKES}
        self.layouts: set[bool] = set()  # whether its softmaxes give one sample a row
        self.ascends = ascends(self.scopes)
        self.chained = any(is_softmax_gradient(name) for name in definitions.functions)

    def judge(self, function: Function, kind: Kind) -> Judgement:
        """Try one function."""
        function = filled(function, kind)
        subject = Subject(function, self.student, self.definitions)
        if subject.is_empty:
            return unchecked("nothing is written in it yet")
        if reason := misfit(function, kind):
            return unchecked(reason)
        name = function.short
        use, around = use_of(self.tree, name), wrapped(self.tree, name)
        by_row, adds = use is not Use.MATRICES, self.ascends != around.negated
        # Where softmax has its samples, if all of them agree.
        rows = next(iter(self.layouts)) if len(self.layouts) == 1 else None
        calls = [[made_of(a, self.makers) for a in call] for call in given(self.scopes, name)]
        if kind is Kind.SOFTMAX:
            judgement = judge_softmax(subject, use)
            self.layouts |= {judgement.ways[way] for way in (Way.LAYOUT,) if way in judgement.ways}
            return judgement
        if kind is Kind.RELU:
            return judge_relu(subject, use, calls)
        if kind is Kind.RELU_GRADIENT:
            return judge_derivative(subject, use, calls)
        if kind is Kind.LAYER:
            return judge_layer(subject)
        if kind is Kind.LOSS:
            orders = {target_first(c) for scope in self.scopes for c in calls_of(scope, name)}
            return judge_loss(subject, rows, around, orders, by_row)
        if kind is Kind.LOSS_GRADIENT:
            return judge_gradient(subject, rows, adds, self.chained, by_row)
        if kind is Kind.ACCURACY:
            return judge_accuracy(subject, rows, calls)
        if kind is Kind.ONE_HOT:
            return judge_one_hot(subject)
        return judge_weights(subject, rows, adds)
