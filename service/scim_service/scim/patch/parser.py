"""Parses a PatchOp message and checks all that does not depend on the resource."""

from typing import Any

from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.errors import shorten
from scim_service.scim.filter.shape import count_comparisons
from scim_service.scim.messages import URN_PATCH_OP, read_message, read_object
from scim_service.scim.patch.operation import Operation
from scim_service.scim.patch.path import PatchPath, find_path
from scim_service.scim.resource.canonical import (
    canonicalise_element,
    canonicalise_object,
    canonicalise_value,
    check_number_of_values,
)
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import Skipped

MAX_OPERATIONS = 1000
_OPS = ("add", "replace", "remove")


def parse_patch(
    body: object,
    resource_type: ResourceType,
    *,
    budget: Budget | None = None,
    skipped: Skipped | None = None,
) -> list[Operation]:
    """Return the operations of a PatchOp message.

    Parameters
    ----------
    budget
        Pays for the conditions of the value filters; by default, one for this message.
    skipped
        Records the names of the unknown attributes whose operations are skipped.

    Raises
    ------
    ScimError
        invalidSyntax, invalidPath, invalidFilter, invalidValue, noTarget, mutability, tooMany for
        too many conditions, or 413 for too many operations; the detail names the operation.
    """
    budget = budget or Budget()
    leniencies = resource_type.leniencies
    if not leniencies.skips_unknown_attributes:
        skipped = None
    elif skipped is None:
        skipped = Skipped()
    operations = read_message(body, URN_PATCH_OP, leniencies).get("operations")
    is_empty = not operations and not leniencies.accepts_empty_patch
    if not isinstance(operations, list) or is_empty:
        raise errors.invalid_syntax('"Operations" must be a list of at least one operation.')
    if len(operations) > MAX_OPERATIONS:
        raise errors.too_large(
            f"The request has {len(operations)} operations; at most {MAX_OPERATIONS} are accepted. "
            "Send them in several requests."
        )
    parsed: list[Operation] = []
    for index, each in enumerate(operations):
        try:
            operation = _parse_operation(each, resource_type, skipped)
            if operation is not None and operation.path is not None:
                budget.spend(count_comparisons(operation.path.filter))
        except errors.ScimError as error:
            where = f"Operation {index + 1} of {len(operations)}"
            raise errors.ScimError(
                error.status,
                f"{where}: {error.detail}",
                error.scim_type,
                reason=f"{where}: {error.reason}",
            ) from None
        if operation is not None:
            parsed.append(operation)
    return parsed


def _parse_operation(
    document: object, resource_type: ResourceType, skipped: Skipped | None
) -> Operation | None:
    """Return the operation, or None if it has no effect.

    Without `skipped`, unknown attributes are refused.
    """
    members = {name.lower(): each for name, each in read_object(document, "It").items()}
    op = members.get("op")
    if op not in _OPS:
        raise errors.invalid_syntax('"op" must be add, replace or remove.')
    text = members.get("path")
    if op != "remove" and "value" not in members:
        raise errors.invalid_value(f'"value" is missing; {op} needs it.')
    value = members.get("value")
    if text is None:
        if op == "remove":
            raise errors.no_target('"path" is missing; remove needs it.')
        attributes = read_object(value, 'Without "path", "value"')
        return Operation(
            op,
            None,
            canonicalise_object(resource_type, attributes, "", skipped=skipped, keep_null=True),
        )
    if not isinstance(text, str):
        raise errors.invalid_path('"path" must be a string.')
    path = find_path(text, resource_type)
    if path is None:
        if skipped is not None:
            skipped.add("unknown", text)
            return None
        raise errors.invalid_path(
            f'{resource_type.name} has no attribute "{shorten(text)}"; correct the path '
            "(/Schemas lists the attributes)."
        )
    if path.path.name == "schemas":
        return None  # derived from the resource's attributes, whatever a client sends
    if path.is_read_only:
        raise errors.mutability(f"{path} is read-only; leave it out.")
    if op == "remove":
        if value is not None and not resource_type.leniencies.accepts_values_in_remove:
            raise errors.invalid_value(
                '"value" is not for remove; name the values to remove by a value filter in "path".'
            )
        return Operation("remove", path, _parse_removed_values(path, value, skipped))
    return Operation(op, path, _parse_new_value(path, value, skipped))


def _parse_new_value(path: PatchPath, value: Any, skipped: Skipped | None) -> Any:
    leaf = path.leaf
    where = str(path)
    if value is None:
        return None
    if path.filter is not None and path.sub is None:
        return canonicalise_element(leaf, value, where, skipped=skipped, keep_null=True)
    if leaf.multi_valued and not isinstance(value, list):
        value = [value]
    return canonicalise_value(leaf, value, where, skipped=skipped, keep_null=True)


def _parse_removed_values(path: PatchPath, value: Any, skipped: Skipped | None) -> list[Any] | None:
    if value is None:
        return None
    is_selected = path.filter is not None
    if (is_selected and path.leaf.name != "members") or not path.leaf.multi_valued:
        return None
    values = value if isinstance(value, list) else [value]
    check_number_of_values(path.leaf, values)
    named = [
        canonicalise_element(path.leaf, each, f"{path}[{index}]", skipped=skipped)
        for index, each in enumerate(values)
        if each is not None
    ]
    named = [each for each in named if each is not None]
    # A value filter selects the values by itself, so no values are needed beside it.
    return None if is_selected and all(each == {"value": ""} for each in named) else named
