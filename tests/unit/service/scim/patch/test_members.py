"""Changes of a group's members."""

from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.patch.members import Member, MemberChange, split_member_values, split_members
from scim_service.scim.patch.operation import Operation
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.scim.patch.operations import message, op


def changes(
    group: ResourceType, *operations: dict[str, Any]
) -> tuple[list[MemberChange], list[Operation]]:
    return split_members(parse_patch(message(*operations), group))


def test_member_changes_keep_their_order(group: ResourceType) -> None:
    """Changes of members become rows; all other operations stay."""
    rows, others = changes(
        group,
        op("add", "members", value=[{"value": "a", "display": "A", "type": "User"}]),
        op("replace", "displayName", value="g"),
        op("remove", 'members[value eq "b"]'),
        op("remove", 'members[value eq "b" or value eq "c"]'),
        op("replace", 'members[value eq "c"]', value={"value": "d"}),
        op("add", value={"externalId": "e", "members": [{"value": "f"}]}),
        op("replace", value={"members": [{"value": "g"}, {"value": "g"}]}),
        op("remove", "members"),
    )
    assert rows == [
        MemberChange("add", (Member("a", "User", "A"),)),
        MemberChange("remove", (Member("b"),)),
        MemberChange("remove", (Member("b"), Member("c"))),
        MemberChange("remove", (Member("c"),)),
        MemberChange("add", (Member("d"),)),
        MemberChange("add", (Member("f"),)),
        MemberChange("replace", (Member("g"),)),
        MemberChange("replace", ()),
    ]
    assert [(each.op, str(each.path), each.value) for each in others] == [
        ("replace", "displayName", "g"),
        ("add", "None", {"externalId": "e"}),
    ]


@pytest.mark.parametrize(
    ("operation", "rows"),
    [
        (op("replace", "members", value=[]), [MemberChange("replace", ())]),
        (op("replace", "members", value=None), [MemberChange("replace", ())]),
        (op("add", "members", value=[]), []),
        (op("add", value={"members": None}), []),
    ],
)
def test_no_members(
    group: ResourceType, operation: dict[str, Any], rows: list[MemberChange]
) -> None:
    """A replace by nothing removes all members; an add of nothing changes nothing."""
    assert changes(group, operation) == (rows, [])


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        (op("add", "members", value=[{"display": "A"}]), "invalidValue"),
        (op("add", "members", value=[{"value": ""}]), "invalidValue"),
        (op("remove", 'members[$ref eq "A"]'), "invalidFilter"),
        (op("remove", 'members[value eq "A" or not ($ref pr)]'), "invalidFilter"),
        (op("replace", 'members[value eq "a"].display', value="A"), "mutability"),
        (op("remove", "members.value"), "mutability"),
        (op("add", 'members[value eq "a"]', value={"value": "b"}), "invalidPath"),
    ],
)
def test_refused_member_changes(
    group: ResourceType, operation: dict[str, Any], scim_type: str
) -> None:
    """Members are added as a whole, and selected only by their stored parts."""
    with pytest.raises(ScimError) as caught:
        changes(group, operation)
    assert caught.value.scim_type == scim_type


def test_members_of_a_new_group() -> None:
    """The members of a POST or PUT become rows too."""
    document = {"displayName": "g", "members": [{"value": "a"}, {"value": "a"}]}
    assert split_member_values(document) == ({"displayName": "g"}, (Member("a"),))
    assert split_member_values({"displayName": "g"}) == ({"displayName": "g"}, ())
    with pytest.raises(ScimError, match='must have a "value"'):
        split_member_values({"members": [{"display": "x"}]})
