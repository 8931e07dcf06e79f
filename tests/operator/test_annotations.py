"""What annotations on a ScimTenant ask for, and what is said of those that cannot be meant."""

from __future__ import annotations

import json

from scim_operator.api import names

from tests.operator.world import Namespace, Object, eventually


def annotate(namespace: Namespace, annotation: str) -> None:
    """Set an annotation of the tenant, or remove it."""
    namespace.kubectl("annotate", "scimtenant", "contoso", annotation, "--overwrite")


def told(namespace: Namespace, reason: str) -> list[Object]:
    """The events with a reason."""
    listed: list[Object] = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
    return [event for event in listed if event["reason"] == reason]


def test_slip(namespace: Namespace) -> None:
    """A mistyped annotation does nothing and says so, until it is removed."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    annotate(namespace, f"{names.GROUP}/rotatetoken=1")
    found = eventually(lambda: namespace.condition("contoso", "UnknownAnnotation"))
    assert f"did you mean {names.ROTATE_ANNOTATION}?" in found["message"]
    assert namespace.token("contoso") == token
    annotate(namespace, f"{names.GROUP}/rotatetoken-")
    eventually(lambda: not namespace.condition("contoso", "UnknownAnnotation"))
    assert len(eventually(lambda: told(namespace, "UnknownAnnotation"))) == 1


def test_rotations_within_seconds(namespace: Namespace) -> None:
    """Of three requests in a row one is carried out, and one that insists."""
    namespace.apply("contoso")
    first = namespace.settled("contoso")
    annotate(namespace, f"{names.ROTATE_ANNOTATION}=1")
    second = eventually(lambda: found if (found := namespace.token("contoso")) != first else "")
    for number in (2, 3):
        annotate(namespace, f"{names.ROTATE_ANNOTATION}={number}")
        eventually(lambda: len(told(namespace, "RotationHeldBack")) == number - 1)  # noqa: B023
    assert namespace.token("contoso") == second
    assert len(namespace.digests("contoso")) == 2
    namespace.repair("contoso")
    assert len(told(namespace, "RotationHeldBack")) == 2
    annotate(namespace, f"{names.ROTATE_ANNOTATION}=force-4")
    eventually(lambda: len(namespace.digests("contoso")) == 3)
    assert namespace.token("contoso") != second
