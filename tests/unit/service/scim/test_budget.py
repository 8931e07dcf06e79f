"""The budget of comparisons, and what is not kept in memory because a client made it up."""

from typing import Any

import pytest
from scim_service.scim import projection as projections
from scim_service.scim.attribute_path import MAX_NAME_LENGTH, parse_attribute_path
from scim_service.scim.budget import Budget
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.shape import count_comparisons
from scim_service.scim.messages import URN_USER
from scim_service.scim.patch import path as paths
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.patch.path import find_path
from scim_service.scim.projection import Projection
from scim_service.scim.schemas.resource_type import ResourceType


def patched(user: ResourceType, stored: dict[str, Any], budget: Budget, *operations: Any) -> Any:
    message = {"Operations": list(operations)}
    parsed = parse_patch(message, user, budget=budget)
    return apply_patch(user, stored, parsed, budget=budget)


def stored(number: int) -> dict[str, Any]:
    emails = [{"value": f"{index}@x", "type": str(index)} for index in range(number)]
    return {"schemas": [URN_USER], "userName": "joy", "emails": emails}


@pytest.mark.finding(13)
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": 'emails[type eq "1" or value co "z"].display', "value": "x"},
        {"op": "replace", "path": "emails.display", "value": "x"},
        {"op": "add", "path": "emails", "value": [{"value": "1@x", "type": "1"}]},
        {"op": "remove", "path": "emails", "value": [{"value": f"n{n}"} for n in range(50)]},
        {"op": "add", "value": {"emails": [{"value": "1@x", "type": "1"}]}},
    ],
)
def test_every_kind_of_operation_pays_for_the_values(
    lenient_user: ResourceType, operation: dict[str, Any]
) -> None:
    """The cost of each kind of operation grows with the values of the user."""
    operations = [operation] * 40
    assert patched(lenient_user, stored(5), Budget(15_000), *operations)
    with pytest.raises(ScimError, match="more than 15000 comparisons") as caught:
        patched(lenient_user, stored(500), Budget(15_000), *operations)
    assert (caught.value.status, caught.value.scim_type) == (400, "tooMany")


@pytest.mark.finding(13)
def test_long_texts_cost_more(lenient_user: ResourceType) -> None:
    """One value of 64 KB costs as much as a thousand, in the resource and in the filter."""
    long = {**stored(1), "emails": [{"value": "x" * 64_000, "type": "work"}]}
    operation = {"op": "replace", "path": 'emails[type eq "work"].display', "value": "x"}
    assert patched(lenient_user, long, Budget(10_000), *[operation] * 5)
    with pytest.raises(ScimError):
        patched(lenient_user, long, Budget(10_000), *[operation] * 20)
    assert count_comparisons(parse_filter(f'value eq "{"x" * 6400}"')) == 101


@pytest.mark.finding(13)
def test_the_detail_names_the_operation(lenient_user: ResourceType) -> None:
    """The parser charges for conditions, before the resource is read."""
    operation = {"op": "remove", "path": 'emails[type eq "1" or type eq "2"]'}
    with pytest.raises(ScimError, match=r"Operation 6 of 9: .*Send the operations in several"):
        parse_patch({"Operations": [operation] * 9}, lenient_user, budget=Budget(11))


@pytest.mark.finding(22)
def test_long_texts_of_a_client_are_not_kept(lenient_user: ResourceType) -> None:
    """Caches hold a number of entries, so long texts are not cached."""
    find_path('emails[type eq "kept"].value', lenient_user)
    kept = paths._find_path.cache_info().currsize, projections._parse.cache_info().currsize
    condition = " or ".join(f'type eq "{index}"' for index in range(100))
    assert find_path(f"emails[{condition}].value", lenient_user) is not None
    assert Projection.parse(lenient_user, ["emails.value"] * 500).included == {
        "emails": {"value": None}
    }
    assert kept == (
        paths._find_path.cache_info().currsize,
        projections._parse.cache_info().currsize,
    )
    with pytest.raises(ScimError, match="has 1000000 characters") as caught:
        parse_attribute_path("a" * 1_000_000)
    assert caught.value.scim_type == "invalidPath"
    assert parse_attribute_path("a" * MAX_NAME_LENGTH).name
