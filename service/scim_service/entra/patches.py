"""Puts the operations of a PATCH into standard form."""

from collections.abc import Iterator
from typing import Any

from scim_service.entra.bodies import standardise_attributes
from scim_service.entra.names import Meaning, find_meaning, split_names
from scim_service.entra.values import standardise_element, standardise_value
from scim_service.scim.budget import Budget
from scim_service.scim.patch.path import PatchPath, estimate_parsing_cost
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import Skipped


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
        Records the read-only attributes whose operations are left out.

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
    # Without other operations, the protocol core refuses these: after a success, the client would
    # continue with an id that no resource has.
    return result or of_id


def is_read_only(target: PatchPath) -> bool:
    """Whether an operation is left out because its target is read-only.

    To refuse it would also refuse the operations beside it, such as ``active "False"``. The
    protocol core itself ignores operations on ``schemas``.
    """
    return target.is_read_only and target.path.name != "schemas"


def _normalise_operation(
    resource_type: ResourceType, operation: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], PatchPath | None]]:
    """Return the operations that one operation stands for, each with the target of its path."""
    path, value = operation.get("path"), operation.get("value")
    meaning = find_meaning(path, resource_type) if isinstance(path, str) else None
    if meaning is not None and meaning.target is None:
        # The core schema's URN is the resource itself (thomaspoignant/scim-patch#207).
        operation = {**operation, "path": None}
    elif meaning is not None and isinstance(value, dict) and _is_extension(meaning, operation):
        value = {meaning.name: value}
        operation = {**operation, "path": None, "value": value}
    elif meaning is not None and meaning.target is not None:
        standard = _standardise_operation({**operation, "path": meaning.name}, meaning.target)
        yield standard, meaning.target
        return
    if operation.get("path") is not None or not isinstance(value, dict):
        yield operation, None
        return
    yield from expand_path_keys(resource_type, operation, value)


def _is_extension(meaning: Meaning, operation: dict[str, Any]) -> bool:
    whole = meaning.target is not None and not meaning.target.path.name
    return whole and operation["op"] != "remove"


def expand_path_keys(
    resource_type: ResourceType, operation: dict[str, Any], value: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], PatchPath | None]]:
    """Return an operation for each member of a pathless value whose name is a path.

    Compatibility, the requests with the flag aadOptscim062020.
    """
    plain, named = split_names(resource_type, value)
    if plain or not named:
        yield {**operation, "value": standardise_attributes(resource_type, plain)}, None
    for each in named:
        assert each.meaning.target is not None
        members = {**operation, "path": each.meaning.name, "value": each.value}
        yield _standardise_operation(members, each.meaning.target), each.meaning.target


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


def lower_op(op: Any) -> Any:
    """Return Add, Replace and Remove as add, replace and remove.

    Tutorial: "Microsoft Entra ID emits the values of op as Add, Replace, and Remove";
    compatibility, the requests without the feature flag.
    """
    return op.lower() if isinstance(op, str) else op
