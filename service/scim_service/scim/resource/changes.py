"""Replaces a resource as a PUT does, and compares two states of one."""

from collections.abc import Mapping
from typing import Any

from scim_service.scim import errors
from scim_service.scim.resource.canonical import join_path, set_schemas
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType


def replace_resource(
    resource_type: ResourceType, resource: Mapping[str, Any], replacement: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `resource` after a PUT (RFC 7644 section 3.5.1).

    Read-only attributes are kept, a write-only attribute is kept if the replacement has none, and
    an immutable one may be given only with its current value.

    Parameters
    ----------
    replacement
        The body as `validate` returns it.

    Raises
    ------
    ScimError
        mutability.
    """
    result = dict(replacement)
    _carry_over(resource_type, resource, result, "")
    return set_schemas(resource_type, result)


def is_active(user: Mapping[str, Any]) -> bool:
    """Whether a user counts as active: unless ``active`` is false."""
    return user.get("active") is not False


def keep_disabled(before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return `after`, still disabled unless the client enables the user.

    The service may give a default to an attribute that a client leaves out or clears (RFC 7644
    section 3.5.1). Here it is ``false``, because a user without ``active`` would count as active.
    """
    return after if is_active(before) or "active" in after else {**after, "active": False}


def list_changed_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the attributes that differ, extension attributes with their URN."""
    names: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if name in {"schemas", "meta"} or old == new:
            continue
        if ":" in name:
            names += [f"{name}:{each}" for each in list_changed_attributes(old or {}, new or {})]
        else:
            names.append(name)
    return tuple(names)


def _carry_over(
    holder: ResourceType | Attribute,
    resource: Mapping[str, Any],
    replacement: dict[str, Any],
    where: str,
) -> None:
    """Copy the attributes that a client cannot remove into the replacement."""
    find = holder.attribute if isinstance(holder, ResourceType) else holder.sub_attribute
    for name, value in resource.items():
        attribute = find(name)
        if attribute is None:
            continue
        path = join_path(holder, where, name)
        if attribute.mutability == "readOnly":
            replacement[name] = value
        elif attribute.mutability == "writeOnly":
            replacement.setdefault(name, value)
        elif attribute.mutability == "immutable":
            if replacement.setdefault(name, value) != value:
                raise errors.mutability(
                    f"{path} is immutable and has a value; send that value or leave it out."
                )
        elif (
            attribute.type == "complex"
            and not attribute.multi_valued
            and isinstance(value, Mapping)
        ):
            part = dict(replacement.get(name, {}))
            _carry_over(attribute, value, part, path)
            if part:
                replacement[name] = part
