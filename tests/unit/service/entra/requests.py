"""Requests of Entra, put into standard form and applied."""

import copy
from typing import Any

from scim_service import entra
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_PATCH_OP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.members import MemberChange, split_members
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.resource.canonical import validate
from scim_service.scim.schemas.resource_type import ResourceType

STORED: dict[str, Any] = {
    "schemas": [URN_USER, URN_ENTERPRISE_USER],
    "id": "1",
    "userName": "joy",
    "active": True,
    "name": {"familyName": "Young", "givenName": "Joy"},
    "emails": [{"type": "work", "value": "joy@contoso.com", "primary": True}],
    URN_ENTERPRISE_USER: {"manager": {"value": "m"}},
}


def created(resource_type: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy(body)
    resource = validate(resource_type, entra.normalise_resource(resource_type, body))
    assert body == before, "the body has been changed"
    return resource


def parsed(resource_type: ResourceType, *operations: dict[str, Any]) -> list[Any]:
    body = {"schemas": [URN_PATCH_OP], "Operations": list(operations)}
    before = copy.deepcopy(body)
    normal = entra.normalise_patch(resource_type, body)
    assert body == before, "the body has been changed"
    return parse_patch(normal, resource_type)


def patched(
    user: ResourceType, *operations: dict[str, Any], stored: dict[str, Any] = STORED
) -> dict[str, Any]:
    return apply_patch(user, stored, parsed(user, *operations))


def member_changes(group: ResourceType, *operations: dict[str, Any]) -> list[MemberChange]:
    changes, others = split_members(parsed(group, *operations))
    assert others == []
    return changes


def found(user: ResourceType, text: str) -> bool:
    tree = resolve_filter(parse_filter(text, user.leniencies), user)
    return matches(tree, STORED | {"externalId": "jyoung"})
