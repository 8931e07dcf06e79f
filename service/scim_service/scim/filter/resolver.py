"""Binds the paths of a filter to attributes and types its literals.

It also rewrites these spellings:

* ``emails eq "x"`` becomes ``emails.value eq "x"``,
* ``title eq null`` becomes ``not (title pr)`` and ``title ne null`` becomes ``title pr``,
* ``name[familyName eq "x"]`` becomes ``name.familyName eq "x"``, as name is single-valued.
"""

from collections.abc import Callable
from dataclasses import replace

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath, is_value_of_simple, resolve_path
from scim_service.scim.errors import shorten
from scim_service.scim.filter.literals import check_literal
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.schemas.resource_type import ResourceType

_STRING_OPERATORS = frozenset({"co", "sw", "ew"})
_ORDER_OPERATORS = frozenset({"gt", "ge", "lt", "le"})


def resolve_filter(
    filter: Filter,  # noqa: A002
    resource_type: ResourceType,
) -> Filter:
    """Bind every path to its attribute and give every literal the type of its attribute.

    Raises
    ------
    ScimError
        invalidFilter: an unknown attribute, an operator that its type does not have, or a
        literal of another type.
    """

    def bind(path: AttributePath) -> AttributePath:
        bound = resolve_path(path, resource_type)
        if bound is None:
            raise errors.invalid_filter(
                f'The filter names the attribute "{shorten(str(path))}", which '
                f"{resource_type.name} does not have; /Schemas lists the attributes."
            )
        return bound

    return _resolve(filter, bind, resource_type.leniencies)


def resolve_element_filter(
    filter: Filter,  # noqa: A002
    parent: AttributePath,
    leniencies: Leniencies,
) -> Filter:
    """Resolve a filter on the elements of a resolved path, as `resolve_filter` does.

    Paths in the result are relative to an element.
    """
    return _resolve(filter, lambda path: _bind_element(path, parent), leniencies)


def _bind_element(path: AttributePath, parent: AttributePath) -> AttributePath:
    attribute = parent.leaf
    if path.schema is None and path.sub is None:
        sub_attribute = attribute.sub_attribute(path.name)
        if sub_attribute is not None:
            return AttributePath(None, sub_attribute.name, None, sub_attribute)
        if is_value_of_simple(attribute, path.name):
            element = replace(attribute, multi_valued=False)
            return AttributePath(None, "value", None, element)
    raise errors.invalid_filter(
        f'The filter names "{shorten(str(path))}", which {parent} does not have; '
        "/Schemas lists the sub-attributes."
    )


def _resolve(
    filter: Filter,  # noqa: A002
    bind: Callable[[AttributePath], AttributePath],
    leniencies: Leniencies,
) -> Filter:
    match filter:
        case Compare():
            return _resolve_compare(filter, bind(filter.path), leniencies)
        case Present(path):
            bound = bind(path)
            _reject_never_returned(bound)
            return Present(bound)
        case And(left, right):
            return And(_resolve(left, bind, leniencies), _resolve(right, bind, leniencies))
        case Or(left, right):
            return Or(_resolve(left, bind, leniencies), _resolve(right, bind, leniencies))
        case Not(operand):
            return Not(_resolve(operand, bind, leniencies))
        case ValuePath(path, inner):
            return _resolve_value_path(bind(path), inner, bind, leniencies)


def _resolve_value_path(
    path: AttributePath,
    inner: Filter,
    bind: Callable[[AttributePath], AttributePath],
    leniencies: Leniencies,
) -> Filter:
    attribute = path.leaf
    if attribute.multi_valued:
        return ValuePath(path, resolve_element_filter(inner, path, leniencies))
    if attribute.type != "complex" or not path.name:
        raise errors.invalid_filter(
            f"The filter has brackets after {path}, which has no sub-attributes to select by."
        )

    def bind_within(relative: AttributePath) -> AttributePath:
        element = _bind_element(relative, path)
        return bind(replace(path, sub=element.name))

    return _resolve(inner, bind_within, leniencies)


def _resolve_compare(compare: Compare, path: AttributePath, leniencies: Leniencies) -> Filter:
    _reject_never_returned(path)
    if compare.value is None:
        if compare.op == "eq":
            return Not(Present(path))
        if compare.op == "ne":
            return Present(path)
    if path.leaf.type == "complex":
        path = _select_value_sub_attribute(path)
    leaf = path.leaf
    op = compare.op
    if (op in _STRING_OPERATORS and leaf.type not in {"string", "reference", "binary"}) or (
        op in _ORDER_OPERATORS and leaf.type in {"boolean", "binary"}
    ):
        raise errors.invalid_filter(
            f"The filter uses {op} on {path}, but an attribute of type {leaf.type} does not "
            "have this operator."
        )
    return Compare(path, op, check_literal(compare.value, path, leniencies))


def _select_value_sub_attribute(path: AttributePath) -> AttributePath:
    """Return the path of ``value``, which stands for its complex attribute in comparisons."""
    value = path.leaf.sub_attribute("value")
    if value is None:
        names = ", ".join(sub.name for sub in path.leaf.sub_attributes[:3])
        raise errors.invalid_filter(
            f"The filter compares {path}, which is complex; compare one of its sub-attributes, "
            f"such as {names}."
        )
    return replace(path, sub=value.name, sub_attribute=value)


def _reject_never_returned(path: AttributePath) -> None:
    """Reject filters on attributes that are never returned."""
    if path.leaf.returned == "never":
        raise errors.invalid_filter(f"The filter names {path}, which cannot be filtered by.")
