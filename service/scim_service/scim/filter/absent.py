"""Simplifies filters for resources that have no value of an attribute."""

from collections.abc import Callable, Sequence

from scim_service.scim.attribute_path import AttributePath, resolve_path
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.schemas.resource_type import ResourceType


def remove_absent(
    filter: Filter,  # noqa: A002
    resource_type: ResourceType,
    among: Sequence[ResourceType],
) -> Filter | bool:
    """Return the rest of a parsed filter for one of several resource types.

    A condition on an attribute that only another type has is decided here, as if the attribute had
    no value (RFC 7644 section 3.4.2.1). The result is True or False where that decides the whole
    filter. Attributes that no type has are left as they are.
    """

    def is_absent(path: AttributePath) -> bool:
        return resolve_path(path, resource_type) is None and any(
            resolve_path(path, other) is not None for other in among
        )

    return _reduce(filter, is_absent)


def _reduce(filter: Filter, is_absent: Callable[[AttributePath], bool]) -> Filter | bool:  # noqa: A002
    match filter:
        case Compare(path, op, value):
            # As in `matches`: to differ from a value is also to have none.
            return (op == "ne") is (value is not None) if is_absent(path) else filter
        case Present(path) | ValuePath(path):
            return False if is_absent(path) else filter
        case Not(operand):
            inner = _reduce(operand, is_absent)
            return not inner if isinstance(inner, bool) else Not(inner)
        case And(left, right):
            return _join(_reduce(left, is_absent), _reduce(right, is_absent), And, neutral=True)
        case Or(left, right):
            return _join(_reduce(left, is_absent), _reduce(right, is_absent), Or, neutral=False)


def count_missing_as_active(filter: Filter) -> Filter:  # noqa: A002
    """Return a resolved filter in which a user without ``active`` is active.

    Such a user counts as active (`resource.changes.is_active`), so ``active eq true`` becomes
    ``not (active eq false)``, and ``active ne true`` becomes ``active eq false``.
    """
    match filter:
        # The shape of nearly all filters comes first.
        case Compare(path, op, value):
            if value is not True or path.name != "active" or path.schema is not None:
                return filter
            disabled = Compare(path, "eq", False)
            return Not(disabled) if op == "eq" else disabled
        case Not(operand):
            return Not(count_missing_as_active(operand))
        case And(left, right):
            return And(count_missing_as_active(left), count_missing_as_active(right))
        case Or(left, right):
            return Or(count_missing_as_active(left), count_missing_as_active(right))
        case _:
            return filter


def _join(
    left: Filter | bool, right: Filter | bool, join: type[And | Or], *, neutral: bool
) -> Filter | bool:
    if isinstance(left, bool):
        return right if left is neutral else left
    if isinstance(right, bool):
        return left if right is neutral else right
    return join(left, right)
