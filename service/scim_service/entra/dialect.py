"""Bodies and operations in standard form."""

from collections.abc import Iterator
from typing import Any

from scim_service.entra.names import Named, Place, find_place, split_names
from scim_service.entra.values import standardise_element, standardise_value
from scim_service.scim.budget import Budget
from scim_service.scim.patch.elements import describe_element
from scim_service.scim.patch.path import PatchPath, estimate_parsing_cost
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import Skipped


def normalise_resource(
    resource_type: ResourceType, body: object, *, budget: Budget | None = None
) -> Any:
    """Return the body of a POST or PUT in standard form; `body` itself is not changed.

    Parameters
    ----------
    budget
        Pays for values that are named by a path; by default, one for this body.

    Raises
    ------
    ScimError
        tooMany for too many of them, noTarget for a value filter that describes no element.
    """
    if not isinstance(body, dict):
        return body
    plain, named = split_names(resource_type, body)
    standard = _standardise_attributes(resource_type, plain)
    if named:
        budget = budget or Budget()
        for each in named:
            _put_in_place(standard, each, budget)
        standard = _standardise_attributes(resource_type, standard)
    return standard


def normalise_patch(
    resource_type: ResourceType,
    body: object,
    *,
    budget: Budget | None = None,
    skipped: Skipped | None = None,
) -> Any:
    """Return the body of a PATCH in standard form; `body` itself is not changed.

    Parameters
    ----------
    budget
        Pays for long paths, which take long to parse; by default, one for this message.
    skipped
        Is told the read-only attributes whose operations are left out.

    Raises
    ------
    ScimError
        tooMany for too many of them.
    """
    if not isinstance(body, dict):
        return body
    budget = budget or Budget()
    return {
        name: _normalise_operations(
            resource_type, value, budget, Skipped() if skipped is None else skipped
        )
        if name.lower() == "operations" and isinstance(value, list)
        else value
        for name, value in body.items()
    }


def _normalise_operations(
    resource_type: ResourceType, operations: list[Any], budget: Budget, skipped: Skipped
) -> list[Any]:
    result: list[Any] = []
    of_id: list[Any] = []
    for operation in operations:
        if not isinstance(operation, dict):
            result.append(operation)
            continue
        members = {name.lower(): value for name, value in operation.items()}
        members["op"] = lower_op(members.get("op"))
        budget.spend(estimate_parsing_cost(members.get("path")))
        for each, target in _normalise_operation(resource_type, members):
            if target is None or not is_read_only(target):
                result.append(each)
                continue
            skipped.add("readOnly", str(target))
            if target.path.name == "id":
                of_id.append(each)
    # Left to the protocol core where there is nothing else: a client that has success for it goes
    # on with an id that nobody has.
    return result or of_id


def is_read_only(target: PatchPath) -> bool:
    """Whether an operation is left out, as refusing it would refuse what is beside it.

    Such as ``active "False"``. ``schemas`` is for the protocol core, which computes it.
    """
    return target.is_read_only and target.path.name != "schemas"


def _normalise_operation(
    resource_type: ResourceType, operation: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], PatchPath | None]]:
    """Return what an operation stands for, each with the attribute that its path means."""
    path, value = operation.get("path"), operation.get("value")
    place = find_place(path, resource_type) if isinstance(path, str) else None
    if place is not None and place.target is None:
        # The core schema's URN is the resource itself (thomaspoignant/scim-patch#207).
        operation = {**operation, "path": None}
    elif place is not None and isinstance(value, dict) and _is_extension(place, operation):
        value = {place.name: value}
        operation = {**operation, "path": None, "value": value}
    elif place is not None and place.target is not None:
        standard = _standardise_operation({**operation, "path": place.name}, place.target)
        yield standard, place.target
        return
    if operation.get("path") is not None or not isinstance(value, dict):
        yield operation, None
        return
    yield from expand_path_keys(resource_type, operation, value)


def _is_extension(place: Place, operation: dict[str, Any]) -> bool:
    whole = place.target is not None and not place.target.path.name
    return whole and operation["op"] != "remove"


def expand_path_keys(
    resource_type: ResourceType, operation: dict[str, Any], value: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], PatchPath | None]]:
    """Make an operation of each member of a pathless value that is named by a path.

    Compatibility, the requests with the flag aadOptscim062020.
    """
    plain, named = split_names(resource_type, value)
    if plain or not named:
        yield {**operation, "value": _standardise_attributes(resource_type, plain)}, None
    for each in named:
        assert each.place.target is not None
        members = {**operation, "path": each.place.name, "value": each.value}
        yield _standardise_operation(members, each.place.target), each.place.target


def _standardise_operation(operation: dict[str, Any], target: PatchPath) -> dict[str, Any]:
    value, leaf = operation.get("value"), target.leaf
    if value is None:
        return operation
    if operation["op"] == "remove":
        if leaf.multi_valued:
            value = standardise_value(leaf, value, clear=False)
    elif target.filter is not None and target.sub is None:
        value = standardise_element(leaf, None if value == "" else value)
    else:
        value = standardise_value(leaf, value)
    return {**operation, "value": value}


def _standardise_attributes(resource_type: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in body.items():
        attribute = resource_type.attribute(name)
        result[name] = value if attribute is None else standardise_value(attribute, value)
    return result


def lower_op(op: Any) -> Any:
    """Add, Replace and Remove are add, replace and remove.

    Tutorial: "Microsoft Entra ID emits the values of op as Add, Replace, and Remove";
    compatibility, the requests without the feature flag.
    """
    return op.lower() if isinstance(op, str) else op


def _put_in_place(body: dict[str, Any], named: Named, budget: Budget) -> None:
    """Put a value where its path says, unless something is there under its own name already."""
    target = named.place.target
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
    """Return a copy of the object under a name that takes its place; one apart from no object."""
    key = _find_key(holder, name)
    present = holder.get(key)
    if present is not None and not isinstance(present, dict):
        return {}
    part: dict[str, Any] = dict(present or {})
    budget.spend(1 + len(part))
    holder[key] = part
    return part


def _find_key(holder: dict[str, Any], name: str) -> str:
    """Return the spelling that an object has a name in."""
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
