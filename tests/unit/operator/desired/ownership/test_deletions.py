"""Objects of a tenant that are being deleted."""

from __future__ import annotations

from scim_operator.api.conditions import Outlook
from scim_operator.desired.objects import secrets, service
from scim_operator.desired.ownership.deletions import find_faults, is_being_deleted
from scim_operator.kube.kinds import Identity

from tests.unit.operator.sample import Object, observed

SERVICE = service.BUILDER.identify("contoso")
TOKEN = secrets.identify_token("contoso")
ACCESS = secrets.identify_access("contoso")


def deleted(identity: Identity, *finalizers: str) -> Object:
    """Return an object that waits for finalizers."""
    return {
        "metadata": {
            "name": identity[1],
            "deletionTimestamp": "2026-11-25T08:00:00Z",
            "finalizers": list(finalizers),
        }
    }


def test_only_needed_objects_have_a_fault() -> None:
    """An object that is being deleted and is not needed is no fault."""
    children = {SERVICE: deleted(SERVICE, "example.com/x"), TOKEN: {"metadata": {"name": TOKEN[1]}}}
    assert is_being_deleted(children[SERVICE])
    assert not is_being_deleted(children[TOKEN])
    assert find_faults(observed().tenant, children, {TOKEN}) == ()
    (fault,) = find_faults(observed().tenant, children, {SERVICE, TOKEN})
    assert (fault.reason, fault.outlook) == ("BeingDeleted", Outlook.PROGRESSING)
    assert "example.com/x" in fault.message


def test_a_token_needs_a_copy() -> None:
    """A person must copy a token that is being deleted; the credential is replaced anyway."""
    children = {identity: deleted(identity) for identity in (TOKEN, ACCESS)}
    token, access = find_faults(observed().tenant, children, children.keys())
    assert "keep a copy" in token.message
    assert token.outlook is Outlook.STALLED
    assert "the deletion of its dependents" in access.message
    assert access.outlook is Outlook.PROGRESSING
