"""Puts the bodies of POST and PUT into standard form."""

from typing import Any

from scim_service.entra.names import Named, split_names
from scim_service.entra.values import standardise_element, standardise_value
from scim_service.scim.budget import Budget
from scim_service.scim.patch.elements import describe_element
from scim_service.scim.patch.path import PatchPath
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType


def normalise_resource(
    resource_type: ResourceType, body: object, *, budget: Budget | None = None
) -> Any:
    """Return the body of a POST or PUT in standard form; `body` itself is not changed.

    Parameters
    ----------
    budget
        Pays for values under paths; by default, one for this body.

    Raises
    ------
    ScimError
        tooMany for too many of them, noTarget for a value filter that describes no element.
    """
    if not isinstance(body, dict):
        return body
    plain, named = split_names(resource_type, body)
    standard = standardise_attributes(resource_type, plain)
    if named:
        budget = budget or Budget()
        for each in named:
            _put_in_place(standard, each, budget)
        standard = standardise_attributes(resource_type, standard)
    return standard


def standardise_attributes(resource_type: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a body with their values in standard form."""
    result: dict[str, Any] = {}
    for name, value in body.items():
        attribute = resource_type.attribute(name)
        result[name] = value if attribute is None else standardise_value(attribute, value)
    return result


def _put_in_place(body: dict[str, Any], named: Named, budget: Budget) -> None:
    """Set a value at its path, unless the body has a value there under its own name."""
    target = named.meaning.target
    assert target is not None
    path, attribute, holder = target.path, target.path.attribute, body
    assert attribute is not None
    if named.value is None:
        return
    if path.schema is not None:
        holder = _copy_part(body, path.schema, budget)
    if path.schema is not None and not path.name:
        for name, value in named.value.items() if isinstance(named.value, dict) else ():
            holder.setdefault(_find_key(holder, name), value)
    elif attribute.multi_valued and (target.filter is not None or path.sub is not None):
        _put_in_element(holder, attribute, target, named.value, budget)
    elif path.sub is not None:
        part = _copy_part(holder, path.name, budget)
        part.setdefault(_find_key(part, path.sub), named.value)
    else:
        holder.setdefault(_find_key(holder, path.name), named.value)


def _copy_part(holder: dict[str, Any], name: str, budget: Budget) -> dict[str, Any]:
    """Replace the object under a name by a copy, and return the copy.

    Where the body has something other than an object there, return an empty object apart from it.
    """
    key = _find_key(holder, name)
    present = holder.get(key)
    if present is not None and not isinstance(present, dict):
        return {}
    part: dict[str, Any] = dict(present or {})
    budget.spend(1 + len(part))
    holder[key] = part
    return part


def _find_key(holder: dict[str, Any], name: str) -> str:
    """Return the spelling of a name in an object."""
    if name in holder:
        return name
    return next((each for each in holder if each.lower() == name.lower()), name)


def _put_in_element(
    holder: dict[str, Any], attribute: Attribute, target: PatchPath, value: Any, budget: Budget
) -> None:
    key = _find_key(holder, attribute.name)
    present = holder.get(key)
    elements = list(present) if isinstance(present, list) else []
    budget.spend(1 + len(elements))
    described = describe_element(target)
    index = next(
        (at for at, each in enumerate(elements) if _matches_description(each, described)),
        len(elements),
    )
    present_element = elements[index] if index < len(elements) else {}
    element = dict(present_element or described)
    sub = target.sub or target.path.sub
    if sub is not None:
        element.setdefault(_find_key(element, sub), value)
    else:
        whole = standardise_element(attribute, value)
        element = {**element, **whole, **present_element} if isinstance(whole, dict) else whole
    holder[key] = [*elements[:index], element, *elements[index + 1 :]]


def _matches_description(element: Any, described: dict[str, Any]) -> bool:
    if not isinstance(element, dict):
        return False
    given = {name.lower(): value for name, value in element.items()}
    return all(given.get(name.lower()) == value for name, value in described.items())
