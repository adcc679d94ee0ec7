"""All functions of a submission, tried in the order in which one says something of the next."""

from .definitions import Definitions, Function
from .kinds import Kind, is_softmax_gradient, kind_of
from .probes.accuracy import judge_accuracy, judge_one_hot
from .probes.activations import judge_derivative, judge_relu
from .probes.gradient import judge_gradient
from .probes.layer import judge_layer
from .probes.loss import judge_loss
from .probes.softmax import judge_softmax
from .probes.verdicts import unchecked
from .probes.weights import judge_weights
from .process import Student
from .source import Source
from .subject import Subject
from .usage import Use, ascends, called, use_of, wrapped
from .verdict import Judgement, Tried


def try_all(source: Source, definitions: Definitions, student: Student) -> list[Tried]:
    """Judge every function of a known kind."""
    # A name that is imported twice, or has another one, is the same function.
    single = {(f.file, f.line): f for f in reversed(definitions.functions.values())}
    functions = [(f, kind) for f in single.values() if (kind := kind_of(f))]
    functions.sort(key=lambda pair: list(Kind).index(pair[1]))
    names = called(source.tree)
    trial = _Trial(source, definitions, student)
    tried = [Tried(f, kind, trial.judge(f, kind), f.short in names) for f, kind in functions]
    return sorted(tried, key=lambda one: (one.function.file is not None, one.function.line))


class _Trial:
    """What is known of a submission while its functions are tried."""

    def __init__(self, source: Source, definitions: Definitions, student: Student) -> None:
        self.source, self.definitions, self.student = source, definitions, student
        self.layouts: set[str] = set()  # where its softmaxes have their classes
        self.ascends = ascends(source.tree)
        self.chained = any(is_softmax_gradient(name) for name in definitions.functions)

    @property
    def layout(self) -> str | None:
        """Where softmax has its classes, if all of them agree."""
        return next(iter(self.layouts)) if len(self.layouts) == 1 else None

    def judge(self, function: Function, kind: Kind) -> Judgement:
        """Try one function."""
        subject = Subject(function, self.student, self.definitions)
        if subject.is_empty:
            return unchecked("nothing is written in it yet")
        use = use_of(self.source.tree, function.short)
        if kind is Kind.SOFTMAX:
            judgement, layout = judge_softmax(subject, use)
            self.layouts |= {layout} if layout else set()
            return judgement
        if kind is Kind.RELU:
            return judge_relu(subject)
        if kind is Kind.RELU_GRADIENT:
            return judge_derivative(subject)
        if kind is Kind.LAYER:
            return judge_layer(subject)
        if kind is Kind.LOSS:
            negated, divided = wrapped(self.source.tree, function.short)
            return judge_loss(subject, self.layout, negated, divided, use is not Use.MATRICES)
        if kind is Kind.LOSS_GRADIENT:
            adds = self.ascends != wrapped(self.source.tree, function.short)[0]
            by_row = use is not Use.MATRICES
            return judge_gradient(subject, self.layout, adds, self.chained, by_row)
        if kind is Kind.ACCURACY:
            return judge_accuracy(subject, self.layout)
        if kind is Kind.ONE_HOT:
            return judge_one_hot(subject)
        return judge_weights(subject)
