"""The longest resource that is stored."""

from collections.abc import Mapping
from typing import Any

import orjson

from scim_service.scim import errors

RESOURCE_BYTES = 256 * 1024
"""The longest resource that is stored, without the members of a group.

Entra's default mappings take a kilobyte. This leaves room for a picture in the resource itself,
which directories keep below 100 KB, and for a thousand roles.
"""


def check_size(
    type_name: str, resource: Mapping[str, Any], document: bytes, *, before: str | None = None
) -> None:
    """Check that a resource is not too long to be stored.

    One that was too long before, under an earlier limit, may stay so but not become longer.

    Parameters
    ----------
    document
        The resource as JSON.
    before
        The stored document that it replaces.

    Raises
    ------
    ScimError
        413.
    """
    if len(document) <= RESOURCE_BYTES:
        return
    if before is not None:
        # Whether a user is active does not count: no limit may prevent disabling one.
        most = max(RESOURCE_BYTES, _size_without_active(orjson.loads(before)))
        if _size_without_active(resource) <= most:
            return
    raise errors.too_large(
        f"The {type_name} would take {len(document)} bytes; at most {RESOURCE_BYTES} are stored for"
        " one. Leave out or shorten some of its values; the longest is"
        f" {_longest_attribute(resource)}."
    )


def _size_without_active(resource: Mapping[str, Any]) -> int:
    return len(orjson.dumps({name: each for name, each in resource.items() if name != "active"}))


def _longest_attribute(resource: Mapping[str, Any]) -> str:
    """Return the name of the longest attribute, in an extension with the extension's URN."""
    name = max(resource, key=lambda each: len(orjson.dumps(resource[each])))
    if ":" in name and resource[name]:
        return f"{name}:{_longest_attribute(resource[name])}"
    return name
