"""Filters and orders as SQL.

A condition is built from a resolved filter's shape: literals are parameters ``f0``, ``f1`` and so
on, in the order of `split_literals`. The attributes that Entra matches on are columns and rows with
an index; every other attribute is looked up in the search form.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, Value, ValuePath
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import fold_case, is_case_exact
from scim_service.store.clock import to_microseconds
from scim_service.store.database.statements import Backend
from scim_service.store.search.documents import DOCUMENTS, Find, sql_type, steps_to
from scim_service.store.search.source import Condition, Expression, Source, is_meta

_TEXTS = {"string", "reference", "binary"}
_TO_SEARCH_FORM: Mapping[str, Callable[[Any], Any]] = {
    "dateTime": to_microseconds,
    "decimal": float,
}
"""How a literal becomes the search form of its attribute's type."""


class ConditionBuilder:
    """Builds the conditions of one statement, and numbers their parameters."""

    def __init__(self, source: Source, backend: Backend) -> None:
        self._source = source
        self._documents = DOCUMENTS[backend]
        self._parameters: list[tuple[str, Callable[[Any], Any]]] = []

    def parameters(self, literals: tuple[Value, ...]) -> dict[str, Any]:
        """Return the parameters of the condition, in the search form."""
        return {
            name: convert(value)
            for (name, convert), value in zip(self._parameters, literals, strict=True)
        }

    def condition(self, filter: Filter, *, negated: bool = False) -> Condition:  # noqa: A002
        """Return the condition of a filter.

        Parameters
        ----------
        negated
            The condition stands inside of a NOT, where "unknown" must count as false.

        Raises
        ------
        ScimError
            invalidFilter: the filter names an attribute that is not stored.
        """
        match filter:
            case And(left, right):
                return and_(
                    self.condition(left, negated=negated), self.condition(right, negated=negated)
                )
            case Or(left, right):
                return or_(
                    self.condition(left, negated=negated), self.condition(right, negated=negated)
                )
            case Not(operand):
                return not_(self.condition(operand, negated=True))
            case ValuePath(path, inner):
                return self._has_element(
                    path,
                    _list_sub_attributes(inner),
                    lambda find: self._within(inner, find, negated=False),
                )
            case Compare() | Present():
                return self._leaf(filter, negated=negated)

    def sort_value(self, path: AttributePath) -> tuple[Expression, Any]:
        """Return the value that resources are sorted by, and its type.

        For a multi-valued attribute it is the primary value, or else the first one.

        Raises
        ------
        ScimError
            invalidPath: the attribute is not stored.
        """
        kind = sql_type(path.leaf)
        known = self._source.column(path)
        if known is not None:
            return known, kind
        relation = self._source.relation(path)
        if is_meta(path) or (relation is not None and not relation.documented):
            raise errors.invalid_path(
                f"sortBy names {path}, which is derived for each answer and has no order."
            )
        assert path.attribute is not None
        if not path.attribute.multi_valued:
            value = self._documents.value(self._source.search_form, steps_to(path), path.leaf)
            return value, kind
        rows, number, find = self._documents.elements(self._source.search_form, path)
        first = select(find(path.sub_attribute)).select_from(rows)
        primary = path.attribute.sub_attribute("primary")
        if primary is not None:
            first = first.order_by(func.coalesce(find(primary), false()).desc())
        return first.order_by(number).limit(literal_column("1")).scalar_subquery(), kind

    def _leaf(self, leaf: Compare | Present, *, negated: bool) -> Condition:
        path = leaf.path
        assert path.attribute is not None
        known = self._source.column(path)
        if known is not None:
            return self._test(known, leaf, path.leaf, negated=negated)
        if is_meta(path):
            return _test_meta(leaf)
        if not path.attribute.multi_valued:
            value = self._documents.value(self._source.search_form, steps_to(path), path.leaf)
            return self._test(value, leaf, path.leaf, negated=negated)
        return self._leaf_of_elements(leaf, path)

    def _leaf_of_elements(self, leaf: Compare | Present, path: AttributePath) -> Condition:
        """Return the condition that one of several values passes a test."""
        if path.sub is None and path.leaf.type == "complex":
            return self._has_element(path, frozenset(), lambda _: true())
        sub = path.sub_attribute
        names = frozenset({path.sub or "value"})
        if isinstance(leaf, Present):
            return self._has_element(path, names, lambda find: _is_present(find(sub), path.leaf))
        passes = self._has_element(
            path, names, lambda find: self._compare(find(sub), leaf, path.leaf)
        )
        if leaf.op != "ne":
            return passes
        has_value = self._has_element(path, names, lambda find: find(sub).is_not(None))
        return or_(passes, not_(has_value))

    def _within(self, filter: Filter, find: Find, *, negated: bool) -> Condition:  # noqa: A002
        """Return the condition of a value filter, on one element."""
        match filter:
            case And(left, right):
                return and_(
                    self._within(left, find, negated=negated),
                    self._within(right, find, negated=negated),
                )
            case Or(left, right):
                return or_(
                    self._within(left, find, negated=negated),
                    self._within(right, find, negated=negated),
                )
            case Not(operand):
                return not_(self._within(operand, find, negated=True))
            case ValuePath():
                raise errors.invalid_filter("a value filter cannot contain another one")
            case Compare(path) | Present(path):
                return self._test(find(path.leaf), filter, path.leaf, negated=negated)

    def _has_element(
        self, path: AttributePath, names: frozenset[str], test: Callable[[Find], Condition]
    ) -> Condition:
        """Return the condition that one element of a multi-valued attribute passes a test.

        `names` are the sub-attributes that the test reads.
        """
        relation = self._source.relation(path)
        if relation is not None and names <= relation.columns.keys():
            columns = relation.columns
            owners = (
                select(relation.owner)
                .select_from(relation.rows)
                .where(test(lambda sub: columns["value" if sub is None else sub.name]))
            )
            return self._source.id.in_(owners)
        if relation is not None and not relation.documented:
            unknown = ", ".join(sorted(names - relation.columns.keys()))
            raise errors.invalid_filter(
                f"the filter asks for {path.name}.{unknown}, which is not stored; it can ask for"
                f" {', '.join(relation.columns)}"
            )
        rows, _, find = self._documents.elements(self._source.search_form, path)
        return select(literal_column("1")).select_from(rows).where(test(find)).exists()

    def _test(
        self,
        value: Expression,
        leaf: Compare | Present,
        attribute: Attribute,
        *,
        negated: bool,
    ) -> Condition:
        if isinstance(leaf, Present):
            return _is_present(value, attribute)
        test = self._compare(value, leaf, attribute)
        if leaf.op == "ne":
            return or_(value.is_(None), test)
        return func.coalesce(test, false()) if negated else test

    def _compare(self, value: Expression, compare: Compare, attribute: Attribute) -> Condition:
        name = f"f{len(self._parameters)}"
        if attribute.type in _TEXTS and not is_case_exact(attribute):
            convert: Callable[[Any], Any] = fold_case
        else:
            convert = _TO_SEARCH_FORM.get(attribute.type, lambda literal: literal)
        self._parameters.append((name, convert))
        wanted = bindparam(name, type_=sql_type(attribute))
        if compare.op == "co":
            return self._documents.contains(value, wanted)
        return _OPERATORS[compare.op](value, wanted)


def _is_present(value: Expression, attribute: Attribute) -> Condition:
    if attribute.type in _TEXTS:
        return func.coalesce(value, literal_column("''")) != literal_column("''")
    return value.is_not(None)


def _test_meta(leaf: Compare | Present) -> Condition:
    """Return the condition on a part of ``meta`` without a column: every answer has one."""
    if isinstance(leaf, Present):
        return true()
    raise errors.invalid_filter(
        f"the filter compares {leaf.path}, which is derived for each answer; it can only ask for"
        f" {leaf.path} pr"
    )


def _list_sub_attributes(filter: Filter) -> frozenset[str]:  # noqa: A002
    """Return the sub-attributes that a value filter reads."""
    match filter:
        case And(left, right) | Or(left, right):
            return _list_sub_attributes(left) | _list_sub_attributes(right)
        case Not(operand):
            return _list_sub_attributes(operand)
        case ValuePath(path, _) | Compare(path) | Present(path):
            return frozenset({path.name})


def is_selective(filter: Filter, source: Source) -> bool:  # noqa: A002
    """Whether an index leads to the few resources that a filter can select."""
    match filter:
        case And(left, right):
            return is_selective(left, source) or is_selective(right, source)
        case Or(left, right):
            return is_selective(left, source) and is_selective(right, source)
        case Compare(path, "eq"):
            if path.name in source.relations:
                return path.sub == "value"
            return source.column(path) is not None and not is_meta(path)
        case ValuePath(path, inner):
            return path.name in source.relations and _selects_by_value(inner)
        case _:
            return False


def _selects_by_value(filter: Filter) -> bool:  # noqa: A002
    match filter:
        case And(left, right):
            return _selects_by_value(left) or _selects_by_value(right)
        case Compare(path, "eq"):
            return path.name == "value"
        case _:
            return False


def _ends_with(value: Expression, wanted: Expression) -> Condition:
    start = func.length(value) - func.length(wanted) + 1
    return and_(start >= 1, func.substr(value, start) == wanted)


# Substrings are compared without LIKE, which ignores case on SQLite and has wildcards.
_OPERATORS: Mapping[str, Callable[[Expression, Expression], Condition]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
    "sw": lambda value, wanted: func.substr(value, 1, func.length(wanted)) == wanted,
    "ew": _ends_with,
}
