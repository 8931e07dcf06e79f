"""Resources in canonical form: the only form that is stored.

Canonical means: attribute names in the spelling of their schema, extension attributes under the
URN of their schema, no null, no empty list and no empty object, ``schemas`` computed from what
is present. Values are never changed: a telephone number is returned as it was sent.
"""

from collections.abc import Collection, Mapping
from typing import Any

from scim_service.scim.schema import ResourceType

MAX_VALUES = 1000


def validate(
    resource_type: ResourceType,
    body: object,
    *,
    lenient: bool = False,
    required: Collection[str] = (),
) -> dict[str, Any]:
    """Return the resource that a body describes, in canonical form.

    Read-only attributes (``id``, ``meta``) are ignored, so the result has none of them.

    Parameters
    ----------
    lenient
        Keep unknown attributes out instead of refusing them.
    required
        Names of more attributes that must have a value (the tenant's ``requiredAttributes``).

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue; the detail names the attribute.
    """
    raise NotImplementedError


def replace(
    resource_type: ResourceType, resource: Mapping[str, Any], body: object, *, lenient: bool = False
) -> dict[str, Any]:
    """Return what a PUT of `body` makes of `resource` (RFC 7644 section 3.5.1).

    Read-only attributes are kept as they are, a write-only attribute is kept where the body has
    none, and an immutable one may be given only with the value it has.

    Raises
    ------
    ScimError
        as `validate`, or mutability.
    """
    raise NotImplementedError


def check_required(
    resource_type: ResourceType, resource: Mapping[str, Any], required: Collection[str] = ()
) -> None:
    """Refuse a resource that lacks a required attribute."""
    raise NotImplementedError


def changed_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the attributes that differ, extension attributes with their URN."""
    raise NotImplementedError
