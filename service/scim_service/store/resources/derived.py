"""Attributes that answers have and stored documents have not: ``meta`` and references.

`meta_text` makes them for an answer, and `meta_columns` in SQL for a filter; both have the same
parts. A filter on a part without a column is refused (see `sql_filter`). It is never looked up in
the document, where it would select no resource or all of them.
"""

from typing import Any

from sqlalchemy import Table, Text, bindparam, cast, literal_column
from sqlalchemy.sql.elements import ColumnElement

from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.clock import format_time
from scim_service.store.database.statements import Backend
from scim_service.store.record import Record
from scim_service.store.search.source import META, Key


def meta_text(resource_type: str, record: Record, location: str, version: str) -> str:
    """Return ``meta`` as JSON text."""
    return (
        f'{{"resourceType":"{resource_type}"'
        f',"created":"{format_time(record.created)}"'
        f',"lastModified":"{format_time(record.last_modified)}"'
        f',"location":"{location}"'
        f',"version":"W/\\"{version}\\""}}'
    )


def meta_columns(
    table: Table, resource_type: ResourceType, backend: Backend
) -> dict[Key, ColumnElement[Any]]:
    """Return the parts of ``meta`` that a filter can name, without ``version``."""
    location = reference(literal_column(f"'{resource_type.endpoint}/'"), table.c.id)
    name = plain_text(literal_column(f"'{resource_type.name}'"), backend)
    return {
        (None, META, "resourceType"): name,
        (None, META, "created"): table.c.created,
        (None, META, "lastModified"): table.c.last_modified,
        (None, META, "location"): location,
    }


def version_column(table: Table, backend: Backend) -> ColumnElement[Any]:
    """Return ``meta.version`` of a type whose version is the stored one alone."""
    number = cast(table.c.version, Text())
    return plain_text(
        literal_column("""'W/"'""").concat(number).concat(literal_column("""'"'""")), backend
    )


def reference(endpoint: ColumnElement[Any], resource_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the URL of a resource; the parameter ``base`` is the tenant's base URL."""
    return bindparam("base", type_=Text()) + endpoint + resource_id


def plain_text(text: ColumnElement[Any], backend: Backend) -> ColumnElement[Any]:
    """Return a text that is compared byte by byte, as the key columns are."""
    return text.collate("C") if backend == "postgresql" else text
