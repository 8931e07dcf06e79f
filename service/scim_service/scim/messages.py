"""Names and shapes of the SCIM messages (RFC 7644 section 8.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scim_service.scim import errors

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


def list_response(
    resources: Sequence[dict[str, Any]],
    *,
    total: int | None = None,
    start_index: int | None = 1,
    next_cursor: str | None = None,
    previous_cursor: str | None = None,
) -> dict[str, Any]:
    """Return a ListResponse (RFC 7644 section 3.4.2, RFC 9865 section 2).

    Parameters
    ----------
    total
        The number of results of the query, by default the number of `resources`.
    start_index
        The 1-based index of the first one; None for a page that was asked for by cursor.
    """
    raise NotImplementedError


def parse_search_request(body: object) -> SearchRequest:
    """Return the query in a ``/.search`` body (RFC 7644 section 3.4.3).

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue, naming the member that is wrong.
    """
    raise NotImplementedError


def object_members(body: object, what: str) -> dict[str, Any]:
    """Return `body` if it is a JSON object, refuse anything else."""
    raise NotImplementedError


def require_schema(body: dict[str, Any], urn: str) -> None:
    """Refuse a message that does not name its own schema (strict profile)."""
    raise NotImplementedError


def join_names(names: Iterable[str]) -> str:
    """Return `names` as they are listed in a sentence."""
    return ", ".join(names)
