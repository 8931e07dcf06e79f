"""What the two profiles decide."""

from typing import get_args

from scim_service.entra.dialects import DIALECTS, Profile
from scim_service.scim.leniencies import NO_LENIENCIES
from scim_service.scim.schemas.resource_type import ResourceType


def test_every_profile_has_a_dialect() -> None:
    """Each profile of the configuration has a dialect."""
    assert set(DIALECTS) == set(get_args(Profile))


def test_the_strict_profile_changes_nothing(user: ResourceType) -> None:
    """Bodies and paths reach the protocol core as they were sent."""
    strict = DIALECTS["strict"]
    body = {"Operations": [{"op": "Add", "path": "TITLE", "value": ["x"]}], "active": "True"}
    assert strict.normalise_resource(user, body) is body
    assert strict.normalise_patch(user, body) is body
    assert strict.correct_endpoint("/users") == "/users"
    assert strict.leniencies == NO_LENIENCIES
    assert not strict.has_unique_group_names


def test_the_entra_profile_corrects(user: ResourceType) -> None:
    """Bodies and paths are put into standard form."""
    entra = DIALECTS["entra"]
    assert entra.normalise_resource(user, {"active": "True"}) == {"active": True}
    body = {"Operations": [{"op": "Add", "path": "title", "value": "x"}]}
    (operation,) = entra.normalise_patch(user, body)["Operations"]
    assert operation["op"] == "add"
    assert entra.correct_endpoint("/users") == "/Users"
    assert entra.has_unique_group_names
