"""Names and shapes of the SCIM messages (RFC 7644 section 8.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scim_service.scim import errors
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies

CONTENT_TYPE = "application/scim+json"

URN_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
URN_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
URN_ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
URN_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
URN_RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
URN_SERVICE_PROVIDER_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
URN_ERROR = errors.URN_ERROR
URN_LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
URN_PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
URN_SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
URN_BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
URN_BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The parameters of a query, from a query string or from a ``/.search`` body."""

    filter: str | None = None
    attributes: tuple[str, ...] = ()
    excluded_attributes: tuple[str, ...] = ()
    sort_by: str | None = None
    sort_order: str | None = None
    start_index: str | int | None = None
    count: str | int | None = None
    cursor: str | None = None


def build_list_response(
    resources: Sequence[dict[str, Any]],
    *,
    total: int | None = None,
    start_index: int | None = 1,
    next_cursor: str | None = None,
) -> dict[str, Any]:
    """Return a ListResponse (RFC 7644 section 3.4.2, RFC 9865 section 2).

    Parameters
    ----------
    total
        The number of results of the query, by default the number of `resources`.
    start_index
        The 1-based index of the first one; None for a page that was asked for by cursor.
    """
    body: dict[str, Any] = {
        "schemas": [URN_LIST_RESPONSE],
        "totalResults": len(resources) if total is None else total,
        "itemsPerPage": len(resources),
    }
    if start_index is not None:
        body["startIndex"] = start_index
    if next_cursor is not None:
        body["nextCursor"] = next_cursor
    # Clients read Resources without checking that it exists, so it exists even when empty.
    body["Resources"] = list(resources)
    return body


def parse_search_request(body: object, leniencies: Leniencies = NO_LENIENCIES) -> SearchRequest:
    """Return the query in a ``/.search`` body (RFC 7644 section 3.4.3).

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue, naming the member that is wrong.
    """
    members = read_message(body, URN_SEARCH_REQUEST, leniencies)
    return SearchRequest(
        filter=_read_text(members, "filter"),
        attributes=_read_names(members, "attributes"),
        excluded_attributes=_read_names(members, "excludedattributes"),
        sort_by=_read_text(members, "sortby"),
        sort_order=_read_text(members, "sortorder"),
        start_index=_read_number(members, "startindex"),
        count=_read_number(members, "count"),
        cursor=_read_text(members, "cursor"),
    )


def read_message(body: object, urn: str, leniencies: Leniencies = NO_LENIENCIES) -> dict[str, Any]:
    """Return the members of a message, their names in lower case.

    Member names are attribute names, whose case does not count (RFC 7643 section 2.1).

    Raises
    ------
    ScimError
        invalidSyntax: not an object, or not a message of the schema `urn`.
    """
    members = {name.lower(): value for name, value in read_object(body, "The body").items()}
    if leniencies.ignores_missing_schemas:
        return members
    schemas = members.get("schemas")
    if not isinstance(schemas, list) or urn not in schemas:
        raise errors.invalid_syntax(f'"schemas" of the body must contain "{urn}".')
    return members


def read_object(body: object, what: str) -> dict[str, Any]:
    """Return `body` if it is a JSON object, refuse anything else."""
    if not isinstance(body, dict):
        raise errors.invalid_syntax(f"{what} must be a JSON object.")
    return body


def _read_text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.invalid_value(f"{name} must be a string.")
    return value


def _read_number(members: dict[str, Any], name: str) -> str | int | None:
    value = members.get(name)
    if isinstance(value, bool) or (value is not None and not isinstance(value, (int, str))):
        raise errors.invalid_value(f"{name} must be an integer.")
    return value


def _read_names(members: dict[str, Any], name: str) -> tuple[str, ...]:
    value = members.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise errors.invalid_value(f"{name} must be a list of attribute names.")
    return tuple(value)
