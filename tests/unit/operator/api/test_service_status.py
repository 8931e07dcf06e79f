"""A service status is accepted within its bounds; an invalid one is reported."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.api.service_status import UnreadableStatusError, parse_service_status

HONEST = {"users": 3, "activeUsers": 2, "groups": 1}
SKIPPED = {
    "resourceType": "User",
    "attribute": "costCentreOld",
    "reason": "unknown",
    "requests": 3,
}


@pytest.mark.finding(2, 8, 21)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("users", 10**400),
        ("users", 10**30),
        ("users", -1),
        ("users", 1.5),
        ("lastRequest", "9999-12-31T23:59:59Z"),
        ("lastRequest", "0001-01-01T00:00:00Z"),
        ("lastRequest", "2026-11-25T09:00:00"),
        ("lastProvisioned", "soon"),
        ("failures", {"x" * 40_000: 1}),
        ("failures", {"\u0000": 1}),
        ("failures", {"uniqueness": 10**400}),
        ("failures", {f"kind{number}": 1 for number in range(65)}),
        ("tokens", [{"id": f"token{number}"} for number in range(257)]),
        ("tokens", [{"id": "\x1b[31m"}]),
        ("unauthenticated", 10**400),
        ("skippedAttributes", [SKIPPED | {"attribute": "\x1b[31m"}]),
        ("skippedAttributes", [SKIPPED | {"attribute": "x" * 121}]),
        ("skippedAttributes", [SKIPPED | {"requests": -1}]),
        ("skippedAttributes", [SKIPPED] * 65),
        ("membersDropped", -1),
        ("problems", ["\x1b[2J"]),
        ("problems", ["x" * 301]),
        ("problems", ["x"] * 9),
    ],
)
def test_bounds(field: str, value: Any) -> None:
    """A field out of bounds makes the service status unreadable; the message has no value."""
    with pytest.raises(UnreadableStatusError) as caught:
        parse_service_status(json.dumps(HONEST | {field: value}).encode())
    problem = caught.value.problem
    assert problem.reason == "ReportInvalid"
    assert problem.message.startswith("the service's response at /-/status is invalid (at ")
    assert len(problem.message) < 400
    assert problem.message.isprintable()


@pytest.mark.finding(21)
@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 60_000])
def test_no_service_status(text: bytes) -> None:
    """A text that is not a service status is unreadable."""
    with pytest.raises(UnreadableStatusError):
        parse_service_status(text)


def test_unknown_fields_are_ignored() -> None:
    """Fields of a later version of the service are ignored."""
    assert parse_service_status(json.dumps(HONEST | {"news": {"a": 1}}).encode()).users == 3


def test_skipped_attributes() -> None:
    """The attributes that the service ignored are parsed unchanged."""
    (found,) = parse_service_status(
        json.dumps(HONEST | {"skippedAttributes": [SKIPPED]}).encode()
    ).skipped_attributes
    assert found.model_dump(by_alias=True) == SKIPPED
