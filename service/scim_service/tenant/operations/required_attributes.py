"""The rule that users have values for the attributes that their tenant requires."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scim_service.entra.mappings import explain_missing_values
from scim_service.scim import errors
from scim_service.scim.attribute_path import parse_attribute_path, resolve_configured_path
from scim_service.scim.errors import ScimError
from scim_service.scim.resource.changes import is_active
from scim_service.scim.resource.missing import find_missing_attributes, find_missing_parts
from scim_service.scim.schemas.attribute import COMMON_ATTRIBUTES
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.settings import SettingsError


def check_configuration(names: Iterable[str], user: ResourceType) -> None:
    """Check that a user can have a value for each attribute that the tenant requires.

    Raises
    ------
    SettingsError
        One is no attribute, or is read-only: each user would be refused for a value that no client
        can set.
    """
    for name in names:
        where = f"provisioning.requiredAttributes: {name}"
        try:
            path = resolve_configured_path(parse_attribute_path(name), user)
        except ScimError:
            path = None
        if path is None or path.attribute is None:
            raise SettingsError(
                f"{where} is no attribute of a user; name one of the core schema, such as emails, "
                "or of an extension that the tenant has"
            )
        if path.attribute.mutability == "readOnly" and path.attribute not in COMMON_ATTRIBUTES:
            raise SettingsError(f"{where} is read-only, and no client can give it a value")


def check_user(
    resource_type: ResourceType,
    required: Sequence[str],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    """Refuse a request that leaves a user without an attribute that the tenant requires.

    The status is 400 because of what Entra does with it
    (docs/decisions/0004-refusals-that-entra-understands.md).

    Raises
    ------
    ScimError
        invalidValue; it names the attributes and where Entra's mappings take their values from.
    """
    missing = newly_missing(resource_type, required, before, after)
    if missing:
        raise errors.invalid_value(explain_missing_values(missing))


def newly_missing(
    resource_type: ResourceType,
    required: Sequence[str],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> tuple[str, ...]:
    """Return the required attributes that a user lacks because of a request.

    For a new user, and for one who becomes active, these are all that the user lacks; for one who
    stays active, those that the request removes. For a user who is disabled afterwards there are
    none: no rule may keep access open.

    Parameters
    ----------
    required
        The attributes that each user must have a value for; those that a schema extension requires
        are counted as well.
    before
        The user before the request, None for a new one.
    """

    def find_missing(user: Mapping[str, Any]) -> tuple[str, ...]:
        return find_missing_attributes(resource_type, user, required) + find_missing_parts(
            resource_type, user
        )

    lacking = find_missing(after)
    if before is None or not lacking:
        return tuple(dict.fromkeys(lacking))
    if not is_active(after):
        return ()
    known = find_missing(before) if is_active(before) else ()
    # Values of one attribute can lack the same part, so they are counted.
    return tuple(Counter(lacking) - Counter(known))
