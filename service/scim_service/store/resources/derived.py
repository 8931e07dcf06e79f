"""What an answer has and no stored document: made for the answer and, in SQL, for what finds it.

`meta_text` and `meta_columns` have the same parts. A filter on a part without a column is refused
(see `filters`) and never looked up in the document, where it would select nobody or everybody.
"""

from typing import Any

from sqlalchemy import Table, Text, bindparam, cast, literal_column
from sqlalchemy.sql.elements import ColumnElement

from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.clock import format_time
from scim_service.store.database.statements import Backend
from scim_service.store.record import Record

META = "meta"


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
) -> dict[tuple[str | None, str, str | None], ColumnElement[Any]]:
    """Return the parts of ``meta`` that can be found by, without ``version``."""
    location = reference(literal_column(f"'{resource_type.endpoint}/'"), table.c.id)
    name = plain_text(literal_column(f"'{resource_type.name}'"), backend)
    return {
        (None, META, "resourceType"): name,
        (None, META, "created"): table.c.created,
        (None, META, "lastModified"): table.c.last_modified,
        (None, META, "location"): location,
    }


def version_column(table: Table, backend: Backend) -> ColumnElement[Any]:
    """Return ``meta.version`` where it is made of the stored version alone."""
    number = cast(table.c.version, Text())
    return plain_text(
        literal_column("""'W/"'""").concat(number).concat(literal_column("""'"'""")), backend
    )


def reference(endpoint: ColumnElement[Any], resource_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a resource's address; the parameter ``base`` is the tenant's."""
    return bindparam("base", type_=Text()) + endpoint + resource_id


def plain_text(text: ColumnElement[Any], backend: Backend) -> ColumnElement[Any]:
    """Return a text that is compared byte by byte, as the columns with keys are."""
    return text.collate("C") if backend == "postgresql" else text
