"""Which expressions of a submission may be evaluated although nothing has asked for them."""

import ast

# Calls that cost nothing with small arguments.
_MAKERS = set(
    "vectorize partial frompyfunc finfo sqrt log exp float64 float32 int float array arange eye "
    "staticmethod".split()
)


def is_harmless(value: ast.expr) -> bool:
    """Whether to evaluate an expression costs nothing and reads nothing."""
    if isinstance(value, ast.Lambda | ast.Constant | ast.Name | ast.Attribute):
        return not isinstance(value, ast.Attribute) or is_harmless(value.value)
    if isinstance(value, ast.UnaryOp):
        return is_harmless(value.operand)
    if isinstance(value, ast.BinOp):
        both = (value.left, value.right)
        if isinstance(value.op, ast.Pow | ast.LShift):  # which a few digits can make endless
            return all(isinstance(part, ast.Constant) and _small(part) for part in both)
        return all(_small(part) and is_harmless(part) for part in both)
    if isinstance(value, ast.Tuple | ast.List):
        return all(is_harmless(item) for item in value.elts)
    if isinstance(value, ast.Call) and not value.keywords:
        name = ast.unparse(value.func).rpartition(".")[2]
        return name in _MAKERS and all(is_harmless(item) for item in value.args)
    return False


def _small(value: ast.expr) -> bool:
    return not isinstance(value, ast.Constant) or (
        isinstance(value.value, int | float) and abs(value.value) <= 100_000
    )
