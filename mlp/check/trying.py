"""All functions of a submission, tried in the order in which one says something of the next."""

from collections.abc import Callable

from .agreement import agree
from .definitions import Definitions, Function
from .kinds import Kind, filled, is_softmax_gradient, kind_of, misfit
from .parameters import ascends
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
from .subject import Setting, Subject
from .usage import (
    Made,
    called,
    calls_of,
    given,
    made_of,
    target_first,
    use_of,
    uses_result,
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


_JUDGES: dict[Kind, Callable[[Subject], Judgement]] = {
    Kind.SOFTMAX: judge_softmax,
    Kind.RELU: judge_relu,
    Kind.RELU_GRADIENT: judge_derivative,
    Kind.LAYER: judge_layer,
    Kind.LOSS: judge_loss,
    Kind.LOSS_GRADIENT: judge_gradient,
    Kind.ACCURACY: judge_accuracy,
    Kind.ONE_HOT: judge_one_hot,
    Kind.GRADIENTS: judge_weights,
}
_MAKES = {Kind.SOFTMAX: Made.PROBABILITIES, Kind.LAYER: Made.LOGITS}


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
        setting = self._setting(function.short)
        subject = Subject(function, self.student, self.definitions, setting)
        if subject.is_empty:
            return unchecked("nothing is written in it yet")
        if reason := misfit(function, kind):
            return unchecked(reason)
        judgement = _JUDGES[kind](subject)
        if kind is Kind.SOFTMAX and Way.LAYOUT in judgement.ways:
            self.layouts.add(judgement.ways[Way.LAYOUT])
        return judgement

    def _setting(self, name: str) -> Setting:
        around = wrapped(self.tree, name)
        return Setting(
            use_of(self.tree, name),
            [[made_of(a, self.makers) for a in call] for call in given(self.scopes, name)],
            {target_first(call) for scope in self.scopes for call in calls_of(scope, name)},
            around,
            uses_result(self.scopes, name),
            next(iter(self.layouts)) if len(self.layouts) == 1 else None,
            self.ascends != around.negated,
            self.chained,
        )
