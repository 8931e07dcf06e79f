"""Applies parsed operations to a resource in canonical form (RFC 7644 section 3.5.2).

It changes no list and no object of the resource but creates new ones, so the given resource stays
as it was.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.patch.assignment import apply_to_whole, assign, drop_stale_reference, put
from scim_service.scim.patch.cost import estimate_cost
from scim_service.scim.patch.elements import apply_to_elements
from scim_service.scim.patch.operation import Op, Operation
from scim_service.scim.patch.path import PatchPath
from scim_service.scim.resource.canonical import check_required, set_schemas
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType


def apply_patch(
    resource_type: ResourceType,
    resource: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Return what the operations make of the resource; `resource` itself is not changed.

    Parameters
    ----------
    budget
        Pays for each operation before it is applied; by default, one for these operations.

    Raises
    ------
    ScimError
        noTarget, mutability, invalidValue, or tooMany. Nothing has been changed then.
    """
    budget = budget or Budget()
    leniencies = resource_type.leniencies
    result = dict(resource)
    for operation in operations:
        budget.spend(estimate_cost(operation, result))
        if operation.path is None:
            _apply_to_resource(resource_type, result, operation)
        else:
            _apply_to_path(result, operation.op, operation.path, operation.value, leniencies)
    result = set_schemas(resource_type, result)
    try:
        check_required(resource_type, result)
    except errors.ScimError as error:
        raise errors.mutability(error.detail) from None
    return result


def _apply_to_resource(
    resource_type: ResourceType, result: dict[str, Any], operation: Operation
) -> None:
    for name, value in operation.value.items():
        attribute = resource_type.attribute(name)
        assert attribute is not None
        assign(result, attribute, operation.op, value)


def _apply_to_path(
    result: dict[str, Any], op: Op, path: PatchPath, value: Any, leniencies: Leniencies
) -> None:
    schema, attribute = path.path.schema, path.path.attribute
    assert attribute is not None
    if schema is None or not path.path.name:
        _apply_to_attribute(result, attribute, op, path, value, leniencies)
        return
    extension = dict(result.get(schema, {}))
    _apply_to_attribute(extension, attribute, op, path, value, leniencies)
    put(result, schema, extension)


def _apply_to_attribute(
    holder: dict[str, Any],
    attribute: Attribute,
    op: Op,
    path: PatchPath,
    value: Any,
    leniencies: Leniencies,
) -> None:
    """Apply an operation to the object that has the attribute."""
    sub = path.path.sub_attribute
    if path.filter is not None or (sub is not None and attribute.multi_valued):
        apply_to_elements(holder, attribute, op, path, value, leniencies)
    elif sub is None:
        apply_to_whole(holder, attribute, op, value)
    else:
        part = dict(holder.get(attribute.name, {}))
        apply_to_whole(part, sub, op, value)
        drop_stale_reference(part, holder.get(attribute.name, {}))
        put(holder, attribute.name, part)
