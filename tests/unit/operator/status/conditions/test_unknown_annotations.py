"""The condition UnknownAnnotation: misspelled annotations, with the likely spelling."""

from __future__ import annotations

import pytest
from scim_operator.api import names
from scim_operator.api.v1alpha1.status import UNSEEN
from scim_operator.status import events, tenant_status
from scim_operator.status.conditions.unknown_annotations import assess

from tests.unit.operator.sample import NOW, make, observed

OURS = names.GROUP


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("rotatetoken", names.ROTATE_ANNOTATION),
        ("rotate-tokens", names.ROTATE_ANNOTATION),
        ("revoke-token", names.REVOKE_ANNOTATION),
        ("Paused", names.PAUSED_ANNOTATION),
        ("pause", names.PAUSED_ANNOTATION),
        ("begin-a-new", names.BEGIN_ANEW_ANNOTATION),
        ("something-else", None),
    ],
)
def test_misspelled_annotations(key: str, meant: str | None) -> None:
    """The message names a misspelled annotation as it is written, and suggests the known one."""
    found = assess({f"{OURS}/{key}": "1"})
    assert found
    assert f"{OURS}/{key}" in found.message
    assert ("did you mean" in found.message) is (meant is not None)
    assert meant is None or f"did you mean {meant}?" in found.message


def test_known_annotations() -> None:
    """Known annotations and those of other groups are not reported."""
    known = dict.fromkeys(names.TENANT_ANNOTATIONS, "x")
    assert assess(known | {"example.com/rotatetoken": "1"}) is None


def test_many_unknown_annotations() -> None:
    """The message stays short for any number of unknown annotations."""
    found = assess([f"{OURS}/x{number}" for number in range(1000)])
    assert found
    assert "995 more" in found.message


def test_one_event() -> None:
    """The condition appears with one event, and disappears with the annotation."""
    seen = observed(None, **{f"{OURS}/rotatetoken": "1"})
    planned = make(seen)
    after = tenant_status.build(seen, planned, [], NOW)
    condition = after.condition("UnknownAnnotation")
    assert condition
    assert condition.status == "True"
    reasons = [event.reason for event in events.derive(UNSEEN, after, planned, [])]
    assert reasons.count("UnknownAnnotation") == 1
    assert "UnknownAnnotation" not in [
        event.reason for event in events.derive(after, after, planned, [])
    ]
    corrected = observed()
    repaired = tenant_status.build(corrected, make(corrected), [], NOW)
    assert repaired.condition("UnknownAnnotation") is None
