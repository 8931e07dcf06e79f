"""The decision whether a change of members may block the event loop."""

import pytest
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.patch.members import Member, MemberChange
from scim_service.store.resources.members import MANY, touches_many

FEW = (Member("1"),)
LOTS = tuple(Member(str(number)) for number in range(MANY))


@pytest.mark.parametrize(
    ("changes", "many"),
    [
        ([], False),
        ([MemberChange("add", FEW)], False),
        ([MemberChange("add", LOTS)], True),
        ([MemberChange("remove", FEW)] * (MANY // 2), False),
        ([MemberChange("remove", FEW)] * (MANY // 2 + 1), True),
        ([MemberChange("replace", FEW)], True),
        ([MemberChange("remove", (), parse_filter('display eq "x"'))], True),
        ([MemberChange("remove", FEW, parse_filter('display eq "x"'))], False),
    ],
)
def test_which_changes_touch_many_rows(changes: list[MemberChange], many: bool) -> None:
    """A replacement, or a filter over all members, counts as many: their rows are not known."""
    assert touches_many(changes) is many
