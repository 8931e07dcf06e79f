"""Microsoft Entra ID's dialect, put into standard form before the protocol core sees it.

Each habit of Entra's provisioning service is one small function that names its source; a tenant
with the ``strict`` profile goes past this module. What a habit asks for beyond a change of the
body is the ``lenient`` argument of the protocol core's functions: unknown attributes and schema
URNs are left out, a value filter that selects nothing creates the element it describes, a remove
may list values, a filter may have literals without quotes, and there may be no operations.

Sources
-------
tutorial
    https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
compatibility
    https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility
attributes
    https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes
gallery tests
    https://github.com/AzureAD/SCIMReferenceCode, SCIM-Validation-Test-Overview.md
collection
    https://github.com/AzureAD/SCIMReferenceCode, PostmanCollection.json
"""

from collections.abc import Iterator
from typing import Any

from scim_service.scim.budget import Budget
from scim_service.scim.errors import ScimError
from scim_service.scim.path import PatchPath, find_path, parsing_cost
from scim_service.scim.resource import LABELS, says_empty
from scim_service.scim.schema import Attribute, ResourceType

_BOOLEANS = {"true": True, "false": False}


def normalise_resource(resource_type: ResourceType, body: object) -> Any:
    """Return the body of a POST or PUT in standard form; `body` itself is not changed."""
    if not isinstance(body, dict):
        return body
    body = extension_attributes_in_core(resource_type, body)
    return _normalised_members(resource_type, body)


def normalise_patch(
    resource_type: ResourceType, body: object, *, budget: Budget | None = None
) -> Any:
    """Return the body of a PATCH in standard form; `body` itself is not changed.

    Parameters
    ----------
    budget
        Pays for long paths, which take long to parse; by default, one for this message.

    Raises
    ------
    ScimError
        tooMany for too many of them.
    """
    if not isinstance(body, dict):
        return body
    budget = budget or Budget()
    return {
        name: _normalised_operations(resource_type, value, budget)
        if name.lower() == "operations" and isinstance(value, list)
        else value
        for name, value in body.items()
    }


def _normalised_operations(
    resource_type: ResourceType, operations: list[Any], budget: Budget
) -> list[Any]:
    result: list[Any] = []
    for operation in operations:
        if not isinstance(operation, dict):
            result.append(operation)
            continue
        members = {name.lower(): value for name, value in operation.items()}
        members["op"] = capitalised_op(members.get("op"))
        budget.spend(parsing_cost(members.get("path")))
        result += [
            _with_normalised_value(resource_type, each)
            for each in paths_as_keys(resource_type, members)
        ]
    return result


def _with_normalised_value(
    resource_type: ResourceType, operation: dict[str, Any]
) -> dict[str, Any]:
    value, path = operation.get("value"), operation.get("path")
    if value is None:
        return operation
    if path is None:
        if isinstance(value, dict):
            value = _normalised_members(resource_type, value)
    elif (target := _target(resource_type, path)) is not None:
        if operation["op"] == "remove":
            value = _normalised_removal(target.leaf, value)
        elif target.filter is not None and target.sub is None:
            value = _normalised_element(target.leaf, empty_as_clear(value))
        else:
            value = _normalised(target.leaf, value)
    return {**operation, "value": value}


def _target(resource_type: ResourceType, path: object) -> PatchPath | None:
    """Return the target of a path, None where the protocol core will say what is wrong."""
    if not isinstance(path, str):
        return None
    try:
        return find_path(path, resource_type, lenient=True)
    except ScimError:
        return None


def _normalised_members(holder: ResourceType | Attribute, body: dict[str, Any]) -> dict[str, Any]:
    find = holder.attribute if isinstance(holder, ResourceType) else holder.sub_attribute
    result: dict[str, Any] = {}
    for name, value in body.items():
        attribute = find(name)
        result[name] = value if attribute is None else _normalised(attribute, value)
    return result


def _normalised(attribute: Attribute, value: Any) -> Any:
    value = empty_as_clear(value)
    if value is None:
        return None
    if not attribute.multi_valued:
        return _normalised_element(attribute, single_value_in_list(attribute, value))
    elements = [_normalised_element(attribute, each) for each in value_without_list(value)]
    kept = [each for each in elements if not is_label_of_nothing(each)]
    # Where nothing is left and nothing said so, the protocol core says what is wrong.
    return kept if kept or says_empty(attribute, elements) else elements


def _normalised_removal(attribute: Attribute, value: Any) -> Any:
    """Return the values of a remove: here, nothing that is empty may come to mean everything."""
    if not attribute.multi_valued:
        return value
    return [value_without_object(attribute, each) for each in value_without_list(value)]


def _normalised_element(attribute: Attribute, value: Any) -> Any:
    if attribute.type == "boolean":
        return boolean_as_text(value)
    if attribute.type != "complex":
        return value
    value = value_without_object(attribute, value)
    if not isinstance(value, dict):
        return value
    return _normalised_members(attribute, display_name_of_member(attribute, value))


def capitalised_op(op: Any) -> Any:
    """Add, Replace and Remove are add, replace and remove.

    Tutorial: "Microsoft Entra ID emits the values of op as Add, Replace, and Remove";
    compatibility, the requests without the feature flag.
    """
    return op.lower() if isinstance(op, str) else op


def paths_as_keys(
    resource_type: ResourceType, operation: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Make an operation of each member of a pathless value that is named by a path.

    Such as ``name.givenName``, ``urn:...:enterprise:2.0:User:employeeNumber``, or ``department``
    without its URN. Compatibility, the requests with the flag aadOptscim062020.
    """
    value = operation.get("value")
    if operation.get("path") is not None or not isinstance(value, dict):
        yield operation
        return
    rest = {
        name: each
        for name, each in value.items()
        if resource_type.attribute(name) is not None or _target(resource_type, name) is None
    }
    if rest or not value:
        yield {**operation, "value": rest}
    for name, each in value.items():
        if name not in rest:
            yield {**operation, "path": name, "value": each}


def extension_attributes_in_core(
    resource_type: ResourceType, body: dict[str, Any]
) -> dict[str, Any]:
    """Move ``department`` or ``manager`` from the top of the body to the extension it is in.

    Tutorial, example of creating a user: department and manager beside userName.
    """
    misplaced = {
        name: found
        for name in body
        if resource_type.attribute(name) is None
        and (found := resource_type.find_in_extensions(name)) is not None
    }
    if not misplaced:
        return body
    result = {name: value for name, value in body.items() if name not in misplaced}
    keys = {name.lower(): name for name in result}
    for name, (urn, attribute) in misplaced.items():
        key = keys.setdefault(urn.lower(), urn)
        extension = result.get(key) or {}
        if isinstance(extension, dict):
            result[key] = {attribute.name: body[name], **extension}
    return result


def boolean_as_text(value: Any) -> Any:
    """``"True"`` and ``"False"``, in any case, are booleans where the attribute is one.

    Compatibility: ``{"op": "Replace", "path": "active", "value": "False"}`` without the flag;
    collection: a user is created with ``"active": "True"``; the gallery tests send
    ``"primary": "True"`` in roles.
    """
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def empty_as_clear(value: Any) -> Any:
    """Read an empty text as "no value".

    Gallery tests, SCIM_Null_Update and SCIM_Update_Manager: a replace with ``""`` clears the
    attribute, just as one with null does.
    """
    return None if value == "" else value


def single_value_in_list(attribute: Attribute, value: Any) -> Any:
    """Take the value out of a list where the attribute has a single value.

    Tutorial, example of updating the manager: ``"value": [{"$ref": "...", "value": "..."}]``.
    """
    if attribute.type != "complex" or not isinstance(value, list) or len(value) > 1:
        return value
    return value[0] if value else None


def value_without_object(attribute: Attribute, value: Any) -> Any:
    """Make ``{"value": id}`` of an id where the attribute is complex.

    Gallery tests, SCIM_Update_Manager: the manager is a bare id; collection: a member is added
    with ``"value": "string id 1"``.
    """
    wraps = attribute.type == "complex" and attribute.sub_attribute("value") is not None
    return {"value": value} if wraps and isinstance(value, str) else value


def value_without_list(value: Any) -> list[Any]:
    """Make a list of a single value where the attribute has several.

    Collection: a member is added with ``"value": "string id 1"``.
    """
    return value if isinstance(value, list) else [value]


def is_label_of_nothing(element: Any) -> bool:
    """Whether an element of a list has its value taken away, so that only its type is left.

    Tutorial, example of creating a user: what has no value in Entra comes as null.
    """
    if not isinstance(element, dict):
        return element is None
    given = {name.lower() for name, value in element.items() if value is not None}
    return len(given) < len(element) and given <= LABELS


def display_name_of_member(attribute: Attribute, value: dict[str, Any]) -> dict[str, Any]:
    """Read ``displayName`` of a member as ``display``.

    Collection: a member is added with ``"displayName": "new User"``, and expected back.
    """
    if attribute.name != "members":
        return value
    return {
        "display" if name.lower() == "displayname" else name: each for name, each in value.items()
    }
