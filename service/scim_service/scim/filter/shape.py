"""Splits a resolved filter into its shape and its literals, and counts its comparisons."""

from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, Value, ValuePath


def split_literals(filter: Filter) -> tuple[str, tuple[Value, ...]]:  # noqa: A002
    """Split a resolved filter into its shape and its literals.

    Filters of one shape differ in their literals only, so a compiled form can be cached by shape.
    The literals are in the order of the comparisons, from left to right.
    """
    if isinstance(filter, Compare):
        return f"{filter.path} {filter.op}", (filter.value,)
    values: list[Value] = []
    return _write_shape(filter, values), tuple(values)


def _write_shape(filter: Filter, values: list[Value]) -> str:  # noqa: A002
    match filter:
        case Compare(path, op, value):
            values.append(value)
            return f"{path} {op}"
        case Present(path):
            return f"{path} pr"
        case And(left, right):
            return f"({_write_shape(left, values)} and {_write_shape(right, values)})"
        case Or(left, right):
            return f"({_write_shape(left, values)} or {_write_shape(right, values)})"
        case Not(operand):
            return f"not ({_write_shape(operand, values)})"
        case ValuePath(path, inner):
            return f"{path}[{_write_shape(inner, values)}]"


def count_comparisons(filter: Filter | None) -> int:  # noqa: A002
    """Return how many comparisons the filter makes of one element; long literals count more.

    None means no filter and no comparisons.
    """
    match filter:
        case None:
            return 0
        case Compare(value=str(text)):
            return 1 + (len(text) >> 6)
        case And(left, right) | Or(left, right):
            return count_comparisons(left) + count_comparisons(right)
        case Not(operand):
            return count_comparisons(operand)
        case ValuePath(_, inner):
            return count_comparisons(inner)
        case _:
            return 1
