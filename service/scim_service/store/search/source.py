"""A table of resources as filters and orders see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from scim_service.scim.attribute_path import AttributePath

Condition: TypeAlias = ColumnElement[bool]
Expression: TypeAlias = ColumnElement[Any]
Key: TypeAlias = tuple[str | None, str, str | None]
"""The schema, the name and the sub-attribute of an attribute."""

META = "meta"
"""The attribute that is in no document: answers get it from columns."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A multi-valued attribute whose elements are rows.

    Parameters
    ----------
    rows
        The rows of the elements.
    owner
        The column with the id of the resource.
    columns
        The sub-attributes that a filter can name, in the search form.
    documented
        Whether the elements are in the document too, with the sub-attributes without a column.
    """

    rows: FromClause
    owner: Expression
    columns: Mapping[str, Expression]
    documented: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A table of resources.

    An attribute that is neither a column nor a relation is looked up in the search form, except
    `META`.

    Parameters
    ----------
    search_form
        The column with the search form.
    columns
        The attributes that are columns.
    relations
        The multi-valued attributes whose elements are rows, by name.
    """

    table: FromClause
    id: Expression
    search_form: Expression
    columns: Mapping[Key, Expression]
    relations: Mapping[str, Relation]

    def column(self, path: AttributePath) -> Expression | None:
        """Return the column of an attribute, None if it has none."""
        return self.columns.get((path.schema, path.name, path.sub))

    def relation(self, path: AttributePath) -> Relation | None:
        """Return the relation of an attribute, None if its elements are no rows."""
        return self.relations.get(path.name) if path.schema is None else None


def is_meta(path: AttributePath) -> bool:
    """Whether a path leads into ``meta``."""
    return path.schema is None and path.name == META
